//! Kafka: records of partitions in. Positions are not Kafka's to keep: no consumer groups are used.
//!
//! A partition's reader holds the batches of one fetch at most. rskafka follows the leader of a
//! partition by itself; every call here ends in time, and its owner tries again after a growing while.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rskafka::BackoffConfig;
use rskafka::client::error::{Error, ProtocolError};
use rskafka::client::partition::{OffsetAt, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder, Credentials, SaslConfig};
use rskafka::record::RecordAndOffset;
use shopwright_domain::time::Timestamp;
use tokio::time::timeout;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::stream::{Begin, Body, BrokerError, Chunk, Message, Place};

/// How long a call may take with its retries.
const CALL_TIME_MAX: Duration = Duration::from_secs(8);
/// How long a broker waits for a record before it answers that there is none, in milliseconds.
const FETCH_WAIT_MILLIS: i32 = 500;
/// Bytes of one fetch. A broker sends one batch more than fits, so that a large one is not stuck.
const FETCH_BYTES_MAX: i32 = 4 << 20;
/// Bytes of one answer.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// How to prove who we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sasl {
    /// The password itself, for use over TLS.
    Plain,
    /// RFC 7677.
    ScramSha256,
    /// The same with SHA-512.
    ScramSha512,
}

impl Sasl {
    /// Every mechanism.
    pub const ALL: [Self; 3] = [Self::Plain, Self::ScramSha256, Self::ScramSha512];

    /// Its word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::ScramSha256 => "scram-sha-256",
            Self::ScramSha512 => "scram-sha-512",
        }
    }

    /// The mechanism of a word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sasl| sasl.as_str() == text)
    }
}

/// Which Kafka.
#[derive(Clone)]
pub struct KafkaOptions {
    /// `host:port` of some brokers; the others are learnt from them.
    pub brokers: Vec<String>,
    /// Whether to speak TLS, trusting the roots that browsers trust.
    pub tls: bool,
    /// How to sign in, user and password.
    pub sign_in: Option<(Sasl, String, String)>,
}

impl fmt::Debug for KafkaOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaOptions").field("brokers", &self.brokers).finish_non_exhaustive()
    }
}

/// A connected cluster.
#[derive(Debug)]
pub struct Kafka {
    client: Client,
}

fn away(error: &Error) -> BrokerError {
    if let Error::ServerError { protocol_error, .. } = error {
        let refused = |text: &str| BrokerError::Refused(text.to_owned());
        match protocol_error {
            ProtocolError::UnknownTopicOrPartition => {
                return refused("Kafka has no such topic or partition; check kafka_topics");
            }
            ProtocolError::TopicAuthorizationFailed | ProtocolError::SaslAuthenticationFailed => {
                return refused("Kafka does not let us read; check kafka_username and its rights");
            }
            _ => {}
        }
    }
    BrokerError::Away(format!("Kafka does not answer: {error}"))
}

async fn in_time<T>(call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout(CALL_TIME_MAX, call).await.unwrap_or(Err(Error::Timeout))
}

impl Kafka {
    /// Connects to one of the brokers and learns of the others.
    pub async fn connect(options: &KafkaOptions) -> Result<Self, BrokerError> {
        let mut builder = ClientBuilder::new(options.brokers.clone())
            .client_id("shopwright")
            .max_message_size(ANSWER_BYTES_MAX)
            .backoff_config(BackoffConfig {
                init_backoff: Duration::from_millis(100),
                max_backoff: Duration::from_secs(2),
                base: 3.,
                deadline: Some(CALL_TIME_MAX),
            });
        if options.tls {
            let mut roots = RootCertStore::empty();
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            let config = ClientConfig::builder().with_root_certificates(roots);
            builder = builder.tls_config(Arc::new(config.with_no_client_auth()));
        }
        if let Some((sasl, user, password)) = &options.sign_in {
            let who = Credentials::new(user.clone(), password.clone());
            builder = builder.sasl_config(match sasl {
                Sasl::Plain => SaslConfig::Plain(who),
                Sasl::ScramSha256 => SaslConfig::ScramSha256(who),
                Sasl::ScramSha512 => SaslConfig::ScramSha512(who),
            });
        }
        let client = in_time(builder.build()).await.map_err(|error| away(&error))?;
        Ok(Self { client })
    }

    /// The partitions of these topics, in order. A topic that is not there has none.
    pub async fn partitions(&self, topics: &[String]) -> Result<Vec<(String, i32)>, BrokerError> {
        let known = in_time(self.client.list_topics()).await.map_err(|error| away(&error))?;
        let mut found: Vec<(String, i32)> = known
            .into_iter()
            .filter(|topic| topics.contains(&topic.name))
            .flat_map(|topic| {
                let name = topic.name;
                topic.partitions.into_iter().map(move |partition| (name.clone(), partition))
            })
            .collect();
        found.sort();
        Ok(found)
    }

    /// A reader of one partition.
    pub async fn reader(
        &self,
        topic: &str,
        partition: i32,
    ) -> Result<PartitionReader, BrokerError> {
        let client = self.client.partition_client(topic, partition, UnknownTopicHandling::Retry);
        let client = in_time(client).await.map_err(|error| away(&error))?;
        Ok(PartitionReader { client, held: VecDeque::new(), next: 0, end: 0 })
    }
}

/// Reads one partition.
pub struct PartitionReader {
    client: PartitionClient,
    /// What was fetched and not yet handed on, in order.
    held: VecDeque<RecordAndOffset>,
    /// The offset that `held` goes on from; a caller that comes back to an earlier one gets it anew.
    next: i64,
    /// The offset after the last record there is.
    end: i64,
}

impl fmt::Debug for PartitionReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartitionReader").field("held", &self.held.len()).finish_non_exhaustive()
    }
}

impl PartitionReader {
    /// Up to `max` records from `place` on; waits half a second for one when there is none.
    pub async fn read(
        &mut self,
        place: &Place,
        begin: Begin,
        max: usize,
    ) -> Result<Chunk, BrokerError> {
        let Ok(from) = place.text.parse::<i64>() else {
            let first = self.offset(begin).await?;
            return Ok(Chunk { next: at(first), ..Chunk::default() });
        };
        if self.held.is_empty() || self.next != from {
            self.held.clear();
            let bytes = 1..FETCH_BYTES_MAX;
            let fetched = in_time(self.client.fetch_records(from, bytes, FETCH_WAIT_MILLIS)).await;
            match fetched {
                Ok((records, end)) => (self.held, self.end) = (records.into(), end),
                Err(error) if is_out_of_range(&error) => return self.skip(from, begin).await,
                Err(error) => return Err(away(&error)),
            }
        }
        let count = max.min(self.held.len());
        let messages: Vec<(i64, Message)> = self.held.drain(..count).map(message).collect();
        let next = messages.last().map_or(from, |(offset, _)| offset + 1);
        let messages = messages.into_iter().map(|(_, message)| message).collect();
        self.next = next;
        Ok(Chunk { messages, next: at(next), lost: 0, behind: Some((self.end - next).max(0)) })
    }

    async fn offset(&self, begin: Begin) -> Result<i64, BrokerError> {
        let at = match begin {
            Begin::Earliest => OffsetAt::Earliest,
            Begin::Latest => OffsetAt::Latest,
        };
        in_time(self.client.get_offset(at)).await.map_err(|error| away(&error))
    }

    /// Goes on where the configuration says when the broker has dropped our place.
    async fn skip(&self, from: i64, begin: Begin) -> Result<Chunk, BrokerError> {
        let to = self.offset(begin).await?;
        Ok(Chunk { next: at(to), lost: (to - from).max(0), ..Chunk::default() })
    }
}

fn at(offset: i64) -> Place {
    Place { text: offset.to_string(), passed: offset }
}

fn is_out_of_range(error: &Error) -> bool {
    matches!(error, Error::ServerError { protocol_error: ProtocolError::OffsetOutOfRange, .. })
}

fn message(found: RecordAndOffset) -> (i64, Message) {
    let millis = found.record.timestamp.timestamp_millis();
    let body = found.record.value.map_or(Body::Nothing, Body::Text);
    let at = Some(Timestamp::from_micros(millis.saturating_mul(1_000)));
    (found.offset, Message { position: found.offset.to_string(), at, body })
}
