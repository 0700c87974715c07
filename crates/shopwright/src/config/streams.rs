//! Message streams as the configuration names them: what goes together is checked together.

use shopwright_app::streams::Brokers;
use shopwright_gateways::kafka::{KafkaOptions, Sasl};
use shopwright_gateways::redis::Redis;
use shopwright_gateways::stream::Begin;

use super::keys::parts;
use super::{Setting, text, wrong};
use crate::failure::Failure;

/// Where events come from beside the API.
#[derive(Clone, Debug)]
pub struct StreamSettings {
    /// The Redis server.
    pub redis: Option<Redis>,
    /// Streams of it.
    pub redis_streams: Vec<String>,
    /// The Kafka cluster.
    pub kafka: Option<KafkaOptions>,
    /// Topics of it.
    pub kafka_topics: Vec<String>,
    /// Where a shard begins that was never read.
    pub begin: Begin,
}

impl StreamSettings {
    /// The typed form of checked values; names what lacks its other half.
    pub(super) fn from_checked(all: &[Setting]) -> Result<Self, Failure> {
        let needs = |name: &str, other: &str| {
            if text(all, name).is_empty() || !text(all, other).is_empty() {
                return Ok(());
            }
            Err(Failure::new("config", format!("{name} is set, but {other} is not; set both")))
        };
        needs("redis_streams", "redis_url")?;
        needs("kafka_topics", "kafka_brokers")?;
        needs("kafka_brokers", "kafka_topics")?;
        needs("kafka_username", "kafka_password")?;
        needs("kafka_password", "kafka_username")?;
        let url = Some(text(all, "redis_url")).filter(|url| !url.is_empty());
        let redis = url.map(|url| Redis::open(&url).map_err(|_| wrong("redis_url"))).transpose()?;
        let begin = match text(all, "streams_begin").as_str() {
            "latest" => Begin::Latest,
            _ => Begin::Earliest,
        };
        Ok(Self {
            redis,
            redis_streams: parts(&text(all, "redis_streams")),
            kafka: kafka(all)?,
            kafka_topics: parts(&text(all, "kafka_topics")),
            begin,
        })
    }

    /// What the readers read.
    pub fn brokers(&self) -> Brokers {
        let redis = self.redis.clone().map(|redis| (redis, self.redis_streams.clone()));
        let kafka = self.kafka.clone().map(|options| (options, self.kafka_topics.clone()));
        Brokers::new(redis, kafka, self.begin)
    }
}

fn kafka(all: &[Setting]) -> Result<Option<KafkaOptions>, Failure> {
    let brokers = parts(&text(all, "kafka_brokers"));
    if brokers.is_empty() {
        return Ok(None);
    }
    let tls = text(all, "kafka_security") == "tls";
    let user = text(all, "kafka_username");
    let sasl = Sasl::parse(&text(all, "kafka_sasl")).ok_or_else(|| wrong("kafka_sasl"))?;
    let sign_in = (!user.is_empty()).then(|| (sasl, user, text(all, "kafka_password")));
    Ok(Some(KafkaOptions { brokers, tls, sign_in }))
}
