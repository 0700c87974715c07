//! Signing in with a real browser on a real server: the way in, what is refused, and the way out.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::shop::wait_until;
use crate::window::{Look, Window};

const EMAIL: &str = "ada@shop.example";
const PASSWORD: &str = "violet kettle sings";

/// A shop of its own, without the demo's open door. Fields go in this order: process before folder.
struct OwnShop {
    child: Child,
    _out: BufReader<ChildStdout>,
    url: String,
    link: String,
    _folder: TempDir,
}

impl Drop for OwnShop {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl OwnShop {
    fn open() -> Self {
        let folder = TempDir::new().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_shopwright"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--json"]).current_dir(folder.path());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SHOPWRIGHT_") {
                command.env_remove(name);
            }
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let started: Value = serde_json::from_str(&line).unwrap();
        let text = |name: &str| started[name].as_str().unwrap().to_owned();
        Self { child, _out: out, url: text("listening"), link: text("setup_link"), _folder: folder }
    }

    /// Opens a path of this shop.
    fn visit(&self, window: &Window<'_>, path: &str) {
        window.session.open_url(&format!("{}{path}", self.url));
    }

    fn is_at(&self, window: &Window<'_>, path: &str) {
        let url = format!("{}{path}", self.url);
        wait_until(path, Duration::from_secs(20), || window.session.current_url() == url);
    }

    /// Makes the owner by the printed link.
    fn set_up(&self, window: &Window<'_>) {
        window.session.open_url(&self.link);
        for (name, text) in [("email", EMAIL), ("name", "Ada Lovelace"), ("password", PASSWORD)] {
            window.element(&format!("input[name={name}]")).type_text(text);
        }
        window.click(".form button");
        self.is_at(window, "/");
    }
}

/// Fills in the form that is open.
fn sign_in(window: &Window<'_>, password: &str) {
    // After a wrong password the email is still there, and typing would add to it.
    let written = window.session.script("return document.querySelector('input[name=email]').value");
    if written == "" {
        window.element("input[name=email]").type_text(EMAIL);
    }
    window.element("input[name=password]").type_text(password);
    // The answer may be the same page once more: the mark tells the old one from the new one.
    window.session.script("window.isOldPage = true");
    window.click(".form button");
    wait_until("the form is answered", Duration::from_secs(20), || {
        let is_new = "return window.isOldPage === undefined && document.readyState === 'complete'";
        window.session.script(is_new) == true
    });
}

/// The text of what the answer to a form shows, once it is there.
fn shown(window: &Window<'_>, selector: &str) -> String {
    wait_until(selector, Duration::from_secs(20), || !window.texts(selector).is_empty());
    window.text(selector)
}

pub fn the_printed_link_makes_the_owner_who_signs_out_and_in_again(window: &Window<'_>) {
    for (look, shop) in Look::PAIR.map(|look| (look, OwnShop::open())) {
        window.resize(look.size, look.size.0 < 720);
        shop.visit(window, "/");
        shop.is_at(window, "/setup");
        assert!(window.text("h1").contains("no owner yet"));
        shop.set_up(window);
        shop.visit(window, "/account");
        assert!(window.text(".facts").contains(EMAIL));
        window.click(".sign-out button");
        shop.is_at(window, "/sign-in");
        shop.visit(window, "/account");
        shop.is_at(window, "/sign-in?next=%2Faccount");
        sign_in(window, PASSWORD);
        shop.is_at(window, "/account");
        window.session.devtools("Network.clearBrowserCookies", &serde_json::json!({}));
    }
}

pub fn a_wrong_password_is_told_and_after_five_one_waits(window: &Window<'_>) {
    let shop = OwnShop::open();
    shop.set_up(window);
    window.click(".sign-out button");
    shop.is_at(window, "/sign-in");
    for _ in 0..5 {
        sign_in(window, "another kettle sings");
        assert!(window.text(".form-error").contains("email or the password is wrong"));
    }
    sign_in(window, PASSWORD);
    assert!(
        window.text(".form-error").contains("Too many tries"),
        "{}",
        window.text(".form-error")
    );
    window.assert_quiet(&["status of 422", "status of 429"]);
}

pub fn a_form_without_its_token_is_refused_with_a_page(window: &Window<'_>) {
    let shop = OwnShop::open();
    shop.set_up(window);
    shop.visit(window, "/keys");
    window.element("#make input[name=name]").type_text("api");
    window.session.script("document.querySelector('#make input[name=csrf]').value = '0'");
    window.click("#make button");
    assert_eq!(shown(window, ".error h1"), "This form was not sent from here");
    shop.visit(window, "/keys");
    assert!(window.text("main").contains("No key yet"), "nothing was changed");
    window.assert_quiet(&["status of 403"]);
}

pub fn a_session_that_is_ended_elsewhere_leads_to_sign_in(window: &Window<'_>) {
    let shop = OwnShop::open();
    shop.set_up(window);
    let cookies = window.session.devtools("Network.getCookies", &serde_json::json!({}));
    let session = cookies["cookies"].as_array().unwrap().iter();
    let kept =
        session.clone().find(|c| c["name"] == "shopwright_session").unwrap()["value"].clone();
    let kept = kept.as_str().unwrap().to_owned();
    window.click(".sign-out button");
    shop.is_at(window, "/sign-in");
    sign_in(window, PASSWORD);
    shop.is_at(window, "/");
    // The first session, which was ended, as another browser would still hold it.
    let cookie =
        serde_json::json!({ "name": "shopwright_session", "value": kept, "url": shop.url });
    window.session.devtools("Network.setCookie", &cookie);
    shop.visit(window, "/");
    shop.is_at(window, "/sign-in");
}

pub fn keys_operators_and_the_log_are_used_without_scripts(window: &Window<'_>) {
    let shop = OwnShop::open();
    shop.set_up(window);
    for look in Look::PAIR {
        window.resize(look.size, look.size.0 < 720);
        shop.visit(window, "/keys");
        window.element("#make input[name=name]").type_text(look.device);
        window.click("#make button");
        assert!(shown(window, ".once-text").starts_with("sk_"));
        let row = format!("tr[data-key={}]", look.device);
        window.click(&format!("{row} .folded summary"));
        window.element(&format!("{row} input[name=confirm]")).type_text(look.device);
        window.click(&format!("{row} .danger"));
        shop.is_at(window, "/keys?done=revoked");
        assert!(window.text(&row).contains("revoked"));
        shop.visit(window, "/operators");
        window.element("#invite input[name=email]").type_text("bob@shop.example");
        window.click("#invite .primary");
        assert!(shown(window, ".once-text").contains("/setup/"));
        shop.visit(window, "/audit");
        assert!(window.text("tbody").contains("Operator invited"), "{}", window.text("tbody"));
        window.click("select[name=action] option[value='key.']");
        window.click(".audit-filter button");
        shop.is_at(window, "/audit?action=key.&actor=&object=");
        assert!(!window.text("tbody").contains("invited"));
    }
}

pub fn every_page_of_the_settings_is_pictured_in_every_look(window: &Window<'_>) {
    let shop = OwnShop::open();
    for look in Look::ALL {
        window.wear(look);
        let (device, theme) = (look.device, look.theme);
        let cookie = serde_json::json!({ "name": "theme", "value": theme, "url": shop.url });
        window.session.devtools("Network.setCookie", &cookie);
        let picture = |name: &str| {
            assert_eq!(window.sideways(look.size.0).max(0), 0, "{name} on {look:?}");
            window.picture(&format!("{name}-{device}-{theme}"));
        };
        if look.device == Look::ALL[0].device && look.theme == Look::ALL[0].theme {
            shop.visit(window, "/setup");
            picture("setup-without-link");
            window.session.open_url(&shop.link);
            picture("setup");
            shop.set_up(window);
            shop.visit(window, "/keys");
            window.element("#make input[name=name]").type_text("shop window");
            window.click("#make button");
            shown(window, ".once-text");
            picture("key-once");
            shop.visit(window, "/operators");
            window.element("#invite input[name=email]").type_text("bob@shop.example");
            window.click("#invite .primary");
            shown(window, ".once-text");
            picture("operator-link");
        }
        shop.visit(window, "/keys");
        window.click("#make input[value=restricted]");
        picture("key-restricted");
        for name in ["account", "operators", "keys", "audit"] {
            shop.visit(window, &format!("/{name}"));
            picture(name);
        }
        window.click(".sign-out button");
        shop.is_at(window, "/sign-in");
        picture("sign-in");
        sign_in(window, PASSWORD);
        shop.is_at(window, "/");
    }
}
