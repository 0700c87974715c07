//! What must lie where: migrations in pairs, the documents a newcomer looks for, and a `.ci/run` that
//! is nothing but the whole check, so that a green run means the same on every machine.

use super::tree::Tree;
use super::{Finding, Rule};

const MIGRATIONS: &str = "crates/shopwright-store/migrations";
const DOCUMENTS: [&str; 3] = ["README.md", "CHANGELOG.md", "ARCHITECTURE.md"];
const CI: &str = ".ci/run";

/// All findings about the layout.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = migrations(tree);
    for path in DOCUMENTS {
        if tree.find(path).is_none_or(|file| file.text.trim().is_empty()) {
            findings.push(Finding::new(path, 0, Rule::Documents, "is missing or empty"));
        }
    }
    findings.extend(ci(tree));
    findings
}

fn migrations(tree: &Tree) -> Vec<Finding> {
    let sqlite = format!("{MIGRATIONS}/sqlite");
    let postgres = format!("{MIGRATIONS}/postgres");
    let mut findings = Vec::new();
    for (folder, twin) in [(&sqlite, &postgres), (&postgres, &sqlite)] {
        let names = tree.names_in(folder);
        let twins = tree.names_in(twin);
        if names.is_empty() {
            findings.push(Finding::new(folder, 0, Rule::Migrations, "holds no migration"));
        }
        for (at, name) in names.iter().enumerate() {
            let path = format!("{folder}/{name}");
            let number = format!("{:04}_", at + 1);
            let what = name.strip_prefix(&number).and_then(|rest| rest.strip_suffix(".sql"));
            if what.is_none_or(str::is_empty) {
                let message = format!("should be named `{number}<what>.sql`: no gap, no double");
                findings.push(Finding::new(&path, 0, Rule::Migrations, message));
            }
            if !twins.contains(name) {
                let message = format!("has no twin of the same name in {twin}");
                findings.push(Finding::new(&path, 0, Rule::Migrations, message));
            }
        }
    }
    findings
}

fn ci(tree: &Tree) -> Option<Finding> {
    let text = tree.find(CI).map_or("", |file| file.text.as_str());
    let is_frame = |line: &&str| {
        line.is_empty()
            || line.starts_with('#')
            || line.starts_with("set -")
            || *line == r#"cd "$(dirname "$0")/..""#
    };
    let commands: Vec<&str> = text.lines().map(str::trim).filter(|line| !is_frame(line)).collect();
    let whole_check = ["cargo xtask test", "exec cargo xtask test"];
    match commands.as_slice() {
        [only] if whole_check.contains(only) => None,
        _ => Some(Finding::new(CI, 0, Rule::Ci, "must run `cargo xtask test` and nothing else")),
    }
}
