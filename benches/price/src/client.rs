//! A small HTTP/1.1 load generator: a fixed number of keep-alive connections, one request at a time
//! on each, all on one thread, so that it takes little from the server beside it.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Headers of one answer at most.
const HEADERS_MAX: usize = 64;
/// Bytes of one answer at most.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Names and values as they came.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// One connection and what was read on it beyond the last answer.
struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

/// Where an answer ends, and what it says.
struct Head {
    status: u16,
    length: usize,
    body_bytes: usize,
}

impl Connection {
    async fn open(to: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, read: Vec::with_capacity(16 << 10) })
    }

    /// Sends a request and reads its answer; the answer's bytes are at the start of `self.read`.
    async fn exchange(&mut self, request: &[u8]) -> Result<Head> {
        self.read.clear();
        self.stream.write_all(request).await?;
        loop {
            let got = self.stream.read_buf(&mut self.read).await?;
            ensure!(got > 0, "the server closed the connection");
            ensure!(
                self.read.len() <= ANSWER_BYTES_MAX,
                "an answer longer than {ANSWER_BYTES_MAX} bytes"
            );
            if let Some(head) = parse(&self.read)?
                && self.read.len() >= head.length + head.body_bytes
            {
                ensure!(
                    self.read.len() == head.length + head.body_bytes,
                    "more than one answer came"
                );
                return Ok(head);
            }
        }
    }
}

/// The head of an answer once it is complete. Only answers with a length are understood: those of
/// the servers measured here.
fn parse(bytes: &[u8]) -> Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) = response.parse(bytes)? else { return Ok(None) };
    let content_length = response
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
        .context("an answer without content-length")?;
    let body_bytes = std::str::from_utf8(content_length.value)?.parse()?;
    Ok(Some(Head { status: response.code.unwrap_or(0), length, body_bytes }))
}

/// One request on a connection of its own.
pub async fn ask(to: SocketAddr, request: &[u8]) -> Result<Answer> {
    let mut connection = Connection::open(to).await?;
    let head = connection.exchange(request).await?;
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let _ = response.parse(&connection.read)?;
    let headers = response
        .headers
        .iter()
        .map(|header| Ok((header.name.to_owned(), String::from_utf8(header.value.to_vec())?)))
        .collect::<Result<_>>()?;
    Ok(Answer { status: head.status, headers, body: connection.read[head.length..].to_vec() })
}

/// What one round measured.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Answers a second.
    pub per_second: f64,
    /// Half of the answers came within this, microseconds.
    pub p50_micros: f64,
    /// 99 of 100 answers came within this, microseconds.
    pub p99_micros: f64,
}

/// Sends `requests` in turn over `connections` for a while. Anything but 200 fails the round: a
/// server that refuses is fast.
pub async fn load(
    to: SocketAddr,
    requests: &Rc<Vec<Vec<u8>>>,
    connections: usize,
    lasting: Duration,
) -> Result<Measured> {
    let mut opened = Vec::with_capacity(connections);
    for _ in 0..connections {
        opened.push(Connection::open(to).await?);
    }
    let started = Instant::now();
    let deadline = started + lasting;
    let mut running = JoinSet::new();
    for (number, mut connection) in opened.into_iter().enumerate() {
        let requests = Rc::clone(requests);
        running.spawn_local(async move {
            let mut latencies = Vec::with_capacity(1 << 16);
            let mut at = number * requests.len() / connections;
            let mut sent = Instant::now();
            while sent < deadline {
                let head = connection.exchange(&requests[at]).await?;
                if head.status != 200 {
                    let text =
                        String::from_utf8_lossy(&connection.read[head.length..]).into_owned();
                    bail!("status {}: {text}", head.status);
                }
                let answered = Instant::now();
                latencies.push(answered - sent);
                sent = answered;
                at = (at + 1) % requests.len();
            }
            Ok(latencies)
        });
    }
    let mut latencies = Vec::new();
    while let Some(done) = running.join_next().await {
        latencies.extend(done??);
    }
    summary(latencies, started.elapsed())
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn summary(mut latencies: Vec<Duration>, took: Duration) -> Result<Measured> {
    ensure!(!latencies.is_empty(), "no answer came");
    latencies.sort_unstable();
    // The smallest value that at least this share of the answers is not above.
    let within = |percent: usize| {
        let rank = (latencies.len() * percent).div_ceil(100).max(1);
        latencies[rank - 1].as_secs_f64() * 1e6
    };
    Ok(Measured {
        per_second: latencies.len() as f64 / took.as_secs_f64(),
        p50_micros: within(50),
        p99_micros: within(99),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_the_smallest_value_that_covers_the_share() -> Result<()> {
        let latencies = (1..=200).map(Duration::from_micros).collect();
        let measured = summary(latencies, Duration::from_secs(2))?;
        assert!((measured.per_second - 100.0).abs() < 1e-9);
        assert!((measured.p50_micros - 100.0).abs() < 1e-6);
        assert!((measured.p99_micros - 198.0).abs() < 1e-6);
        Ok(())
    }

    #[test]
    fn a_head_is_read_once_it_is_complete() -> Result<()> {
        let text = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        let head = parse(text)?.context("complete")?;
        assert_eq!((head.status, head.length, head.body_bytes), (200, 38, 2));
        assert!(parse(&text[..20])?.is_none());
        assert!(parse(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        Ok(())
    }
}
