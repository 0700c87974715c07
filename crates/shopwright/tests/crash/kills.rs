//! `kill -9` in a loop, at moments chosen by chance, under mixed load on the real binary. After each
//! one the books hold and every acknowledged write is there.

use std::process::Child;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::chance::{Chance, seed};
use crate::client::Client;
use crate::harness::{Server, Shop, make_key};
use crate::journal::Journal;
use crate::load::{LOAD, SKUS, Unanswered, Worker};
use crate::places::{on_postgres, on_sqlite};
use crate::promises::broken_promises;
use crate::told::Told;

/// At work at once.
pub const WORKERS: usize = 4;
/// A server lives at least this long under load, and at most this much longer.
const LIFE_MIN: Duration = Duration::from_millis(150);
const LIFE_SPREAD_MILLIS: u64 = 1_500;

fn kills() -> u64 {
    std::env::var("SHOPWRIGHT_TEST_KILLS").map_or(5, |text| text.parse().unwrap())
}

/// A shop with products, plenty of each, and one order each; and its key. Webhooks may reach this
/// machine, and nobody is told to slow down.
pub fn open(shop: &Shop) -> String {
    shop.file("shopwright.toml", "outbound_allow = \"127.0.0.1\"\nrate_secret_per_minute = 0\n");
    let rows: Vec<String> = (0..)
        .zip(SKUS)
        .map(|(n, sku)| {
            format!("{},{sku},TITLE,6,2010-12-01 08:26:00,2.55,17850,United Kingdom", 536_365 + n)
        })
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    shop.orders("orders.csv", &rows);
    shop.run(&["import", "online-retail", "orders.csv"]).assert_code(0);
    let shelf = |sku: &&str| format!("{sku},1000000,2011-01-01T12:00:00Z\n");
    let shelves: String = SKUS.iter().map(shelf).collect();
    shop.file("catalog.csv", format!("sku,opening_stock,counted_at\n{shelves}"));
    shop.run(&["import", "catalog", "catalog.csv", "--currency", "GBP"]).assert_code(0);
    make_key(shop)
}

/// Lets workers loose on a server, and kills it and their commands in the middle of it.
/// Gives the requests it left unanswered.
fn live_and_die(
    shop: &Shop,
    key: &str,
    journal: &mut Journal,
    (chance, round): (&Chance, u64),
) -> Vec<Unanswered> {
    let server = Server::start(shop, &["serve"]);
    let commands: Mutex<Vec<Child>> = Mutex::new(Vec::new());
    let over = AtomicBool::new(false);
    let ends: Vec<(Journal, Vec<Unanswered>)> = std::thread::scope(|scope| {
        let start = |number: usize| {
            let mut worker = Worker {
                client: Client::new(shop, server.address(), key, &commands),
                journal: if number == 0 { journal.split() } else { Journal::default() },
                chance: chance.branch(1 + number as u64),
                number,
                of: WORKERS,
                serial: round * 1_000_000,
                made: Vec::new(),
                unanswered: Vec::new(),
            };
            if number > 0 {
                worker.journal = own(journal, number);
            }
            let over = &over;
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    // A lost answer before the kill is a busy server: go on.
                    if worker.act().is_err() {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                }
                (worker.journal, worker.unanswered)
            })
        };
        let threads: Vec<_> = (0..WORKERS).map(start).collect();
        let spread = chance.clone().below(LIFE_SPREAD_MILLIS);
        std::thread::sleep(LIFE_MIN + Duration::from_millis(spread));
        over.store(true, Ordering::Relaxed);
        server.kill();
        for child in commands.lock().unwrap().iter_mut() {
            let _ = child.kill();
        }
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut unanswered = Vec::new();
    for (own, open) in ends {
        journal.absorb(own);
        unanswered.extend(open);
    }
    unanswered
}

/// What a worker must know of the past: what is promised about the products that are its own.
fn own(journal: &Journal, number: usize) -> Journal {
    let mut own = Journal::default();
    for sku in SKUS.iter().skip(number).step_by(WORKERS) {
        let key = format!("policy {sku}");
        own.asked(&key, journal.kept(&key).clone());
        own.acknowledged(&key);
    }
    own.acknowledged = 0;
    own
}

fn survive(shop: &Shop, name: &str) {
    let (seed, kills) = (seed(), kills());
    println!("{name}: {kills} kills from seed {seed}; SHOPWRIGHT_TEST_SEED={seed} repeats it");
    let key = open(shop);
    let told = Told::begin(shop, &key);
    let mut journal = Journal::default();
    let chance = Chance::new(seed);
    for round in 1..=kills {
        let before = journal.acknowledged;
        let chance = chance.branch(round * 100);
        let unanswered = live_and_die(shop, &key, &mut journal, (&chance, round));
        let promised = journal.acknowledged - before;
        let broken = broken_promises(shop, &key, &mut journal, &unanswered);
        assert!(broken.is_empty(), "after kill {round} of seed {seed}: {broken:#?}");
        println!(
            "{name}: kill {round} of {kills}: {promised} answers, all kept; {} POSTs sent again",
            unanswered.len()
        );
    }
    assert!(journal.acknowledged >= kills, "nothing was asked for: {}", journal.acknowledged);
    for operation in LOAD {
        let keys = journal.keys(&format!("{} ", operation.name)).count();
        println!("{name}: {} of the kind {}", keys, operation.name);
    }
    let (events, repeats) = told.settle(shop, &key, &journal);
    println!("{name}: {events} events were told, {repeats} of them more than once");
}

#[test]
fn a_killed_server_keeps_every_acknowledged_write_on_sqlite() {
    on_sqlite(|shop| survive(shop, "SQLite"));
}

#[test]
fn a_killed_server_keeps_every_acknowledged_write_on_postgresql() {
    on_postgres(|shop| survive(shop, "PostgreSQL"));
}
