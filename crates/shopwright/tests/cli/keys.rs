//! API keys: shown once, listed without their text, revoked for good.

use crate::harness::Shop;

#[test]
fn a_key_is_shown_once_listed_by_its_first_characters_and_revoked() {
    let shop = Shop::new();
    let create = |kind: &str| {
        let run = shop.run(&["keys", "create", "--kind", kind, "--name", "web shop", "--json"]);
        run.assert_code(0).json()
    };
    let (secret, public) = (create("secret"), create("publishable"));
    let (text, id) = (secret["key"].as_str().unwrap(), secret["key_id"].as_str().unwrap());
    assert!(text.starts_with("sk_") && public["key"].as_str().unwrap().starts_with("pk_"));

    let list = shop.run(&["keys", "list"]).assert_code(0).out;
    assert!(list.contains(id) && list.contains(&text[..9]) && !list.contains(text), "{list}");
    let json = shop.run(&["keys", "list", "--json"]).json();
    assert_eq!(
        (json["data"].as_array().unwrap().len(), &json["data"][1]["name"]),
        (2, &"web shop".into())
    );

    shop.run(&["keys", "revoke", id]).assert_code(0);
    let json = shop.run(&["keys", "list", "--json"]).json();
    assert!(json["data"][0]["revoked_at"].is_null() && json["data"][1]["revoked_at"].is_string());
    shop.run(&["keys", "revoke", id]).assert_code(0);
}

#[test]
fn what_is_no_key_is_told_apart_from_a_key_that_is_not_there() {
    let shop = Shop::with_orders();
    let unknown = "key_01h455vb4pex5vsknk084sn02q";
    shop.run(&["keys", "revoke", unknown]).assert_says(1, &["there is no key", "keys list"]);
    shop.run(&["keys", "revoke", "ord_1"]).assert_says(2, &["key_01h455vb4pex5vsknk084sn02q"]);
    shop.run(&["keys", "create", "--kind", "secret", "--name", " "])
        .assert_says(2, &["1 to 100 bytes"]);
    let restricted = ["keys", "create", "--kind", "restricted", "--name", "counter"];
    shop.run(&restricted).assert_says(2, &["at least one scope"]);
    let with = |more: &[&str]| shop.run(&[&restricted[..], more].concat());
    with(&["--scope", "stock:raed"]).assert_says(2, &["stock:raed", "stock:read"]);
    let origin = ["--scope", "stock:read", "--origin", "shop.example"];
    with(&origin).assert_says(2, &["https://shop.example"]);
    with(&["--scope", "stock:read", "--expires-at", "tomorrow"]).assert_says(2, &["tomorrow"]);
    let past = ["--scope", "stock:read", "--expires-at", "2020-01-01T00:00:00Z"];
    with(&past).assert_says(2, &["in the future"]);
    let made = with(&["--scope", "stock:read", "--json"]).assert_code(0).json();
    assert!(made["key"].as_str().unwrap().starts_with("rk_"), "{made}");
    assert_eq!(made["scopes"], serde_json::json!(["stock:read"]));
    shop.run(&["keys", "create", "--kind", "master", "--name", "x"])
        .assert_says(2, &["publishable"]);
}

#[cfg(unix)]
#[test]
fn the_key_secret_is_readable_by_its_owner_alone_and_never_replaced_in_silence() {
    use std::os::unix::fs::PermissionsExt;
    let shop = Shop::new();
    let create = ["keys", "create", "--kind", "secret", "--name", "api"];
    shop.run(&create).assert_code(0);
    let file = shop.path("data/key.secret");
    let facts = std::fs::metadata(&file).unwrap();
    assert_eq!((facts.len(), facts.permissions().mode() & 0o777), (32, 0o600));

    std::fs::remove_file(&file).unwrap();
    shop.run(&create).assert_says(2, &["is missing", "1 API key", "restore the file"]);
    shop.file("data/key.secret", "short");
    shop.run(&create).assert_says(2, &["not a key secret"]);
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    shop.run(&create).assert_says(2, &["cannot read the key secret"]);
}
