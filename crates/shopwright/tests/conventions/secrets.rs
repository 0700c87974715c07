//! Secrets are in no log line, whatever is logged.

use serde_json::{Value, json};

use crate::harness::{Server, Shop, make_key};

const EMAIL: &str = "ada@shop.example";
const PASSWORD: &str = "violet kettle sings";

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0);
    config.build().into()
}

/// The body of a page, and the cookies it sets.
fn page(agent: &ureq::Agent, url: &str, cookies: &str) -> (String, String) {
    let mut answer = agent.get(url).header("cookie", cookies).call().unwrap();
    let set = answer.headers().get_all("set-cookie").iter();
    let set: Vec<_> =
        set.map(|c| c.to_str().unwrap().split(';').next().unwrap().to_owned()).collect();
    (answer.body_mut().read_to_string().unwrap(), set.join("; "))
}

/// Fills in the form of a page; gives the cookies of the answer.
fn fill(agent: &ureq::Agent, url: &str, action: &str, fields: &[(&str, &str)]) -> String {
    let (text, cookies) = page(agent, url, "");
    let csrf = text.split_once("name=\"csrf\" value=\"").unwrap().1.split_once('"').unwrap().0;
    let origin = url.split('/').take(3).collect::<Vec<_>>().join("/");
    let form = fields.iter().copied().chain([("csrf", csrf)]);
    let answer = agent.post(action).header("cookie", &cookies).header("origin", &origin);
    let answer = answer.send_form(form).unwrap();
    assert_eq!(answer.status(), 303, "{action}");
    let set = answer.headers().get_all("set-cookie").iter();
    let set: Vec<_> =
        set.map(|c| c.to_str().unwrap().split(';').next().unwrap().to_owned()).collect();
    set.join("; ")
}

/// The value of a cookie.
fn cookie(cookies: &str, name: &str) -> String {
    let pair = cookies
        .split("; ")
        .find(|pair| pair.starts_with(name))
        .unwrap_or_else(|| panic!("{cookies}"));
    pair.split_once('=').unwrap().1.to_owned()
}

#[test]
fn no_secret_is_logged_at_any_level() {
    let shop = Shop::with_orders();
    let key = make_key(&shop);
    let signing = shop.run(&["keys", "customer-secret", "--json"]).assert_code(0).json();
    let signing = signing["secret"].as_str().unwrap().to_owned();
    let server = Server::start_logged(&shop, &["serve", "--log", "trace"]);
    let (agent, url) = (agent(), format!("http://{}", server.address()));

    let link = server.started["setup_link"].as_str().unwrap().to_owned();
    let owner = [("email", EMAIL), ("name", "Ada"), ("password", PASSWORD)];
    let first = cookie(&fill(&agent, &link, &link, &owner), "shopwright_session");
    let door = format!("{url}/sign-in");
    let entry = [("email", EMAIL), ("password", PASSWORD)];
    let second = cookie(&fill(&agent, &door, &door, &entry), "shopwright_session");

    let post = |path: &str, body: Value| -> Value {
        let call =
            agent.post(format!("{url}{path}")).header("authorization", format!("Bearer {key}"));
        let mut answer = call.content_type("application/json").send(body.to_string()).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        assert_eq!(answer.status(), 201, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    };
    let made = post("/v1/keys", json!({ "kind": "secret", "name": "made here" }));
    let endpoint = json!({ "url": "https://shop.example/hook", "events": ["*"] });
    let endpoint = post("/v1/webhook_endpoints", endpoint);
    let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxNzg1MCJ9.c2lnbmF0dXJlLW9mLWEtdG9rZW4";
    let me = agent.get(format!("{url}/v1/me")).header("authorization", format!("Bearer {key}"));
    assert_eq!(me.header("x-customer-token", token).call().unwrap().status(), 401);

    let log = server.log();
    assert!(log.matches(" answered ").count() >= 7, "nothing is logged: {log}");
    let text = |of: &Value, name: &str| of[name].as_str().unwrap().to_owned();
    let link = link.rsplit('/').next().unwrap();
    for (what, secret) in [
        ("the key", key.as_str()),
        ("a key made over HTTP", &text(&made, "key")),
        ("the webhook's secret", &text(&endpoint, "secret")),
        ("the customer secret", &signing),
        ("the customer token", token),
        ("the password", PASSWORD),
        ("the password in a form", "violet+kettle+sings"),
        ("the setup link", link),
        ("a session", &first),
        ("the next session", &second),
    ] {
        assert!(secret.len() > 10, "{what}");
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{what} is in the log");
    }
}
