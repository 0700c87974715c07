//! HTTP/2 beside HTTP/1.1, and the graceful end of both.

use std::io::Write;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use shopwright_web::limits::{Limits, Times};

use crate::harness::{STILL, Shop, Start, on_sqlite, unlimited};

/// A connection that speaks HTTP/2 from its first byte.
async fn speak_http2(shop: &Shop) -> SendRequest<Empty<Bytes>> {
    let stream = tokio::net::TcpStream::connect(shop.address).await.unwrap();
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn get(shop: &Shop, path: &str, more: Option<(&'static str, String)>) -> Request<Empty<Bytes>> {
    let uri = format!("http://{}{path}", shop.address);
    let mut request = Request::get(uri).header("authorization", format!("Bearer {}", shop.secret));
    if let Some((name, value)) = more {
        request = request.header(name, value);
    }
    request.body(Empty::new()).unwrap()
}

async fn text(response: Response<hyper::body::Incoming>) -> (u16, String) {
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

#[test]
fn http2_is_spoken_with_who_begins_in_it_many_requests_at_once() {
    on_sqlite(STILL, |shop| {
        let http1 = shop.get("/v1/prices/85123A").send().json();
        shop.wait(async {
            let sender = speak_http2(shop).await;
            let asked = (0..100).map(|_| {
                let mut sender = sender.clone();
                let request = get(shop, "/v1/prices/85123A", None);
                tokio::spawn(async move { text(sender.send_request(request).await.unwrap()).await })
            });
            for answer in asked.collect::<Vec<_>>() {
                let (status, body) = answer.await.unwrap();
                let price: serde_json::Value = serde_json::from_str(&body).unwrap();
                assert_eq!((status, &price["price"]), (200, &http1["price"]));
            }
            let mut sender = sender;
            let (status, body) =
                text(sender.send_request(get(shop, "/nowhere", None)).await.unwrap()).await;
            assert!(status == 404 && body.contains("/docs/errors#not_found"), "{body}");
        });
    });
}

#[test]
fn large_heads_are_refused_in_http2_too_and_the_server_lives() {
    on_sqlite(STILL, |shop| {
        shop.wait(async {
            let mut sender = speak_http2(shop).await;
            let more = |bytes: usize| Some(("x-more", "h".repeat(bytes)));
            let response = sender.send_request(get(shop, "/livez", more(40_000))).await.unwrap();
            let (status, body) = text(response).await;
            assert!(status == 431 && body.contains("headers_too_large"), "{status} {body}");
            // Past what is read at all it is a bare status, or the end of the stream.
            let huge = sender.send_request(get(shop, "/livez", more(200_000))).await;
            assert!(huge.is_err() || huge.unwrap().status() == 431);
        });
        assert_eq!(shop.get("/livez").send().status, 200);
    });
}

#[test]
fn a_server_that_stops_ends_idle_connections_of_both_kinds_at_once() {
    Shop::on_sqlite_owned(STILL, |mut shop| {
        let http1 = std::net::TcpStream::connect(shop.address).unwrap();
        let mut http2 = shop.wait(async {
            let mut sender = speak_http2(&shop).await;
            let response = sender.send_request(get(&shop, "/livez", None)).await.unwrap();
            assert_eq!(text(response).await.0, 200);
            sender
        });
        let started = std::time::Instant::now();
        shop.close();
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
        let after = shop.wait(async { http2.send_request(get(&shop, "/livez", None)).await });
        assert!(after.is_err());
        drop(http1);
    });
}

const STOP: Duration = Duration::from_secs(1);

fn soon_cut_off() -> Limits {
    Limits { times: Times { stop: STOP, ..Times::default() }, ..unlimited() }
}

#[test]
fn a_request_that_does_not_end_is_cut_off_when_the_time_for_stopping_is_over() {
    assert_eq!(Times::default().stop, Duration::from_secs(30));
    let start = Start { limits: soon_cut_off, ..STILL };
    Shop::on_sqlite_owned(start, |mut shop| {
        let mut hanging = std::net::TcpStream::connect(shop.address).unwrap();
        let head = format!(
            "POST /v1/prices/batch HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{",
            shop.secret
        );
        hanging.write_all(head.as_bytes()).unwrap();
        // The head has been read when another request is answered.
        assert_eq!(shop.get("/livez").send().status, 200);
        std::thread::sleep(Duration::from_millis(300));
        let asked = Instant::now();
        shop.close();
        let took = asked.elapsed();
        assert!(took >= STOP, "it was not waited for: {took:?}");
        // Far below the time after which the request itself would be given up.
        assert!(took < Duration::from_secs(20), "it was waited for too long: {took:?}");
    });
}
