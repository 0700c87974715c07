//! Webhooks of shop platforms: kept once under the platform's id of the delivery, applied by an effect,
//! and listed when they could not be.

mod process;
mod receive;

pub(crate) use process::{given_up, process};
pub use process::{INBOUND, TRIES_MAX};
pub use receive::{Arrived, ReopenError, Received, receive, reopen, sweep_inbound};
