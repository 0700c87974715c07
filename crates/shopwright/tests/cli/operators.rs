//! Operators on the command line: the first start prints a link, and links are printed once.

use crate::harness::{Server, Shop};

fn path_of(link: &serde_json::Value) -> String {
    let link = link.as_str().unwrap_or_else(|| panic!("no link: {link}"));
    link.find("/setup/").map(|at| link[at..].to_owned()).unwrap()
}

#[test]
fn a_first_start_prints_a_link_that_opens_and_its_text_is_kept_nowhere() {
    let shop = Shop::new();
    let server = Server::start(&shop, &["serve"]);
    let path = path_of(&server.started["setup_link"]);
    let (status, page) = server.get(&path, "");
    assert!(status == 200 && page.contains("Make your owner account"), "{status} {page}");
    assert_eq!(server.get("/setup/none", "").0, 404);
    let more = shop.run(&["operators", "setup-link", "--json"]).assert_code(0).json();
    let other = path_of(&more["link"]);
    assert_ne!(other, path);
    assert_eq!(server.get(&other, "").0, 200, "a running server takes it at once");
    assert_eq!(server.stop(), Some(0));
    let token = path.rsplit('/').next().unwrap();
    for file in ["data/shopwright.db", "data/shopwright.db-wal"] {
        let Ok(bytes) = std::fs::read(shop.path(file)) else { continue };
        assert!(!bytes.windows(token.len()).any(|part| part == token.as_bytes()), "{file}");
    }
    shop.run(&["verify"]).assert_code(0);
}

#[test]
fn operators_are_listed_invited_disabled_and_let_back_in() {
    let shop = Shop::new();
    let invite = |email: &str, role: &str| {
        shop.run(&["operators", "invite", email, "--role", role, "--json"])
    };
    let link = invite("Ada@Shop.example", "owner").assert_code(0).json();
    assert!(link["link"].as_str().unwrap().starts_with("http://127.0.0.1:8080/setup/"), "{link}");
    invite("ada", "owner").assert_says(2, &["ada@shop.example"]);
    invite("ada@shop.example", "king").assert_says(2, &["king"]);
    let with_url = [("SHOPWRIGHT_PUBLIC_URL", "https://shop.example")];
    let run = shop.run_with(&["operators", "setup-link"], &with_url).assert_code(0);
    assert!(run.out.contains("https://shop.example/setup/"), "{run:?}");

    shop.run(&["operators", "list"]).assert_code(0);
    for what in ["disable", "enable", "reset-password"] {
        shop.run(&["operators", what, "bob@shop.example"])
            .assert_says(1, &["there is no operator", "operators list"]);
    }
    shop.tamper(|tx| {
        for (n, email, role) in [(1, "ada@shop.example", "owner"), (2, "bob@shop.example", "staff")]
        {
            shopwright_store::operators::insert(
                tx,
                &shopwright_store::operators::Operator {
                    operator_id: shopwright_domain::ids::Id::from_uuid(uuid::Uuid::from_u128(n)),
                    email: email.into(),
                    name: "Somebody".into(),
                    role: shopwright_domain::identity::Role::parse(role).unwrap(),
                    password_hash: "!".into(),
                    failed_sign_ins: 0,
                    created_at: shopwright_domain::time::Timestamp::from_micros(1),
                    disabled_at: None,
                },
            )?;
        }
        Ok(())
    });
    shop.run(&["operators", "setup-link"]).assert_says(1, &["has an owner already"]);
    shop.run(&["operators", "disable", "ada@shop.example"]).assert_says(1, &["the last owner"]);
    shop.run(&["operators", "disable", "bob@shop.example"]).assert_code(0);
    shop.run(&["operators", "reset-password", "bob@shop.example"]).assert_says(1, &["disabled"]);
    shop.run(&["operators", "enable", "BOB@shop.example"]).assert_code(0);
    let link = shop.run(&["operators", "reset-password", "bob@shop.example"]).assert_code(0);
    assert!(link.out.contains("/setup/"), "{link:?}");
    let listed = shop.run(&["operators", "list", "--json"]).json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 2, "{listed}");
    assert!(!listed.to_string().contains("password"), "{listed}");
    let server = Server::start(&shop, &["serve"]);
    assert!(server.started["setup_link"].is_null(), "there is an owner");
    assert_eq!(server.stop(), Some(0));
    shop.run(&["verify"]).assert_code(0);
}
