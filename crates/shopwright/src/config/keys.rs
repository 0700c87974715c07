//! The one table of configuration keys: it drives the file, the variables, the flags, the checks,
//! `shopwright config` and `shopwright config --explain`.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use jiff::tz::TimeZone;
use shopwright_domain::money::Currency;
use shopwright_gateways::allowed::parse_list;
use shopwright_gateways::kafka::Sasl;
use shopwright_gateways::mail::{Mail, is_address};
use shopwright_gateways::redis::Redis;
use shopwright_web::PublicUrl;

/// What a value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `host:port`.
    Address,
    /// A path; relative ones start in the working folder.
    Path,
    /// `postgres://user:password@host:port/database`.
    DatabaseUrl,
    /// A whole number from the first to the second.
    Whole(u64, u64),
    /// A level, or `target=level` pairs with commas between them.
    Log,
    /// Text of 1 to this many bytes.
    Text(usize),
    /// An ISO 4217 code.
    Currency,
    /// An IANA time zone.
    Zone,
    /// Networks, addresses and host names with commas between them.
    Allowed,
    /// A mail address, with or without a name.
    Mailbox,
    /// `smtp://…` or `smtps://…`.
    SmtpUrl,
    /// `https://shop.example`.
    PublicUrl,
    /// Networks with commas between them.
    Networks,
    /// `redis://…` or `rediss://…`.
    RedisUrl,
    /// `host:port` with commas between them.
    Addresses,
    /// Names of streams or topics with commas between them.
    Names,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// `name.myshopify.com`.
    ShopifyShop,
    /// `https://shop.example`, maybe with a path.
    WebAddress,
}

/// One key.
#[derive(Debug)]
pub struct Key {
    /// Its name in the file; `SHOPWRIGHT_` and the name in capitals is its variable.
    pub name: &'static str,
    /// The default; empty when there is none.
    pub default: &'static str,
    /// What a value must be.
    pub kind: Kind,
    /// What it does, one or two sentences.
    pub says: &'static str,
    /// Never printed; may also come from the file that `…_FILE` names.
    pub secret: bool,
    /// The flag that sets it, if it has one.
    pub flag: Option<&'static str>,
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

const fn key(name: &'static str, default: &'static str, kind: Kind, says: &'static str) -> Key {
    Key { name, default, kind, says, secret: false, flag: None }
}

/// Every key, in the order they are shown.
pub const KEYS: &[Key] = &[
    Key {
        flag: Some("--listen"),
        ..key(
            "listen",
            "127.0.0.1:8080",
            Kind::Address,
            "Where the API and the dashboard answer. Port 0 takes any free one.",
        )
    },
    Key {
        flag: Some("--data-dir"),
        ..key(
            "data_dir",
            "./data",
            Kind::Path,
            "The folder of the embedded database, the rejects files and the key secret. Made when missing.",
        )
    },
    Key {
        flag: Some("--database-url"),
        secret: true,
        ..key(
            "database_url",
            "",
            Kind::DatabaseUrl,
            "The PostgreSQL server (15 or later) that keeps the ledger. Without it the ledger is \
             the embedded database shopwright.db in data_dir. \
             Over a network add ?sslmode=verify-full, and &sslrootcert=FILE for an own authority.",
        )
    },
    key(
        "database_connections",
        "8",
        Kind::Whole(2, 200),
        "Connections to PostgreSQL. The embedded database does not use it.",
    ),
    Key {
        flag: Some("--log"),
        ..key(
            "log",
            "info",
            Kind::Log,
            "What is logged on the error output: off, error, warn, info, debug or trace, also by \
             target as in info,shopwright_store=debug.",
        )
    },
    key("store_name", "My store", Kind::Text(100), "The shop's name on its pages."),
    key(
        "currency",
        "EUR",
        Kind::Currency,
        "The shop's currency, for amounts that name none. A product keeps the currency it came with.",
    ),
    key(
        "zone",
        "UTC",
        Kind::Zone,
        "The shop's time zone: it says when a day begins and what hour it is.",
    ),
    key(
        "public_url",
        "",
        Kind::PublicUrl,
        "The address at which visitors reach this server, as https://shop.example. With https, \
         session cookies are sent over TLS only. The server then answers to no other name.",
    ),
    key(
        "trusted_proxies",
        "",
        Kind::Networks,
        "Networks of reverse proxies, as 10.0.0.0/8,127.0.0.1. Only their X-Forwarded-For and \
         X-Forwarded-Proto are believed.",
    ),
    key(
        "price_refresh_seconds",
        "60",
        Kind::Whole(1, 86_400),
        "How often all prices are looked at. A change to their inputs is answered at once.",
    ),
    key(
        "key_secret_file",
        "",
        Kind::Path,
        "The file with the secret under which API keys are hashed, default key.secret in data_dir. \
         Made on first use. Several nodes on one PostgreSQL share it; keep a copy outside the \
         database's backups.",
    ),
    key(
        "seal_key_file",
        "",
        Kind::Path,
        "The file with the keys that seal secrets in the database, default seal.key in data_dir. \
         Made on first use. Several nodes share it; keep a copy outside the database's backups. To \
         rotate, put a new line of 32 random bytes in base64 first and keep the old \
         lines until the log says that secrets were sealed anew.",
    ),
    key(
        "outbound_allow",
        "",
        Kind::Allowed,
        "Inner networks, addresses and host names that webhooks may reach, with commas between \
         them, as in 10.1.0.0/16,hooks.internal. Without it only the public internet is reached.",
    ),
    key(
        "mail_from",
        "Shopwright <shopwright@localhost>",
        Kind::Mailbox,
        "Whom mail comes from, as in Candle Corner <shop@example.com>.",
    ),
    key(
        "mail_to_operator",
        "",
        Kind::Mailbox,
        "Who is told by mail when something needs an operator. Nobody when not set.",
    ),
    Key {
        secret: true,
        ..key(
            "shopify_webhook_secret",
            "",
            Kind::Text(1_000),
            "What Shopify signs its webhooks with. Two with a comma between them both hold, to change \
             one without losing a message. Without it no such webhook is taken.",
        )
    },
    Key {
        secret: true,
        ..key(
            "woocommerce_webhook_secret",
            "",
            Kind::Text(1_000),
            "What WooCommerce signs its webhooks with. Two with a comma between them both hold, to change \
             one without losing a message. Without it no such webhook is taken.",
        )
    },
    Key {
        secret: true,
        ..key(
            "smtp_url",
            "",
            Kind::SmtpUrl,
            "The mail server, as in smtp://user:password@host:587 or smtps://host. Without it mail \
             is written as .eml files into mail_dir.",
        )
    },
    key(
        "mail_dir",
        "",
        Kind::Path,
        "The folder mail is written to when there is no smtp_url, default mail in data_dir.",
    ),
    key(
        "effects_kept_days",
        "30",
        Kind::Whole(1, 3_650),
        "Days that events of webhooks, their deliveries, sent mail and other finished effects can be \
         looked at and sent again. What still waits is never forgotten.",
    ),
    Key {
        secret: true,
        ..key(
            "redis_url",
            "",
            Kind::RedisUrl,
            "The Redis server (7 or later) of redis_streams, as in redis://user:password@host:6379/0, \
             or rediss:// for TLS.",
        )
    },
    key(
        "redis_streams",
        "",
        Kind::Names,
        "Redis streams that events are taken from, with commas between them. An entry has its event as \
         JSON in the field event or data.",
    ),
    key(
        "kafka_brokers",
        "",
        Kind::Addresses,
        "Some of the Kafka brokers, as in kafka1:9092,kafka2:9092; the others are learnt from them.",
    ),
    key(
        "kafka_topics",
        "",
        Kind::Names,
        "Kafka topics that events are taken from, with commas between them. A record's value is an event \
         as JSON.",
    ),
    key(
        "kafka_security",
        "plaintext",
        Kind::OneOf(&["plaintext", "tls"]),
        "How Kafka's brokers are spoken to. With tls, they are trusted as a browser would trust them.",
    ),
    key(
        "kafka_sasl",
        "plain",
        Kind::OneOf(&[
            Sasl::Plain.as_str(),
            Sasl::ScramSha256.as_str(),
            Sasl::ScramSha512.as_str(),
        ]),
        "How Kafka is signed in to when there is a kafka_username.",
    ),
    key("kafka_username", "", Kind::Text(200), "Who we are to Kafka. Without it nobody signs in."),
    Key {
        secret: true,
        ..key("kafka_password", "", Kind::Text(1_000), "The password of kafka_username.")
    },
    key(
        "streams_begin",
        "earliest",
        Kind::OneOf(&["earliest", "latest"]),
        "Where a stream or partition begins that was never read, or whose position its broker has \
         dropped: with the oldest message there is, or with what comes from now on.",
    ),
    key(
        "events_kept_days",
        "400",
        Kind::Whole(33, 3_650),
        "Days that what shoppers did is kept event by event. What it adds up to by the hour stays.",
    ),
    key(
        "publish",
        "off",
        Kind::OneOf(&["off", "shopify", "woocommerce"]),
        "The shop platform that is told our prices: off, shopify or woocommerce. See docs/publishing.md.",
    ),
    key(
        "shopify_shop",
        "",
        Kind::ShopifyShop,
        "The shop on Shopify, as candle-corner.myshopify.com.",
    ),
    Key {
        secret: true,
        ..key(
            "shopify_access_token",
            "",
            Kind::Text(500),
            "The Admin API access token of an app in that shop with the scope write_products.",
        )
    },
    key(
        "shopify_api_version",
        "2026-07",
        Kind::Text(20),
        "The version of Shopify's Admin API that is spoken.",
    ),
    key(
        "woocommerce_url",
        "",
        Kind::WebAddress,
        "Where the WordPress of the shop is, as https://shop.example.",
    ),
    Key {
        secret: true,
        ..key(
            "woocommerce_key",
            "",
            Kind::Text(500),
            "The consumer key of WooCommerce's REST API, with the permission read/write.",
        )
    },
    Key {
        secret: true,
        ..key("woocommerce_secret", "", Kind::Text(500), "The consumer secret that belongs to it.")
    },
    key(
        "drift_check_minutes",
        "60",
        Kind::Whole(5, 10_080),
        "How often the shop platform is looked at for prices that are not ours.",
    ),
    key(
        "competitor_page_hours",
        "0",
        Kind::Whole(0, 8_760),
        "How often competitors' product pages are looked at, where a match names one. 0 is never. \
         See docs/competitors.md.",
    ),
    key(
        "connections_max",
        "4096",
        Kind::Whole(16, 1_000_000),
        "Connections of clients at once; further ones wait. The system's limit of open files must be higher.",
    ),
    key(
        "rate_secret_per_minute",
        "6000",
        Kind::Whole(0, RATE_MAX),
        "Requests a minute of each secret or restricted key, on each node. 0 is no limit.",
    ),
    key(
        "rate_secret_burst",
        "1000",
        Kind::Whole(1, RATE_MAX),
        "How many requests of such a key may come at once.",
    ),
    key(
        "rate_publishable_per_minute",
        "600",
        Kind::Whole(0, RATE_MAX),
        "Requests a minute with a publishable key from each address, on each node. 0 is no limit.",
    ),
    key(
        "rate_publishable_burst",
        "200",
        Kind::Whole(1, RATE_MAX),
        "How many requests of such an address may come at once.",
    ),
    key(
        "rate_unauthenticated_per_minute",
        "60",
        Kind::Whole(0, RATE_MAX),
        "Requests a minute without a valid key from each address, on each node. 0 is no limit.",
    ),
    key(
        "rate_unauthenticated_burst",
        "30",
        Kind::Whole(1, RATE_MAX),
        "How many requests of such an address may come at once.",
    ),
];

/// More than one machine answers.
const RATE_MAX: u64 = 1_000_000_000;

impl Key {
    /// The variable that sets it.
    pub fn variable(&self) -> String {
        format!("SHOPWRIGHT_{}", self.name.to_ascii_uppercase())
    }

    /// Whether SIGHUP changes it in a running server; others need a restart.
    pub fn reloads(&self) -> bool {
        matches!(self.name, "log" | "store_name" | "price_refresh_seconds")
    }
}

/// The key of this name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The candidate that is most like `name`, if one is at all.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = candidates.map(|c| (strsim::jaro_winkler(name, c), c));
    scored.filter(|(score, _)| *score > 0.75).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, c)| c)
}

impl Kind {
    /// What a value of this kind looks like.
    pub fn describe(self) -> String {
        match self {
            Self::Address => "an address like 127.0.0.1:8080".into(),
            Self::Path => "a path".into(),
            Self::DatabaseUrl => "a URL like postgres://user:password@host:5432/database".into(),
            Self::Whole(min, max) => format!("a whole number from {min} to {max}"),
            Self::Log => {
                "a level (off, error, warn, info, debug, trace) or target=level pairs".into()
            }
            Self::Text(max) => format!("a text of 1 to {max} bytes"),
            Self::Currency => "a currency code like EUR".into(),
            Self::Zone => "a time zone like Europe/Berlin".into(),
            Self::Allowed => "a list like 10.1.0.0/16,hooks.internal".into(),
            Self::Mailbox => "a mail address like Shop <shop@example.com>".into(),
            Self::SmtpUrl => "a URL like smtp://user:password@host:587 or smtps://host".into(),
            Self::PublicUrl => "an address like https://shop.example, without a path".into(),
            Self::RedisUrl => {
                "a URL like redis://user:password@host:6379/0 or rediss://host".into()
            }
            Self::Addresses => "addresses like kafka1:9092,kafka2:9092".into(),
            Self::Names => "names like shop-events,shop-orders with commas between them".into(),
            Self::OneOf(words) => format!("one of {}", words.join(", ")),
            Self::ShopifyShop => "a shop like candle-corner.myshopify.com".into(),
            Self::WebAddress => "an address like https://shop.example".into(),
            Self::Networks => "networks like 10.0.0.0/8,127.0.0.1 with commas between them".into(),
        }
    }

    /// Whether `text` is a value of this kind; the error says what is wrong beyond the kind.
    pub fn check(self, text: &str) -> Result<(), Option<String>> {
        let holds = match self {
            Self::Address => text
                .rsplit_once(':')
                .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok()),
            Self::Path => !text.is_empty() && !text.contains('\0'),
            Self::DatabaseUrl => {
                text.starts_with("postgres://") || text.starts_with("postgresql://")
            }
            Self::Whole(min, max) => text.parse().is_ok_and(|n: u64| (min..=max).contains(&n)),
            Self::Log => return check_log(text),
            Self::Text(max) => {
                (1..=max).contains(&text.len()) && !text.chars().any(char::is_control)
            }
            Self::Currency => Currency::from_str(text).is_ok(),
            Self::Allowed => return parse_list(text).map(|_| ()).map_err(|e| Some(e.to_string())),
            Self::Mailbox => is_address(text),
            Self::SmtpUrl => Mail::smtp(text, Duration::from_secs(1)).is_ok(),
            Self::Zone => {
                if TimeZone::get(text).is_ok() {
                    return Ok(());
                }
                let names: Vec<String> =
                    jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
                let close = nearest(text, names.iter().map(String::as_str));
                return Err(close.map(|name| format!("did you mean {name}?")));
            }
            Self::PublicUrl => PublicUrl::parse(text).is_some(),
            Self::Networks => networks(text).is_some(),
            Self::RedisUrl => Redis::open(text).is_ok(),
            Self::Addresses => {
                let parts = parts(text);
                !parts.is_empty() && parts.iter().all(|part| Self::Address.check(part).is_ok())
            }
            Self::Names => {
                let parts = parts(text);
                !parts.is_empty() && parts.iter().all(|part| is_stream_name(part))
            }
            Self::OneOf(words) => {
                if words.contains(&text) {
                    return Ok(());
                }
                let close = nearest(text, words.iter().copied());
                return Err(close.map(|word| format!("did you mean {word}?")));
            }
            Self::ShopifyShop => text.strip_suffix(".myshopify.com").is_some_and(|name| {
                let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
                !name.is_empty() && name.bytes().all(fits)
            }),
            Self::WebAddress => is_web_address(text),
        };
        if holds { Ok(()) } else { Err(None) }
    }
}

/// What stands between the commas, without empty parts.
pub fn parts(text: &str) -> Vec<String> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(ToOwned::to_owned).collect()
}

/// Kafka takes no others, and a metric's label should not be longer.
fn is_stream_name(text: &str) -> bool {
    text.len() <= 249 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:-".contains(&b))
}

/// Networks with commas between them; an address alone is the network of itself.
pub fn networks(text: &str) -> Option<Vec<IpNet>> {
    let one = |part: &str| {
        part.parse::<IpNet>().ok().or_else(|| part.parse::<IpAddr>().ok().map(IpNet::from))
    };
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(one).collect()
}

/// An address of the web without a user, a query or a fragment; a path may be there.
fn is_web_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let host = rest.split('/').next().unwrap_or_default();
        !host.is_empty()
            && !rest.chars().any(|c| c.is_whitespace() || c.is_control() || "@?#".contains(c))
    })
}

/// A bare word that is no level would be read as a target and silence everything else.
fn check_log(text: &str) -> Result<(), Option<String>> {
    for part in text.split(',').map(str::trim) {
        let (target, level) = part.split_once('=').map_or((None, part), |(t, l)| (Some(t), l));
        if !LEVELS.contains(&level) || target == Some("") {
            let close = nearest(level, LEVELS.into_iter());
            return Err(close.map(|level| format!("did you mean {level}?")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
