//! How far a long command is: a bar with the time to go on a terminal, plain lines elsewhere, on
//! the error output in both cases. Silent under `--json`.

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::output::grouped;

/// Plain lines come after this share of the whole.
const LINES: u64 = 10;
const COUNTED: &str = "{msg:<24} {bar:32} {human_pos} of {human_len}, {eta} to go";
const UNCOUNTED: &str = "{msg:<24} {spinner}";

/// The progress of one command.
#[derive(Debug)]
pub struct Progress {
    way: Way,
    /// The last tenth that was told.
    told: AtomicU64,
    done: AtomicU64,
}

#[derive(Debug)]
enum Way {
    Bar(ProgressBar),
    Lines,
    Silent,
}

impl Progress {
    /// Progress of a command that answers in JSON or not.
    pub fn new(json: bool) -> Self {
        let way = if json {
            Way::Silent
        } else if io::stderr().is_terminal() {
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(Duration::from_millis(120));
            Way::Bar(bar)
        } else {
            Way::Lines
        };
        Self { way, told: AtomicU64::new(0), done: AtomicU64::new(0) }
    }

    /// A step begins: of `total` parts, or of unknown size.
    pub fn begin(&self, what: &str, total: Option<u64>) {
        self.told.store(0, Ordering::Relaxed);
        match &self.way {
            Way::Bar(bar) => {
                let template = if total.is_some() { COUNTED } else { UNCOUNTED };
                if let Ok(style) = ProgressStyle::with_template(template) {
                    bar.set_style(style.progress_chars("=> "));
                }
                bar.set_length(total.unwrap_or(0));
                bar.reset();
                bar.set_message(what.to_owned());
            }
            Way::Lines => eprintln!("{what}"),
            Way::Silent => {}
        }
    }

    /// So many parts of the step are done.
    pub fn at(&self, what: &str, done: u64, total: u64) {
        self.done.store(done, Ordering::Relaxed);
        match &self.way {
            Way::Bar(bar) => bar.set_position(done),
            Way::Lines => {
                let tenth = done.saturating_mul(LINES).checked_div(total).unwrap_or(0);
                if self.told.swap(tenth, Ordering::Relaxed) != tenth {
                    eprintln!("{what}: {} of {}", grouped(done), grouped(total));
                }
            }
            Way::Silent => {}
        }
    }

    /// What [`Progress::at`] was told last.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Takes the bar off the terminal.
    pub fn finish(&self) {
        if let Way::Bar(bar) = &self.way {
            bar.finish_and_clear();
        }
    }
}
