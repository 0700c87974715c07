//! Somebody's server that takes webhooks: most of them at once, some only when they come again.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value as Json;

/// One message in so many is refused the first time it comes.
const REFUSED_FIRST: usize = 5;

/// All that came under one `webhook-id`.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// Different bodies; there must be one.
    pub bodies: Vec<Json>,
    /// How often it was taken.
    pub taken: u32,
    /// How often it was refused.
    pub refused: u32,
}

type Log = Arc<Mutex<BTreeMap<String, Message>>>;

/// Takes webhooks until the test ends; shops come and go meanwhile.
pub struct Receiver {
    pub url: String,
    log: Log,
}

impl Receiver {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let log = Log::default();
        let shared = Arc::clone(&log);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let log = Arc::clone(&shared);
                thread::spawn(move || answer(stream, &log));
            }
        });
        Self { url, log }
    }

    /// Everything so far, by `webhook-id`.
    pub fn messages(&self) -> BTreeMap<String, Message> {
        self.log.lock().unwrap().clone()
    }
}

/// A message that came whole; a killed server may leave less.
fn read(stream: &TcpStream) -> Option<(String, Json)> {
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let mut reader = BufReader::new(stream);
    let (mut id, mut length) = (None, 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("webhook-id") => {
                id = Some(value.to_owned());
            }
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().ok()?;
            }
            None if line.trim_end().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((id?, serde_json::from_slice(&body).ok()?))
}

fn answer(mut stream: TcpStream, log: &Log) {
    let Some((id, body)) = read(&stream) else { return };
    let status = {
        let mut log = log.lock().unwrap();
        let known = log.len();
        let told = log.entry(id).or_default();
        let first = told.bodies.is_empty();
        if !told.bodies.contains(&body) {
            told.bodies.push(body);
        }
        if first && known.is_multiple_of(REFUSED_FIRST) {
            told.refused += 1;
            "500 Internal Server Error"
        } else {
            told.taken += 1;
            "200 OK"
        }
    };
    let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}
