//! From names to addresses: by the system, or by a script in tests of rebinding.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Who is asked.
#[derive(Debug)]
pub enum Resolver {
    /// The operating system, with its hosts file and name servers.
    System,
    /// A script: each look-up of a name takes its next answer, the last one for ever.
    Script(Script),
}

/// Answers by name.
#[derive(Debug, Default)]
pub struct Script(Mutex<HashMap<String, VecDeque<Vec<IpAddr>>>>);

impl Script {
    /// These answers, in turn, for these names.
    pub fn new<'a>(answers: impl IntoIterator<Item = (&'a str, Vec<Vec<IpAddr>>)>) -> Self {
        let answers = answers.into_iter().map(|(name, turns)| (name.to_owned(), turns.into()));
        Self(Mutex::new(answers.collect()))
    }

    fn next(&self, name: &str) -> Option<Vec<IpAddr>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let turns = all.get_mut(name)?;
        if turns.len() > 1 { turns.pop_front() } else { turns.front().cloned() }
    }
}

impl Resolver {
    /// Every address of a name.
    pub async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        match self {
            Self::System => {
                Ok(tokio::net::lookup_host((name, 0)).await?.map(|found| found.ip()).collect())
            }
            Self::Script(script) => {
                script.next(name).ok_or_else(|| io::Error::other("the script knows no such name"))
            }
        }
    }
}
