//! `price policy`: a pricing policy on standard input and output, for simulators. One JSON object a
//! line in, exactly one a line out, flushed at once; nothing is kept between episodes.

use std::io::{BufRead, Write};

use serde::Deserialize;
use serde_json::{Value as Json, json};
use shopwright_models::pricing::policy::{Conduct, Policy};
use shopwright_models::pricing::protocol::{Start, Step};

use crate::cli::PolicyArgs;
use crate::failure::Failure;

/// Answers until the input ends.
pub fn run(args: &PolicyArgs) -> Result<(), Failure> {
    let conduct = conduct(args)?;
    let (input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    let mut policy = None;
    for (number, line) in (1_u64..).zip(input.lines()) {
        let line = line.map_err(|error| wrong(number, &error.to_string()))?;
        if line.trim().is_empty() {
            continue;
        }
        let answer = answer(&line, conduct, &mut policy).map_err(|why| wrong(number, &why))?;
        let told = writeln!(output, "{answer}").and_then(|()| output.flush());
        // A reader that went away wants no more prices.
        if told.is_err() {
            break;
        }
    }
    Ok(())
}

fn conduct(args: &PolicyArgs) -> Result<Conduct, Failure> {
    let step = args.max_step.map(|percent| percent / 100.0);
    if step.is_some_and(|step| !step.is_finite() || step <= 0.0) {
        return Err(Failure::new("usage", "--max-step must be a percentage above 0, like 10"));
    }
    Ok(Conduct { changes_per_week: args.max_changes_per_week, step })
}

fn wrong(number: u64, why: &str) -> Failure {
    Failure::new("policy", format!("line {number}: {why}"))
}

fn answer(line: &str, conduct: Conduct, policy: &mut Option<Policy>) -> Result<Json, String> {
    let not_so = |error: serde_json::Error| {
        format!("{error}; send one JSON object a line, as docs/pricing-models.md describes")
    };
    let message: Json = serde_json::from_str(line).map_err(not_so)?;
    match message.get("type").and_then(Json::as_str) {
        Some("hello") => Ok(json!({ "name": "shopwright", "protocol": 1 })),
        Some("start") => {
            let start = Start::deserialize(&message).map_err(not_so)?;
            *policy = Some(Policy::start(start, conduct).map_err(|error| error.to_string())?);
            Ok(json!({ "ok": true }))
        }
        Some("step") => {
            let step = Step::deserialize(&message).map_err(not_so)?;
            let begun = policy.as_mut().ok_or("a step before any start: send start first")?;
            let prices = begun.step(&step).map_err(|error| error.to_string())?;
            Ok(json!({ "prices": prices }))
        }
        Some("end") => {
            *policy = None;
            Ok(json!({ "ok": true }))
        }
        Some(other) => Err(format!("no message \"{other}\": send hello, start, step or end")),
        None => Err("a message needs a \"type\": hello, start, step or end".to_owned()),
    }
}
