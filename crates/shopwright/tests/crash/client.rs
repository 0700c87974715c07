//! A client of the real server that takes nothing for done until it was told so.

use std::io::{Read, Seek};
use std::process::Child;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value as Json;
use ureq::Agent;
use ureq::http::Request;

use crate::harness::Shop;

/// Longer than any answer takes that still comes.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(20);

/// The server went away, or could not do it now: what was asked for may have happened or not.
#[derive(Debug)]
pub struct Lost;

/// One connection to one server, and its command line.
pub struct Client<'s> {
    agent: Agent,
    address: String,
    key: String,
    pub shop: &'s Shop,
    /// Commands that are running; killed together with the server.
    commands: &'s Mutex<Vec<Child>>,
}

impl<'s> Client<'s> {
    pub fn new(shop: &'s Shop, address: &str, key: &str, commands: &'s Mutex<Vec<Child>>) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(ANSWER_TIME_MAX))
            .build();
        let agent = Agent::new_with_config(config);
        Self { agent, address: address.to_owned(), key: key.to_owned(), shop, commands }
    }

    /// Sends a request and gives what came back, once all of it did. An answer that neither does it
    /// nor says that the server cannot now fails the test.
    pub fn send(&self, method: &str, path: &str, body: &Json) -> Result<Json, Lost> {
        self.send_as(None, method, path, body)
    }

    /// The same with an idempotency key: sent again, it is not done again.
    pub fn send_as(
        &self,
        once: Option<&str>,
        method: &str,
        path: &str,
        body: &Json,
    ) -> Result<Json, Lost> {
        let (status, answer) = self.exchange_as(once, method, path, body)?;
        match status {
            200..300 => Ok(answer),
            503 | 507 | 408 => Err(Lost),
            other => panic!("{method} {path} was answered {other}: {answer}"),
        }
    }

    /// One exchange, whatever its status.
    pub fn exchange(&self, method: &str, path: &str, body: &Json) -> Result<(u16, Json), Lost> {
        self.exchange_as(None, method, path, body)
    }

    /// One exchange with an idempotency key, whatever its status.
    pub fn exchange_as(
        &self,
        once: Option<&str>,
        method: &str,
        path: &str,
        body: &Json,
    ) -> Result<(u16, Json), Lost> {
        let mut request = Request::builder();
        if let Some(once) = once {
            request = request.header("Idempotency-Key", once);
        }
        let request = request
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .header("Authorization", format!("Bearer {}", self.key))
            .header("Content-Type", "application/json")
            .body(if body.is_null() { String::new() } else { body.to_string() });
        let mut response = self.agent.run(request.unwrap()).map_err(|_| Lost)?;
        let text = response.body_mut().read_to_string().map_err(|_| Lost)?;
        Ok((response.status().as_u16(), serde_json::from_str(&text).unwrap_or(Json::Null)))
    }

    /// All rows of a list, page by page; the path may have a query.
    pub fn list(&self, path: &str) -> Vec<Json> {
        let mut all: Vec<Json> = Vec::new();
        loop {
            let after =
                all.last().map(|row| format!("&starting_after={}", row["id"].as_str().unwrap()));
            let mark = if path.contains('?') { '&' } else { '?' };
            let page = format!("{path}{mark}limit=100{}", after.unwrap_or_default());
            let answer = self.send("GET", &page, &Json::Null).unwrap();
            all.extend(answer["data"].as_array().unwrap().iter().cloned());
            if answer["has_more"] == false {
                return all;
            }
        }
    }

    /// Runs a command to its end; `Lost` when it was killed or could not finish.
    pub fn run(&self, arguments: &[&str]) -> Result<String, Lost> {
        let mut command = self.shop.command(arguments);
        let out = tempfile::tempfile().unwrap();
        command.stdout(out.try_clone().unwrap()).stderr(std::process::Stdio::null());
        let child = command.spawn().unwrap();
        let id = child.id();
        self.commands.lock().unwrap().push(child);
        let status = loop {
            let mut running = self.commands.lock().unwrap();
            let place = running.iter().position(|child| child.id() == id).unwrap();
            if running[place].try_wait().unwrap().is_some() {
                break running.remove(place).wait().unwrap();
            }
            drop(running);
            std::thread::sleep(Duration::from_millis(3));
        };
        if !status.success() {
            return Err(Lost);
        }
        let (mut out, mut text) = (out, String::new());
        out.rewind().unwrap();
        out.read_to_string(&mut text).unwrap();
        Ok(text)
    }
}
