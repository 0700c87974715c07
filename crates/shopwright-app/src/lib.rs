//! Operations and jobs: load, decide, write, announce; and the live snapshots that serve reads.

pub mod catalog;
pub mod competitors;
pub mod customers;
pub mod effects;
pub mod identity;
pub mod inventory;
pub mod mail;
pub mod orders;
pub mod pricing;
pub mod publish;
pub mod sweep;
pub mod webhooks;
