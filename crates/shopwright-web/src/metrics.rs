//! Metrics in the OpenMetrics text form. Names are documented in `docs/metrics.md`.

use std::sync::atomic::AtomicI64;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use shopwright_domain::time::{SECOND, Timestamp};
use shopwright_store::effects::Backlog;
use shopwright_store::streams::Shard;

use crate::api::streams::seconds_behind;

/// Seconds; the bounds of the request histogram.
const BUCKETS: [f64; 10] = [0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 10.0];

/// What a request is counted under. The route is the pattern, never the path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

/// Which shard of a message stream a figure is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ShardLabels {
    broker: &'static str,
    stream: String,
    shard: i64,
}

type ShardGauges = Family<ShardLabels, Gauge<i64, AtomicI64>>;

/// Figures of message streams; the same on every node, since they are the ledger's.
#[derive(Debug, Default)]
struct StreamGauges {
    behind_messages: ShardGauges,
    behind_seconds: ShardGauges,
    messages: ShardGauges,
    dead: ShardGauges,
    lost: ShardGauges,
    read: ShardGauges,
}

impl StreamGauges {
    fn register(&self, registry: &mut Registry) {
        let mut add = |name, says, gauges: &ShardGauges| {
            registry.register(name, says, gauges.clone());
        };
        add("stream_behind_messages", "Messages that wait in the broker", &self.behind_messages);
        add("stream_behind_seconds", "Age of the last one taken", &self.behind_seconds);
        add("stream_messages", "Messages taken", &self.messages);
        add("stream_dead_letters", "Of those, dead letters", &self.dead);
        add("stream_lost", "Messages dropped before they were read", &self.lost);
        add("stream_read", "1 while a node reads it without trouble", &self.read);
    }
}

/// The metrics of one process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    seconds: Histogram,
    prices: Gauge<i64, AtomicI64>,
    stale: Gauge<i64, AtomicI64>,
    waiting: Gauge<i64, AtomicI64>,
    oldest: Gauge<i64, AtomicI64>,
    given_up: Gauge<i64, AtomicI64>,
    streams: StreamGauges,
    listings: Gauge<i64, AtomicI64>,
    drifting: Gauge<i64, AtomicI64>,
}

impl Default for Metrics {
    fn default() -> Self {
        let requests = Family::<RequestLabels, Counter>::default();
        let seconds = Histogram::new(BUCKETS);
        let (prices, stale) = (Gauge::default(), Gauge::default());
        let (waiting, oldest, given_up) = (Gauge::default(), Gauge::default(), Gauge::default());
        let (listings, drifting) = (Gauge::default(), Gauge::default());
        let mut registry = Registry::with_prefix("shopwright");
        registry.register("http_requests", "Answered requests", requests.clone());
        registry.register("http_request_seconds", "Time to answer a request", seconds.clone());
        registry.register("live_prices", "Prices served from memory", prices.clone());
        registry.register("prices_stale", "1 while the ledger is away", stale.clone());
        registry.register("effects_waiting", "Effects and jobs to be done", waiting.clone());
        registry.register("effects_overdue_seconds", "Age of the oldest due one", oldest.clone());
        registry.register("effects_given_up", "Effects that need somebody", given_up.clone());
        let streams = StreamGauges::default();
        streams.register(&mut registry);
        registry.register("shop_listings", "Variants the shop shows", listings.clone());
        registry.register("shop_listings_drifting", "Those not at our price", drifting.clone());
        Self {
            registry,
            requests,
            seconds,
            prices,
            stale,
            waiting,
            oldest,
            given_up,
            streams,
            listings,
            drifting,
        }
    }
}

impl Metrics {
    /// Counts an answered request.
    pub fn count(&self, method: &axum::http::Method, route: &str, status: u16, took: Duration) {
        let method = match method.as_str() {
            "GET" => "GET",
            "HEAD" => "HEAD",
            "POST" => "POST",
            "PUT" => "PUT",
            "PATCH" => "PATCH",
            "DELETE" => "DELETE",
            "OPTIONS" => "OPTIONS",
            // Anything may stand in a request line; labels must stay few.
            _ => "other",
        };
        self.requests
            .get_or_create(&RequestLabels { method, route: route.to_owned(), status })
            .inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// Takes in what is left to do outside.
    pub fn set_backlog(&self, backlog: &Backlog, now: Timestamp) {
        let overdue = backlog.oldest_due_at.map_or(0, |at| now.as_micros() - at.as_micros());
        self.waiting.set(backlog.waiting);
        self.oldest.set(overdue.max(0) / SECOND);
        self.given_up.set(backlog.given_up);
    }

    /// Takes in how far message streams are taken in.
    pub fn set_streams(&self, shards: &[Shard], now: Timestamp) {
        let to = &self.streams;
        for shard in shards {
            let key = &shard.key;
            let (broker, stream) = (key.broker.as_str(), key.stream.clone());
            let labels = ShardLabels { broker, stream, shard: key.shard };
            let set = |gauges: &ShardGauges, value: i64| {
                gauges.get_or_create(&labels).set(value);
            };
            set(&to.behind_messages, shard.behind.unwrap_or(0));
            set(&to.behind_seconds, seconds_behind(shard, now));
            set(&to.messages, shard.messages);
            set(&to.dead, shard.dead);
            set(&to.lost, shard.lost);
            set(&to.read, i64::from(shard.owner.is_some() && shard.problem.is_none()));
        }
    }

    /// Takes in how many variants the shop's platform shows, and how many of them not at our price.
    pub fn set_listings(&self, (all, drifting): (i64, i64)) {
        self.listings.set(all);
        self.drifting.set(drifting);
    }

    /// The whole text.
    pub fn encode(&self, live_prices: usize, stale: bool) -> String {
        self.prices.set(i64::try_from(live_prices).unwrap_or(i64::MAX));
        self.stale.set(i64::from(stale));
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = text::encode(&mut out, &self.registry);
        out
    }
}
