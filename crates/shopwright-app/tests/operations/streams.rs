//! Message streams into the ledger: real Redis, a real Kafka protocol, two nodes, and what dies.

mod kafka;
mod nodes;
mod redis;
mod servers;
mod signals;
mod table;
mod takes;
