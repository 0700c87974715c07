//! The log of a server: every line about a request names it, and no secret is in it.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crate::stocked;

#[test]
fn lines_about_a_request_have_its_id_and_trace_and_never_its_keys() {
    let stocked = stocked();
    let mut command =
        stocked.shop.command(&["serve", "--listen", "127.0.0.1:0", "--json", "--log", "debug"]);
    let mut server = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut started = String::new();
    BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut started).unwrap();
    let started: serde_json::Value = serde_json::from_str(&started).unwrap();
    let url = started["listening"].as_str().unwrap();
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let ask = |key: &str| {
        agent
            .get(format!("{url}/v1/prices/85123A"))
            .header("authorization", format!("Bearer {key}"))
            .header("x-customer-token", "a.customer.token")
            .header("x-request-id", "order-4711")
            .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
            .header("origin", "https://shop.example")
            .header("sec-fetch-mode", "cors")
            .call()
            .unwrap()
    };
    assert_eq!(ask(&stocked.secret).status().as_u16(), 403);
    assert_eq!(ask("sk_wrong").status().as_u16(), 401);
    server.kill().unwrap();
    server.wait().unwrap();
    let mut log = String::new();
    server.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    let named = "request=order-4711 trace=4bf92f3577b34da6a3ce929d0e0e4736";
    for part in ["must be revoked", "answered"] {
        let line = log.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("{log}"));
        assert!(line.ends_with(named), "{line}");
    }
    for secret in [&stocked.secret, "sk_wrong", "a.customer.token", &stocked.signing] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
