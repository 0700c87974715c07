//! Whether what was promised is there after a restart; and the proof that its loss would be noticed.

use std::sync::Mutex;

use serde_json::json;
use shopwright_store::params;

use crate::chance::Chance;
use crate::client::Client;
use crate::harness::{Server, Shop};
use crate::journal::Journal;
use crate::kills::{WORKERS, open};
use crate::load::{LOAD, Unanswered, Worker};
use crate::places::{on_postgres, on_sqlite};

/// Every promise that does not hold, as a restarted server and the ledger show it.
/// Unanswered requests are sent again in between and hold from then on.
pub fn broken_promises(
    shop: &Shop,
    key: &str,
    journal: &mut Journal,
    unanswered: &[Unanswered],
) -> Vec<String> {
    let verified = shop.run(&["verify", "--json"]);
    let mut broken = Vec::new();
    if verified.code != Some(0) {
        broken.push(format!("the books do not hold: {verified:?}"));
    }
    let server = Server::start(shop, &["serve"]);
    let commands = Mutex::new(Vec::new());
    let client = Client::new(shop, server.address(), key, &commands);
    broken.extend(settle(&client, journal));
    if !unanswered.is_empty() {
        for request in unanswered {
            request.repeat(&client, journal);
        }
        broken.extend(settle(&client, journal));
    }
    assert_eq!(server.stop(), Some(0));
    broken
}

fn settle(client: &Client<'_>, journal: &mut Journal) -> Vec<String> {
    let mut broken = Vec::new();
    for operation in LOAD {
        let prefix = format!("{} ", operation.name);
        broken.extend(journal.settle(&prefix, &(operation.seen)(client)));
    }
    broken
}

/// The proof of the proof: what was acknowledged is taken away, and the check says so.
fn notice(shop: &Shop) {
    let key = open(shop);
    let server = Server::start(shop, &["serve"]);
    let commands = Mutex::new(Vec::new());
    let mut worker = Worker {
        client: Client::new(shop, server.address(), &key, &commands),
        journal: Journal::default(),
        chance: Chance::new(7),
        number: 0,
        of: WORKERS,
        serial: 0,
        made: Vec::new(),
        unanswered: Vec::new(),
    };
    for operation in LOAD {
        (operation.act)(&mut worker).unwrap();
    }
    let asked = json!({ "frozen": true });
    worker.write(("freeze store", true.into()), "PUT", "/v1/pricing/freeze", &asked).unwrap();
    let journal = worker.journal.clone();
    drop(worker);
    server.kill();
    assert_eq!(broken_promises(shop, &key, &mut journal.clone(), &[]), [""; 0]);
    let losses = [
        ("promotion", "DELETE FROM promotions"),
        ("policy", "UPDATE pricing_policies SET scope_key = 'x' WHERE scope = 'sku'"),
        ("freeze", "DELETE FROM pricing_policies WHERE scope = 'store'"),
        ("key", "DELETE FROM api_keys WHERE kind = 'publishable'"),
        ("reservation", "UPDATE reservations SET state = 'released' WHERE reference IS NOT NULL"),
        ("order", "UPDATE orders SET state = 'canceled' WHERE source = 'load'"),
        ("movement", "UPDATE stock_movements SET quantity = 9 WHERE reference LIKE 'w0n%'"),
        ("count", "UPDATE stock_counts SET quantity = 9 WHERE reference LIKE 'w0n%'"),
        ("delivery", "UPDATE stock_deliveries SET state = 'canceled'"),
        ("product", "UPDATE products SET title = 'other' WHERE category = 'Load'"),
        ("customer", "UPDATE customer_details SET name = 'other' WHERE customer_id LIKE 'w0n%'"),
        ("api_key", "UPDATE api_keys SET revoked_at = created_at WHERE kind = 'restricted'"),
        ("endpoint", "DELETE FROM webhook_endpoints WHERE url LIKE '%nobody'"),
    ];
    for (name, loss) in losses {
        shop.tamper(move |tx| tx.execute(loss, params![]).map(drop));
        let broken = broken_promises(shop, &key, &mut journal.clone(), &[]);
        assert!(
            broken.iter().any(|line| line.starts_with(&format!("{name} "))),
            "{name}: {broken:#?}"
        );
    }
    shop.tamper(|tx| {
        let loss = "UPDATE orders SET amount_minor = amount_minor + 1 WHERE source LIKE 'w0n%'";
        tx.execute(loss, params![]).map(drop)
    });
    let broken = broken_promises(shop, &key, &mut journal.clone(), &[]);
    assert!(broken.iter().any(|line| line.contains("order_amounts")), "{broken:#?}");
}

#[test]
fn a_write_that_was_lost_would_be_noticed() {
    on_sqlite(notice);
    on_postgres(notice);
}
