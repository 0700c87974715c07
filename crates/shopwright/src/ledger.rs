//! The ledger as the commands open it, and the two commands about the ledger itself: `migrate` and
//! `verify`.
//!
//! A command that only asks never makes an empty ledger: it would answer questions about a folder
//! named by mistake.

use std::path::PathBuf;

use serde_json::json;
use shopwright_store::verify::{RuleResult, below_zero, verify};
use shopwright_store::{PostgresOptions, SqliteOptions, Store, StoreError, StoreOptions};

use crate::config::Settings;
use crate::failure::Failure;
use crate::output::{Align, Answer, Page, count, grouped};

/// The embedded database in the data folder.
const DATABASE_FILE: &str = "shopwright.db";

/// Where the ledger of these settings lies.
pub fn options(settings: &Settings) -> StoreOptions {
    match &settings.database_url {
        Some(url) => StoreOptions::Postgres(PostgresOptions {
            connections: settings.database_connections,
            ..PostgresOptions::new(url)
        }),
        None => StoreOptions::Sqlite(tested(SqliteOptions::new(embedded_file(settings)))),
    }
}

/// Tests run debug builds with a ledger that does not sync, to prove that the proof of syncing can
/// fail, and with one that is soon full. No release can be switched this way.
fn tested(mut options: SqliteOptions) -> SqliteOptions {
    if cfg!(debug_assertions) {
        options.durable = std::env::var_os("SHOPWRIGHT_TEST_NOT_DURABLE").is_none();
        let limit = std::env::var("SHOPWRIGHT_TEST_LEDGER_BYTES_MAX").ok();
        options.size_max_bytes = limit.and_then(|bytes| bytes.parse().ok());
    }
    options
}

/// The file of the embedded database.
pub fn embedded_file(settings: &Settings) -> PathBuf {
    settings.data_dir.join(DATABASE_FILE)
}

/// Makes the data folder if it is not there.
pub fn make_data_dir(settings: &Settings) -> Result<(), Failure> {
    std::fs::create_dir_all(&settings.data_dir).map_err(|error| {
        let folder = settings.data_dir.display();
        let does = "name another with --data-dir";
        Failure::new("data_dir", format!("cannot make the data folder {folder}: {error}; {does}"))
    })
}

/// Opens the ledger and brings its schema up to date; an embedded one is made if it is missing.
///
/// Called outside the async runtime, which the PostgreSQL client does not allow around itself.
pub fn open_or_make(settings: &Settings) -> Result<Store, Failure> {
    make_data_dir(settings)?;
    Store::open(&options(settings)).map_err(|error| opening(settings, error))
}

/// Opens a ledger that is there.
pub fn open(settings: &Settings) -> Result<Store, Failure> {
    must_exist(settings)?;
    Store::open(&options(settings)).map_err(|error| opening(settings, error))
}

/// Refuses to go on without an embedded ledger; whether PostgreSQL has one shows when it is asked.
pub fn must_exist(settings: &Settings) -> Result<(), Failure> {
    if settings.database_url.is_none() && !embedded_file(settings).exists() {
        let folder = settings.data_dir.display();
        return Err(Failure::new(
            "no_ledger",
            format!(
                "there is no ledger in {folder}; bring in orders with `shopwright import`, \
                 or name another folder with --data-dir"
            ),
        ));
    }
    Ok(())
}

/// The error with where to look. Never with the URL, which may hold a password.
fn opening(settings: &Settings, error: StoreError) -> Failure {
    let hint = match (&error, &settings.database_url) {
        (StoreError::Unavailable(_), Some(_)) => {
            "; check database_url, and that the server runs and lets this user in".to_owned()
        }
        (StoreError::Unavailable(_), None) => {
            let folder = settings.data_dir.display();
            format!("; check that {folder} can be written, or name another with --data-dir")
        }
        _ => String::new(),
    };
    Failure::new("ledger", format!("{error}{hint}"))
}

/// `migrate`.
pub fn migrate(settings: &Settings) -> Result<Answer, Failure> {
    make_data_dir(settings)?;
    let done = shopwright_store::migrate(&options(settings)).map_err(|e| opening(settings, e))?;
    let mut page = Page::new("Schema");
    if done.from == done.to {
        page.line(&format!("is up to date at version {}", done.to));
    } else {
        page.line(&format!("went from version {} to {}", done.from, done.to));
    }
    Ok(Answer::new(json!({ "from": done.from, "to": done.to }), page))
}

/// `verify`.
pub async fn check(store: &Store) -> Result<Answer, Failure> {
    let (rules, below) =
        store.read(|tx| Ok::<_, StoreError>((verify(tx)?, below_zero(tx)?))).await?;
    let broken: u64 = rules.iter().map(|rule| rule.broken.len() as u64).sum();
    let below_json: Vec<_> =
        below.iter().map(|(sku, on_hand)| json!({ "sku": sku, "on_hand": on_hand })).collect();
    let json = json!({ "holds": broken == 0, "rules": rules, "below_zero": below_json });
    let page = verify_page(&rules, &below, broken);
    Ok(Answer { holds: broken == 0, ..Answer::new(json, page) })
}

fn verify_page(rules: &[RuleResult], below: &[(String, i64)], broken: u64) -> Page {
    let mut page = Page::new("Books");
    let row = |rule: &RuleResult| {
        let state = match rule.broken.len() as u64 {
            0 => "ok".to_owned(),
            rows => format!("BROKEN {}", count(rows, "row", "rows")),
        };
        vec![rule.rule.to_owned(), state, rule.says.to_owned()]
    };
    let head = [("rule", Align::Left), ("result", Align::Left), ("what it says", Align::Left)];
    page.table(&head, rules.iter().map(row).collect());
    for rule in rules.iter().filter(|rule| !rule.broken.is_empty()) {
        page.section(rule.rule);
        for line in &rule.broken {
            page.line(&format!("  {line}"));
        }
    }
    if !below.is_empty() {
        page.section("Below zero (sold beyond what was counted; not a broken book)");
        for (sku, on_hand) in below {
            page.line(&format!("  {sku}: {}", grouped(*on_hand)));
        }
    }
    page.gap();
    if broken == 0 {
        page.line("The books hold.");
    } else {
        page.line(
            "The books do not hold. Keep the database as it is and restore a backup beside it.",
        );
    }
    page
}
