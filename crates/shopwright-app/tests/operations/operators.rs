//! Operators and their sign-in where several act at once: one link makes one account, one owner
//! always stays, and no more tries than five reach the password.

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use shopwright_app::identity::{
    KeySecret, LinkForm, NO_PASSWORD, NewSession, OperatorError, Passwords, SignIn, SignInError,
    Token, UseLinkError, change_role, disable, find_session, invite, make_first_link, sign_in,
    use_link,
};
use shopwright_domain::identity::{Email, Role};
use shopwright_domain::ids::{OperatorId, new_id};
use shopwright_store::audit::{self, AuditFilter, AuditPage, Recorded};
use shopwright_store::operators::{self, Operator};

use crate::harness::{HEADER, Shop, on_both};

const PASSWORD: &str = "violet kettle sings";
const EMAIL: &str = "ada@shop.example";

fn token(shop: &Shop) -> Token {
    let mut random = [0x11; 32];
    random[..16].copy_from_slice(new_id::<()>(shop.ids.as_ref()).uuid().as_bytes());
    Token::from_random(random)
}

fn passwords() -> Passwords {
    Passwords::new(&[9; 32]).unwrap()
}

fn secret() -> KeySecret {
    KeySecret::new(vec![7; 32]).unwrap()
}

/// An operator whose password is kept under weak parameters, as an older version would have.
fn operator(shop: &Shop, email: &str, role: Role) -> OperatorId {
    let weak =
        Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(64, 1, 1, None).unwrap());
    let hash = weak.hash_password_with_salt(PASSWORD.as_bytes(), &[5; 16]).unwrap().to_string();
    let operator = Operator {
        operator_id: new_id(shop.ids.as_ref()),
        email: email.to_owned(),
        name: "Ada".to_owned(),
        role,
        password_hash: hash,
        failed_sign_ins: 0,
        created_at: shop.stamp().at,
        disabled_at: None,
    };
    let id = operator.operator_id;
    shop.write(move |tx| operators::insert(tx, &operator));
    id
}

fn find(shop: &Shop, email: &'static str) -> Operator {
    shop.read(move |tx| operators::find_by_email(tx, email)).unwrap()
}

fn try_as(shop: &Shop, email: &str, password: &str, address: &str) -> SignIn {
    SignIn {
        email: email.to_owned(),
        password: password.to_owned(),
        counted_address: address.to_owned(),
        session: NewSession {
            session_id: new_id(shop.ids.as_ref()),
            token: token(shop),
            replaces: None,
            user_agent: "A browser".to_owned(),
            address: "203.0.113.0/24".to_owned(),
        },
        salt: [3; 16],
    }
}

fn log(shop: &Shop, action: &str) -> Vec<Recorded> {
    let filter = AuditFilter { action: action.to_owned(), ..AuditFilter::default() };
    shop.read(move |tx| audit::list(tx, &filter, AuditPage::Newest, 100))
}

#[test]
fn two_owners_who_remove_each_other_at_once_leave_one() {
    on_both(|shop| {
        for round in 0..5 {
            let emails = [format!("a{round}@b"), format!("c{round}@d")];
            let [one, two] =
                [&emails[0], &emails[1]].map(|email| operator(shop, email, Role::Owner));
            let (store, stamp) = (shop.store.clone(), shop.stamp());
            let first = shop.spawn(async move { disable(&store, one, stamp).await });
            let store = shop.store.clone();
            let second =
                shop.spawn(async move { change_role(&store, two, Role::Staff, stamp).await });
            let outcomes = [shop.run(first).unwrap(), shop.run(second).unwrap()];
            let refused =
                outcomes.iter().filter(|o| matches!(o, Err(OperatorError::LastOwner))).count();
            assert_eq!(refused, 1, "{outcomes:?}");
            assert_eq!(shop.read(operators::active_owners), 1);
            // The one who stayed makes room for the next round.
            shop.write(|tx| {
                let rows = operators::list(tx)?;
                rows.iter().try_for_each(|o| operators::set_role(tx, o.operator_id, Role::ReadOnly))
            });
        }
        shop.assert_books_hold();
    });
}

#[test]
fn a_link_used_twice_at_once_makes_one_operator() {
    on_both(|shop| {
        let link = token(shop);
        shop.run(make_first_link(&shop.store, &link, shop.stamp())).unwrap();
        let second = token(shop);
        shop.run(make_first_link(&shop.store, &second, shop.stamp())).unwrap();
        let hasher = passwords();
        let uses: Vec<_> = [(&link, "a@b"), (&link, "c@d"), (&second, "e@f")]
            .into_iter()
            .map(|(link, email)| {
                let (store, hasher, link) = (shop.store.clone(), hasher.clone(), link.clone());
                let form = LinkForm {
                    email: email.to_owned(),
                    name: "Ada".to_owned(),
                    password: PASSWORD.to_owned(),
                };
                let (made_of, now) = ((new_id(shop.ids.as_ref()), [1; 16]), shop.stamp().at);
                shop.spawn(
                    async move { use_link((&store, &hasher), &link, form, made_of, now).await },
                )
            })
            .collect();
        let outcomes: Vec<_> = uses.into_iter().map(|task| shop.run(task).unwrap()).collect();
        let gone = outcomes.iter().filter(|o| matches!(o, Err(UseLinkError::Gone))).count();
        assert_eq!(gone, 2, "{outcomes:?}");
        assert_eq!(shop.number("SELECT COUNT(*) FROM operators WHERE role = 'owner'"), 1);
        let refused = shop.run(make_first_link(&shop.store, &token(shop), shop.stamp()));
        assert!(refused.is_err());
        shop.assert_books_hold();
    });
}

#[test]
fn of_many_tries_at_once_five_reach_the_password() {
    on_both(|shop| {
        operator(shop, EMAIL, Role::Staff);
        let hasher = passwords();
        let tries: Vec<_> = (0..12)
            .map(|n| {
                let (store, hasher) = (shop.store.clone(), hasher.clone());
                // Each from another address: the account counts them all.
                let command = try_as(shop, EMAIL, "another kettle", &format!("203.0.113.{n}/32"));
                let now = shop.stamp().at;
                shop.spawn(async move { sign_in((&store, &hasher), &secret(), command, now).await })
            })
            .collect();
        let outcomes: Vec<_> = tries.into_iter().map(|task| shop.run(task).unwrap()).collect();
        let looked_at = outcomes.iter().filter(|o| matches!(o, Err(SignInError::Refused))).count();
        let waits =
            outcomes.iter().filter(|o| matches!(o, Err(SignInError::TooMany { .. }))).count();
        assert_eq!((looked_at, waits), (5, 7), "{outcomes:?}");
        assert_eq!(find(shop, EMAIL).failed_sign_ins, 5);
        // The window is told once, not with each try.
        let throttled = log(shop, "sign_in.throttled");
        assert_eq!(throttled.len(), 1);
        assert_eq!(throttled[0].after.as_deref(), Some(r#"{"counted_by":"account"}"#));

        // One address is held back whichever accounts it names, and others are not.
        for n in 0..5 {
            let command = try_as(shop, &format!("{n}@nowhere"), "x", "198.51.100.7/32");
            let now = shop.stamp().at;
            let refused = shop.run(sign_in((&shop.store, &hasher), &secret(), command, now));
            assert!(matches!(refused, Err(SignInError::Refused)), "{refused:?}");
        }
        operator(shop, "bob@shop.example", Role::Staff);
        let attempt = |address: &str| {
            let command = try_as(shop, "bob@shop.example", PASSWORD, address);
            shop.run(sign_in((&shop.store, &hasher), &secret(), command, shop.stamp().at))
        };
        assert!(matches!(attempt("198.51.100.7/32"), Err(SignInError::TooMany { .. })));
        assert!(attempt("198.51.100.8/32").is_ok());
        shop.assert_books_hold();
    });
}

#[test]
fn a_success_renews_an_outdated_hash_and_tells_how_many_tries_failed() {
    on_both(|shop| {
        operator(shop, EMAIL, Role::Owner);
        let hasher = passwords();
        let attempt = |password: &str| {
            let command = try_as(shop, EMAIL, password, "203.0.113.1/32");
            let token = command.session.token.clone();
            let now = shop.stamp().at;
            let done = shop.run(sign_in((&shop.store, &hasher), &secret(), command, now));
            done.map(|id| (id, token))
        };
        assert!(find(shop, EMAIL).password_hash.contains("m=64,"));
        assert!(attempt("another kettle").is_err() && attempt("").is_err());
        let (id, token) = attempt(PASSWORD).unwrap();
        let after = find(shop, EMAIL);
        assert!(after.password_hash.contains("m=19456,t=2,p=1"), "{}", after.password_hash);
        assert_eq!((after.operator_id, after.failed_sign_ins), (id, 0));
        let told = log(shop, "operator.signed_in");
        assert_eq!(told[0].after.as_deref(), Some(r#"{"failed_tries_before":2}"#));
        assert_eq!(shop.number("SELECT COUNT(*) FROM sign_in_attempts"), 0);
        assert!(attempt(PASSWORD).is_ok(), "the renewed hash opens");
        let found = shop.run(find_session(&shop.store, &token, shop.stamp().at)).unwrap();
        assert_eq!(found.unwrap().0.operator_id, id);
        assert!(
            shop.run(find_session(&shop.store, &self::token(shop), shop.stamp().at))
                .unwrap()
                .is_none()
        );
    });
}

#[test]
fn an_account_without_a_password_or_disabled_is_refused_like_one_that_is_not_there() {
    on_both(|shop| {
        let id = operator(shop, EMAIL, Role::Staff);
        let hasher = passwords();
        let check = |email: &str, password: &str| {
            let address = format!("{}/32", new_id::<()>(shop.ids.as_ref()).uuid());
            let command = try_as(shop, email, password, &address);
            let refused =
                shop.run(sign_in((&shop.store, &hasher), &secret(), command, shop.stamp().at));
            assert!(matches!(refused, Err(SignInError::Refused)), "{email}: {refused:?}");
        };
        shop.write(move |tx| {
            operators::set_disabled(
                tx,
                id,
                Some(shopwright_domain::time::Timestamp::from_micros(1)),
            )
        });
        check(EMAIL, PASSWORD);
        shop.write(move |tx| {
            operators::set_disabled(tx, id, None)?;
            operators::set_password(tx, id, NO_PASSWORD)
        });
        check(EMAIL, PASSWORD);
        check(EMAIL, NO_PASSWORD);
        check("nobody@shop.example", PASSWORD);
    });
}

#[test]
fn an_invitation_of_somebody_who_came_meanwhile_makes_no_second_account() {
    on_both(|shop| {
        let link = token(shop);
        let email = Email::parse(EMAIL).unwrap();
        let command = (email, Role::Staff);
        shop.run(invite(&shop.store, command, &link, shop.stamp())).unwrap();
        operator(shop, EMAIL, Role::ReadOnly);
        let form = LinkForm {
            email: String::new(),
            name: "Ada".to_owned(),
            password: PASSWORD.to_owned(),
        };
        let made_of = (new_id(shop.ids.as_ref()), [1; 16]);
        let hasher = passwords();
        let used = use_link((&shop.store, &hasher), &link, form, made_of, shop.stamp().at);
        assert!(matches!(shop.run(used), Err(UseLinkError::Gone)));
        assert_eq!(find(shop, EMAIL).role, Role::ReadOnly);
    });
}

#[test]
fn an_import_is_recorded_once_however_often_it_runs() {
    on_both(|shop| {
        let rows =
            format!("{HEADER}536365,A-1,LAMP,6,2011-03-02 08:26:00,2.55,17850,United Kingdom\n");
        let path = shop.file("orders.csv", rows);
        shop.import_orders(&path).unwrap();
        shop.import_orders(&path).unwrap();
        shop.import_catalog("sku,cost\nA-1,1.00\n").unwrap();
        let told = log(shop, "import.started");
        let whats: Vec<&str> = told.iter().filter_map(|row| row.after.as_deref()).collect();
        assert_eq!(whats.len(), 2, "{whats:?}");
        assert!(whats[0].contains("catalog.csv") && !whats[0].contains('/'), "{}", whats[0]);
        assert!(whats[1].contains("file_sha256"), "{}", whats[1]);
        shop.assert_books_hold();
    });
}
