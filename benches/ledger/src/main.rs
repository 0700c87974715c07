//! The twenty-query proof: is the store layer nearly as fast as the raw driver, and what would
//! another driver under it cost? All contenders take turns in one run on the same rows; the report
//! is Markdown on standard output, progress goes to standard error.

mod child;
mod contender;
mod loads;
mod queries;
mod raw_postgres;
mod raw_sqlite;
mod through_store;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use ledger_cases::PRAGMAS;
use postgres::NoTls;
use shopwright_store::{PostgresOptions, SqliteOptions, StoreOptions};

use crate::child::Remote;
use crate::contender::{Contender, POSTGRES_WRITERS};
use crate::raw_postgres::RawPostgres;
use crate::raw_sqlite::RawSqlite;
use crate::through_store::ThroughStore;

/// Compares the store layer with raw drivers and sqlx, on SQLite and PostgreSQL.
#[derive(Debug, Parser)]
struct Arguments {
    /// The `sqlx-contender` program.
    #[arg(long)]
    sqlx: PathBuf,
    /// A PostgreSQL server with fsync on, where schemas named `proof_…` may be made and dropped.
    #[arg(long, env = "SHOPWRIGHT_TEST_POSTGRES_URL")]
    postgres: Option<String>,
    /// Where the database files are made; must be on a disk, not in memory.
    #[arg(long)]
    folder: PathBuf,
    /// Rounds of each query that count; one more warms up.
    #[arg(long, default_value_t = 9)]
    rounds: u32,
    /// Rounds of each load.
    #[arg(long, default_value_t = 3)]
    load_rounds: u32,
    /// How long each round of a load lasts, milliseconds.
    #[arg(long, default_value_t = 1_500)]
    load_millis: u64,
}

/// The contenders on one engine: the raw driver, the store, sqlx.
pub struct Contenders {
    raw: Box<dyn Contender>,
    store: Box<dyn Contender>,
    sqlx: Box<dyn Contender>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let folder = tempfile::tempdir_in(&arguments.folder)
        .with_context(|| format!("cannot make a folder in {}", arguments.folder.display()))?;
    let postgres = arguments.postgres.as_deref();
    if let Some(url) = postgres {
        make_schemas(url)?;
    }
    let sqlx_file = folder.path().join("sqlx.db");
    let sqlx_postgres = postgres.map(|url| (url, "proof_sqlx"));
    let mut remotes = Remote::start(&arguments.sqlx, &sqlx_file, sqlx_postgres)?.into_iter();
    let mut sqlite = on_sqlite(folder.path(), remotes.next())?;
    let mut on_postgres = postgres.map(|url| on_postgres(url, remotes.next())).transpose()?;
    let both = std::iter::once(("SQLite", "rusqlite", &mut sqlite))
        .chain(on_postgres.as_mut().map(|all| ("PostgreSQL", "postgres", all)));
    for (engine, raw, all) in both {
        eprintln!("{engine}: tables");
        all.raw.prepare()?;
        all.store.prepare()?;
        all.sqlx.prepare()?;
        println!("{}", queries::compare(engine, raw, all, arguments.rounds)?);
        println!(
            "{}",
            loads::compare(engine, raw, all, arguments.load_rounds, arguments.load_millis)?
        );
    }
    if postgres.is_none() {
        println!("PostgreSQL was not measured: no server was given.");
    }
    Ok(())
}

fn on_sqlite(folder: &Path, sqlx: Option<Remote>) -> Result<Contenders> {
    let options = StoreOptions::Sqlite(SqliteOptions::new(folder.join("store.db")));
    let (raw, store) = (RawSqlite::open(&folder.join("raw.db"))?, ThroughStore::open(&options)?);
    let names: Vec<_> = PRAGMAS.iter().map(|(name, _)| *name).collect();
    let (of_raw, of_store) = (raw.pragmas(&names)?, store.pragmas(names.clone())?);
    ensure!(
        of_raw == of_store,
        "an unequal comparison: of {names:?} the raw file has {of_raw:?}, the store {of_store:?}; \
         bring PRAGMAS in benches/cases/src/schema.rs in line with the store"
    );
    Ok(Contenders {
        raw: Box::new(raw),
        store: Box::new(store),
        sqlx: Box::new(sqlx.context("the sqlx contender speaks SQLite")?),
    })
}

fn on_postgres(url: &str, sqlx: Option<Remote>) -> Result<Contenders> {
    let mut options = PostgresOptions::new(url);
    options.schema = Some("proof_store".into());
    // The store gives half of its connections to reads.
    options.connections = POSTGRES_WRITERS * 2;
    Ok(Contenders {
        raw: Box::new(RawPostgres::open(url, "proof_raw")?),
        store: Box::new(ThroughStore::open(&StoreOptions::Postgres(options))?),
        sqlx: Box::new(sqlx.context("the sqlx contender speaks PostgreSQL")?),
    })
}

fn make_schemas(url: &str) -> Result<()> {
    let mut client =
        postgres::Client::connect(url, NoTls).context("cannot connect to PostgreSQL")?;
    let fsync: String = client.query_one("SHOW fsync", &[])?.get(0);
    anyhow::ensure!(
        fsync == "on",
        "PostgreSQL runs with fsync off; its figures would mean nothing"
    );
    for schema in ["proof_raw", "proof_store", "proof_sqlx"] {
        client.batch_execute(&format!(
            "DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}"
        ))?;
    }
    Ok(())
}
