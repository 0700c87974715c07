//! The results file: a fixed opening and one part a section between markers, so that running one
//! section leaves the others as they are.

use std::path::Path;

use anyhow::{Context, Result, bail};

const OPENING: &str = "# Measured\n\n\
    Written by `cargo xtask bench`; a section is replaced when it is run again. Ratios compare contenders that took \
    turns in one run on one machine; absolute figures are worth what that machine is worth.\n";

/// The sections by name, in no particular order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Results(Vec<(String, String)>);

impl Results {
    /// Reads the file; one that is not there has no sections.
    pub fn read(file: &Path) -> Result<Self> {
        if !file.exists() {
            return Ok(Self::default());
        }
        let text = std::fs::read_to_string(file).context("cannot read the results")?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self> {
        let mut sections = Vec::new();
        let mut rest = text;
        while let Some((_, after)) = rest.split_once("<!-- begin ") {
            let (name, after) = after.split_once(" -->\n").context("a marker that does not end")?;
            let Some((body, after)) = after.split_once(&end(name)) else {
                bail!("the section {name} has no end marker");
            };
            sections.push((name.to_owned(), body.to_owned()));
            rest = after;
        }
        Ok(Self(sections))
    }

    /// Puts `text` in place of the section's old text.
    pub fn replace(&mut self, name: &str, text: String) {
        self.0.retain(|(known, _)| known != name);
        self.0.push((name.to_owned(), text));
    }

    /// The whole file, sections in `order`; one that is not named there is gone.
    pub fn write(&self, order: &[String]) -> String {
        let mut out = OPENING.to_owned();
        for name in order {
            if let Some((_, text)) = self.0.iter().find(|(known, _)| known == name) {
                out.extend(["\n<!-- begin ", name, " -->\n", text, &end(name), "\n"]);
            }
        }
        out
    }
}

fn end(name: &str) -> String {
    format!("<!-- end {name} -->")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> Vec<String> {
        ["a", "b", "c"].map(str::to_owned).to_vec()
    }

    #[test]
    fn a_rerun_replaces_its_own_section_and_no_other() {
        let mut first = Results::default();
        first.replace("c", "third\n".into());
        first.replace("a", "old\n".into());
        let mut second = Results::parse(&first.write(&order())).unwrap();
        second.replace("a", "new\n".into());
        let text = second.write(&order());
        assert!(text.contains("new\n") && !text.contains("old\n") && text.contains("third\n"));
        assert!(text.find("new") < text.find("third"), "the order is fixed: {text}");
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut results = Results::default();
        results.replace("b", "| a | b |\n|---|---|\n".into());
        let text = results.write(&order());
        assert_eq!(Results::parse(&text).unwrap(), results);
        assert_eq!(Results::parse(&text).unwrap().write(&order()), text);
    }

    #[test]
    fn a_section_without_its_end_is_refused() {
        assert!(Results::parse("<!-- begin a -->\ntext").is_err());
        assert!(Results::parse("no sections").unwrap().0.is_empty());
    }
}
