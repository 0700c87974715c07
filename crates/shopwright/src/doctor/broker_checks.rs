//! Whether Redis and Kafka answer, and whether what is to be read is there.

use shopwright_gateways::kafka::{Kafka, KafkaOptions};
use shopwright_gateways::redis::Redis;
use shopwright_gateways::stream::BrokerError;

use super::Check;
use crate::config::Settings;
use crate::output::count;

/// Checks of the brokers that are configured; none without one.
pub fn all(settings: &Settings) -> Vec<Check> {
    let streams = &settings.streams;
    let checks = async {
        let mut checks = Vec::new();
        if let Some(server) = &streams.redis {
            checks.push(redis(server).await);
        }
        if let Some(options) = &streams.kafka {
            checks.push(kafka(options, &streams.kafka_topics).await);
        }
        checks
    };
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(checks),
        Err(error) => vec![Check::unknown("brokers", format!("cannot be asked: {error}"))],
    }
}

async fn redis(server: &Redis) -> Check {
    let version = async { server.connect().await?.version().await };
    match version.await {
        Ok(version) if is_old(&version) => Check::warning(
            "redis",
            format!("version {version} does not count what it drops; 7 or later does"),
        ),
        Ok(version) => Check::ok("redis", format!("version {version} answers")),
        Err(error) => away("redis", &error),
    }
}

fn is_old(version: &str) -> bool {
    version.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_some_and(|n| n < 7)
}

async fn kafka(options: &KafkaOptions, topics: &[String]) -> Check {
    let partitions = async { Kafka::connect(options).await?.partitions(topics).await };
    match partitions.await {
        Err(error) => away("kafka", &error),
        Ok(found) => {
            let missing: Vec<&str> = topics
                .iter()
                .filter(|topic| !found.iter().any(|(name, _)| name == *topic))
                .map(String::as_str)
                .collect();
            if !missing.is_empty() {
                let missing = missing.join(", ");
                return Check::warning(
                    "kafka",
                    format!("there is no topic {missing} yet; make it, or correct kafka_topics"),
                );
            }
            let found = count(found.len() as u64, "partition", "partitions");
            Check::ok("kafka", format!("answers; {found} to read"))
        }
    }
}

fn away(name: &'static str, error: &BrokerError) -> Check {
    Check::problem(name, format!("{error}; start it, or correct its address and sign-in"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redis_that_does_not_count_is_old() {
        assert!(is_old("6.2.14"));
        assert!(!is_old("7.0.15") && !is_old("10.1") && !is_old("of an unknown version"));
    }
}
