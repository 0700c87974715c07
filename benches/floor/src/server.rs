//! Orders on PostgreSQL against `pgbench` in the same run: its TPC-B-like transaction writes four rows
//! under the same durability.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use measure::{grouped, median, ratio};

use crate::demand::Demand;
use crate::product::{self, Load};
use crate::shop::{Shop, forget_runs};
use crate::{Arguments, SMALL};

/// Clients of both contenders.
const CLIENTS: usize = 16;
/// The scale of pgbench's tables: five million accounts.
const SCALE: &str = "50";

/// Compares them.
pub fn orders(url: &str, arguments: &Arguments) -> Result<String> {
    let shop = Shop::make_on_server(url, CLIENTS, SMALL)?;
    eprintln!("making pgbench's tables");
    pgbench(arguments, url, &["-i", "-q", "-s", SCALE])?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let seconds = Duration::from_millis(arguments.millis).as_secs().max(2) * 2;
    for round in 0..arguments.rounds {
        eprintln!("orders on PostgreSQL, round {round}");
        let lasts = Duration::from_secs(seconds);
        let load = Load { in_flight: CLIENTS, lasts, salt: u64::from(round) + 1 };
        ours.push(product::orders(&shop, Demand::Spread, load)?);
        forget_runs(&shop)?;
        let text = pgbench(
            arguments,
            url,
            &["-n", "-s", SCALE, "-c", "16", "-j", "2", "-T", &seconds.to_string()],
        )?;
        theirs.push(tps(&text).with_context(|| format!("pgbench printed no tps: {text}"))?);
    }
    Ok(format!(
        "### Orders on PostgreSQL against pgbench\n\n{CLIENTS} clients each, {seconds} s a round, median of {} \
         rounds; pgbench `-s {SCALE} -c 16 -j 2`.\n\n| pgbench tps | orders a second | ratio |\n|--:|--:|--:|\n\
         | {} | {} | {:.2} |\n",
        arguments.rounds,
        grouped(median(theirs.iter().copied())),
        grouped(median(ours.iter().copied())),
        ratio(ours.iter().copied(), theirs.iter().copied())
    ))
}

fn pgbench(arguments: &Arguments, url: &str, flags: &[&str]) -> Result<String> {
    let output = Command::new(&arguments.pgbench)
        .args(flags)
        .arg(url)
        .output()
        .with_context(|| format!("cannot run {}", arguments.pgbench.display()))?;
    ensure!(output.status.success(), "pgbench: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn tps(text: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.starts_with("tps = "))?;
    line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok()
}
