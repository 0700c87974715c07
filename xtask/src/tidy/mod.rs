//! The house rules that a machine can check: floors, sideways imports, sizes, headers, names,
//! unfinished work, traces of a machine, migration pairs, documents. Style is a test.
//!
//! Every rule is a pure function from a [`Tree`] of texts to findings; only `Tree::read` touches
//! the disk. Every rule is seen to fail in `tests/tidy.rs`.

mod floors;
mod layout;
mod sideways;
mod size;
mod source;
mod traces;
mod tree;
mod words;

use std::fmt;
use std::path::Path;

use anyhow::Result;

pub use tree::{File, Tree};

/// One house rule. [`Rule::ALL`] lists them, so that the tests can prove each is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// A crate uses only lower floors, never a neighbour or one above.
    Floors,
    /// Only the store speaks to a database driver.
    Databases,
    /// `domain` and `models` depend on no crate that does I/O.
    PureFloor,
    /// One engine's rules in the domain do not import another's.
    Sideways,
    /// No source file is longer than 600 lines.
    Size,
    /// A size exception names a file that still needs it, and says why.
    Exceptions,
    /// Every Rust file opens with `//!`.
    Header,
    /// No file, folder or module has a name that means nothing.
    Names,
    /// No unfinished work outside tests.
    Unfinished,
    /// `#[ignore]` states its reason.
    Ignore,
    /// No `unsafe`.
    Unsafe,
    /// No floating point where money is decided.
    Floats,
    /// No path of one particular machine.
    MachinePath,
    /// No host of a package registry.
    RegistryHost,
    /// SQLite and PostgreSQL migrations come in pairs, numbered without gaps.
    Migrations,
    /// The documents a newcomer looks for exist.
    Documents,
    /// `.ci/run` runs the whole check and nothing else.
    Ci,
    /// A Rust file or manifest can be read at all.
    Unreadable,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 18] = [
        Self::Floors,
        Self::Databases,
        Self::PureFloor,
        Self::Sideways,
        Self::Size,
        Self::Exceptions,
        Self::Header,
        Self::Names,
        Self::Unfinished,
        Self::Ignore,
        Self::Unsafe,
        Self::Floats,
        Self::MachinePath,
        Self::RegistryHost,
        Self::Migrations,
        Self::Documents,
        Self::Ci,
        Self::Unreadable,
    ];
}

/// One broken rule at one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Path from the repository's root, with forward slashes.
    pub path: String,
    /// Line, counted from 1; 0 when the finding is about the whole file or folder.
    pub line: usize,
    /// The rule that is broken.
    pub rule: Rule,
    /// What is wrong, in one sentence.
    pub message: String,
}

impl Finding {
    fn new(path: &str, line: usize, rule: Rule, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, rule, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.path)?;
        if self.line > 0 {
            write!(out, ":{}", self.line)?;
        }
        write!(out, ": {} [{:?}]", self.message, self.rule)
    }
}

/// All findings in `tree`, sorted by path and line.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(floors::check(tree));
    findings.extend(size::check(tree));
    findings.extend(traces::check(tree));
    findings.extend(layout::check(tree));
    for file in tree.rust_files() {
        findings.extend(words::check_header_and_names(file));
        match source::Source::read(file) {
            Ok(source) => {
                findings.extend(words::check(&source));
                findings.extend(sideways::check(&source));
                findings.extend(floors::check_database_paths(&source));
            }
            Err(message) => {
                findings.push(Finding::new(&file.path, 0, Rule::Unreadable, message));
            }
        }
    }
    findings.sort();
    findings
}

/// Checks the repository at `root`, prints each finding and a closing line; `true` means none.
///
/// # Errors
/// Fails when the repository cannot be read.
pub fn report(root: &Path) -> Result<bool> {
    let tree = Tree::read(root)?;
    let findings = check(&tree);
    for finding in &findings {
        println!("{finding}");
    }
    println!("tidy: {} files read, {} findings", tree.files().len(), findings.len());
    Ok(findings.is_empty())
}
