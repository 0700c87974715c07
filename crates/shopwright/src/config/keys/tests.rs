//! What each kind of value takes and refuses.

use super::*;

#[test]
fn every_default_is_a_value_of_its_kind_and_every_name_a_variable() {
    for key in KEYS {
        if !key.default.is_empty() {
            assert_eq!(key.kind.check(key.default), Ok(()), "{}", key.name);
        }
        assert!(key.says.ends_with('.'), "{}", key.name);
        assert!(key.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{}", key.name);
        assert_eq!(find(key.name).map(|k| k.name), Some(key.name));
    }
}

#[test]
fn values_of_another_kind_are_refused_with_the_nearest_one() {
    let check = |kind: Kind, text: &str, hint: Option<&str>| {
        assert_eq!(kind.check(text), Err(hint.map(Into::into)), "{text}");
    };
    check(Kind::Address, "8080", None);
    check(Kind::Address, ":8080", None);
    check(Kind::Address, "localhost:80800", None);
    check(Kind::DatabaseUrl, "mysql://localhost/shop", None);
    check(Kind::Whole(1, 9), "10", None);
    check(Kind::Whole(1, 9), "-1", None);
    check(Kind::Currency, "EURO", None);
    check(Kind::Text(5), "abcdef", None);
    check(Kind::PublicUrl, "shop.example", None);
    check(Kind::PublicUrl, "https://shop.example/admin", None);
    check(Kind::Networks, "10.0.0.0/99", None);
    check(Kind::Networks, "10.0.0.0/8;127.0.0.1", None);
    check(Kind::RedisUrl, "http://host", None);
    check(Kind::Addresses, "kafka1", None);
    check(Kind::Addresses, ",", None);
    check(Kind::Names, "shop events", None);
    check(Kind::OneOf(&["earliest", "latest"]), "newest", None);
    assert_eq!(Kind::Addresses.check("kafka1:9092, kafka2:9092"), Ok(()));
    assert_eq!(Kind::Names.check("shop-events,orders.v1"), Ok(()));
    check(Kind::OneOf(&["off", "shopify"]), "shopfy", Some("did you mean shopify?"));
    check(Kind::ShopifyShop, "shop.example", None);
    check(Kind::ShopifyShop, "evil.example/.myshopify.com", None);
    check(Kind::WebAddress, "shop.example", None);
    check(Kind::WebAddress, "https://user@shop.example", None);
    check(Kind::Zone, "Europe/Lodnon", Some("did you mean Europe/London?"));
    check(Kind::Log, "inof", Some("did you mean info?"));
    check(Kind::Log, "info,shopwright_web=loud", None);
    assert_eq!(Kind::Log.check("warn,shopwright_web=debug"), Ok(()));
    assert_eq!(Kind::Address.check("[::1]:0"), Ok(()));
    assert_eq!(Kind::PublicUrl.check("https://shop.example"), Ok(()));
    assert_eq!(Kind::Networks.check("10.0.0.0/8, 127.0.0.1,::1"), Ok(()));
}

#[test]
fn a_name_far_from_every_candidate_has_no_nearest_one() {
    assert_eq!(nearest("listne", KEYS.iter().map(|k| k.name)), Some("listen"));
    assert_eq!(nearest("zzz", KEYS.iter().map(|k| k.name)), None);
}
