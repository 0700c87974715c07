//! Customer tokens signed by the lines of the guide, taken by the real server, and rotated.

use std::process::{Command, Stdio};

use serde_json::json;

use crate::harness::{Server, wait_until};
use crate::{Stocked, blocks, document, program, stocked};

/// A token, signed by the guide's Python.
pub fn sign(secret: &str, customer: &str) -> String {
    let lines = &blocks(&document("customer-tokens.md"), "python")[0];
    let script = format!("{lines}\nimport sys\nprint(customer_token(sys.argv[1], sys.argv[2]))");
    run(Command::new("python3").args(["-c", &script, secret, customer]))
}

fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Status and body of `GET /v1/me`.
fn me(server: &Server, stocked: &Stocked, token: &str) -> (u16, serde_json::Value) {
    let url = format!("http://{}/v1/me", server.address());
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer = agent
        .get(&url)
        .header("authorization", format!("Bearer {}", stocked.publishable))
        .header("x-customer-token", token)
        .call()
        .unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), serde_json::from_str(&text).unwrap())
}

#[test]
fn the_lines_of_the_guide_sign_tokens_that_the_server_takes_until_the_secret_is_rotated() {
    let Some(_) = program("python3", true) else { return };
    let stocked = stocked();
    let server = Server::start(&stocked.shop, &["serve"]);
    let token = sign(&stocked.signing, "17850");
    let known = json!({
        "object": "customer", "id": "17850", "country": "United Kingdom",
        "first_order_at": "2010-12-01T08:26:00Z",
    });
    assert_eq!(me(&server, &stocked, &token), (200, known.clone()));
    assert_eq!(me(&server, &stocked, &sign(&stocked.signing, "Zoë")).1["id"], "Zoë");
    if let Some(node) = program("node", false) {
        let lines = &blocks(&document("customer-tokens.md"), "js")[1];
        let script = format!("{lines}\nconsole.log(customerToken({:?}, '17850'))", stocked.signing);
        let signed = run(Command::new(node).args(["--input-type=module", "-e", &script]));
        assert_eq!(me(&server, &stocked, &signed), (200, known.clone()));
    }
    assert_eq!(me(&server, &stocked, &sign("cs_wrong", "17850")).0, 401);

    let again = stocked.shop.run(&["keys", "customer-secret", "--json"]).json();
    assert_eq!(again, json!({ "secret": stocked.signing, "version": 1 }));
    let rotated = stocked.shop.run(&["keys", "customer-secret", "--rotate", "--json"]);
    let rotated = rotated.assert_code(0).json();
    assert_eq!(rotated["version"], 2);
    let fresh = sign(rotated["secret"].as_str().unwrap(), "17850");
    wait_until("the new secret is taken", || me(&server, &stocked, &fresh).0 == 200);
    // What was signed before runs out by itself.
    assert_eq!(me(&server, &stocked, &token).0, 200);
}
