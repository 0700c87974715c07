//! A mail server of somebody else takes our mail as it was meant.

use serde_json::json;

use crate::harness::{Server, wait_until};
use crate::python::Program;
use crate::{post, shop};

#[test]
fn a_real_mail_server_is_told_that_an_endpoint_was_switched_off() {
    let Some(mail) = Program::start("mail_server.py", &[]) else { return };
    let (shop, key) = shop(&format!(
        "smtp_url = \"smtp://127.0.0.1:{}\"\nmail_from = \"Käthes Laden <shop@example.com>\"\n\
         mail_to_operator = \"owner@example.com\"\n",
        mail.port
    ));
    shop.file("secrets.json", "[]");
    let secrets = shop.path("secrets.json");
    let receiver =
        Program::start("webhook_receiver.py", &[secrets.to_str().unwrap(), "410"]).unwrap();
    let server = Server::start(&shop, &["serve"]);
    let url = format!("http://127.0.0.1:{}/hook", receiver.port);
    let made = post(&server, "/v1/webhook_endpoints", &key, &json!({ "url": url }));
    let endpoint = made["id"].as_str().unwrap();
    post(&server, &format!("/v1/webhook_endpoints/{endpoint}/test"), &key, &json!({}));
    let taken = mail.next();
    assert_eq!(taken["envelope_from"], "shop@example.com");
    assert_eq!(taken["envelope_to"], json!(["owner@example.com"]));
    let headers = &taken["headers"];
    assert_eq!(headers["from"], "Käthes Laden <shop@example.com>");
    assert!(headers["subject"].as_str().unwrap().contains(endpoint), "{taken}");
    let id = headers["message-id"].as_str().unwrap();
    assert!(id.starts_with("<eff_") && id.ends_with("@example.com>"), "{id}");
    assert!(taken["text"].as_str().unwrap().contains("switch the endpoint on"), "{taken}");
    wait_until("the mail is done", || {
        let (_, list) = server.get("/v1/effects?state=done", &key);
        list.contains("mail.send")
    });
    assert_eq!(server.stop(), Some(0));
}
