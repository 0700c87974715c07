//! What every contender of the ledger proof runs: tables, rows, queries, checks.
//!
//! Each operation is written once over [`Session`], so that all contenders send the same SQL with
//! the same values, and only the way to the database differs. The crate knows no driver, so that
//! contenders that cannot share a lock file can share it.

mod audit;
mod bulk;
mod chance;
mod load;
mod protocol;
mod queries;
mod schema;
mod session;

pub use audit::{Audit, audit};
pub use chance::Chance;
pub use load::{Demand, Load, LoadResult, Reservation, Reserved, reserve, reset_stock};
pub use protocol::{Answer, Request};
pub use queries::{Case, Shape, run};
pub use schema::{CREATE_POSTGRES, CREATE_SQLITE, PRAGMAS, seed};
pub use session::{
    Arg, Cells, Column, Dialect, ROWS_PER_STATEMENT, Session, at_once, expand_unnest, expand_values,
};
