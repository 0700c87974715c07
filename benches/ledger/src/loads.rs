//! Reservations in flight, durable: what committing together is worth, and that nothing is oversold.

use std::fmt::Write as _;

use anyhow::{Result, ensure};
use ledger_cases::{Demand, Load};
use measure::{grouped, median, ratio};

use crate::Contenders;

/// Operations a raw group holds at most.
const GROUP: usize = 64;

const IN_FLIGHT: [usize; 3] = [1, 16, 256];

/// Who runs a load: the contender and how many operations it commits together.
#[derive(Clone, Copy)]
enum Runner {
    RawGrouped,
    RawEach,
    Store,
    SqlxGrouped,
    SqlxEach,
}

/// Runs every load `rounds` times and writes the table; fails when anything was oversold or lost.
pub fn compare(
    engine: &str,
    raw_name: &str,
    all: &mut Contenders,
    rounds: u32,
    millis: u64,
) -> Result<String> {
    let grouping = engine == "SQLite";
    let runners: &[Runner] = if grouping {
        &[Runner::RawGrouped, Runner::RawEach, Runner::Store, Runner::SqlxGrouped, Runner::SqlxEach]
    } else {
        &[Runner::RawEach, Runner::Store, Runner::SqlxEach]
    };
    let mut out = heading(engine, raw_name, grouping, rounds, millis);
    let mut salt = 1;
    for demand in [Demand::Spread, Demand::Hot] {
        for in_flight in IN_FLIGHT {
            eprintln!("{engine}: {in_flight} in flight, {demand:?}");
            let mut rates = vec![Vec::new(); runners.len()];
            for round in 0..rounds as usize {
                for turn in 0..runners.len() {
                    let which = (turn + round) % runners.len();
                    let load = Load { in_flight, demand, millis, salt };
                    salt += 1;
                    rates[which].push(run(runners[which], all, load)?);
                }
            }
            let wanted =
                if demand == Demand::Hot { "one SKU in every order" } else { "any of 200" };
            let _ = writeln!(out, "| {wanted} | {in_flight} | {} |", cells(grouping, &rates));
        }
    }
    Ok(out)
}

fn heading(engine: &str, raw_name: &str, grouping: bool, rounds: u32, millis: u64) -> String {
    let columns = if grouping {
        format!(
            "| orders want | in flight | raw {raw_name}, ≤ {GROUP} a commit | raw, one a commit | Store | sqlx, \
             ≤ {GROUP} a commit | sqlx, one a commit | Store ÷ raw grouped | sqlx ÷ raw, both grouped | \
             Store ÷ raw one a commit |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n"
        )
    } else {
        format!(
            "| orders want | in flight | raw {raw_name} | Store | sqlx | Store ÷ raw | sqlx ÷ raw |\n\
             |---|--:|--:|--:|--:|--:|--:|\n"
        )
    };
    format!(
        "#### {engine}: reservations of 3 SKUs, durable\n\nFilled orders a second (median of {rounds} rounds of \
         {millis} ms, contenders taking turns). One order in twenty wants a SKU that sells out and is refused. \
         After every round the tables are audited: oversold 0, and each acknowledged order there exactly once, \
         or the run fails.\n\n{columns}"
    )
}

fn run(runner: Runner, all: &mut Contenders, load: Load) -> Result<f64> {
    let (name, result) = match runner {
        Runner::RawGrouped => ("raw", all.raw.load(load, GROUP)?),
        Runner::RawEach => ("raw", all.raw.load(load, 1)?),
        Runner::Store => ("Store", all.store.load(load, GROUP)?),
        Runner::SqlxGrouped => ("sqlx", all.sqlx.load(load, GROUP)?),
        Runner::SqlxEach => ("sqlx", all.sqlx.load(load, 1)?),
    };
    if let Some(problem) = result.problem() {
        anyhow::bail!("{name}, {} in flight: {problem}", load.in_flight);
    }
    ensure!(result.reserved > 0, "{name} reserved nothing");
    Ok(result.per_second())
}

fn cells(grouping: bool, rates: &[Vec<f64>]) -> String {
    let rates_of = |runner: usize| rates[runner].iter().copied();
    let mut cells: Vec<String> =
        (0..rates.len()).map(|runner| grouped(median(rates_of(runner)))).collect();
    let ratios: &[(usize, usize)] =
        if grouping { &[(2, 0), (3, 0), (2, 1)] } else { &[(1, 0), (2, 0)] };
    cells
        .extend(ratios.iter().map(|&(of, to)| format!("{:.2}", ratio(rates_of(of), rates_of(to)))));
    cells.join(" | ")
}
