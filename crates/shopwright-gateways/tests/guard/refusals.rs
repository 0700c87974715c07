//! What leads inside is refused, however it is spelled, and nothing is connected.

use std::net::IpAddr;

use shopwright_gateways::guard::FetchError;
use shopwright_gateways::resolver::Script;

use crate::server::{Reply, Server};
use crate::{fetch, guard};

fn public() -> IpAddr {
    "1.1.1.1".parse().unwrap()
}

#[tokio::test]
async fn every_spelling_of_an_inner_address_is_refused_when_entered_and_when_called() {
    let guard = guard("", Script::default());
    for (host, is) in [
        ("127.0.0.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("017700000001", "127.0.0.1"),
        ("127.0.0.1.", "127.0.0.1"),
        ("①②⑦.0.0.1", "127.0.0.1"),
        ("%31%32%37.0.0.1", "127.0.0.1"),
        ("0", "0.0.0.0"),
        ("10.0.0.1", "10.0.0.1"),
        ("172.16.0.1", "172.16.0.1"),
        ("192.168.1.1", "192.168.1.1"),
        ("169.254.169.254", "169.254.169.254"),
        ("100.64.0.1", "100.64.0.1"),
        ("224.0.0.1", "224.0.0.1"),
        ("203.0.113.1", "203.0.113.1"),
        ("[::]", "::"),
        ("[::1]", "::1"),
        ("[0:0:0:0:0:0:0:1]", "::1"),
        ("[::ffff:127.0.0.1]", "::ffff:127.0.0.1"),
        ("[::ffff:7f00:1]", "::ffff:127.0.0.1"),
        ("[::127.0.0.1]", "::7f00:1"),
        ("[64:ff9b::10.0.0.1]", "64:ff9b::a00:1"),
        ("[2002:7f00:1::]", "2002:7f00:1::"),
        ("[fc00::1]", "fc00::1"),
        ("[fe80::1]", "fe80::1"),
        ("[ff02::1]", "ff02::1"),
        ("[2001:db8::1]", "2001:db8::1"),
    ] {
        let url = format!("http://{host}:8080/");
        let refused = guard.check_url(&url).map(|_| ()).unwrap_err();
        let FetchError::Refused { address, .. } = &refused else { panic!("{host}: {refused:?}") };
        assert_eq!(*address, is.parse::<IpAddr>().unwrap(), "{host}");
        assert!(
            refused.is_refusal() && refused.to_string().contains("outbound_allow"),
            "{refused}"
        );
        assert_eq!(fetch(&guard, &url).await.unwrap_err(), refused, "{host}");
    }
}

#[tokio::test]
async fn a_url_that_is_not_plain_http_is_refused() {
    let guard = guard("127.0.0.0/8", Script::default());
    for url in [
        "",
        "example.com",
        "ftp://example.com",
        "file:///etc/passwd",
        "gopher://example.com",
        "javascript:alert(1)",
        "http://",
        "http://user@example.com",
        "http://user:password@example.com",
        "http://:password@example.com",
        "http://example.com:0/",
        "http://example.com:99999/",
        "http://exa mple.com/",
        "http://example.com/\r\nX: y",
        "http://[::1",
        &format!("http://example.com/{}", "a".repeat(2_000)),
    ] {
        let refused = guard.check_url(url).map(|_| ()).unwrap_err();
        assert!(matches!(refused, FetchError::BadUrl(_)), "{url}: {refused:?}");
        assert!(!refused.to_string().contains("password@"), "{refused}");
        assert_eq!(fetch(&guard, url).await.unwrap_err(), refused, "{url}");
    }
    for url in [
        "http://example.com",
        "https://example.com:8443/a?b#c",
        "HTTPS://EXAMPLE.com",
        "https://münchen.example",
    ] {
        assert!(guard.check_url(url).is_ok(), "{url}");
    }
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_also_among_public_addresses() {
    let server = Server::start(Reply::Bytes(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())).await;
    let local = server.address.ip();
    let script = Script::new([
        ("inner.example", vec![vec![local]]),
        ("mixed.example", vec![vec![public(), local]]),
        ("mapped.example", vec![vec!["::ffff:127.0.0.1".parse().unwrap()]]),
        ("empty.example", vec![vec![]]),
    ]);
    let guard = guard("", script);
    for host in ["inner.example", "mixed.example", "mapped.example"] {
        let refused = fetch(&guard, &server.url(host)).await.unwrap_err();
        assert!(matches!(refused, FetchError::Refused { .. }), "{host}: {refused:?}");
    }
    for host in ["empty.example", "unknown.example"] {
        let refused = fetch(&guard, &server.url(host)).await.unwrap_err();
        assert!(matches!(refused, FetchError::Unresolved { .. }), "{host}: {refused:?}");
    }
    assert_eq!(server.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_real_server_inside_is_reached_only_when_allowed() {
    let server = Server::start(Reply::Bytes(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())).await;
    let names = || Script::new([("hooks.internal", vec![vec![server.address.ip()]])]);
    for (allowed, host, reached) in [
        ("", "127.0.0.1", false),
        ("10.0.0.0/8", "127.0.0.1", false),
        ("127.0.0.0/8", "127.0.0.1", true),
        ("127.0.0.1", "127.1", true),
        ("hooks.internal", "hooks.internal", true),
        ("hooks.internal", "127.0.0.1", false),
        ("127.0.0.0/8", "hooks.internal", true),
        ("other.internal", "hooks.internal", false),
    ] {
        let answer = fetch(&guard(allowed, names()), &server.url(host)).await;
        assert_eq!(answer.is_ok(), reached, "{allowed} {host}: {answer:?}");
    }
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn a_name_that_changes_its_mind_is_judged_anew_and_never_connected_inside() {
    // Only the first answer is allowed; a second look-up of the same call would get the second.
    let server = Server::start(Reply::Bytes(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())).await;
    let inside = "127.0.0.2".parse().unwrap();
    let script = Script::new([("rebind.example", vec![vec![server.address.ip()], vec![inside]])]);
    let guard = guard("127.0.0.1", script);
    let url = server.url("rebind.example");
    // The address that was judged is the one that is connected.
    assert_eq!(fetch(&guard, &url).await.unwrap().address, server.address);
    assert!(
        server.requests()[0]
            .contains(&format!("host: rebind.example:{}\r\n", server.address.port()))
    );
    // The next attempt asks again and does not trust the first answer.
    let refused = fetch(&guard, &url).await.unwrap_err();
    assert!(
        matches!(refused, FetchError::Refused { address, .. } if address == inside),
        "{refused:?}"
    );
    assert_eq!(server.requests().len(), 1);
}
