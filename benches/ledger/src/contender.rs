//! One way to the database, as the proof drives it.

use std::time::Duration;

use anyhow::Result;
use ledger_cases::{Case, Load, LoadResult};

/// Connections that write to PostgreSQL at once, for every contender.
pub const POSTGRES_WRITERS: usize = 16;

/// One way to the database. Rounds of different contenders take turns.
pub trait Contender {
    /// Creates and fills the tables.
    fn prepare(&mut self) -> Result<()>;
    /// Runs the operations of one round; gives the time from before the first to after the commit.
    fn round(&mut self, case: Case, salt: u64) -> Result<Duration>;
    /// Sends reservations for a while. `group` operations are committed together where the
    /// contender does not decide that itself.
    fn load(&mut self, load: Load, group: usize) -> Result<LoadResult>;
}
