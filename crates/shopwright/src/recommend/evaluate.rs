//! `evaluate recommend`: back-tests every model and the blend on the last days of a file.

use std::time::Instant;

use serde_json::{Value as Json, json};
use shopwright_models::recommend::blend::{self, Blend};
use shopwright_models::recommend::channel::{Data, Model, Spec, Weigh};
use shopwright_models::recommend::engine::Recommender;
use shopwright_models::recommend::neighbours::Similarity;
use shopwright_models::recommend::rows::RowsOf;
use shopwright_models::recommend::slice::Cut;
use shopwright_models::recommend::{Purpose, RecommendError, metrics};

use super::{read, say, threads};
use crate::cli::EvaluateRecommendArgs;
use crate::failure::Failure;
use crate::output::{Align, Answer, Page};

/// Back-tests on a file.
pub fn evaluate(args: &EvaluateRecommendArgs) -> Result<Answer, Failure> {
    let known = read::training(&args.train)?;
    let mut rows = Vec::new();
    let kinds = [
        ("next basket, seen removed", Purpose::Discover),
        ("next basket, repeats in", Purpose::Repeat),
        ("bought together", Purpose::Together),
        ("sessions", Purpose::Session),
    ];
    let timed = known.events.iter().any(|event| event.time > 0);
    for (kind, purpose) in kinds {
        if purpose == Purpose::Session && !timed {
            continue;
        }
        let cut = Cut { purpose, most: 2_000, last_days: Some(args.last_days), seed: args.seed };
        let (kept, tasks) = cut.make(&known.events);
        if tasks.is_empty() || kept.is_empty() {
            continue;
        }
        let data = Data {
            events: &kept,
            items: known.items.len(),
            words: None,
            threads: threads(),
            seed: args.seed,
        };
        let failed = |error: RecommendError| Failure::new("recommend", error.to_string());
        let mut models = peers(purpose);
        let begun = Instant::now();
        let blend = blend::choose(data, purpose, say).map_err(failed)?;
        let choosing = begun.elapsed().as_secs_f64();
        models.push(("blend", blend));
        for (name, blend) in models {
            let begun = Instant::now();
            let model = Recommender::fit(data, purpose, &blend).map_err(failed)?;
            let extra = if name == "blend" { choosing } else { 0.0 };
            let fit = begun.elapsed().as_secs_f64() + extra;
            let mut work = model.work();
            let answer = |task: &shopwright_models::recommend::slice::Task, work: &mut _| {
                let best = model.recommend(&task.history, Some(task.now), 100, work);
                best.iter().map(|(item, _)| *item).collect::<Vec<u32>>()
            };
            let lists: Vec<Vec<u32>> = tasks.iter().map(|task| answer(task, &mut work)).collect();
            let truths: Vec<&[u32]> = tasks.iter().map(|task| task.truth.as_slice()).collect();
            rows.push(measured(kind, name, fit, &lists, &truths, known.items.len(), args.seed));
        }
    }
    if rows.is_empty() {
        return Err(Failure::new(
            "recommend",
            "nothing is left to score; use fewer --last-days or more events",
        ));
    }
    let json = json!({ "last_days": args.last_days, "rows": rows });
    if let Some(path) = &args.report {
        std::fs::write(path, format!("{json:#}\n"))
            .map_err(|error| Failure::new("file", format!("{}: {error}", path.display())))?;
    }
    Ok(Answer::new(json.clone(), page(&rows)))
}

fn peers(purpose: Purpose) -> Vec<(&'static str, Blend)> {
    let rows = if purpose == Purpose::Together { RowsOf::Baskets } else { RowsOf::Users };
    let cosine = Similarity::Cosine { shrink: 5.0 };
    let mut models = vec![
        ("popularity", Model::Popular(None)),
        ("item-kNN cosine", Model::Near(rows, cosine, None, false)),
        ("item-kNN by length", Model::Near(rows, cosine, None, true)),
        ("user-kNN", Model::Rows(rows, 100, 5_000, None, false)),
        ("EASE", Model::Ease(rows, 200.0)),
        ("ALS", Model::Als(64, 10.0, 10.0)),
    ];
    match purpose {
        Purpose::Repeat => models.push(("decayed counter", Model::Counter(Some(60.0)))),
        Purpose::Session => {
            models.push(("session-kNN", Model::Rows(RowsOf::Baskets, 100, 500, None, true)));
            models.push(("followers", Model::Followers(None)));
        }
        _ => {}
    }
    let weigh = if purpose == Purpose::Session { Weigh::Steps(0.8) } else { Weigh::Flat };
    let alone = |model| Blend {
        parts: vec![(Spec { model, weigh }, 1.0)],
        trend: None,
        reached: 0.0,
        alone: Vec::new(),
        tasks: 0,
    };
    models.into_iter().map(|(name, model)| (name, alone(model))).collect()
}

fn measured(
    kind: &str,
    name: &str,
    fit: f64,
    lists: &[Vec<u32>],
    truths: &[&[u32]],
    items: usize,
    seed: u64,
) -> Json {
    let of = |measure: fn(&[u32], &[u32], usize) -> f64, k: usize| {
        let values: Vec<f64> =
            lists.iter().zip(truths).map(|(list, truth)| measure(list, truth, k)).collect();
        let found = metrics::mean(&values, seed);
        json!({ "mean": found.mean, "low": found.low, "high": found.high })
    };
    let mut row = json!({
        "kind": kind, "model": name, "tasks": lists.len(), "fit_seconds": fit,
        "coverage@10": metrics::coverage(lists, items, 10), "mrr@20": of(metrics::mrr, 20),
    });
    for k in [10, 20, 100] {
        row[format!("hr@{k}")] = of(metrics::hit, k);
        row[format!("recall@{k}")] = of(metrics::recall, k);
        row[format!("ndcg@{k}")] = of(metrics::ndcg, k);
    }
    row
}

fn page(rows: &[Json]) -> Page {
    let mut page = Page::new("Recommenders on the last days, with the middle 95 % of the mean");
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    for kind in rows.chunk_by(|a, b| a["kind"] == b["kind"]) {
        page.section(&format!("{}, {} tasks", text(&kind[0]["kind"]), kind[0]["tasks"]));
        let number = |value: &Json| format!("{:.4}", value.as_f64().unwrap_or(0.0));
        let mean = |value: &Json| {
            let ends = format!("{}–{}", number(&value["low"]), number(&value["high"]));
            format!("{} ({ends})", number(&value["mean"]))
        };
        let line = |row: &Json| {
            let mut cells = vec![text(&row["model"])];
            cells.extend(["ndcg@10", "hr@10", "mrr@20", "recall@100"].map(|key| mean(&row[key])));
            cells.extend([number(&row["coverage@10"]), number(&row["fit_seconds"])]);
            cells
        };
        let head = [
            ("model", Align::Left),
            ("NDCG@10", Align::Right),
            ("HR@10", Align::Right),
            ("MRR@20", Align::Right),
            ("Recall@100", Align::Right),
            ("coverage@10", Align::Right),
            ("fit s", Align::Right),
        ];
        page.table(&head, kind.iter().map(line).collect());
    }
    page
}
