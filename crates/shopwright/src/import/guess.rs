//! `import csv FILE --guess`: looks at a table, says how it is understood, and writes the mapping.
//!
//! Nothing is booked. On a terminal it asks for what it did not find.

use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;

use serde_json::json;
use shopwright_app::imports::{Preview, preview};
use shopwright_domain::platforms::mapped_csv::Mapping;
use shopwright_domain::platforms::mapping_guess::{Guess, guess as guess_of};

use super::table::{plain_formats, unpack};
use crate::cli_import::TableArgs;
use crate::config::Settings;
use crate::failure::Failure;
use crate::output::{Align, Answer, Page};

/// Rows that are looked at, and rows that are shown.
const LOOKED_AT: usize = 200;
const SHOWN: usize = 5;

/// Guesses, shows, writes `FILE.mapping.toml`.
pub fn guess(settings: &Settings, mut args: TableArgs) -> Result<Answer, Failure> {
    let file = args.file.clone();
    let _sheet = unpack(settings, &mut args)?;
    let found =
        preview(&args.file, LOOKED_AT).map_err(|error| Failure::new("file", error.to_string()))?;
    let mut guess = guess_of(&found.columns, &found.rows, &plain_formats(settings));
    if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
        ask(&mut guess, &found)?;
    }
    let mut name = file.clone().into_os_string();
    name.push(".mapping.toml");
    let target = PathBuf::from(name);
    let text = toml::to_string(&guess.mapping)
        .map_err(|error| Failure::new("mapping", error.to_string()))?;
    let note =
        "# Which column is what. Change it where it is wrong; docs/imports.md has the words.\n";
    std::fs::write(&target, format!("{note}{text}")).map_err(|error| {
        let shown = target.display();
        Failure::new("mapping", format!("cannot write {shown}: {error}; check its folder"))
    })?;
    let command =
        format!("shopwright import csv {} --mapping {}", file.display(), target.display());
    let json = json!({
        "kind": guess.mapping.kind,
        "columns": guess.mapping.columns,
        "formats": guess.mapping.formats,
        "missing": guess.missing,
        "unsure": guess.unsure,
        "mapping_file": target,
        "next": command,
    });
    let page = page(&guess, &found, &target.display().to_string(), &command);
    Ok(Answer { holds: guess.missing.is_empty(), ..Answer::new(json, page) })
}

/// Asks which column is what nothing was found for; an empty answer leaves it.
fn ask(guess: &mut Guess, found: &Preview) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::new("terminal", error.to_string());
    let mut lines = std::io::stdin().lock().lines();
    let mut missing = Vec::new();
    for word in std::mem::take(&mut guess.missing) {
        eprintln!("Columns: {}", found.columns.join(", "));
        eprint!("Which of them is the {word} of a row? ");
        std::io::stderr().flush().map_err(failed)?;
        let answer = lines.next().transpose().map_err(failed)?.unwrap_or_default();
        let answer = answer.trim();
        match found.columns.iter().find(|column| column.eq_ignore_ascii_case(answer)) {
            Some(column) => drop(guess.mapping.columns.insert(word.to_owned(), column.clone())),
            None => missing.push(word),
        }
    }
    guess.missing = missing;
    Ok(())
}

fn page(guess: &Guess, found: &Preview, target: &str, command: &str) -> Page {
    let Mapping { kind, columns, .. } = &guess.mapping;
    let mut page = Page::new(&format!("A table of {}", kind.as_str()));
    let words: Vec<&str> =
        kind.columns().iter().filter(|w| columns.contains_key(**w)).copied().collect();
    let place = |word: &str| found.columns.iter().position(|c| Some(c) == columns.get(word));
    let rows = found.rows.iter().take(SHOWN).map(|row| {
        let cell =
            |word: &&str| place(word).and_then(|at| row.get(at)).cloned().unwrap_or_default();
        words.iter().map(|word| one_line(&cell(word))).collect()
    });
    let head: Vec<(&str, Align)> = words.iter().map(|word| (*word, Align::Left)).collect();
    if !head.is_empty() {
        page.section("The first rows, as understood").table(&head, rows.collect());
    }
    let said: Vec<String> = guess
        .missing
        .iter()
        .map(|word| format!("nothing was found for {word}, which every row needs"))
        .chain(guess.unsure.iter().cloned())
        .collect();
    if !said.is_empty() {
        page.section("Look at this");
        for sentence in &said {
            page.line(sentence);
        }
    }
    page.gap();
    page.line(&format!("The mapping is in {target}."));
    page.line(&format!("Next: `{command} --dry-run`, then without --dry-run."));
    page
}

/// A cell as it can stand in a table on a terminal.
fn one_line(cell: &str) -> String {
    cell.chars().map(|c| if c.is_control() { ' ' } else { c }).take(40).collect()
}
