//! What a message stream gives, whoever keeps it: chunks of messages and the place behind them.
//!
//! A reader holds one chunk or one fetched batch at most, so that its memory has a bound.

use shopwright_domain::time::Timestamp;

/// Where reading goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The id of the last Redis entry read, or the next Kafka offset; empty when nothing was begun.
    pub text: String,
    /// Messages of the shard before it, as its broker counts them.
    pub passed: i64,
}

/// Where a shard begins that was never read, or whose place its broker no longer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// With the oldest message there is.
    Earliest,
    /// With what comes from now on.
    Latest,
}

/// What a message carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// What should be JSON.
    Text(Vec<u8>),
    /// Nothing, such as a tombstone of Kafka; there is nothing to take.
    Nothing,
    /// Something that cannot be an event, and why.
    Unfit {
        /// What was sent, written down as JSON.
        raw: Vec<u8>,
        /// Why, in a sentence that says what would be right.
        reason: String,
    },
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its place in the shard: the entry's id or the offset.
    pub position: String,
    /// When the broker got it.
    pub at: Option<Timestamp>,
    /// What it carries.
    pub body: Body,
}

/// Some messages in their order, and what is known of the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// The messages.
    pub messages: Vec<Message>,
    /// The place behind them.
    pub next: Place,
    /// Messages that the broker had dropped before they were read.
    pub lost: i64,
    /// Messages that wait behind this chunk, where the broker says so.
    pub behind: Option<i64>,
}

/// Why a broker gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokerError {
    /// It cannot be reached or did not answer in time; trying again may succeed.
    #[error("{0}")]
    Away(String),
    /// What was asked for is not there or may not be read; somebody has to look.
    #[error("{0}")]
    Refused(String),
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BrokerSettingError(pub String);
