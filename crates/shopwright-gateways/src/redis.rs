//! Redis: entries of streams in, and small values that nodes share.
//!
//! A connection is used by one task. One that failed is dropped and made anew by its owner, which waits
//! a growing while between tries. No error repeats the URL, which may hold a password.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, Value, cmd, pipe};
use shopwright_domain::time::Timestamp;

use crate::stream::{Begin, Body, BrokerError, BrokerSettingError, Chunk, Message, Place};

/// How long connecting may take.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(3);
/// How long an answer may take; waiting for entries is shorter than this.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);
/// The fields of an entry that may hold an event, in the order they are looked for.
const EVENT_FIELDS: [&[u8]; 2] = [b"event", b"data"];

/// A Redis server, not yet connected.
#[derive(Clone)]
pub struct Redis {
    client: Client,
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redis(…)")
    }
}

impl Redis {
    /// The server of a URL like `redis://user:password@host:6379/0`, or `rediss://…` over TLS.
    pub fn open(url: &str) -> Result<Self, BrokerSettingError> {
        let known = ["redis://", "rediss://"].iter().any(|scheme| url.starts_with(scheme));
        let client = Client::open(url).ok().filter(|_| known);
        let client = client.ok_or_else(|| {
            BrokerSettingError("this is not a URL like redis://user:password@host:6379/0".into())
        })?;
        Ok(Self { client })
    }

    /// Connects.
    pub async fn connect(&self) -> Result<RedisConnection, BrokerError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIME_MAX))
            .set_response_timeout(Some(ANSWER_TIME_MAX));
        let connected = self.client.get_multiplexed_async_connection_with_config(&config).await;
        Ok(RedisConnection { inner: connected.map_err(|error| away(&error))? })
    }
}

/// A connection.
#[derive(Clone)]
pub struct RedisConnection {
    inner: MultiplexedConnection,
}

impl fmt::Debug for RedisConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisConnection(…)")
    }
}

fn away(error: &RedisError) -> BrokerError {
    let text = error.to_string();
    if text.contains("WRONGTYPE") {
        return BrokerError::Refused("the key in Redis is not a stream; name another".into());
    }
    if text.contains("NOAUTH") || text.contains("WRONGPASS") || text.contains("NOPERM") {
        return BrokerError::Refused(
            "Redis does not let us in; check user and password of redis_url".into(),
        );
    }
    BrokerError::Away(format!("Redis does not answer: {text}"))
}

/// What `XINFO STREAM` says.
#[derive(Clone, Debug, Default)]
struct About {
    length: i64,
    /// Entries ever added; Redis 7 and later.
    added: Option<i64>,
    last_id: String,
    first_id: Option<String>,
}

impl RedisConnection {
    /// The server's version, which also says that it answers.
    pub async fn version(&mut self) -> Result<String, BrokerError> {
        let info: String =
            cmd("INFO").arg("server").query_async(&mut self.inner).await.map_err(|e| away(&e))?;
        let line = info.lines().find_map(|line| line.strip_prefix("redis_version:"));
        Ok(line.unwrap_or("of an unknown version").trim().to_owned())
    }

    /// Asks whether it is there.
    pub async fn ping(&mut self) -> Result<(), BrokerError> {
        cmd("PING").query_async(&mut self.inner).await.map_err(|error| away(&error))
    }

    /// Waits until a stream has an entry after `place`, at most so long. Gives whether it has one.
    pub async fn wait(
        &mut self,
        stream: &str,
        place: &Place,
        time: Duration,
    ) -> Result<bool, BrokerError> {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut read = cmd("XREAD");
        read.arg("COUNT").arg(1).arg("BLOCK").arg(millis).arg("STREAMS").arg(stream);
        let found: Value = read
            .arg(if place.text.is_empty() { "0-0" } else { &place.text })
            .query_async(&mut self.inner)
            .await
            .map_err(|error| away(&error))?;
        Ok(found != Value::Nil)
    }

    /// Up to `max` entries after `place`, with what the stream says of itself at the same moment.
    pub async fn read(
        &mut self,
        stream: &str,
        place: &Place,
        begin: Begin,
        max: usize,
    ) -> Result<Chunk, BrokerError> {
        let begun = !place.text.is_empty();
        let after = if begun { place.text.as_str() } else { "0-0" };
        let mut both = pipe();
        both.atomic().cmd("XINFO").arg("STREAM").arg(stream);
        both.cmd("XRANGE").arg(stream).arg(format!("({after}")).arg("+").arg("COUNT").arg(max);
        let answered = both.query_async::<(Value, Value)>(&mut self.inner).await;
        let (about, entries) = match answered {
            Ok((about, entries)) => (about_stream(about), entries_of(entries)),
            // A stream is made by its first entry.
            Err(error) if error.to_string().contains("no such key") => {
                let next = Place { text: after.to_owned(), passed: place.passed };
                return Ok(Chunk { next, behind: Some(0), ..Chunk::default() });
            }
            Err(error) => return Err(away(&error)),
        };
        if !begun && begin == Begin::Latest {
            let next = Place { text: about.last_id, passed: about.added.unwrap_or(0) };
            return Ok(Chunk { next, behind: Some(0), ..Chunk::default() });
        }
        Ok(chunk(place, entries, &about, max))
    }

    /// Writes values that are forgotten after so long, in one round trip.
    pub async fn set_many(
        &mut self,
        values: &[(String, String)],
        forgotten_after: Duration,
    ) -> Result<(), BrokerError> {
        if values.is_empty() {
            return Ok(());
        }
        let mut all = pipe();
        for (key, value) in values {
            all.cmd("SET").arg(key).arg(value).arg("EX").arg(forgotten_after.as_secs()).ignore();
        }
        all.query_async::<()>(&mut self.inner).await.map_err(|error| away(&error))
    }

    /// The values of keys, in their order.
    pub async fn get_many(&mut self, keys: &[String]) -> Result<Vec<Option<String>>, BrokerError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        cmd("MGET").arg(keys).query_async(&mut self.inner).await.map_err(|error| away(&error))
    }
}

/// An entry's id and its fields with their values.
type Entry = (String, Vec<(Vec<u8>, Vec<u8>)>);

fn about_stream(answer: Value) -> About {
    let fields: HashMap<String, Value> = redis::from_redis_value(answer).unwrap_or_default();
    let number = |name: &str| match fields.get(name) {
        Some(Value::Int(number)) => Some(*number),
        _ => None,
    };
    let id = |value: Option<&Value>| match value {
        Some(Value::BulkString(bytes)) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Some(Value::SimpleString(text)) => Some(text.clone()),
        _ => None,
    };
    let first_id = match fields.get("first-entry") {
        Some(Value::Array(entry)) => id(entry.first()),
        _ => None,
    };
    About {
        length: number("length").unwrap_or(0),
        added: number("entries-added"),
        last_id: id(fields.get("last-generated-id")).unwrap_or_else(|| "0-0".into()),
        first_id,
    }
}

/// Read by hand: one field that is not UTF-8 must not make the whole chunk unreadable.
fn entries_of(answer: Value) -> Vec<Entry> {
    let Value::Array(entries) = answer else { return Vec::new() };
    let bytes = |value: &Value| match value {
        Value::BulkString(bytes) => bytes.clone(),
        Value::SimpleString(text) => text.clone().into_bytes(),
        _ => Vec::new(),
    };
    let entry = |value: Value| {
        let Value::Array(parts) = value else { return None };
        let [id, fields] = parts.as_slice() else { return None };
        let fields = match fields {
            Value::Array(fields) => {
                let pairs = fields.chunks_exact(2);
                pairs.map(|pair| (bytes(&pair[0]), bytes(&pair[1]))).collect()
            }
            _ => Vec::new(),
        };
        Some((String::from_utf8_lossy(&bytes(id)).into_owned(), fields))
    };
    entries.into_iter().filter_map(entry).collect()
}

/// An entry's id as numbers, which is their order.
fn number(id: &str) -> (u64, u64) {
    let (millis, sequence) = id.split_once('-').unwrap_or((id, "0"));
    (millis.parse().unwrap_or(0), sequence.parse().unwrap_or(0))
}

fn chunk(place: &Place, entries: Vec<Entry>, about: &About, max: usize) -> Chunk {
    let begun = !place.text.is_empty();
    let count = i64::try_from(entries.len()).unwrap_or(i64::MAX);
    // Entries go away at the head of a stream: while the head is not past our place, none is missing.
    let head_passed = about.first_id.as_deref().is_none_or(|id| number(id) > number(&place.text));
    let before = about.added.map(|added| added - about.length).filter(|_| head_passed);
    let (passed, lost) = match before {
        // Fewer were ever added than we took: another stream of this name, counted anew.
        Some(before) if !begun || about.added < Some(place.passed) => (before, 0),
        Some(before) => (before.max(place.passed), (before - place.passed).max(0)),
        None => (place.passed, 0),
    };
    let at_the_end = entries.len() < max;
    let passed = passed + count;
    let behind =
        if at_the_end { Some(0) } else { about.added.map(|added| (added - passed).max(0)) };
    let passed = if at_the_end { about.added.unwrap_or(passed) } else { passed };
    let after = if begun { place.text.clone() } else { "0-0".to_owned() };
    let text = entries.last().map_or(after, |(id, _)| id.clone());
    let messages = entries.into_iter().map(message).collect();
    Chunk { messages, next: Place { text, passed }, lost, behind }
}

fn message((id, fields): Entry) -> Message {
    let millis = i64::try_from(number(&id).0).unwrap_or(0);
    let at = Some(Timestamp::from_micros(millis.saturating_mul(1_000)));
    let named = |name: &[u8]| fields.iter().find(|(field, _)| field == name);
    let body = match EVENT_FIELDS.into_iter().find_map(named) {
        Some((_, value)) => Body::Text(value.clone()),
        None => Body::Unfit {
            raw: written_down(&fields),
            reason: "the entry has no field `event` or `data`; put the event's JSON into one"
                .into(),
        },
    };
    Message { position: id, at, body }
}

/// The fields as lines, so that a person can see what was sent.
fn written_down(fields: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let line = |(name, value): &(Vec<u8>, Vec<u8>)| [name, b": ".as_slice(), value].concat();
    fields.iter().map(line).collect::<Vec<_>>().join(&b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(ids: &[&str]) -> Vec<Entry> {
        ids.iter().map(|id| ((*id).to_owned(), vec![(b"event".to_vec(), b"{}".to_vec())])).collect()
    }

    fn about(length: i64, added: i64, first: &str) -> About {
        About { length, added: Some(added), first_id: Some(first.into()), ..About::default() }
    }

    fn at(text: &str, passed: i64) -> Place {
        Place { text: text.into(), passed }
    }

    #[test]
    fn what_was_trimmed_before_it_was_read_is_counted() {
        // Ten were added, two were read, four are left: four are gone.
        let found = chunk(&at("2-0", 2), entries(&["7-0", "8-0"]), &about(4, 10, "7-0"), 2);
        assert_eq!((found.lost, found.behind), (4, Some(2)));
        assert_eq!(found.next, at("8-0", 8));
    }

    #[test]
    fn what_was_read_before_it_was_trimmed_is_not_lost() {
        let found = chunk(&at("6-0", 6), entries(&["7-0"]), &about(1, 7, "7-0"), 2);
        assert_eq!((found.lost, found.behind, found.next), (0, Some(0), at("7-0", 7)));
        let found = chunk(&at("7-0", 7), entries(&[]), &about(3, 7, "5-0"), 2);
        assert_eq!((found.lost, found.behind, found.next), (0, Some(0), at("7-0", 7)));
    }

    #[test]
    fn a_first_look_calls_nothing_lost_and_a_stream_made_anew_is_counted_anew() {
        let found = chunk(&at("", 0), entries(&["7-0"]), &about(4, 10, "7-0"), 1);
        assert_eq!((found.lost, found.behind, found.next), (0, Some(3), at("7-0", 7)));
        let found = chunk(&at("6-0", 600), entries(&["7-0"]), &about(2, 2, "7-0"), 1);
        assert_eq!((found.lost, found.behind, found.next), (0, Some(1), at("7-0", 1)));
    }

    #[test]
    fn an_entry_without_an_event_is_kept_with_its_reason_and_one_that_is_not_text_does_no_harm() {
        let answer = Value::Array(vec![Value::Array(vec![
            Value::BulkString(b"5-1".to_vec()),
            Value::Array(vec![
                Value::BulkString(vec![0xff, 0xfe]),
                Value::BulkString(b"x".to_vec()),
            ]),
        ])]);
        let read = entries_of(answer).into_iter().map(message).collect::<Vec<_>>();
        let Body::Unfit { raw, reason } = &read[0].body else { panic!("{read:?}") };
        assert!(reason.contains("`event`"), "{reason}");
        assert_eq!(raw, &[0xff, 0xfe, b':', b' ', b'x']);
        assert_eq!(read[0].at, Some(Timestamp::from_micros(5_000)));
    }

    #[test]
    fn a_url_of_another_kind_is_refused_without_being_repeated() {
        for url in ["http://u:secret@host", "redis+unix:///x", "host:6379", "redis://"] {
            let refused = Redis::open(url).map(|_| ()).unwrap_err();
            assert!(!refused.0.contains("secret"), "{refused}");
        }
        for url in ["redis://localhost", "rediss://u:p@host:6380/2"] {
            Redis::open(url).unwrap();
        }
    }
}
