//! What we send, the official Standard Webhooks library verifies, also while a secret is rotated.

use serde_json::json;

use crate::harness::Server;
use crate::python::Program;
use crate::{post, shop};

#[test]
fn the_official_verifier_takes_our_messages_and_both_secrets_of_a_rotation() {
    let (shop, key) = shop("");
    shop.file("secrets.json", "[]");
    let secrets = shop.path("secrets.json");
    let started = Program::start("webhook_receiver.py", &[secrets.to_str().unwrap(), "204"]);
    let Some(receiver) = started else { return };
    let server = Server::start(&shop, &["serve"]);
    let url = format!("http://127.0.0.1:{}/hook", receiver.port);
    let made = post(&server, "/v1/webhook_endpoints", &key, &json!({ "url": url }));
    let path = format!("/v1/webhook_endpoints/{}", made["id"].as_str().unwrap());
    let other = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let send = |secrets: &[&serde_json::Value]| {
        let mut known = json!(secrets);
        known.as_array_mut().unwrap().push(json!(other));
        shop.file("secrets.json", known.to_string());
        let sent = post(&server, &format!("{path}/test"), &key, &json!({}));
        let told = receiver.next();
        assert_eq!(told["id"], sent["event"]["id"]);
        assert_eq!(told["body"]["type"], "webhook.test");
        let tampered = told["tampered"].as_array().unwrap();
        assert!(tampered.iter().all(|taken| *taken == false), "{told}");
        told["verified"].clone()
    };
    assert_eq!(send(&[&made["secret"]]), json!([true, false]));
    let rotated = post(&server, &format!("{path}/rotate_secret"), &key, &json!({}));
    assert_eq!(send(&[&made["secret"], &rotated["secret"]]), json!([true, true, false]));
    assert_eq!(server.stop(), Some(0));
}
