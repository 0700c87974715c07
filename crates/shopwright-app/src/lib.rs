//! Operations and jobs: load, decide, write, announce; and the live snapshots that serve reads.

pub mod catalog;
pub mod competitors;
pub mod customers;
pub mod effects;
pub mod events;
pub mod identity;
pub mod imports;
pub mod inbound;
pub mod inventory;
pub mod mail;
pub mod orders;
pub mod platforms;
pub mod pricing;
pub mod publish;
pub mod streams;
pub mod sweep;
pub mod webhooks;
