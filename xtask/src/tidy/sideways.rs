//! Rules of one engine do not import rules of another. In the domain only `checkout` joins engines;
//! the shared words (money, time, ids, the catalogue's names) are open to all.
//!
//! A path counts however it is written: `crate::other`, `crate::{other::X, ..}` or enough `super`s.

use super::source::Source;
use super::{Finding, Rule};

const DOMAIN: &str = "crates/shopwright-domain/src/";

/// The engines' words, without the shared ones. `checkout` is here too: nobody imports it.
const ENGINES: [&str; 18] = [
    "bundles",
    "checkout",
    "customers",
    "digital",
    "events",
    "experiments",
    "fulfilment",
    "identity",
    "inventory",
    "orders",
    "payments",
    "pricing",
    "promotions",
    "recommend",
    "subscriptions",
    "tax",
    "tiers",
    "usage",
];

/// The one module that may read every engine.
const JOINS_ALL: &str = "checkout";

/// What is no rule of an engine but the outside's words put into ours, and whose words they are.
const TRANSLATES: [(&str, &[&str]); 2] =
    [("events", &["customers"]), ("platforms", &["customers", "orders"])];

/// Imports of another engine in one domain file.
pub fn check(source: &Source<'_>) -> Vec<Finding> {
    let Some(inside) = source.path.strip_prefix(DOMAIN) else { return Vec::new() };
    let home = module_path(inside);
    // lib.rs itself declares and re-exports every engine.
    let Some(engine) = home.first().copied().filter(|engine| *engine != JOINS_ALL) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for at in 0..source.tokens.len() {
        let Some(next) = after_crate_root(source, at, home.len()) else { continue };
        for (head, line) in heads(source, next) {
            let translates =
                TRANSLATES.iter().any(|(at, of)| *at == engine && of.contains(&&*head));
            let foreign = head != engine && ENGINES.contains(&head.as_str()) && !translates;
            if foreign || head == "*" {
                let message = format!("`{engine}` imports `crate::{head}`: only checkout may");
                findings.push(Finding::new(source.path, line, Rule::Sideways, message));
            }
        }
    }
    findings
}

/// `orders/quote.rs` is `[orders, quote]`, `orders/mod.rs` is `[orders]`, `lib.rs` is `[]`.
fn module_path(inside: &str) -> Vec<&str> {
    let stem = inside.strip_suffix(".rs").unwrap_or(inside);
    stem.split('/').filter(|part| !matches!(*part, "lib" | "mod")).collect()
}

/// When a path that starts at `at` names the crate's root, the index just behind its `::`.
fn after_crate_root(source: &Source<'_>, at: usize, file_depth: usize) -> Option<usize> {
    let continues_a_path = at >= 2 && source.reads(at - 2, &[":", ":"]);
    if continues_a_path {
        return None;
    }
    if source.reads(at, &["crate", ":", ":"]) {
        return Some(at + 3);
    }
    let mut next = at;
    while source.reads(next, &["super", ":", ":"]) {
        next += 3;
    }
    let depth = file_depth + source.tokens.get(at)?.module_depth;
    (next > at && (next - at) / 3 == depth).then_some(next)
}

/// The first name of each path at `at`: one name, or one per branch of a `{ .. }` group.
fn heads(source: &Source<'_>, at: usize) -> Vec<(String, usize)> {
    let Some(first) = source.tokens.get(at) else { return Vec::new() };
    if first.text != "{" {
        return vec![(first.text.clone(), first.line)];
    }
    let mut heads = Vec::new();
    let mut depth = 0_usize;
    let mut at_branch = false;
    for token in &source.tokens[at..] {
        match token.text.as_str() {
            "{" => {
                depth += 1;
                at_branch = depth == 1;
            }
            "}" if depth == 1 => break,
            "}" => depth -= 1,
            "," => at_branch = depth == 1,
            name if at_branch => {
                heads.push((name.to_owned(), token.line));
                at_branch = false;
            }
            _ => {}
        }
    }
    heads
}
