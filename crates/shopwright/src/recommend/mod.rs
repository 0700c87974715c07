//! `recommend batch` and `evaluate recommend`: recommenders on plain files, without a store.

mod batch;
mod evaluate;
mod read;

use std::io::IsTerminal;

use crate::cli::RecommendKind;
use shopwright_models::recommend::Purpose;

pub use batch::batch;
pub use evaluate::evaluate;

/// What the flags ask for.
fn purpose(kind: RecommendKind, allow_seen: bool) -> Purpose {
    match kind {
        RecommendKind::User if allow_seen => Purpose::Repeat,
        RecommendKind::User => Purpose::Discover,
        RecommendKind::Session => Purpose::Session,
        RecommendKind::BoughtTogether => Purpose::Together,
    }
}

/// Threads a fit uses.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Tells a terminal what is being fitted.
fn say(what: &str) {
    if std::io::stderr().is_terminal() {
        eprintln!("  {what}");
    }
}

/// The most memory this process has held, in MiB; nothing where the system does not say.
fn peak_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some((kib / 102.4).round() / 10.0)
}
