//! People at their browsers: cookies, forms with their tokens, and operators who are signed in.

use std::cell::RefCell;
use std::collections::BTreeMap;

use shopwright_app::identity::{NO_PASSWORD, NewSession, Token, begin_session, make_first_link};
use shopwright_domain::identity::Role;
use shopwright_domain::ids::{OperatorId, new_id};
use shopwright_store::operators::{self, Operator};

use crate::client::{Answer, Call};
use crate::harness::Shop;

pub const PASSWORD: &str = "violet kettle sings";
pub const OWNER: &str = "ada@shop.example";

/// A browser with its cookies.
pub struct Browser<'a> {
    shop: &'a Shop,
    pub cookies: RefCell<BTreeMap<String, String>>,
}

impl<'a> Browser<'a> {
    pub fn new(shop: &'a Shop) -> Self {
        Self { shop, cookies: RefCell::default() }
    }

    /// The same cookies in another window.
    pub fn copy(&self) -> Self {
        Self { shop: self.shop, cookies: RefCell::new(self.cookies.borrow().clone()) }
    }

    pub fn call(&self, method: &str, path: &str) -> Call {
        let jar = self.cookies.borrow();
        let cookies: Vec<_> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let call = Call::new(self.shop.address, method, path).header("accept", "text/html");
        if cookies.is_empty() { call } else { call.header("cookie", &cookies.join("; ")) }
    }

    /// Sends a call and keeps the cookies of its answer.
    pub fn send(&self, call: Call) -> Answer {
        let answer = call.send();
        for cookie in answer.headers.get_all("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if value.is_empty() {
                self.cookies.borrow_mut().remove(name);
            } else {
                self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send(self.call("GET", path))
    }

    /// Fills in a form that stands on the page at `on`, and sends it.
    pub fn fill(&self, on: &str, action: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = csrf_of(&self.get(on));
        self.post(action, &[fields, &[("csrf", &csrf)]].concat())
    }

    /// Sends fields as they are.
    pub fn post(&self, action: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(self.form_call(action, fields))
    }

    pub fn form_call(&self, action: &str, fields: &[(&str, &str)]) -> Call {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.call("POST", action).body("application/x-www-form-urlencoded", body)
    }

    pub fn sign_in(&self, email: &str, password: &str) -> Answer {
        self.fill("/sign-in", "/sign-in", &[("email", email), ("password", password)])
    }

    pub fn session(&self) -> Option<String> {
        self.cookies.borrow().get("shopwright_session").cloned()
    }

    /// Whether pages open.
    pub fn is_signed_in(&self) -> bool {
        match self.get("/account").status {
            200 => true,
            303 => false,
            other => panic!("{other}"),
        }
    }
}

/// The token of the forms on a page.
#[track_caller]
pub fn csrf_of(page: &Answer) -> String {
    assert!(matches!(page.status, 200 | 422 | 429), "{page:?}");
    let marked =
        page.text.split_once("name=\"csrf\" value=\"").unwrap_or_else(|| panic!("{page:?}"));
    marked.1.split_once('"').unwrap().0.to_owned()
}

impl Shop {
    /// An operator without a password.
    pub fn operator(&self, email: &str, role: Role) -> OperatorId {
        let operator = Operator {
            operator_id: new_id(self.ids.as_ref()),
            email: email.to_owned(),
            name: format!("The {}", role.label()),
            role,
            password_hash: NO_PASSWORD.to_owned(),
            failed_sign_ins: 0,
            created_at: self.stamp().at,
            disabled_at: None,
        };
        let id = operator.operator_id;
        self.write(move |tx| operators::insert(tx, &operator));
        id
    }

    /// The token of a session that the operator has just begun.
    pub fn session_of(&self, operator: OperatorId) -> Token {
        let session = NewSession {
            session_id: new_id(self.ids.as_ref()),
            token: self.new_token(),
            replaces: None,
            user_agent: "A browser".to_owned(),
            address: "127.0.0.0/24".to_owned(),
        };
        let token = session.token.clone();
        self.wait(begin_session(&self.store, operator, session, self.stamp().at)).unwrap();
        token
    }

    /// A browser in which the operator is signed in.
    pub fn browser_of(&self, operator: OperatorId) -> Browser<'_> {
        let browser = Browser::new(self);
        let token = self.session_of(operator).text().to_owned();
        browser.cookies.borrow_mut().insert("shopwright_session".to_owned(), token);
        browser
    }

    pub fn new_token(&self) -> Token {
        let id = new_id::<()>(self.ids.as_ref()).uuid();
        let mut random = [0x77; 32];
        random[..16].copy_from_slice(id.as_bytes());
        Token::from_random(random)
    }

    /// The path of a link that makes the first owner.
    pub fn setup_link(&self) -> String {
        let token = self.new_token();
        self.wait(make_first_link(&self.store, &token, self.stamp())).unwrap();
        format!("/setup/{}", token.text())
    }

    /// The browser of an owner who has come by the setup link and has a password.
    pub fn owner(&self) -> Browser<'_> {
        let browser = Browser::new(self);
        let link = self.setup_link();
        let fields = [("email", OWNER), ("name", "Ada"), ("password", PASSWORD)];
        let answer = browser.fill(&link, &link, &fields);
        assert_eq!((answer.status, answer.header("location")), (303, "/"), "{answer:?}");
        browser
    }
}
