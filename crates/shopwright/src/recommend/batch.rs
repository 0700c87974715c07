//! `recommend batch`: learns from a file, chooses its own blend, answers every query.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Instant;

use serde_json::json;
use shopwright_models::recommend::blend;
use shopwright_models::recommend::channel::Data;
use shopwright_models::recommend::engine::Recommender;

use super::{peak_mib, purpose, read, say, threads};
use crate::cli::RecommendBatchArgs;
use crate::failure::Failure;
use crate::output::print_text;

/// Answers every query of a file.
pub fn batch(args: &RecommendBatchArgs) -> Result<(), Failure> {
    let known = read::training(&args.train)?;
    let queries = read::queries(&args.queries, &known)?;
    let words = args.items_meta.as_ref().map(|path| read::words(path, &known.items)).transpose()?;
    let purpose = purpose(args.kind, args.allow_seen);
    let data = Data {
        events: &known.events,
        items: known.items.len(),
        words: words.as_ref(),
        threads: threads(),
        seed: args.seed,
    };
    let failed = |error: shopwright_models::recommend::RecommendError| {
        Failure::new("recommend", error.to_string())
    };
    let begun = Instant::now();
    let blend = blend::choose(data, purpose, say).map_err(failed)?;
    let chosen = begun.elapsed().as_secs_f64();
    let fitting = Instant::now();
    let model = Recommender::fit(data, purpose, &blend).map_err(failed)?;
    let (last_fit, fitted) = (fitting.elapsed().as_secs_f64(), begun.elapsed().as_secs_f64());
    let names = known.items.in_order();
    let (mut out, mut micros) = (String::new(), Vec::with_capacity(queries.len()));
    let mut work = model.work();
    for query in &queries {
        let asked = Instant::now();
        let best = model.recommend(&query.history, None, args.top, &mut work);
        micros.push(asked.elapsed().as_secs_f64() * 1e6);
        let items: Vec<&str> = best.iter().map(|(item, _)| names[*item as usize]).collect();
        let _ = writeln!(out, "{}\t{}", query.id, items.join(","));
    }
    let write = |path: &std::path::Path| std::fs::File::create(path)?.write_all(out.as_bytes());
    write(&args.out)
        .map_err(|error| Failure::new("file", format!("{}: {error}", args.out.display())))?;
    let total: f64 = micros.iter().sum::<f64>() / 1e6;
    micros.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| quantile(&micros, share);
    let parts: Vec<_> = blend
        .parts
        .iter()
        .map(|(spec, weight)| json!({"channel": format!("{:?}", spec.model), "history": format!("{:?}", spec.weigh), "weight": weight}))
        .collect();
    let alone: Vec<_> = blend
        .alone
        .iter()
        .map(|(spec, value)| json!({"channel": format!("{:?} {:?}", spec.model, spec.weigh), "value": value}))
        .collect();
    #[expect(clippy::cast_precision_loss, reason = "counts of queries")]
    let rate = if total > 0.0 { queries.len() as f64 / total } else { 0.0 };
    let mut found = json!({
        "events": known.events.len(), "users": known.users.len(), "items": known.items.len(),
        "queries": queries.len(), "fit_seconds": fitted, "choose_seconds": chosen,
        "final_fit_seconds": last_fit, "queries_per_second": rate,
        "p50_us": at(0.5), "p90_us": at(0.9), "p99_us": at(0.99), "peak_mib": peak_mib(),
        "validation_tasks": blend.tasks, "validation_value": blend.reached, "blend": parts, "trend": blend.trend,
    });
    if args.explain {
        found["alone"] = json!(alone);
    }
    // One line whether JSON was asked for or not: programs read it.
    print_text(&format!("{found}\n"));
    Ok(())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a place in a list"
)]
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let at = ((sorted.len() as f64 - 1.0).max(0.0) * share).round() as usize;
    sorted.get(at).map(|value| (value * 10.0).round() / 10.0)
}
