//! Signing in as people do it: links, passwords, cookies, forms, and everything that ends a session.

use shopwright_domain::identity::{Role, SESSION_IDLE_MAX, SESSION_LIFE_MAX};
use shopwright_domain::time::{HOUR, SECOND};

use crate::harness::{STILL, Shop, Start, on_both, on_sqlite};
use crate::people::{Browser, OWNER, PASSWORD, csrf_of};

const MINUTE: i64 = 60 * SECOND;

#[test]
fn the_setup_link_makes_the_owner_once_and_signs_in() {
    on_both(STILL, |shop| {
        let visitor = Browser::new(shop);
        let root = visitor.get("/");
        assert_eq!((root.status, root.header("location")), (303, "/setup"));
        assert!(visitor.get("/setup").text.contains("operators setup-link"));
        let link = shop.setup_link();
        let fill = |email: &str, name: &str, password: &str| {
            visitor.fill(&link, &link, &[("email", email), ("name", name), ("password", password)])
        };
        for (email, name, password, says) in [
            ("ada", "Ada", PASSWORD, "email address like"),
            (OWNER, " ", PASSWORD, "write a name"),
            (OWNER, "Ada", "short", "at least 12 characters"),
            (OWNER, "Ada", "Password1234", "guessed first"),
            (OWNER, "Ada", OWNER, "do not use your email"),
        ] {
            let answer = fill(email, name, password);
            assert_eq!(answer.status, 422, "{says}");
            assert!(
                answer.text.to_lowercase().contains(&says.to_lowercase()),
                "{says}: {}",
                answer.text
            );
            assert!(!answer.text.contains(PASSWORD), "a password is not sent back");
        }
        // Looking and failing have used nothing up.
        let answer = fill("Ada@Shop.example ", "Ada", PASSWORD);
        assert_eq!((answer.status, answer.header("location")), (303, "/"));
        assert_eq!(visitor.get("/").status, 200);
        assert!(visitor.get("/account").text.contains(OWNER));

        let late = Browser::new(shop);
        for path in [link.as_str(), "/setup/none", &format!("/setup/{}", "0".repeat(64))] {
            let answer = late.get(path);
            assert_eq!(answer.status, 404, "{path}");
            assert!(answer.text.contains("This link opens nothing"), "{path}");
        }
        assert_eq!(late.get("/setup").header("location"), "/sign-in");
        assert_eq!(late.get("/").header("location"), "/sign-in");
        assert_eq!(
            late.get("/products/85123A").header("location"),
            "/sign-in?next=%2Fproducts%2F85123A"
        );
    });
}

#[test]
fn a_link_is_over_after_an_hour() {
    on_sqlite(STILL, |shop| {
        let link = shop.setup_link();
        let visitor = Browser::new(shop);
        let csrf = csrf_of(&visitor.get(&link));
        shop.clock.advance(HOUR);
        let fields = [("email", OWNER), ("name", "Ada"), ("password", PASSWORD), ("csrf", &csrf)];
        assert_eq!(visitor.post(&link, &fields).status, 404);
        assert_eq!(visitor.get(&link).status, 404);
    });
}

#[test]
fn a_wrong_password_and_an_unknown_account_read_the_same() {
    on_both(STILL, |shop| {
        shop.owner();
        let visitor = Browser::new(shop);
        let says = |email: &str, password: &str| {
            let answer = visitor.sign_in(email, password);
            assert_eq!(answer.status, 422, "{}", answer.text);
            let error = answer.text.split_once("role=\"alert\">").unwrap().1;
            error.split_once('<').unwrap().0.to_owned()
        };
        let wrong = says(OWNER, "another kettle sings");
        assert!(wrong.contains("The email or the password is wrong"), "{wrong}");
        assert_eq!(says("nobody@shop.example", PASSWORD), wrong);
        assert_eq!(says("no address", PASSWORD), wrong);
        assert!(visitor.session().is_none());
        let answer = visitor.sign_in(" ADA@shop.example", PASSWORD);
        assert_eq!((answer.status, answer.header("location")), (303, "/"));
        assert!(visitor.is_signed_in());
    });
}

#[test]
fn the_sixth_try_in_a_quarter_of_an_hour_waits_whoever_is_named() {
    on_both(STILL, |shop| {
        shop.owner();
        let visitor = Browser::new(shop);
        for _ in 0..4 {
            assert_eq!(visitor.sign_in(OWNER, "another kettle sings").status, 422);
        }
        // A success forgets what failed.
        assert_eq!(visitor.sign_in(OWNER, PASSWORD).status, 303);
        let visitor = Browser::new(shop);
        for account in [OWNER, "nobody@shop.example", OWNER, "someone@shop.example", OWNER] {
            assert_eq!(visitor.sign_in(account, "another kettle sings").status, 422);
        }
        for password in [PASSWORD, "another kettle sings"] {
            let answer = visitor.sign_in(OWNER, password);
            assert_eq!(answer.status, 429, "the right password waits, too");
            let wait: i64 = answer.header("retry-after").parse().unwrap();
            assert!((1..=900).contains(&wait), "{wait}");
            assert!(answer.text.contains("Too many tries"), "{}", answer.text);
        }
        shop.clock.advance(15 * MINUTE);
        assert_eq!(visitor.sign_in(OWNER, PASSWORD).status, 303);
    });
}

#[test]
fn a_session_cookie_is_for_this_host_and_not_for_scripts() {
    let cookie = |shop: &Shop| {
        let link = shop.setup_link();
        let browser = Browser::new(shop);
        let call = |call: crate::client::Call| browser.send(call.header("host", "shop.example"));
        let csrf = csrf_of(&call(browser.call("GET", &link)));
        let fields = [("email", OWNER), ("name", "Ada"), ("password", PASSWORD), ("csrf", &csrf)];
        let answer = call(browser.form_call(&link, &fields));
        assert_eq!(answer.status, 303, "{}", answer.text);
        answer.header("set-cookie").to_owned()
    };
    on_sqlite(STILL, |shop| {
        let cookie = cookie(shop);
        let (pair, attributes) = cookie.split_once("; ").unwrap();
        assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Lax; Max-Age=2592000");
        assert_eq!(pair.len(), "shopwright_session=".len() + 64);
    });
    on_sqlite(Start { public_url: Some("https://shop.example"), ..STILL }, |shop| {
        let cookie = cookie(shop);
        let (pair, attributes) = cookie.split_once("; ").unwrap();
        assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=2592000");
        assert!(pair.starts_with("__Host-shopwright_session="), "{pair}");
    });
}

#[test]
fn a_form_without_its_token_or_from_elsewhere_changes_nothing() {
    on_sqlite(STILL, |shop| {
        let owner = shop.owner();
        let stranger = shop.browser_of(shop.operator("b@shop.example", Role::Owner));
        let (own, foreign) = (csrf_of(&owner.get("/keys")), csrf_of(&stranger.get("/keys")));
        let keys = || shop.read(shopwright_store::identity::list_keys).len();
        let before = keys();
        let fields = |csrf: &str| {
            [("name", "a program"), ("kind", "secret"), ("csrf", csrf)]
                .map(|(n, v)| (n, v.to_owned()))
        };
        let call = |csrf: &str| {
            let fields = fields(csrf);
            let pairs: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
            owner.form_call("/keys", &pairs)
        };
        for csrf in ["", "0", &foreign, &own[1..], &own.replace(|c: char| c.is_ascii_digit(), "0")]
        {
            let answer = call(csrf).send();
            assert_eq!(answer.status, 403, "{csrf}");
            assert!(answer.text.contains("This form was not sent from here"), "{}", answer.text);
        }
        for (name, value) in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            assert_eq!(call(&own).header(name, value).send().status, 403, "{name}: {value}");
        }
        let as_json = owner.call("POST", "/keys").text(format!("{{\"csrf\":\"{own}\"}}")).send();
        assert_eq!(as_json.status, 400);
        assert_eq!(keys(), before, "nothing was changed");
        let here = format!("http://{}", shop.address);
        let answer =
            call(&own).header("origin", &here).header("sec-fetch-site", "same-origin").send();
        assert_eq!((answer.status, keys()), (200, before + 1));

        // The sign-in form has a token of its own: nobody is signed in as somebody else unawares.
        let visitor = Browser::new(shop);
        let fields = [("email", OWNER), ("password", PASSWORD)];
        assert_eq!(visitor.post("/sign-in", &fields).status, 403);
        visitor.get("/sign-in");
        assert_eq!(visitor.post("/sign-in", &[fields[0], fields[1], ("csrf", &own)]).status, 403);
        assert!(visitor.session().is_none());
    });
}

#[test]
fn a_session_ends_by_signing_out_by_time_and_by_a_new_sign_in() {
    on_both(STILL, |shop| {
        let owner = shop.owner();
        let copy = owner.copy();
        let answer = owner.fill("/account", "/sign-out", &[]);
        assert_eq!((answer.status, answer.header("location")), (303, "/sign-in"));
        assert!(owner.session().is_none());
        assert!(!copy.is_signed_in(), "the cookie opens nothing wherever it is kept");

        let browser = Browser::new(shop);
        assert_eq!(browser.sign_in(OWNER, PASSWORD).status, 303);
        let (old, first) = (browser.copy(), browser.session());
        let operator =
            shop.read(|tx| shopwright_store::operators::find_by_email(tx, OWNER)).unwrap();
        let other = shop.browser_of(operator.operator_id);
        // The sign-in page of somebody who is signed in leads on; another tab may still have it.
        let stale = Browser::new(shop);
        let csrf = csrf_of(&stale.get("/sign-in"));
        browser.cookies.borrow_mut().extend(stale.cookies.borrow().clone());
        let fields = [("email", OWNER), ("password", PASSWORD), ("csrf", &csrf)];
        assert_eq!(browser.post("/sign-in", &fields).status, 303);
        assert_ne!(browser.session(), first, "a sign-in begins a session of its own");
        assert!(!old.is_signed_in() && browser.is_signed_in() && other.is_signed_in());

        shop.clock.advance(SESSION_IDLE_MAX - SECOND);
        assert!(browser.is_signed_in());
        shop.clock.advance(SESSION_IDLE_MAX - SECOND);
        assert!(browser.is_signed_in(), "use keeps a session");
        assert!(!other.is_signed_in(), "twelve hours without use end it");
        for _ in 0..SESSION_LIFE_MAX / (SESSION_IDLE_MAX - SECOND) {
            shop.clock.advance(SESSION_IDLE_MAX - SECOND);
            browser.get("/account");
        }
        assert!(!browser.is_signed_in(), "thirty days end it, used or not");
    });
}

#[test]
fn a_new_password_ends_every_other_session_and_the_old_password() {
    on_both(STILL, |shop| {
        let owner = shop.owner();
        let elsewhere = Browser::new(shop);
        assert_eq!(elsewhere.sign_in(OWNER, PASSWORD).status, 303);
        let before = owner.copy();
        let change = |present: &str, new: &str| {
            owner.fill("/account", "/account/password", &[("present", present), ("password", new)])
        };
        let answer = change("another kettle sings", "seven apples fell down");
        assert_eq!(answer.status, 422);
        assert!(answer.text.contains("This is not your present password"), "{}", answer.text);
        assert_eq!(change(PASSWORD, "short").status, 422);
        assert!(elsewhere.is_signed_in());

        let answer = change(PASSWORD, "seven apples fell down");
        assert_eq!((answer.status, answer.header("location")), (303, "/account?done=password"));
        assert!(owner.is_signed_in() && !elsewhere.is_signed_in() && !before.is_signed_in());
        assert_eq!(elsewhere.sign_in(OWNER, PASSWORD).status, 422);
        assert_eq!(elsewhere.sign_in(OWNER, "seven apples fell down").status, 303);

        // Whoever finds a browser open cannot try passwords here without end.
        for _ in 0..5 {
            assert_eq!(change("another kettle sings", "eight pears fell down").status, 422);
        }
        assert_eq!(change("seven apples fell down", "eight pears fell down").status, 429);
    });
}

#[test]
fn a_session_ended_elsewhere_opens_nothing_any_more() {
    on_sqlite(STILL, |shop| {
        let owner = shop.owner();
        let other = Browser::new(shop);
        other.sign_in(OWNER, PASSWORD);
        let page = owner.get("/account").text;
        assert_eq!(page.matches("/end\"").count(), 2, "{page}");
        let ends = |part: &str| {
            let (path, _) = part.split_once("/end\"").unwrap();
            format!("/account/sessions/{}/end", path.rsplit('/').next().unwrap())
        };
        let rows: Vec<&str> = page.split("<tr>").skip(2).collect();
        let elsewhere = rows.iter().find(|row| !row.contains("this one")).unwrap();
        let answer = owner.fill("/account", &ends(elsewhere), &[]);
        assert_eq!(answer.header("location"), "/account?done=session");
        assert!(!other.is_signed_in() && owner.is_signed_in());
        // Somebody else's session is not mine to end.
        let stranger = shop.browser_of(shop.operator("b@shop.example", Role::Staff));
        let own = rows.iter().find(|row| row.contains("this one")).unwrap();
        stranger.fill("/account", &ends(own), &[]);
        assert!(owner.is_signed_in());
    });
}

#[test]
fn the_page_that_was_asked_for_comes_after_signing_in_and_no_other_site_does() {
    on_sqlite(STILL, |shop| {
        shop.owner();
        let check = |next: &str, led: &str| {
            let visitor = Browser::new(shop);
            let fields = [("email", OWNER), ("password", PASSWORD), ("next", next)];
            let answer = visitor.fill("/sign-in", "/sign-in", &fields);
            assert_eq!(answer.header("location"), led, "{next}");
        };
        check("/products/85123A", "/products/85123A");
        check("https://evil.example/", "/");
        check("//evil.example/", "/");
    });
}
