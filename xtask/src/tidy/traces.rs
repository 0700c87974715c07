//! Nothing in the repository may point at the machine or the network it was written on: a path that
//! exists only there breaks for everyone else, and package hosts are each user's own configuration.
//!
//! The patterns are put together from pieces, so that this file does not break its own rule.

use std::sync::LazyLock;

use regex::Regex;

use super::tree::{File, Tree};
use super::{Finding, Rule};

/// Written by cargo, with its default registry's address in every entry.
const LOCK_FILE: &str = "Cargo.lock";

/// Folders at the root of a file system. What stands before the slash keeps web addresses out.
static MACHINE_PATH: LazyLock<Regex> = LazyLock::new(|| {
    let start = r#"(?:^|[\s"'`(\[<=:,]|//)"#;
    let fixed = concat!("/(?:wo", "rk|tm", "p|ro", "ot)");
    let personal = concat!("/(?:ho", "me|Us", "ers)/[a-z]");
    compile(&format!(r"{start}(?:{fixed}(?:/|\b)|{personal})"))
});

static REGISTRY_HOST: LazyLock<Regex> = LazyLock::new(|| {
    let hosts = [
        concat!("crates", r"\.io"),
        concat!("pypi", r"\.org"),
        concat!("pythonhosted", r"\.org"),
        concat!("npmjs", r"\.(?:org|com)"),
        concat!(r"(?:deb|security)\.", r"debian\.org"),
        concat!(r"(?:archive|security)\.", r"ubuntu\.com"),
        concat!("proxy", r"\.golang\.org"),
    ];
    compile(&format!(r"(?i)\b(?:{})\b", hosts.join("|")))
});

fn compile(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is fixed and valid")
}

/// Machine paths and registry hosts in every text file but lock files.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let ours = |file: &&File| file.parts().last() != Some(LOCK_FILE);
    tree.files().iter().filter(ours).flat_map(check_file).collect()
}

fn check_file(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, line) in file.text.lines().enumerate() {
        let mut look = |pattern: &Regex, rule: Rule, what: &str| {
            if let Some(found) = pattern.find(line) {
                let message = format!("`{}` is {what}", found.as_str().trim());
                findings.push(Finding::new(&file.path, at + 1, rule, message));
            }
        };
        look(&MACHINE_PATH, Rule::MachinePath, "a path of one machine");
        look(&REGISTRY_HOST, Rule::RegistryHost, "a package registry's host");
    }
    findings
}
