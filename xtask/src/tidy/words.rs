//! Rules about single words: a header on every file, names that mean something, no unfinished
//! work, a reason on every ignored test, no `unsafe`, no floating point where money is decided.

use std::sync::LazyLock;

use regex::Regex;

use super::source::{Source, Token};
use super::tree::File;
use super::{Finding, Rule};

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 10] = [
    "utils", "util", "common", "manager", "managers", "service", "services", "misc", "helper",
    "helpers",
];

/// Domain modules that decide amounts of money.
const MONEY_MODULES: [&str; 7] =
    ["money", "pricing", "orders", "checkout", "promotions", "payments", "tax"];

const DOMAIN: &str = "crates/shopwright-domain/src/";

static UNFINISHED_COMMENT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b(TODO|FIXME|XXX)\b|(?i:\bfor now\b|\bplaceholder\b)")
        .expect("the pattern is fixed and valid")
});

/// The opening `//!` and the names along the path.
pub fn check_header_and_names(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !file.text.starts_with("//!") {
        let message = "opens without `//!`: say what the file is for and what it keeps true";
        findings.push(Finding::new(&file.path, 1, Rule::Header, message));
    }
    for part in file.parts() {
        let name = part.strip_suffix(".rs").unwrap_or(part);
        if EMPTY_NAMES.contains(&name) {
            let message = format!("the name `{name}` says nothing about what is inside");
            findings.push(Finding::new(&file.path, 0, Rule::Names, message));
        }
    }
    findings
}

/// Every rule that reads tokens or comments of one file.
pub fn check(source: &Source<'_>) -> Vec<Finding> {
    let no_floats = decides_money(source.path);
    let mut findings = unfinished_comments(source);
    for (at, token) in source.tokens.iter().enumerate() {
        let mut found = |rule: Rule, message: String| {
            findings.push(Finding::new(source.path, token.line, rule, message));
        };
        let word = token.text.as_str();
        if !token.in_test
            && matches!(word, "todo" | "unimplemented")
            && source.reads(at + 1, &["!"])
        {
            found(Rule::Unfinished, format!("`{word}!` is unfinished work"));
        }
        if word == "mod" {
            let name = source.tokens.get(at + 1).map_or("", |token| token.text.as_str());
            if EMPTY_NAMES.contains(&name) {
                found(Rule::Names, format!("the module name `{name}` says nothing"));
            }
        }
        if source.reads(at, &["#", "[", "ignore", "]"]) {
            found(Rule::Ignore, "an ignored test states its reason: `#[ignore = \"..\"]`".into());
        }
        if word == "unsafe" {
            found(Rule::Unsafe, "the house has no `unsafe`".into());
        }
        if no_floats && is_float(token) {
            found(Rule::Floats, format!("`{word}`: money is decided in whole minor units"));
        }
    }
    findings
}

fn unfinished_comments(source: &Source<'_>) -> Vec<Finding> {
    let outside_tests = source.comments.iter().filter(|comment| !comment.in_test);
    outside_tests
        .filter_map(|comment| {
            let found = UNFINISHED_COMMENT.find(&comment.text)?;
            let message = format!("`{}` in a comment is unfinished work", found.as_str());
            Some(Finding::new(source.path, comment.line, Rule::Unfinished, message))
        })
        .collect()
}

fn decides_money(path: &str) -> bool {
    let inside = path.strip_prefix(DOMAIN).unwrap_or_default();
    let first = inside.split('/').next().unwrap_or_default();
    MONEY_MODULES.contains(&first.strip_suffix(".rs").unwrap_or(first))
}

/// The type names, and literals that carry one as suffix.
fn is_float(token: &Token) -> bool {
    let typed = |suffix: &str| {
        token.text == suffix
            || (token.text.starts_with(|first: char| first.is_ascii_digit())
                && !token.text.starts_with("0x")
                && token.text.ends_with(suffix))
    };
    typed("f32") || typed("f64")
}
