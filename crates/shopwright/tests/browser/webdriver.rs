//! The part of WebDriver that these tests speak, over plain HTTP.
//!
//! Every command either succeeds or fails the test with what the driver said; nothing is retried
//! here. The two commands below `goog/` and `se/` are chromedriver's own.

use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::Request;

/// The name under which WebDriver wraps an element's id.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// Longer than a browser takes to start on a busy machine.
const ANSWER_TIME_MAX: Duration = Duration::from_mins(1);

/// A browser of its own, closed when dropped.
pub struct Session {
    agent: Agent,
    url: String,
}

/// One element of the page that is open.
pub struct Element<'a> {
    session: &'a Session,
    id: String,
}

/// One HTTP exchange in JSON: the status and what came back; `null` for an empty body.
pub fn exchange(agent: &Agent, request: Request<String>) -> (u16, Value) {
    let mut response = agent.run(request).unwrap();
    let text = response.body_mut().read_to_string().unwrap();
    (response.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::Null))
}

/// A client that takes any status for an answer.
pub fn agent() -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(ANSWER_TIME_MAX))
        .build();
    Agent::new_with_config(config)
}

impl Session {
    /// Opens a browser with these capabilities.
    pub fn open(driver_url: &str, capabilities: &Value) -> Self {
        let agent = agent();
        let body = json!({ "capabilities": { "alwaysMatch": capabilities } });
        let request = Request::post(format!("{driver_url}/session")).body(body.to_string());
        let (status, answer) = exchange(&agent, request.unwrap());
        let id = answer["value"]["sessionId"].as_str();
        let id = id.unwrap_or_else(|| panic!("no browser opens ({status}): {answer}"));
        Self { url: format!("{driver_url}/session/{id}"), agent }
    }

    #[track_caller]
    fn send(&self, request: ureq::http::request::Builder, body: String) -> Value {
        let (status, mut answer) = exchange(&self.agent, request.body(body).unwrap());
        let said = &answer["value"];
        assert_eq!(status, 200, "{}: {}", said["error"], said["message"]);
        answer["value"].take()
    }

    #[track_caller]
    fn post(&self, command: &str, body: &Value) -> Value {
        self.send(Request::post(format!("{}/{command}", self.url)), body.to_string())
    }

    #[track_caller]
    fn get(&self, command: &str) -> Value {
        self.send(Request::get(format!("{}/{command}", self.url)), String::new())
    }

    /// Opens an address and waits until it has loaded.
    #[track_caller]
    pub fn open_url(&self, url: &str) {
        self.post("url", &json!({ "url": url }));
    }

    /// The address that is open.
    #[track_caller]
    pub fn current_url(&self) -> String {
        text_of(self.get("url"))
    }

    /// Loads the page anew.
    #[track_caller]
    pub fn reload(&self) {
        self.post("refresh", &json!({}));
    }

    /// The first element of a selector.
    #[track_caller]
    pub fn element(&self, selector: &str) -> Element<'_> {
        let query = json!({ "using": "css selector", "value": selector });
        let found = self.post("element", &query);
        Element { session: self, id: text_of(found[ELEMENT].clone()) }
    }

    /// Runs the body of a function in the page; gives what it returns.
    #[track_caller]
    pub fn script(&self, body: &str) -> Value {
        self.post("execute/sync", &json!({ "script": body, "args": [] }))
    }

    /// Presses keys one after the other, wherever the focus is.
    #[track_caller]
    pub fn press(&self, keys: &str) {
        let strokes: Vec<Value> = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key })))
            .collect();
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": strokes });
        self.post("actions", &json!({ "actions": [keyboard] }));
    }

    /// The visible part of the page as a PNG in base 64.
    #[track_caller]
    pub fn screenshot(&self) -> String {
        text_of(self.get("screenshot"))
    }

    /// A command of the browser's own protocol.
    #[track_caller]
    pub fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.post("goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// What the browser's console said since the last time this was asked.
    #[track_caller]
    pub fn console(&self) -> Vec<String> {
        let entries = self.post("se/log", &json!({ "type": "browser" }));
        let entries = entries.as_array().unwrap_or_else(|| panic!("no list: {entries}"));
        let said = |entry: &Value| format!("{}: {}", entry["level"], entry["message"]);
        entries.iter().map(said).collect()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A browser that is gone already is closed.
        let _ = self.agent.delete(&self.url).call();
    }
}

impl Element<'_> {
    #[track_caller]
    fn post(&self, command: &str, body: &Value) {
        self.session.post(&format!("element/{}/{command}", self.id), body);
    }

    /// Clicks where a pointer would; fails when something else lies on top.
    #[track_caller]
    pub fn click(&self) {
        self.post("click", &json!({}));
    }

    /// Types into a field.
    #[track_caller]
    pub fn type_text(&self, text: &str) {
        self.post("value", &json!({ "text": text }));
    }

    /// What a person reads there.
    #[track_caller]
    pub fn text(&self) -> String {
        text_of(self.session.get(&format!("element/{}/text", self.id)))
    }

    /// Whether a person sees it.
    #[track_caller]
    pub fn is_shown(&self) -> bool {
        self.session.get(&format!("element/{}/displayed", self.id)) == true
    }
}

#[track_caller]
fn text_of(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => panic!("not a text: {other}"),
    }
}
