//! Rounds of every query, contenders taking turns, and their table.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use ledger_cases::{Case, Shape};
use measure::{grouped, median, ratio};

use crate::Contenders;

/// One contender's rounds of one query, nanoseconds.
type Rounds = Vec<f64>;

/// Runs every query `rounds` times and writes the table of operations a second and ratios.
pub fn compare(engine: &str, raw_name: &str, all: &mut Contenders, rounds: u32) -> Result<String> {
    let mut out = format!(
        "#### {engine}: queries\n\nOperations a second (median of {rounds} rounds, contenders taking turns) and how \
         much of the raw speed is left (median of the rounds' ratios). Unless said, the operations of a round \
         share one committed transaction.\n\n\
         | query | raw {raw_name} | Store | sqlx | Store ÷ raw | sqlx ÷ raw |\n\
         |---|--:|--:|--:|--:|--:|\n"
    );
    let (mut store_logs, mut sqlx_logs, mut counted) = (0.0, 0.0, 0.0);
    for &case in Case::ALL {
        eprintln!("{engine}: {}", case.name());
        let [raw, store, sqlx] = measure(case, all, rounds).with_context(|| case.name())?;
        let (store_ratio, sqlx_ratio) = (times_raw(&raw, &store), times_raw(&raw, &sqlx));
        if case.shape() != Shape::Alone {
            store_logs += store_ratio.ln();
            sqlx_logs += sqlx_ratio.ln();
            counted += 1.0;
        }
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {store_ratio:.2} | {sqlx_ratio:.2} |",
            case.name(),
            per_second(case, raw),
            per_second(case, store),
            per_second(case, sqlx),
        );
    }
    let geometric = |logs: f64| (logs / counted).exp();
    let _ = writeln!(
        out,
        "| **geometric mean, without reads by themselves** | | | | **{:.2}** | **{:.2}** |",
        geometric(store_logs),
        geometric(sqlx_logs)
    );
    Ok(out)
}

/// The rounds of the raw driver, the store and sqlx; the first of each is thrown away.
fn measure(case: Case, all: &mut Contenders, rounds: u32) -> Result<[Rounds; 3]> {
    let mut times = [const { Vec::new() }; 3];
    for round in 0..=rounds {
        let salt = u64::from(round) + 1;
        // Who goes first changes, so that nobody always runs on another's warm caches.
        for turn in 0..3 {
            let which = (turn + round as usize) % 3;
            let contender = match which {
                0 => &mut all.raw,
                1 => &mut all.store,
                _ => &mut all.sqlx,
            };
            let took = contender.round(case, salt)?.as_secs_f64() * 1e9;
            if round > 0 {
                times[which].push(took);
            }
        }
    }
    Ok(times)
}

/// How much of the raw speed is left.
fn times_raw(raw: &[f64], other: &[f64]) -> f64 {
    ratio(raw.iter().copied(), other.iter().copied())
}

#[expect(clippy::cast_precision_loss, reason = "operations in a round are few")]
fn per_second(case: Case, rounds: Rounds) -> String {
    grouped(case.operations() as f64 / (median(rounds) / 1e9))
}
