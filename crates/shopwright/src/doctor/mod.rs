//! `doctor`: everything that should be so for a shop to run safely, looked at without changing it.
//!
//! A warning is something to know; a problem is something to mend; what could not be looked at says
//! why. Exit codes: 0 no problem, 1 problems, 2 something could not be looked at.

mod broker_checks;
mod ledger_checks;
mod machine_checks;

use serde::Serialize;
use serde_json::json;

use crate::cli::DoctorArgs;
use crate::config::{Origin, Settings};
use crate::failure::Failure;
use crate::output::{Align, Answer, Page, count};

/// How one thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// Worth knowing.
    Warning,
    /// To be mended.
    Problem,
    /// Not looked at.
    Unknown,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// A fixed word.
    pub name: &'static str,
    /// How it is.
    pub state: State,
    /// What was found, and what to do about it.
    pub says: String,
}

impl Check {
    fn new(name: &'static str, state: State, says: impl Into<String>) -> Self {
        Self { name, state, says: says.into() }
    }

    fn ok(name: &'static str, says: impl Into<String>) -> Self {
        Self::new(name, State::Ok, says)
    }

    fn warning(name: &'static str, says: impl Into<String>) -> Self {
        Self::new(name, State::Warning, says)
    }

    fn problem(name: &'static str, says: impl Into<String>) -> Self {
        Self::new(name, State::Problem, says)
    }

    fn unknown(name: &'static str, says: impl Into<String>) -> Self {
        Self::new(name, State::Unknown, says)
    }
}

/// Looks at everything. The configuration itself was read before: a broken one ends every command.
pub fn examine(settings: &Settings, args: &DoctorArgs, as_json: bool) -> Result<Answer, Failure> {
    let mut checks = vec![config(settings)];
    checks.extend(machine_checks::all(settings));
    checks.extend(ledger_checks::all(settings));
    checks.extend(broker_checks::all(settings));
    if let Some(file) = &args.backup {
        checks.push(ledger_checks::restorable(settings, file));
    }
    let answer = answer(&checks);
    let unknown: Vec<&str> =
        checks.iter().filter(|c| c.state == State::Unknown).map(|c| c.name).collect();
    if unknown.is_empty() || !answer.holds {
        return Ok(answer);
    }
    answer.print(as_json);
    let could_not = format!("could not look at {}; see above", unknown.join(", "));
    Err(Failure::new("cannot_check", could_not))
}

fn answer(checks: &[Check]) -> Answer {
    let number = |state| checks.iter().filter(|check| check.state == state).count() as u64;
    let problems = number(State::Problem);
    let mut page = Page::new("Doctor");
    let row = |check: &Check| {
        let state = match check.state {
            State::Ok => "ok",
            State::Warning => "look",
            State::Problem => "PROBLEM",
            State::Unknown => "unknown",
        };
        vec![check.name.to_owned(), state.to_owned(), check.says.clone()]
    };
    let head = [("check", Align::Left), ("result", Align::Left), ("what was found", Align::Left)];
    page.table(&head, checks.iter().map(row).collect());
    page.gap();
    match problems {
        0 => page.line("No problem was found."),
        some => page.line(&format!("{} to be mended.", count(some, "problem", "problems"))),
    };
    let json = json!({ "healthy": problems == 0, "checks": checks });
    Answer { holds: problems == 0, ..Answer::new(json, page) }
}

fn config(settings: &Settings) -> Check {
    let set = settings.all.iter().filter(|setting| setting.origin != Origin::Default);
    let exposed = |origin: &Origin| matches!(origin, Origin::Flag(_));
    let shown = settings.all.iter().find(|s| s.key.secret && exposed(&s.origin));
    if let Some(setting) = shown {
        let (name, variable) = (setting.key.name, setting.key.variable());
        return Check::warning(
            "config",
            format!(
                "{name} stands on the command line, where every user of this machine reads it; use {variable}_FILE"
            ),
        );
    }
    let set = count(set.count() as u64, "setting differs", "settings differ");
    Check::ok("config", format!("readable; {set} from the defaults"))
}
