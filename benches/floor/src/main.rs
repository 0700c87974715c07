//! The floor under load: the product's own writes against raw SQLite that writes the same rows, in
//! one run, and how the cost of each grows with the shop. Markdown on standard output.

mod demand;
mod product;
mod raw;
mod server;
mod shop;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use measure::{grouped, median, ratio};

use crate::demand::Demand;
use crate::product::Load;
use crate::shop::{Shop, Size, forget_runs};

const IN_FLIGHT: [usize; 3] = [1, 16, 256];
const SMALL: Size = Size { skus: 1_000, past: 20_000 };
/// Counters in a shop of the small size.
const COUNTERS: usize = 1_000;

/// Measures the floor's writes.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where the database files are made; must be on a disk, not in memory.
    #[arg(long)]
    folder: PathBuf,
    /// A PostgreSQL server with fsync on, where the schema `floor_load` and pgbench's tables may be made.
    #[arg(long)]
    postgres: Option<String>,
    /// The `pgbench` program of that server.
    #[arg(long, default_value = "pgbench")]
    pgbench: PathBuf,
    /// Rounds of each load; contenders take turns.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// How long each round lasts, milliseconds.
    #[arg(long, default_value_t = 1_200)]
    millis: u64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let folder = tempfile::tempdir_in(&arguments.folder)
        .with_context(|| format!("cannot make a folder in {}", arguments.folder.display()))?;
    let mut shops = Vec::new();
    for (times, name) in [(1, "small"), (10, "large")] {
        let size = Size { skus: SMALL.skus * times, past: SMALL.past * times };
        eprintln!("making a shop of {} SKUs", size.skus);
        let product = Shop::make(folder.path(), &format!("{name}-product.db"), size)?;
        product::make_counters(&product, COUNTERS * times)?;
        let rival = product.copied(folder.path(), &format!("{name}-raw.db"))?;
        let connection = raw::open(&rival.path)?;
        shops.push(Pair { product, rival, connection, counters: COUNTERS * times });
    }
    println!("{}", reservations(&shops, &arguments)?);
    println!("{}", orders(&shops, &arguments)?);
    if let Some(url) = &arguments.postgres {
        println!("{}", server::orders(url, &arguments)?);
    }
    println!("{}", counters(&shops, &arguments)?);
    Ok(())
}

/// Two shops of one size: one the product writes to, one raw SQLite writes to.
struct Pair {
    product: Shop,
    rival: Shop,
    connection: rusqlite::Connection,
    counters: usize,
}

/// How a cost grows: 0 when it stays, 1 when ten times the size cost ten times as much.
fn exponent(small: f64, large: f64) -> f64 {
    (small / large).log10()
}

fn reservations(shops: &[Pair], arguments: &Arguments) -> Result<String> {
    let mut out = format!(
        "### Reservations of 3 SKUs, durable\n\nThe product's `reserve` operation against raw SQLite that writes \
         the same rows in the same tables, at most {} a commit; answered a second, median of {} rounds of {} ms.\n\n\
         | orders want | SKUs | in flight | raw SQLite, grouped | Shopwright | ratio |\n|---|--:|--:|--:|--:|--:|\n",
        raw::GROUP,
        arguments.rounds,
        arguments.millis
    );
    let mut at = Vec::new();
    for pair in shops {
        for demand in [Demand::Spread, Demand::Hot] {
            for in_flight in IN_FLIGHT {
                let (mut ours, mut theirs) = (Vec::new(), Vec::new());
                for round in 0..arguments.rounds {
                    eprintln!(
                        "{} SKUs, {in_flight} in flight, round {round}",
                        pair.product.size.skus
                    );
                    let load = load(in_flight, arguments, round);
                    ours.push(product::reservations(&pair.product, demand, load)?);
                    theirs.push(raw::reservations(
                        &pair.connection,
                        pair.rival.size,
                        demand,
                        load,
                    )?);
                    forget_runs(&pair.product)?;
                    forget_runs(&pair.rival)?;
                }
                let _ = writeln!(
                    out,
                    "| {} | {} | {in_flight} | {} | {} | {:.2} |",
                    demand.name(),
                    grouped(u32::try_from(pair.product.size.skus)?.into()),
                    grouped(median(theirs.iter().copied())),
                    grouped(median(ours.iter().copied())),
                    ratio(ours.iter().copied(), theirs.iter().copied())
                );
                at.push(median(ours));
            }
        }
    }
    let half = at.len() / 2;
    growth(&mut out, "reservation, any three, 256 in flight", at[2], at[half + 2]);
    Ok(out)
}

fn orders(shops: &[Pair], arguments: &Arguments) -> Result<String> {
    let mut out = "### Orders of 3 SKUs, paid, with their stock, durable\n\nThe product's `place_order` operation \
         against raw SQLite that writes the same rows, grouped alike.\n\n\
         | SKUs | in flight | raw SQLite, grouped | Shopwright | ratio |\n|--:|--:|--:|--:|--:|\n"
        .to_owned();
    let mut at = Vec::new();
    for pair in shops {
        for in_flight in IN_FLIGHT {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for round in 0..arguments.rounds {
                eprintln!("orders, {} SKUs, {in_flight} in flight", pair.product.size.skus);
                let load = load(in_flight, arguments, round);
                ours.push(product::orders(&pair.product, Demand::Spread, load)?);
                theirs.push(raw::orders(&pair.connection, pair.rival.size, Demand::Spread, load)?);
                forget_runs(&pair.product)?;
                forget_runs(&pair.rival)?;
            }
            let _ = writeln!(
                out,
                "| {} | {in_flight} | {} | {} | {:.2} |",
                grouped(u32::try_from(pair.product.size.skus)?.into()),
                grouped(median(theirs.iter().copied())),
                grouped(median(ours.iter().copied())),
                ratio(ours.iter().copied(), theirs.iter().copied())
            );
            at.push(median(ours));
        }
    }
    let half = at.len() / 2;
    growth(&mut out, "order, 256 in flight", at[half - 1], at[at.len() - 1]);
    Ok(out)
}

fn growth(out: &mut String, what: &str, small: f64, large: f64) {
    let _ = writeln!(
        out,
        "\nGrowth, {what}: ten times the shop costs {:.2} × as much (exponent {:.2}).",
        small / large,
        exponent(small, large)
    );
}

fn load(in_flight: usize, arguments: &Arguments, round: u32) -> Load {
    let lasts = Duration::from_millis(arguments.millis);
    Load { in_flight, lasts, salt: u64::from(round) << 32 | in_flight as u64 }
}

fn counters(shops: &[Pair], arguments: &Arguments) -> Result<String> {
    let mut out = "### Counters with an exact limit, durable\n\nOne unit of one of so many counters through the \
         ledger, against raw grouped SQLite with the same statement.\n\n\
         | counters | in flight | raw SQLite, grouped | Shopwright | ratio |\n|--:|--:|--:|--:|--:|\n"
        .to_owned();
    let mut at = Vec::new();
    for pair in shops {
        for (counters, in_flight) in [(1, 256), (pair.counters, 16), (pair.counters, 256)] {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for round in 0..arguments.rounds {
                let load = load(in_flight, arguments, round);
                ours.push(product::counters(&pair.product, counters, load)?);
                theirs.push(raw::counters(&pair.connection, counters, load)?);
            }
            let _ = writeln!(
                out,
                "| {} | {in_flight} | {} | {} | {:.2} |",
                grouped(u32::try_from(counters)?.into()),
                grouped(median(theirs.iter().copied())),
                grouped(median(ours.iter().copied())),
                ratio(ours.iter().copied(), theirs.iter().copied())
            );
            at.push(median(ours));
        }
    }
    let half = at.len() / 2;
    growth(&mut out, "counter, 256 in flight", at[half - 1], at[at.len() - 1]);
    Ok(out)
}
