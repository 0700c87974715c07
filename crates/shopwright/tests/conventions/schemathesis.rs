//! Schemathesis, the fuzzer of OpenAPI, over the whole description with a real key and a filled store:
//! no fault of ours, no status, type or body that is not described, and nearly every operation
//! reached with something it accepts.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::harness::{Server, wait_until};
use crate::tokens::sign;
use crate::{Stocked, stocked};

const PYTHON: &str = "SHOPWRIGHT_TEST_PYTHON";
const REQUIRED: &str = "SHOPWRIGHT_REQUIRE_CONTRACT";
const SECONDS: &str = "60";
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_schema_conformance";
/// Operations that must have answered 2xx to something, in per cent.
const REACHED_MIN: usize = 80;

fn python() -> Option<std::ffi::OsString> {
    let python = std::env::var_os(PYTHON);
    let required = std::env::var(REQUIRED).is_ok_and(|value| value == "1");
    assert!(python.is_some() || !required, "{REQUIRED}=1, but {PYTHON} does not name a Python");
    python
}

#[test]
fn a_fuzzer_finds_nothing_that_is_not_described() {
    let Some(python) = python() else { return };
    let stocked = stocked();
    // The fuzzer asks faster than any shop.
    stocked.shop.file("shopwright.toml", "rate_secret_per_minute = 0\n");
    let server = Server::start(&stocked.shop, &["serve"]);
    let url = format!("http://{}", server.address());
    let description = get(&url, "/openapi.json", &stocked);
    wait_until("prices are served", || server.get("/v1/prices/85123A", &stocked.secret).0 == 200);
    let made = make_one_of_each(&url, &stocked, &description);
    let hooks = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conventions/seeded.py");
    let output = Command::new(&python)
        .args(["-m", "schemathesis.cli", "run", &format!("{url}/openapi.json")])
        .args(["--header", &format!("Authorization: Bearer {}", stocked.secret)])
        .args(["--header", &format!("X-Customer-Token: {}", sign(&stocked.signing, "17850"))])
        .args(["--phases", "examples,coverage,fuzzing", "--max-time", SECONDS])
        .args(["--checks", CHECKS, "--seed", "1", "--generation-database", "none"])
        .args(["--continue-on-failure", "--no-color", "--report", "ndjson"])
        .args(["--report-ndjson-path", "events.ndjson"])
        .env("SCHEMATHESIS_HOOKS", hooks)
        .env("SHOPWRIGHT_SEEDED", json!(made).to_string())
        .current_dir(stocked.shop.folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let events = std::fs::read_to_string(stocked.shop.path("events.ndjson")).unwrap();
    assert_reached(&reached(&events), &description);
    drop(server);
    stocked.shop.run(&["verify"]).assert_code(0);
}

fn get(url: &str, path: &str, stocked: &Stocked) -> Value {
    let call = ureq::get(format!("{url}{path}"));
    let mut answer =
        call.header("authorization", format!("Bearer {}", stocked.secret)).call().unwrap();
    serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
}

/// Sends the example of every call that makes a thing: ids by the path of their list, for the paths
/// that begin with it. What needs more than an example is left to the fuzzer.
fn make_one_of_each(url: &str, stocked: &Stocked, description: &Value) -> BTreeMap<String, String> {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut made = BTreeMap::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        let id = item["post"]["operationId"].as_str().unwrap_or_default();
        if !id.starts_with("create_") {
            continue;
        }
        let content = &item["post"]["requestBody"]["content"]["application/json"];
        let mut answer = agent
            .post(format!("{url}{path}"))
            .header("authorization", format!("Bearer {}", stocked.secret))
            .header("content-type", "application/json")
            .header("idempotency-key", format!("seed {path}").replace([' ', '/'], "-"))
            .send(example(description, content).to_string())
            .unwrap();
        let body = answer.body_mut().read_to_string().unwrap();
        let body: Value = serde_json::from_str(&body).unwrap_or_default();
        if let Some(id) = body["id"].as_str() {
            made.insert(path.clone(), id.to_owned());
        }
    }
    made
}

/// The example of a body, or one made of the examples of its fields.
fn example(description: &Value, content: &Value) -> Value {
    if let Some(example) = content.get("example") {
        return example.clone();
    }
    let at = content["schema"]["$ref"].as_str().unwrap_or("#/none");
    let fields = description.pointer(&at[1..]).and_then(|schema| schema["properties"].as_object());
    let examples = fields.into_iter().flatten().filter_map(|(name, field)| {
        field.get("example").map(|example| (name.clone(), example.clone()))
    });
    Value::Object(examples.collect())
}

/// The statuses of every operation, as `GET /path`.
fn reached(events: &str) -> BTreeMap<String, Vec<u64>> {
    let mut all = BTreeMap::<String, Vec<u64>>::new();
    for event in events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        let recorder = &event["ScenarioFinished"]["recorder"];
        let Some(label) = recorder["label"].as_str() else { continue };
        for interaction in
            recorder["interactions"].as_object().into_iter().flat_map(serde_json::Map::values)
        {
            let status = interaction["response"]["status_code"].as_u64();
            all.entry(label.to_owned()).or_default().extend(status);
        }
    }
    all
}

fn assert_reached(reached: &BTreeMap<String, Vec<u64>>, description: &Value) {
    let paths = description["paths"].as_object().unwrap();
    let operations: Vec<String> = paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_ascii_uppercase()))
        })
        .collect();
    let is_reached = |operation: &&String| {
        let statuses = reached.get(*operation);
        statuses.is_some_and(|all| all.iter().any(|status| (200..300).contains(status)))
    };
    let missed: Vec<_> = operations.iter().filter(|operation| !is_reached(operation)).collect();
    let reached = operations.len() - missed.len();
    println!("{reached} of {} operations answered 2xx; not {missed:?}", operations.len());
    assert!(reached * 100 >= operations.len() * REACHED_MIN, "only {reached}; not {missed:?}");
}
