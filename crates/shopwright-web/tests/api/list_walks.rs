//! Every list of the description, walked both ways: the promises of lists are kept by all of them, those
//! that are added later too.

use serde_json::{Value, json};
use shopwright_domain::catalog::Sku;
use shopwright_domain::platforms::{Platform, VariantIds};
use shopwright_store::listings::{self, Seen};

use crate::client::escaped;
use crate::harness::{STILL, Shop, on_both};
use crate::seed::product;

/// Fields that name a row, the first that is there.
const IDS: [&str; 5] = ["id", "decision_id", "sku", "code", "seq"];
/// Lists that are in the order of the shop's own codes: these are not newest first.
const IN_CODE_ORDER: [&str; 4] =
    ["/v1/products", "/v1/pricing/policies", "/v1/competitors", "/v1/shop/drift"];
/// Lists that are short by nature and always whole: 100 rows at most.
const WHOLE: [&str; 2] = ["/v1/stock/locations", "/v1/streams"];
/// Fields that say how new a row is, the first that is there.
const TIMES: [&str; 7] =
    ["created_at", "placed_at", "decided_at", "received_at", "refunded_at", "timestamp", "at"];

const REFUNDS: &str = "/v1/orders/{id}/refunds";
const DELIVERIES: &str = "/v1/webhook_endpoints/{id}/deliveries";

/// A list as it is called: the pattern, and the path with the examples filled in.
struct List {
    pattern: String,
    path: String,
    creates: Option<Value>,
}

/// Every GET that answers a page.
fn lists(description: &Value) -> Vec<List> {
    let mut found = Vec::new();
    for (pattern, item) in description["paths"].as_object().unwrap() {
        let schema = &item["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        let schema =
            schema["$ref"].as_str().map_or(schema, |at| description.pointer(&at[1..]).unwrap());
        let is_page = schema["properties"]["has_more"].is_object();
        if !is_page || WHOLE.contains(&pattern.as_str()) {
            continue;
        }
        let mut path = pattern.clone();
        for parameter in item["get"]["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            if let ("path", Some(example)) =
                (parameter["in"].as_str().unwrap(), parameter["example"].as_str())
            {
                path = path.replace(&format!("{{{name}}}"), example);
            }
        }
        let content = &item["post"]["requestBody"]["content"]["application/json"];
        let creates = item["post"].is_object().then(|| example(description, content));
        found.push(List { pattern: pattern.clone(), path, creates });
    }
    found
}

/// The example of a body, or one made of the examples of its fields.
fn example(description: &Value, content: &Value) -> Value {
    if let Some(example) = content.get("example") {
        return example.clone();
    }
    let at = content["schema"]["$ref"].as_str().unwrap();
    let fields = description.pointer(&at[1..]).unwrap()["properties"].as_object().unwrap();
    let examples = fields.iter().filter_map(|(name, field)| {
        field.get("example").map(|example| (name.clone(), example.clone()))
    });
    Value::Object(examples.collect())
}

/// A shop with something in every list that can be filled from here.
fn fill(shop: &Shop, lists: &[List]) {
    let category = |name: &str| format!("/v1/pricing/policies/category/{name}");
    let names = ["/v1/pricing/policies/store".to_owned(), category("Home"), category("Garden")];
    for path in names
        .iter()
        .chain(&[category("Home%2FCandles"), "/v1/pricing/policies/sku/22423".to_owned()])
    {
        shop.put(path).json(&json!({ "strategy": "rules" })).send().expect(200);
    }
    for change in 1..6 {
        shop.clock.advance(shopwright_domain::time::HOUR);
        let pin = json!({ "pin_minor": 300 + change });
        shop.put("/v1/pricing/policies/sku/85123A").json(&pin).send().expect(200);
        shop.refresh(&shop.store);
    }
    for round in 0..6 {
        add_to(shop, lists, round);
    }
}

/// Sends the example of every call that adds to a list, under names that were not there.
fn add_to(shop: &Shop, lists: &[List], round: u32) {
    for list in lists {
        if let Some(mut body) = list.creates.clone() {
            for name in ["reference", "external_id"] {
                if let Some(text) = body[name].as_str() {
                    body[name] = json!(format!("{text}-{round}"));
                }
            }
            if list.pattern == REFUNDS {
                let penny = json!({ "amount": 1, "currency": "GBP" });
                body = json!({ "amount": penny, "reference": format!("r-{round}") });
            }
            let key = format!("{}-{round}", list.pattern);
            let call = shop.post(&list.path).header("idempotency-key", &key).json(&body);
            call.send().expect(201);
        }
        if list.pattern == DELIVERIES {
            let test = list.path.replace("/deliveries", "/test");
            assert!((200..300).contains(&shop.post(&test).send().status));
        }
    }
    crate::inbound::arrives(shop, &format!("delivery-{round}"));
    // These lists are in the order of codes: what is new comes first.
    let competitor = format!("/v1/competitors/c-{}", 9 - round);
    shop.put(&competitor).json(&json!({ "name": "Rival" })).send().expect(201);
    let at = shop.clock_now();
    shop.write(move |tx| {
        let variant_id = format!("{}", 9 - round);
        let ids = VariantIds { product_id: "1".into(), variant_id, inventory_item_id: None };
        let (sku, shown) = (Sku::parse("85123A").unwrap(), Some((1, "GBP".parse().unwrap())));
        listings::see(tx, &Seen { platform: Platform::Shopify, ids: &ids, sku: &sku, shown, at })
    });
    let unknown = json!({ "events": [{ "id": format!("e-{round}"), "type": "glanced" }] });
    shop.post("/v1/events").json(&unknown).send().expect(202);
    let customer = format!("/v1/customers/C-{round}");
    shop.put(&customer).json(&json!({ "name": "Ada" })).send().expect(201);
}

/// Puts an order and an endpoint into the paths of the lists that belong to one.
fn with_owners(shop: &Shop, lists: &mut [List]) {
    for (collection, list) in [("/v1/orders", REFUNDS), ("/v1/webhook_endpoints", DELIVERIES)] {
        let creates = lists.iter().find(|l| l.pattern == collection).unwrap().creates.clone();
        let mut body = creates.unwrap();
        if collection == "/v1/webhook_endpoints" {
            body["events"] = json!(["*"]);
        }
        let call = shop.post(collection).header("idempotency-key", collection).json(&body);
        let made = call.send().expect(201);
        let id = made["id"].as_str().unwrap();
        let owned = lists.iter_mut().find(|l| l.pattern == list).unwrap();
        owned.path = owned.pattern.replace("{id}", id);
    }
}

fn page(shop: &Shop, list: &List, query: &str) -> Value {
    let page = shop.get(&format!("{}{query}", list.path)).send().expect(200);
    assert_eq!(
        (&page["object"], &page["url"]),
        (&json!("list"), &json!(list.path)),
        "{}",
        list.pattern
    );
    assert!(page["has_more"].is_boolean(), "{}", list.pattern);
    page
}

fn ids(page: &Value) -> Vec<String> {
    let rows = page["data"].as_array().unwrap().iter();
    let id = |row: &Value| {
        let id = IDS.iter().map(|name| &row[*name]).find(|id| !id.is_null());
        let id = id.unwrap_or_else(|| panic!("{row} has no id"));
        id.as_str().map_or_else(|| id.to_string(), ToOwned::to_owned)
    };
    rows.map(id).collect()
}

/// All ids, page by page from the newest on, or back from `from`.
fn walk(shop: &Shop, list: &List, back_from: Option<&str>) -> Vec<String> {
    let (mut walked, mut cursor) = (Vec::new(), back_from.map(ToOwned::to_owned));
    loop {
        let way = if back_from.is_some() { "ending_before" } else { "starting_after" };
        let query = cursor.map(|id| format!("&{way}={}", escaped(&id))).unwrap_or_default();
        let page = page(shop, list, &format!("?limit=2{query}"));
        let found = ids(&page);
        assert!(found.len() <= 2, "{}", list.pattern);
        cursor = if back_from.is_some() { found.first() } else { found.last() }.cloned();
        if back_from.is_some() {
            walked.splice(..0, found);
        } else {
            walked.extend(found);
        }
        if page["has_more"] == false {
            return walked;
        }
    }
}

#[test]
fn every_list_is_walked_both_ways_and_stays_stable_while_rows_come_in() {
    on_both(STILL, |shop| {
        let mut lists = lists(&shop.get("/openapi.json").no_key().send().expect(200));
        with_owners(shop, &mut lists);
        assert!(lists.len() >= 5, "the description has only {} lists", lists.len());
        fill(shop, &lists);
        let before: Vec<_> = lists.iter().map(|list| check(shop, list)).collect();
        // Ids of one millisecond are in no order among themselves.
        shop.clock.advance(shopwright_domain::time::SECOND);
        add_to(shop, &lists, 6);
        let now = "2026-11-24T12:00:00Z".parse().unwrap();
        shop.write(move |tx| shopwright_store::catalog::upsert(tx, &product("!new", Some(1)), now));
        for (list, (cursor, behind)) in lists.iter().zip(before) {
            let query = format!("?limit=3&starting_after={}", escaped(&cursor));
            assert_eq!(ids(&page(shop, list, &query)), behind, "{} moved", list.pattern);
        }
    });
}

/// Gives a cursor and the page behind it.
fn check(shop: &Shop, list: &List) -> (String, Vec<String>) {
    let name = &list.pattern;
    let all = page(shop, list, "?limit=100");
    let found = ids(&all);
    assert!(found.len() > 4, "{name} is not filled by this test: {found:?}");
    let mut different = found.clone();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), found.len(), "{name} names a row twice");
    assert_eq!(ids(&page(shop, list, "")), found[..found.len().min(10)], "{name} by default");
    assert_eq!(walk(shop, list, None), found, "{name} forwards");
    let (last, rest) = found.split_last().unwrap();
    assert_eq!(walk(shop, list, Some(last)), rest, "{name} backwards");
    assert_eq!(
        page(shop, list, &format!("?ending_before={}", escaped(&found[0])))["data"],
        json!([])
    );
    assert_eq!(page(shop, list, &format!("?starting_after={}", escaped(last)))["data"], json!([]));
    if !IN_CODE_ORDER.contains(&name.as_str()) {
        check_newest_first(name, &all);
    }
    let both = format!("starting_after={0}&ending_before={0}", escaped(last));
    for query in
        ["limit=0", "limit=101", "limit=ten", "starting_after=%00", "no_such_filter=1", &both]
    {
        let refused = shop.get(&format!("{}?{query}", list.path)).send();
        assert_eq!(refused.status, 400, "{name}?{query}: {refused:?}");
    }
    (found[1].clone(), found[2..5].to_vec())
}

fn check_newest_first(name: &str, all: &Value) {
    let time = |row: &Value| {
        let time = TIMES.iter().find_map(|field| row[*field].as_str());
        time.unwrap_or_else(|| panic!("{name}: {row} does not say when it was made")).to_owned()
    };
    let times: Vec<String> = all["data"].as_array().unwrap().iter().map(time).collect();
    assert!(
        times.is_sorted_by(|newer, older| newer >= older),
        "{name} is not newest first: {times:?}"
    );
}
