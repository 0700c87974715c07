//! `/openapi.json` is held to its word: complete, resolvable, its examples real, and answers as it
//! says they are.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::harness::{STILL, Shop, on_sqlite};

type Operations = Vec<(String, String, Value)>;

fn description(shop: &Shop) -> Value {
    let answer = shop.get("/openapi.json").no_key().send();
    assert_eq!(answer.header("content-type"), "application/json");
    answer.expect(200)
}

/// (method, path, operation) of everything described.
fn operations(description: &Value) -> Operations {
    let paths = description["paths"].as_object().unwrap();
    let each = |(path, item): (&String, &Value)| {
        let methods = item.as_object().unwrap().clone();
        methods
            .into_iter()
            .map(move |(method, operation)| (method, path.clone(), operation))
            .collect::<Vec<_>>()
    };
    paths.iter().flat_map(each).collect()
}

/// A validator for the schema at `schema`, whose references lead into the whole description.
fn validator(description: &Value, schema: &Value) -> jsonschema::Validator {
    let mut whole = schema.clone();
    whole["components"] = description["components"].clone();
    jsonschema::draft202012::new(&whole).unwrap_or_else(|error| panic!("{error}: {schema}"))
}

#[track_caller]
fn check_fits(description: &Value, schema: &Value, instance: &Value) {
    let problems: Vec<_> = validator(description, schema)
        .iter_errors(instance)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(problems.is_empty(), "{problems:#?} in {instance:#}");
}

#[test]
fn the_description_is_openapi_3_1_with_everything_named_once() {
    on_sqlite(STILL, |shop| {
        let description = description(shop);
        assert!(
            description["openapi"].as_str().unwrap().starts_with("3.1."),
            "{}",
            description["openapi"]
        );
        let tags: BTreeSet<&str> = description["tags"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tag| tag["name"].as_str().unwrap())
            .collect();
        let mut ids = BTreeSet::new();
        let mut used = BTreeSet::new();
        let operations = operations(&description);
        for (method, path, operation) in &operations {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id), "{id} names two operations");
            let tag = operation["tags"][0].as_str().unwrap();
            assert!(
                tags.contains(tag) && operation["tags"].as_array().unwrap().len() == 1,
                "{method} {path}"
            );
            used.insert(tag);
            assert!(
                operation["summary"].as_str().is_some_and(|text| !text.is_empty()),
                "{method} {path}"
            );
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                assert!(
                    parameter["description"].as_str().is_some_and(|text| !text.is_empty()),
                    "{method} {path} {parameter}"
                );
            }
        }
        assert_eq!(used, tags, "tags without an operation");
        check_references(&description, &description);
    });
}

fn check_references(description: &Value, part: &Value) {
    match part {
        Value::Object(fields) => {
            if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(description.pointer(pointer).is_some(), "{reference} leads nowhere");
            }
            fields.values().for_each(|field| check_references(description, field));
        }
        Value::Array(items) => items.iter().for_each(|item| check_references(description, item)),
        _ => {}
    }
}

#[test]
fn every_status_a_handler_can_give_is_documented() {
    on_sqlite(STILL, |shop| {
        for (method, path, operation) in operations(&description(shop)) {
            let id = operation["operationId"].as_str().unwrap();
            let mut expected: BTreeSet<&str> = BTreeSet::from(["408", "414", "431"]);
            let reads = ["get_", "list_", "explain_"].iter().any(|verb| id.starts_with(verb));
            if operation["security"].is_array() {
                expected.extend(["401", "429", "500", "503"]);
            }
            if operation["security"].is_array() && !reads {
                expected.insert("507");
            }
            if id == "readyz" {
                expected.insert("503");
            }
            if operation["requestBody"].is_object() {
                expected.extend(["400", "413", "415", "422"]);
            }
            // Whatever is JSON of their form is taken, or kept as a dead letter.
            if id.starts_with("segment_") || id == "send_firehose" {
                expected.remove("422");
            }
            if operation["parameters"]
                .as_array()
                .is_some_and(|all| all.iter().any(|p| p["in"] != "header"))
            {
                expected.insert("400");
            }
            if path.contains('{') {
                expected.insert("404");
            }
            let responses = operation["responses"].as_object().unwrap();
            let documented: BTreeSet<&str> = responses.keys().map(String::as_str).collect();
            let missing: Vec<_> = expected.difference(&documented).collect();
            assert!(missing.is_empty(), "{method} {path} can answer {missing:?}");
            assert!(documented.iter().any(|status| status.starts_with('2')), "{method} {path}");
            check_problem_responses(&format!("{method} {path}"), responses);
        }
    });
}

fn check_problem_responses(name: &str, responses: &serde_json::Map<String, Value>) {
    for (status, response) in responses {
        assert!(
            response["description"].as_str().is_some_and(|text| !text.is_empty()),
            "{name} {status}"
        );
        // Firehose reads an `errorMessage` of its own form.
        let is_firehoses = response["content"]["application/json"]["schema"]["$ref"]
            == "#/components/schemas/FirehoseAnswer";
        if status.starts_with(['4', '5']) && !is_firehoses {
            let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
            assert_eq!(schema, "#/components/schemas/Problem", "{name} {status}");
        }
    }
}

#[test]
fn every_schema_is_one_and_fits_its_own_examples() {
    on_sqlite(STILL, |shop| {
        let description = description(shop);
        let schemas = description["components"]["schemas"].as_object().unwrap();
        let mut checked = 0;
        for (name, schema) in schemas {
            drop(validator(&description, schema));
            for (field, property) in schema["properties"].as_object().into_iter().flatten() {
                if let Some(example) = property.get("example") {
                    check_fits(&description, property, example);
                    checked += 1;
                }
                let documented = property.get("description").is_some()
                    || property.get("oneOf").is_some()
                    || property.get("$ref").is_some();
                assert!(documented, "{name}.{field} has no description");
            }
        }
        assert!(checked > 20, "only {checked} examples");
    });
}

/// The documented example of every parameter and body, sent as it stands.
#[test]
fn the_examples_of_the_description_work_and_the_answers_fit_its_schemas() {
    on_sqlite(STILL, |shop| {
        let description = description(shop);
        let known = make_one_of_each(shop, &description);
        let mut all = operations(&description);
        // What removes or ends comes last.
        all.sort_by_key(|(method, path, _)| {
            (method == "delete" || path.ends_with("/end"), method != "put")
        });
        for (method, path, operation) in all {
            // Their callers sign what they send: `inbound.rs`.
            if path.starts_with("/v1/inbound/") {
                continue;
            }
            let mut filled = path.clone();
            for parameter in operation["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|p| p["in"] == "path")
            {
                let name = parameter["name"].as_str().unwrap();
                let example = parameter["example"]
                    .as_str()
                    .unwrap_or_else(|| panic!("{path} has no example of {name}"));
                let of = path.split("/{").next().unwrap_or_default();
                let fresh = path.strip_prefix("/v1/orders/{id}/");
                let fresh = fresh.map(|step| order_ready_for(shop, &description, step));
                let made = known.get(of).filter(|_| name == "id");
                let fresh = fresh.or_else(|| made_for(shop, &description, &path));
                let fresh = fresh.filter(|_| name == "id");
                let id = fresh.as_ref().or(made).map_or(example, String::as_str);
                filled = filled.replace(&format!("{{{name}}}"), id);
            }
            let call = shop.call(&method.to_ascii_uppercase(), &filled);
            let call = call.header("idempotency-key", &format!("{method}-{path}"));
            let call = call.header("x-customer-token", &shop.customer_token("17850"));
            let call = match operation["operationId"].as_str() {
                Some(id) if operation["requestBody"].is_object() => {
                    call.json(&example_body(&description, id))
                }
                _ => call,
            };
            let answer = call.send();
            assert!((200..300).contains(&answer.status), "{method} {filled}: {answer:?}");
            let documented = &operation["responses"][answer.status.to_string()];
            assert!(documented.is_object(), "{method} {filled} may not answer {}", answer.status);
            match documented["content"]["application/json"].get("schema") {
                Some(schema) => check_fits(&description, schema, &answer.json()),
                None => assert!(
                    answer.status == 204
                        || documented["content"]["text/csv"].is_object()
                        || path == "/metrics",
                    "{method} {path} describes no body"
                ),
            }
        }
    });
}

/// Sends the example of every call that makes a thing with an id: the ids by the path of their list.
fn make_one_of_each(shop: &Shop, description: &Value) -> BTreeMap<String, String> {
    let mut known = BTreeMap::new();
    for (method, path, operation) in operations(description) {
        let id = operation["operationId"].as_str().unwrap_or_default();
        if method != "post" || !id.starts_with("create_") {
            continue;
        }
        let call = shop.post(&path).header("idempotency-key", &format!("make-{path}"));
        let made = call.json(&example_body(description, id)).send().expect(201);
        if let Some(id) = made["id"].as_str() {
            known.insert(path, id.to_owned());
        }
    }
    // A delivery and the effect that carries it out come of telling an endpoint something.
    let endpoint = &known["/v1/webhook_endpoints"];
    let sent = shop.post(&format!("/v1/webhook_endpoints/{endpoint}/test")).send().expect(202);
    let delivery = sent["id"].as_str().unwrap().to_owned();
    known.insert("/v1/effects".to_owned(), delivery.replace("whd_", "eff_"));
    known.insert("/v1/webhook_deliveries".to_owned(), delivery);
    known
}

/// A new order in a state in which this can be done to it.
fn order_ready_for(shop: &Shop, description: &Value, step: &str) -> String {
    let mut body = example_body(description, "create_order");
    body["external_id"] = json!(format!("for-{step}-{}", shop.ids.next_uuid()));
    if matches!(step, "pay" | "cancel") {
        body["payment"] = json!({ "status": "pending" });
    }
    let call = shop.post("/v1/orders").header("idempotency-key", &shop.ids.next_uuid().to_string());
    let id = call.json(&body).send().expect(201)["id"].as_str().unwrap().to_owned();
    if step == "complete" {
        shop.post(&format!("/v1/orders/{id}/fulfil")).send().expect(200);
    }
    id
}

/// Makes what an operation that changes a state needs, each time anew: an example that is released
/// cannot be sold afterwards.
fn made_for(shop: &Shop, description: &Value, path: &str) -> Option<String> {
    if path.starts_with("/v1/inbound_webhooks/") {
        return Some(crate::inbound::waiting(shop));
    }
    if path.starts_with("/v1/dead_letters/{id}") {
        let body = json!({ "events": [{ "id": path, "type": "glanced" }] });
        let taken = shop.post("/v1/events").json(&body).send().expect(202);
        return taken["rejected"][0]["dead_letter"].as_str().map(ToOwned::to_owned);
    }
    let (made_at, by) = [
        ("/v1/reservations", "create_reservation"),
        ("/v1/stock/deliveries", "create_stock_delivery"),
    ]
    .into_iter()
    .find(|(prefix, _)| path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with("/{id}")))?;
    let mut body = example_body(description, by);
    // The same reference again would be the same thing again.
    body.as_object_mut().unwrap().remove("reference");
    let made = shop.post(made_at).json(&body).send().expect(201);
    let id = made["id"].as_str().unwrap().to_owned();
    if path == "/v1/reservations/{id}/ship" {
        shop.post(&format!("/v1/reservations/{id}/commit")).send().expect(200);
    }
    Some(id)
}

/// The example of a body, or one made of the examples of its fields.
fn example_body(description: &Value, operation_id: &str) -> Value {
    let all = operations(description);
    let (_, _, operation) =
        all.iter().find(|(_, _, operation)| operation["operationId"] == operation_id).unwrap();
    let content = &operation["requestBody"]["content"]["application/json"];
    if let Some(example) = content.get("example") {
        return example.clone();
    }
    let reference =
        content["schema"]["$ref"].as_str().unwrap_or_else(|| panic!("{operation_id}: {content}"));
    let schema = description.pointer(&reference[1..]).unwrap();
    let mut body = json!({});
    for (field, property) in schema["properties"].as_object().unwrap() {
        if let Some(example) = property.get("example") {
            body[field] = example.clone();
        }
    }
    body
}

#[test]
fn problems_fit_their_schema_too() {
    on_sqlite(STILL, |shop| {
        let description = description(shop);
        let schema = json!({ "$ref": "#/components/schemas/Problem" });
        for answer in [
            shop.get("/v1/prices/nothing").send(),
            shop.get("/v1/prices/nothing").no_key().send(),
            shop.post("/v1/prices/batch").text("{}").send(),
            shop.get("/nowhere").send(),
            shop.call("PUT", "/livez").send(),
        ] {
            check_fits(&description, &schema, &answer.json());
        }
    });
}

#[test]
fn prices_of_every_kind_fit_what_is_documented() {
    on_sqlite(STILL, |shop| {
        let description = description(shop);
        let price = json!({ "$ref": "#/components/schemas/PriceView" });
        for sku in ["85123A", "22423", "NOBASE"] {
            for key in [&shop.secret, &shop.publishable] {
                check_fits(
                    &description,
                    &price,
                    &shop.get(&format!("/v1/prices/{sku}")).key(key).send().expect(200),
                );
            }
        }
        let all = operations(&description);
        let (.., batch) = all.iter().find(|(_, path, _)| path == "/v1/prices/batch").unwrap();
        let list = shop
            .post("/v1/prices/batch")
            .json(&json!({ "skus": ["85123A", "NOBASE", "nothing"] }))
            .send()
            .expect(200);
        check_fits(
            &description,
            &batch["responses"]["200"]["content"]["application/json"]["schema"],
            &list,
        );
    });
}
