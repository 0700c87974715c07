//! Webhooks of shop platforms: kept once under the platform's id of the delivery, applied by an effect,
//! and listed when they could not be.

mod process;
mod receive;

pub use process::{INBOUND, TRIES_MAX};
pub(crate) use process::{given_up, process};
pub use receive::{Arrived, Received, ReopenError, receive, reopen, sweep_inbound};
