//! A small table of messages in place of the shop's events: it counts how often each was taken.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value as Json;
use shopwright_app::streams::{Brokers, Intake, StreamBatch, StreamOptions, TakenChunk};
use shopwright_domain::events::formed;
use shopwright_domain::time::Timestamp;
use shopwright_gateways::kafka::KafkaOptions;
use shopwright_gateways::redis::Redis;
use shopwright_gateways::stream::Begin;
use shopwright_store::{StoreError, Tx, params};

pub const MAKE_TABLE: &str =
    "CREATE TABLE t_taken (source text, id text, times bigint, PRIMARY KEY (source, id))";

/// Takes messages into a table of the test.
#[derive(Default)]
pub struct Takes {
    /// While set, the ledger says that it is busy.
    pub busy: AtomicBool,
    /// Batches that were prepared.
    pub prepared: AtomicUsize,
}

impl Intake for Takes {
    type Prepared = (String, Vec<Result<String, String>>);

    fn prepare(&self, batch: StreamBatch, _: Timestamp) -> Self::Prepared {
        self.prepared.fetch_add(1, Ordering::SeqCst);
        let read = batch.messages.into_iter().map(|message| {
            if let Some(reason) = message.unfit {
                return Err(reason);
            }
            let text = formed(&message.raw, &message.fallback_id).1.into_owned();
            let json: Json = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
            json["id"].as_str().map(ToOwned::to_owned).ok_or_else(|| "no id".into())
        });
        (batch.source, read.collect())
    }

    fn take_in(
        &self,
        tx: &mut Tx<'_>,
        (source, read): &Self::Prepared,
        _: Timestamp,
    ) -> Result<TakenChunk, StoreError> {
        if self.busy.load(Ordering::SeqCst) {
            return Err(StoreError::Busy);
        }
        let mut taken = TakenChunk::default();
        for message in read {
            let Ok(id) = message else {
                taken.dead += 1;
                continue;
            };
            tx.execute(
                "INSERT INTO t_taken (source, id, times) VALUES ($1, $2, 1)
                 ON CONFLICT (source, id) DO UPDATE SET times = t_taken.times + 1",
                params![source, id],
            )?;
        }
        Ok(taken)
    }
}

/// Short times, so that a takeover is quick to see.
pub const QUICK: StreamOptions = StreamOptions {
    lease: Duration::from_millis(1_500),
    beat: Duration::from_millis(200),
    chunk: 200,
};

pub fn redis_of(url: &str, streams: &[&str]) -> (Redis, Vec<String>) {
    let streams = streams.iter().map(|name| (*name).to_owned()).collect();
    (Redis::open(url).unwrap(), streams)
}

pub fn kafka_of(brokers: &[String]) -> (KafkaOptions, Vec<String>) {
    let brokers = brokers.to_vec();
    (KafkaOptions { brokers, tls: false, sign_in: None }, vec!["events".into()])
}

pub fn redis_brokers(url: &str, streams: &[&str], begin: Begin) -> Brokers {
    Brokers::new(Some(redis_of(url, streams)), None, begin)
}

pub fn kafka_brokers(brokers: &[String]) -> Brokers {
    Brokers::new(None, Some(kafka_of(brokers)), Begin::Earliest)
}
