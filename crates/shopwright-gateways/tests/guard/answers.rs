//! Answers of every kind: redirects, huge and endless ones, slow ones, and what is not HTTP.

use std::time::{Duration, Instant};

use shopwright_gateways::guard::FetchError;
use shopwright_gateways::resolver::Script;

use crate::server::{Reply, Server};
use crate::{call, fetch, guard};

fn bytes(text: &str) -> Reply {
    Reply::Bytes(text.as_bytes().to_vec())
}

#[tokio::test]
async fn a_call_arrives_as_it_was_made_and_its_answer_comes_back_whole() {
    let server = Server::start(bytes(
        "HTTP/1.1 201 Created\r\nRetry-After: 7\r\nContent-Length: 5\r\n\r\nhello",
    ))
    .await;
    let answer =
        fetch(&guard("127.0.0.1", Script::default()), &server.url("127.0.0.1")).await.unwrap();
    assert_eq!((answer.status, answer.body.as_slice(), answer.cut), (201, &b"hello"[..], false));
    assert_eq!(answer.headers["retry-after"], "7");
    let request = server.requests().remove(0);
    assert!(request.starts_with("POST /hook?a=1 HTTP/1.1\r\n"), "{request}");
    for line in
        ["content-type: application/json\r\n", "content-length: 2\r\n", "user-agent: Shopwright/"]
    {
        assert!(request.contains(line), "{line} in {request}");
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_nobody_follows_it_inside() {
    let inner = Server::start(bytes("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).await;
    for status in [301, 302, 303, 307, 308] {
        let location = inner.url("127.0.0.1");
        let outer = Server::start(bytes(&format!(
            "HTTP/1.1 {status} Elsewhere\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
        )))
        .await;
        let guard = guard("127.0.0.1", Script::default());
        let answer = fetch(&guard, &outer.url("127.0.0.1")).await.unwrap();
        assert_eq!(
            (answer.status, answer.headers["location"].to_str().unwrap()),
            (status, location.as_str())
        );
    }
    assert_eq!(inner.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_huge_answer_is_cut_whether_it_says_so_or_never_ends() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n";
    for head in [head, chunked, "HTTP/1.1 200 OK\r\n\r\n"] {
        let server = Server::start(Reply::Endless(head.as_bytes().to_vec())).await;
        let answer =
            fetch(&guard("127.0.0.1", Script::default()), &server.url("127.0.0.1")).await.unwrap();
        assert_eq!((answer.body.len(), answer.cut), (1_000, true), "{head}");
    }
}

#[tokio::test]
async fn what_is_slow_is_given_up_in_time() {
    let slow_body = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
    for reply in
        [Reply::Hang, Reply::Drip(slow_body.as_bytes().to_vec()), Reply::Drip(b"H".to_vec())]
    {
        let server = Server::start(reply).await;
        let (begun, time_max) = (Instant::now(), Duration::from_millis(300));
        let url = server.url("127.0.0.1");
        let answer = guard("127.0.0.1", Script::default())
            .fetch(shopwright_gateways::guard::Call { time_max, ..call(&url) })
            .await;
        assert_eq!(answer.unwrap_err(), FetchError::TimedOut(time_max));
        assert!(begun.elapsed() >= time_max);
    }
}

#[tokio::test]
async fn what_is_not_http_or_breaks_off_is_no_answer() {
    for text in [
        "",
        "SSH-2.0-OpenSSH_9.6\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort",
        "HTTP/1.1 abc\r\n\r\n",
        &format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "h".repeat(1_000_000)),
    ] {
        let server = Server::start(bytes(text)).await;
        let answer = fetch(&guard("127.0.0.1", Script::default()), &server.url("127.0.0.1")).await;
        assert!(matches!(answer, Err(FetchError::Broken(_))), "{answer:?}");
    }
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://127.0.0.1:{}/", nobody.local_addr().unwrap().port());
    drop(nobody);
    let answer = fetch(&guard("127.0.0.1", Script::default()), &url).await;
    assert!(matches!(answer, Err(FetchError::Unreachable { .. })), "{answer:?}");
}
