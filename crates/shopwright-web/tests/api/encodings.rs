//! Compressed bodies: answers as the client likes, requests in gzip, bombs cut off.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::json;

use crate::client::raw_bytes;
use crate::harness::{STILL, Shop, on_sqlite};

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// Head and body of a GET that takes this coding.
fn get(shop: &Shop, path: &str, accept: &str) -> (String, Vec<u8>) {
    let request = format!(
        "GET {path} HTTP/1.0\r\nAuthorization: Bearer {}\r\nAccept-Encoding: {accept}\r\n\r\n",
        shop.secret
    );
    let answer = raw_bytes(shop.address, request.as_bytes());
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    (String::from_utf8(answer[..end].to_vec()).unwrap().to_lowercase(), answer[end + 4..].to_vec())
}

#[test]
fn large_answers_come_in_the_coding_that_the_client_takes() {
    on_sqlite(STILL, |shop| {
        let (_, plain) = get(shop, "/openapi.json", "identity");
        for (accept, coding) in
            [("gzip", "gzip"), ("br", "br"), ("zstd", "zstd"), ("gzip;q=0, br", "br")]
        {
            let (head, body) = get(shop, "/openapi.json", accept);
            assert!(head.contains(&format!("content-encoding: {coding}")), "{accept}: {head}");
            assert!(head.contains("vary: accept-encoding"), "{accept}: {head}");
            assert!(body.len() * 4 < plain.len(), "{accept}: {} of {}", body.len(), plain.len());
            if coding == "gzip" {
                let mut unpacked = Vec::new();
                GzDecoder::new(body.as_slice()).read_to_end(&mut unpacked).unwrap();
                assert_eq!(unpacked, plain);
            }
        }
        for accept in ["identity", "deflate", "gzip;q=0", ""] {
            let (head, body) = get(shop, "/openapi.json", accept);
            assert!(!head.contains("content-encoding"), "{accept}: {head}");
            assert_eq!(body, plain, "{accept}");
        }
    });
}

#[test]
fn small_answers_and_pages_come_as_they_are() {
    on_sqlite(STILL, |shop| {
        for path in ["/v1/prices/85123A", "/v1/prices/nothing", "/livez", "/docs"] {
            let (head, _) = get(shop, path, "gzip, br, zstd");
            assert!(!head.contains("content-encoding"), "{path}: {head}");
        }
    });
}

#[test]
fn a_large_problem_is_whole_under_its_coding() {
    on_sqlite(STILL, |shop| {
        let fields: serde_json::Map<_, _> =
            (0..80).map(|field| (format!("field {field}"), json!({ "x": "y" }))).collect();
        let sent = serde_json::Value::from(fields).to_string();
        let request = format!(
            "PUT /v1/pricing/policies/sku/{} HTTP/1.0\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Accept-Encoding: gzip\r\nContent-Length: {}\r\n\r\n{sent}",
            "%C3%A9".repeat(180),
            shop.secret,
            sent.len()
        );
        let answer = raw_bytes(shop.address, request.as_bytes());
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
        let mut text = String::new();
        if head.contains("content-encoding: gzip") {
            GzDecoder::new(&answer[end + 4..]).read_to_string(&mut text).unwrap();
        } else {
            text = String::from_utf8(answer[end + 4..].to_vec()).unwrap();
        }
        let problem: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(problem["request_id"].is_string(), "{head} {problem}");
    });
}

#[test]
fn a_request_may_be_packed_with_gzip_and_is_the_same_request() {
    on_sqlite(STILL, |shop| {
        let body = json!({ "skus": ["85123A"] }).to_string();
        let plain = shop.post("/v1/prices/batch").text(body.clone()).send().expect(200);
        for coding in ["gzip", "GZIP", "x-gzip"] {
            let call = shop.post("/v1/prices/batch").text(gzip(body.as_bytes()));
            let answer = call.header("content-encoding", coding).send().expect(200);
            assert_eq!(answer["data"][0]["price"], plain["data"][0]["price"], "{coding}");
        }
        let call = shop.post("/v1/prices/batch").text(body.clone());
        call.header("content-encoding", "identity").send().expect(200);
        // Under an idempotency key, too, it is what is said that counts, not how it is packed.
        let promotion = json!({
            "name": "Sale", "scope": "sku", "key": "22423", "factor": "0.9",
            "starts_at": "2026-11-24T12:00:00Z", "ends_at": "2026-11-25T12:00:00Z",
        });
        let post = |body: Vec<u8>, coding: &str| {
            let call = shop.post("/v1/promotions").text(body).header("idempotency-key", "one");
            call.header("content-encoding", coding).send()
        };
        let first = post(promotion.to_string().into_bytes(), "identity");
        let second = post(gzip(promotion.to_string().as_bytes()), "gzip");
        assert_eq!(
            (first.expect(201), second.header("idempotent-replayed")),
            (second.json(), "true")
        );
    });
}

#[test]
fn what_is_packed_otherwise_is_refused_and_what_is_broken_is_told_so() {
    on_sqlite(STILL, |shop| {
        let send = |body: Vec<u8>, coding: &str| {
            let call = shop.post("/v1/prices/batch").text(body);
            call.header("content-encoding", coding).send()
        };
        for coding in ["zstd", "br", "deflate", "gzip, gzip", "nonsense", ""] {
            let problem = send(gzip(b"{}"), coding).problem(415, "unsupported_encoding");
            assert!(problem["detail"].as_str().unwrap().contains("gzip"), "{problem}");
        }
        send(b"{}".to_vec(), "gzip").problem(400, "malformed_json");
        let mut cut = gzip(json!({ "skus": ["85123A"] }).to_string().as_bytes());
        cut.truncate(cut.len() / 2);
        send(cut, "gzip").problem(400, "malformed_json");
    });
}

#[test]
fn a_bomb_is_cut_off_at_the_limit_of_a_body() {
    on_sqlite(STILL, |shop| {
        let bomb = gzip(&vec![b' '; 24 << 20]);
        assert!(bomb.len() < 32 << 10, "{}", bomb.len());
        for keyed in [false, true] {
            let call = shop.post("/v1/prices/batch").text(bomb.clone());
            let call = call.header("content-encoding", "gzip");
            let call = if keyed { call.header("idempotency-key", "bomb") } else { call };
            call.send().problem(413, "body_too_large");
        }
    });
}
