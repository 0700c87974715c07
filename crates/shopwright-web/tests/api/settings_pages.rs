//! The pages under Settings: operators, keys, and what nobody may do to the last owner.

use shopwright_domain::identity::Role;

use crate::client::Answer;
use crate::harness::{STILL, on_both, on_sqlite, soon};
use crate::people::{Browser, OWNER, PASSWORD};

/// The text that a page shows once.
fn shown_once(answer: &Answer) -> String {
    let (_, rest) = answer.text.split_once("once-text\">").unwrap_or_else(|| panic!("{answer:?}"));
    rest.split_once('<').unwrap().0.to_owned()
}

/// The path of a link.
fn path_of(url: &str) -> String {
    url.find("/setup/").map_or_else(|| panic!("{url}"), |at| url[at..].to_owned())
}

#[test]
fn an_invitation_makes_an_operator_with_its_role_and_no_more() {
    on_both(STILL, |shop| {
        let owner = shop.owner();
        let invite = |email: &str, role: &str| {
            owner.fill("/operators", "/operators/invite", &[("email", email), ("role", role)])
        };
        assert_eq!(invite("bob", "staff").status, 422);
        assert_eq!(invite("bob@shop.example", "king").status, 422);
        assert_eq!(invite(OWNER, "staff").status, 422);
        let first = path_of(&shown_once(&invite("bob@shop.example", "owner")));
        let link = path_of(&shown_once(&invite("Bob@shop.example", "staff")));
        assert!(!owner.get("/operators").text.contains("/setup/"), "the link is shown once");

        let bob = Browser::new(shop);
        assert_eq!(bob.get(&first).status, 404, "the newer invitation takes its place");
        // The form cannot choose another account or role.
        let fields = [
            ("email", "eve@shop.example"),
            ("name", "Bob"),
            ("password", PASSWORD),
            ("role", "owner"),
        ];
        assert_eq!(bob.fill(&link, &link, &fields).status, 303);
        assert!(bob.get("/account").text.contains("bob@shop.example"));
        for path in ["/operators", "/keys", "/audit"] {
            let answer = bob.get(path);
            assert_eq!(answer.status, 403, "{path}");
            assert!(answer.text.contains("This is not for your role"), "{}", answer.text);
        }
    });
}

#[test]
fn a_new_role_and_a_disabled_account_end_sessions_at_once() {
    on_both(STILL, |shop| {
        let owner = shop.owner();
        let id = shop.operator("bob@shop.example", Role::ReadOnly);
        let act = |what: &str, fields: &[(&str, &str)]| {
            owner.fill("/operators", &format!("/operators/{id}/{what}"), fields)
        };
        let bob = shop.browser_of(id);
        assert!(bob.is_signed_in());
        assert_eq!(act("role", &[("role", "read_only")]).status, 303);
        assert!(bob.is_signed_in(), "the same role changes nothing");
        assert_eq!(act("role", &[("role", "owner")]).header("location"), "/operators?done=role");
        assert!(!bob.is_signed_in());
        let bob = shop.browser_of(id);
        assert_eq!(bob.get("/keys").status, 200);
        act("sessions", &[]);
        assert!(!bob.is_signed_in());
        let bob = shop.browser_of(id);
        act("disable", &[]);
        assert!(!bob.is_signed_in());
        let bob = shop.browser_of(id);
        assert!(!bob.is_signed_in(), "a disabled account opens nothing, whatever session it has");
        assert_eq!(act("reset", &[]).status, 422);
        act("enable", &[]);
        let link = path_of(&shown_once(&act("reset", &[])));
        let bob = Browser::new(shop);
        let page = bob.get(&link);
        assert!(
            page.text.contains("Choose a new password") && page.text.contains("bob@shop.example")
        );
        assert_eq!(bob.fill(&link, &link, &[("password", PASSWORD)]).status, 303);
        let again = Browser::new(shop);
        assert_eq!(again.sign_in("bob@shop.example", PASSWORD).status, 303);
    });
}

#[test]
fn the_last_owner_can_be_neither_disabled_nor_given_another_role() {
    on_both(STILL, |shop| {
        let owner = shop.owner();
        let me = shop.read(|tx| shopwright_store::operators::find_by_email(tx, OWNER)).unwrap();
        let other = shop.operator("bob@shop.example", Role::Owner);
        let act = |id, what: &str, role: &str| {
            owner.fill("/operators", &format!("/operators/{id}/{what}"), &[("role", role)])
        };
        assert_eq!(act(other, "disable", "").status, 303);
        for (what, role) in [("disable", ""), ("role", "staff")] {
            let answer = act(me.operator_id, what, role);
            assert_eq!(answer.status, 422, "{what}");
            assert!(answer.text.contains("This is the last owner"), "{}", answer.text);
        }
        assert!(owner.is_signed_in());
        assert_eq!(act(other, "enable", "").status, 303);
        assert_eq!(act(me.operator_id, "role", "read_only").status, 303);
        assert!(!owner.is_signed_in());
    });
}

#[test]
fn a_key_is_shown_once_opens_and_is_revoked_by_its_name() {
    on_both(STILL, |shop| {
        let owner = shop.owner();
        let make = |name: &str, kind: &str| {
            owner.fill("/keys", "/keys", &[("name", name), ("kind", kind)])
        };
        assert_eq!(make(" ", "secret").status, 422);
        assert_eq!(make("shop window", "master").status, 422);
        let text = shown_once(&make("shop window", "publishable"));
        assert!(text.starts_with("pk_"), "{text}");
        let page = owner.get("/keys").text;
        assert!(!page.contains(&text) && page.contains(&text[..9]), "{page}");
        let opens = || shop.get("/v1/prices/85123A").key(&text).send().status == 200;
        soon("the key opens", opens);

        let hash =
            shopwright_app::identity::KeySecret::new(b"a secret of these tests".to_vec()).unwrap();
        let hash = hash.hash(&text).to_vec();
        let key = shop.read(shopwright_store::identity::list_keys);
        let id = key.iter().find(|key| key.hash == hash).unwrap().key_id;
        let revoke = |confirm: &str| {
            owner.fill("/keys", &format!("/keys/{id}/revoke"), &[("confirm", confirm)])
        };
        assert_eq!(revoke("another").status, 422);
        assert!(opens());
        assert_eq!(revoke("shop window").header("location"), "/keys?done=revoked");
        soon("the key is refused", || !opens());
    });
}

#[test]
fn a_restricted_key_is_made_from_ticks_with_its_origins_and_its_end() {
    on_both(STILL, |shop| {
        let owner = shop.owner();
        let make = |kind: &str, more: &[(&str, &str)]| {
            let fields = [&[("name", "counter"), ("kind", kind)], more].concat();
            owner.fill("/keys", "/keys", &fields)
        };
        let tick = ("scope.stock:read", "on");
        let check = |kind: &str, more: &[(&str, &str)], says: &str| {
            let page = make(kind, more);
            assert_eq!(page.status, 422, "{says}");
            assert!(page.text.contains(says), "{says}: {}", page.text);
            assert!(page.text.contains("value=\"counter\""), "what was written stays");
        };
        check("restricted", &[], "needs at least one scope");
        check("secret", &[tick], "only a restricted key has scopes");
        check("restricted", &[tick, ("origins", "shop.example")], "is not a web origin");
        check("restricted", &[tick, ("expires", "2026-11-24")], "must expire in the future");
        check("restricted", &[tick, ("expires", "soon")], "Write the day it ends");
        let kept = make("restricted", &[tick, ("expires", "soon")]).text;
        assert!(kept.contains("name=\"scope.stock:read\" value=\"on\" checked"), "{kept}");

        let more = [
            tick,
            ("origins", " https://shop.example  https://till.example "),
            ("expires", "2027-01-31"),
        ];
        let text = shown_once(&make("restricted", &more));
        assert!(text.starts_with("rk_"), "{text}");
        let keys = shop.read(shopwright_store::identity::list_keys);
        let key = keys.iter().find(|key| key.kind == "restricted").unwrap();
        assert_eq!(key.scopes, ["stock:read"]);
        assert_eq!(key.origins, ["https://shop.example", "https://till.example"]);
        assert_eq!(key.expires_at, Some("2027-01-31T00:00:00Z".parse().unwrap()));
        let page = owner.get("/keys").text;
        assert!(
            page.contains("stock:read") && page.contains("from https://shop.example"),
            "{page}"
        );
        let status = |path: &str| shop.get(path).key(&text).send().status;
        soon("the key opens what was ticked", || status("/v1/stock/85123A") == 200);
        assert_eq!(status("/v1/customers"), 403);
    });
}

#[test]
fn what_people_write_is_escaped_wherever_it_is_shown() {
    on_sqlite(STILL, |shop| {
        let owner = shop.owner();
        let hostile = "<script>alert(1)</script>\"'";
        owner.fill("/keys", "/keys", &[("name", hostile), ("kind", "secret")]);
        for path in
            ["/keys", "/audit", "/audit?object=%3Cscript%3E%22", "/sign-in?next=%3Cscript%3E"]
        {
            let page = owner.get(path);
            assert!(
                !page.text.contains("<script>alert") && !page.text.contains("<script>\""),
                "{path}"
            );
        }
        let visitor = Browser::new(shop);
        let answer = visitor.sign_in("<script>alert(1)</script>", "x");
        assert!(answer.text.contains("&lt;script&gt;") && !answer.text.contains("<script>alert"));
    });
}
