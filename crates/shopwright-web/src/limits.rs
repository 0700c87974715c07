//! What one caller, one connection and one address may take: settings that hold for this process.

use std::time::Duration;

/// Requests that may come in a time; `per_minute` 0 counts nothing and refuses nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many come back each minute.
    pub per_minute: u32,
    /// How many may come at once.
    pub burst: u32,
}

impl Rate {
    /// No limit.
    pub const OFF: Self = Self { per_minute: 0, burst: 0 };
}

/// The rates of the kinds of callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Of each secret or restricted key.
    pub secret: Rate,
    /// Of each address that uses a publishable key.
    pub publishable: Rate,
    /// Refused keys of each address.
    pub unauthenticated: Rate,
}

impl Rates {
    /// No limit for anybody.
    pub const OFF: Self =
        Self { secret: Rate::OFF, publishable: Rate::OFF, unauthenticated: Rate::OFF };
}

impl Default for Rates {
    /// A shop's server that imports in batches; a shopper's browser that opens pages full of prices,
    /// some of them behind one address; a person who mistypes a key.
    fn default() -> Self {
        Self {
            secret: Rate { per_minute: 6_000, burst: 1_000 },
            publishable: Rate { per_minute: 600, burst: 200 },
            unauthenticated: Rate { per_minute: 60, burst: 30 },
        }
    }
}

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// From a new connection to the end of its first request's head.
    pub first_request: Duration,
    /// A connection on which nothing moves, or that waits for its next request.
    pub idle: Duration,
    /// From the head of a request, over its body, to the head of its answer.
    pub answer: Duration,
    /// How long requests under way are waited for when a stop was asked for; then they are cut off.
    pub stop: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            first_request: Duration::from_secs(15),
            // Longer than the 60 seconds of common load balancers, which must be the ones that close.
            idle: Duration::from_secs(75),
            answer: Duration::from_secs(30),
            stop: Duration::from_secs(30),
        }
    }
}

/// All limits of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests in a time.
    pub rates: Rates,
    /// Connections at once; further ones wait to be taken.
    pub connections_max: usize,
    /// Times.
    pub times: Times,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rates: Rates::default(), connections_max: 4_096, times: Times::default() }
    }
}
