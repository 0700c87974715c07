//! Two nodes on one PostgreSQL: what a killed one was doing, the other does, within 30 seconds and
//! under the same id.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use shopwright_store::{PostgresOptions, Store, StoreError, StoreOptions, params};

use crate::harness::{Server, Shop, wait_until};

const URL: &str = "SHOPWRIGHT_TEST_POSTGRES_URL";
const REQUIRED: &str = "SHOPWRIGHT_REQUIRE_POSTGRES";
/// What the product promises.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(30);

/// A schema that is dropped with its value.
struct Schema {
    name: String,
    url: String,
    store: Option<Store>,
}

impl Schema {
    fn new() -> Option<Self> {
        let Ok(url) = std::env::var(URL) else {
            let required = std::env::var(REQUIRED).is_ok_and(|value| value == "1");
            assert!(!required, "{REQUIRED}=1, but {URL} does not name a PostgreSQL server");
            return None;
        };
        let name = format!("takeover_{}", std::process::id());
        let options = PostgresOptions {
            connections: 2,
            schema: Some(name.clone()),
            ..PostgresOptions::new(&url)
        };
        let store = Store::open(&StoreOptions::Postgres(options)).unwrap();
        Some(Self { name, url, store: Some(store) })
    }

    /// The server's URL with this schema as the place to work in.
    fn url(&self) -> String {
        let and = if self.url.contains('?') { '&' } else { '?' };
        format!("{}{and}options=-c%20search_path%3D{}", self.url, self.name)
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let Some(store) = self.store.take() else { return };
        let sql = format!("DROP SCHEMA {} CASCADE", self.name);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let dropped: Result<_, StoreError> =
            runtime.block_on(store.write(move |tx| tx.execute(&sql, params![])));
        if !std::thread::panicking() {
            dropped.unwrap();
        }
    }
}

/// A receiver that leaves its first request without an answer; gives its URL and the ids it got.
fn receiver() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let ids = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&ids);
    std::thread::spawn(move || {
        let mut unanswered = Vec::new();
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut bytes = [0; 8_192];
            let read = stream.read(&mut bytes).unwrap_or(0);
            let head = String::from_utf8_lossy(&bytes[..read]).into_owned();
            let id = head.lines().find_map(|line| line.strip_prefix("webhook-id: "));
            let mut log = log.lock().unwrap();
            log.push(id.unwrap_or_default().to_owned());
            if log.len() == 1 {
                unanswered.push(stream);
            } else {
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
            }
        }
    });
    (url, ids)
}

fn post(server: &Server, path: &str, key: &str, body: &Json) -> Json {
    let url = format!("http://{}{path}", server.address());
    let mut answer = ureq::post(&url)
        .header("authorization", &format!("Bearer {key}"))
        .header("content-type", "application/json")
        .send(body.to_string())
        .unwrap();
    serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
}

#[test]
fn what_a_killed_node_was_delivering_the_other_delivers_under_the_same_id() {
    let Some(schema) = Schema::new() else { return };
    let shop = Shop::new();
    let config = format!("database_url = \"{}\"\noutbound_allow = \"127.0.0.1\"\n", schema.url());
    shop.file("shopwright.toml", config);
    let made = shop.run(&["keys", "create", "--kind", "secret", "--name", "api", "--json"]);
    let key = made.assert_code(0).json()["key"].as_str().unwrap().to_owned();
    let (url, ids) = receiver();
    let first = Server::start(&shop, &["serve"]);
    let endpoint = post(&first, "/v1/webhook_endpoints", &key, &json!({ "url": url }));
    let path = format!("/v1/webhook_endpoints/{}", endpoint["id"].as_str().unwrap());
    let sent = post(&first, &format!("{path}/test"), &key, &json!({}));
    wait_until("the first node is at it", || ids.lock().unwrap().len() == 1);
    // It holds the lease: the second node, which starts now, may not touch it yet.
    let second = Server::start(&shop, &["serve"]);
    let killed = Instant::now();
    drop(first);
    while ids.lock().unwrap().len() < 2 {
        assert!(killed.elapsed() < TAKEN_OVER_WITHIN, "not taken over");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(killed.elapsed() > Duration::from_secs(5), "a lease that holds was not respected");
    let delivery = format!("/v1/webhook_deliveries/{}", sent["id"].as_str().unwrap());
    wait_until("it is delivered", || {
        second.get(&delivery, &key).1.contains(r#""state":"delivered""#)
    });
    let delivery: Json = serde_json::from_str(&second.get(&delivery, &key).1).unwrap();
    assert_eq!(delivery["attempt_count"], 1, "the attempt of the killed node left no trace");
    let ids = ids.lock().unwrap().clone();
    assert_eq!((ids.len(), &ids[0]), (2, &ids[1]));
    assert_eq!(delivery["event"]["id"], json!(ids[0]));
    assert_eq!(second.stop(), Some(0));
}
