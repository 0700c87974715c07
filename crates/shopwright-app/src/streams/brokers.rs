//! The configured brokers: which shards there are, and readers of them.

use std::sync::Arc;
use std::time::Duration;

use shopwright_gateways::kafka::{Kafka, KafkaOptions, PartitionReader};
use shopwright_gateways::redis::{Redis, RedisConnection};
use shopwright_gateways::stream::{Begin, BrokerError, Chunk, Place};
use shopwright_store::streams::{Broker, ShardKey};
use tokio::sync::Mutex;

/// How long a look for a message waits before it is told that there is none.
const WAIT: Duration = Duration::from_millis(500);

/// Where messages come from.
#[derive(Debug)]
pub struct Brokers {
    redis: Option<(Redis, Vec<String>)>,
    kafka: Option<(KafkaOptions, Vec<String>)>,
    /// Made when first needed, made anew after a failure.
    cluster: Mutex<Option<Arc<Kafka>>>,
    begin: Begin,
}

impl Brokers {
    /// Redis with its streams, Kafka with its topics; neither needs to be there.
    pub fn new(
        redis: Option<(Redis, Vec<String>)>,
        kafka: Option<(KafkaOptions, Vec<String>)>,
        begin: Begin,
    ) -> Self {
        Self { redis, kafka, cluster: Mutex::new(None), begin }
    }

    /// Whether there is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.redis.as_ref().is_none_or(|(_, streams)| streams.is_empty())
            && self.kafka.as_ref().is_none_or(|(_, topics)| topics.is_empty())
    }

    /// Whether partitions are to be looked for.
    pub(super) fn has_kafka(&self) -> bool {
        self.kafka.is_some()
    }

    /// The shards that are known without asking.
    pub(super) fn redis_shards(&self) -> Vec<ShardKey> {
        let streams = self.redis.iter().flat_map(|(_, streams)| streams.iter().cloned());
        streams.map(|stream| ShardKey { broker: Broker::Redis, stream, shard: 0 }).collect()
    }

    /// The partitions of the configured topics as they are now.
    pub(super) async fn kafka_shards(&self) -> Result<Vec<ShardKey>, BrokerError> {
        let Some((_, topics)) = &self.kafka else { return Ok(Vec::new()) };
        let kafka = self.cluster().await?;
        let found = kafka.partitions(topics).await;
        if found.is_err() {
            self.forget_cluster().await;
        }
        let shard = |(stream, partition)| ShardKey {
            broker: Broker::Kafka,
            stream,
            shard: i64::from(partition),
        };
        Ok(found?.into_iter().map(shard).collect())
    }

    async fn cluster(&self) -> Result<Arc<Kafka>, BrokerError> {
        let mut held = self.cluster.lock().await;
        if let Some(kafka) = &*held {
            return Ok(Arc::clone(kafka));
        }
        let Some((options, _)) = &self.kafka else {
            return Err(BrokerError::Refused("no Kafka is configured".into()));
        };
        let kafka = Arc::new(Kafka::connect(options).await?);
        *held = Some(Arc::clone(&kafka));
        Ok(kafka)
    }

    async fn forget_cluster(&self) {
        *self.cluster.lock().await = None;
    }

    /// A reader of a shard.
    pub(super) async fn open(&self, key: &ShardKey) -> Result<ShardReader, BrokerError> {
        let source = match (key.broker, &self.redis) {
            (Broker::Redis, Some((redis, _))) => {
                Source::Redis { connection: redis.connect().await?, stream: key.stream.clone() }
            }
            (Broker::Redis, None) => {
                return Err(BrokerError::Refused("no Redis is configured".into()));
            }
            (Broker::Kafka, _) => {
                let partition = i32::try_from(key.shard)
                    .map_err(|_| BrokerError::Refused("there is no such partition".into()))?;
                let reader = self.cluster().await?.reader(&key.stream, partition).await;
                if reader.is_err() {
                    self.forget_cluster().await;
                }
                Source::Kafka(Box::new(reader?))
            }
        };
        Ok(ShardReader { source, begin: self.begin, at_the_end: false })
    }
}

enum Source {
    Redis { connection: RedisConnection, stream: String },
    Kafka(Box<PartitionReader>),
}

/// Reads one shard.
pub(super) struct ShardReader {
    source: Source,
    begin: Begin,
    at_the_end: bool,
}

impl ShardReader {
    /// Up to `max` messages behind `place`; waits a moment when there is none.
    pub(super) async fn read(&mut self, place: &Place, max: usize) -> Result<Chunk, BrokerError> {
        match &mut self.source {
            Source::Redis { connection, stream } => {
                if self.at_the_end && !connection.wait(stream, place, WAIT).await? {
                    let next = place.clone();
                    return Ok(Chunk { next, behind: Some(0), ..Chunk::default() });
                }
                let chunk = connection.read(stream, place, self.begin, max).await?;
                self.at_the_end = chunk.behind == Some(0);
                Ok(chunk)
            }
            Source::Kafka(reader) => reader.read(place, self.begin, max).await,
        }
    }
}
