//! Long files are hard to read in one sitting. The limit is hard; the way past it is a named entry
//! in [`EXCEPTIONS`] with a reason, and an entry that is no longer needed is a finding too.

use serde::Deserialize;

use super::tree::{File, Tree};
use super::{Finding, Rule};

/// The most lines a source file may have.
pub const MAX_LINES: usize = 600;

/// The one list of files that may be longer.
const EXCEPTIONS: &str = "xtask/tidy-exceptions.toml";

const MEASURED: [&str; 3] = ["rs", "css", "js"];

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exceptions {
    #[serde(default)]
    oversize: Vec<Oversize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Oversize {
    file: String,
    reason: String,
}

/// Files past the limit, and exceptions that are not needed or not explained.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let text = tree.find(EXCEPTIONS).map_or("", |file| file.text.as_str());
    let exceptions: Exceptions = match toml::from_str(text) {
        Ok(exceptions) => exceptions,
        Err(error) => {
            let message = format!("is not a list of exceptions: {}", error.message());
            return vec![Finding::new(EXCEPTIONS, 0, Rule::Exceptions, message)];
        }
    };
    let mut findings = Vec::new();
    for entry in &exceptions.oversize {
        if let Some(wrong) = wrong_with(entry, tree) {
            let line = tree.find(EXCEPTIONS).map_or(0, |file| file.line_of(&entry.file));
            let message = format!("the exception for `{}` {wrong}", entry.file);
            findings.push(Finding::new(EXCEPTIONS, line, Rule::Exceptions, message));
        }
    }
    let excepted = |file: &File| exceptions.oversize.iter().any(|entry| entry.file == file.path);
    for file in tree.files().iter().filter(|file| is_too_long(file) && !excepted(file)) {
        let message = format!("has {} lines; {MAX_LINES} is the limit", lines(file));
        findings.push(Finding::new(&file.path, 0, Rule::Size, message));
    }
    findings
}

fn wrong_with(entry: &Oversize, tree: &Tree) -> Option<&'static str> {
    match tree.find(&entry.file) {
        None => Some("names a file that does not exist"),
        Some(file) if !is_too_long(file) => Some("is not needed any more"),
        Some(_) if entry.reason.trim().is_empty() => Some("gives no reason"),
        Some(_) => None,
    }
}

fn is_too_long(file: &File) -> bool {
    MEASURED.contains(&file.extension()) && lines(file) > MAX_LINES
}

fn lines(file: &File) -> usize {
    file.text.lines().count()
}
