//! A shop platform on a real socket: it keeps prices as the real ones do, checks every call against
//! the documented form, and fails when it is told to.

use std::collections::{BTreeMap, VecDeque};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value as Json;

/// What goes wrong with one call.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Nothing is done and this is answered: status, header lines, body.
    Answer(u16, &'static str, String),
    /// Nothing is done and nothing answered.
    Hang,
    /// It is done, and the line breaks before the answer.
    DoneThenBroken,
    /// It is done after so long.
    Slow(Duration),
}

/// A call as it came in.
#[derive(Clone, Debug)]
pub struct Received {
    pub method: String,
    pub target: String,
    pub head: String,
    pub body: Json,
}

impl Received {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// What the platform holds.
#[derive(Default)]
pub struct State {
    /// Prices by the platform's id.
    pub prices: BTreeMap<String, String>,
    /// Ids whose price is refused, and why.
    pub refused: BTreeMap<String, String>,
    /// What goes wrong with the next calls.
    pub faults: VecDeque<Fault>,
    /// Every call.
    pub calls: Vec<Received>,
}

/// Does a call and gives the answer; a panic in it fails the call.
pub type Does = fn(&mut State, &Received) -> (u16, Json);

pub struct Platform {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Platform {
    pub fn new(does: Does, prices: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let prices = prices.iter().map(|(id, price)| ((*id).into(), (*price).into())).collect();
        let state = Arc::new(Mutex::new(State { prices, ..State::default() }));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || answer(stream, &state, does));
            }
        });
        Self { address, state }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap())
    }

    pub fn price(&self, id: &str) -> String {
        self.with(|state| state.prices[id].clone())
    }

    pub fn calls(&self) -> usize {
        self.with(|state| state.calls.len())
    }

    pub fn fail(&self, faults: &[Fault]) {
        self.with(|state| state.faults.extend(faults.iter().cloned()));
    }
}

fn answer(mut stream: TcpStream, state: &Mutex<State>, does: Does) {
    let Some(call) = read(&mut stream) else { return };
    let fault = {
        let mut state = state.lock().unwrap();
        state.calls.push(call.clone());
        state.faults.pop_front()
    };
    let (status, lines, body) = match fault {
        Some(Fault::Answer(status, lines, body)) => (status, lines, body),
        Some(Fault::Hang) => return std::thread::sleep(Duration::from_mins(1)),
        Some(Fault::DoneThenBroken) => {
            does(&mut state.lock().unwrap(), &call);
            return;
        }
        Some(Fault::Slow(time)) => {
            std::thread::sleep(time);
            let (status, body) = does(&mut state.lock().unwrap(), &call);
            (status, "", body.to_string())
        }
        None => {
            let (status, body) = does(&mut state.lock().unwrap(), &call);
            (status, "", body.to_string())
        }
    };
    let length = body.len();
    let text = format!("HTTP/1.1 {status} X\r\n{lines}Content-Length: {length}\r\n\r\n{body}");
    let _ = stream.write_all(text.as_bytes());
}

fn read(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4_096];
        match stream.read(&mut part).ok()? {
            0 => return None,
            read => bytes.extend_from_slice(&part[..read]),
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() < length.map_or(0, |length| length.parse().unwrap()) {
            continue;
        }
        let mut first = head.lines().next()?.split(' ');
        return Some(Received {
            method: first.next()?.to_owned(),
            target: first.next()?.to_owned(),
            head: head.to_owned(),
            body: serde_json::from_str(body).unwrap_or(Json::Null),
        });
    }
}
