//! Effects on the outside and jobs, done: a worker claims what is due, a performer does it, and what
//! came of it is written under the lease it was claimed with.

mod outside;
mod perform;
mod performers;
mod reseal;
mod sweep;
mod worker;

pub use outside::{CALL_TIME_MAX, LEASE, Outside};
pub use perform::{Perform, Performed, Record};
pub use performers::Performers;
pub use reseal::reseal;
pub use sweep::sweep_effects;
pub use worker::{WorkOptions, Working, keep_working};
