//! The outside world of these tests: a receiver on a real socket that answers by script, mail in
//! memory, randomness that counts.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use shopwright_app::effects::{Outside, Performers, WorkOptions, Working, keep_working};
use shopwright_domain::ids::Entropy;
use shopwright_gateways::guard::Guard;
use shopwright_gateways::mail::Mail;
use shopwright_gateways::resolver::Resolver;
use shopwright_gateways::seal::Seal;
use shopwright_store::Store;

use crate::harness::Shop;

/// Never gives the same bytes twice.
struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(8) {
            let next = self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes();
            part.copy_from_slice(&next[..part.len()]);
        }
    }
}

/// Reaches this machine, mails into memory, tells `owner@example.com`.
pub fn outside() -> Arc<Outside> {
    sealed_by(Seal::new(&[7; 32]))
}

/// The same with these keys of the seal.
pub fn sealed_by(seal: Seal) -> Arc<Outside> {
    Arc::new(Outside {
        guard: Guard::new(vec!["127.0.0.1".parse().unwrap()], Resolver::System),
        mail: Mail::memory(),
        mail_from: "Shop <shop@example.com>".into(),
        operator: Some("owner@example.com".into()),
        seal,
        random: Arc::new(Counting(AtomicU64::new(1))),
    })
}

/// A worker of this shop's own kinds.
pub fn work(shop: &Shop, store: &Store, outside: &Arc<Outside>) -> Working {
    let performers = Performers::new(store.clone(), shop.clock.clone(), Arc::clone(outside));
    let options = WorkOptions { poll: Duration::from_millis(20), ..WorkOptions::default() };
    shop.run(async {
        keep_working(store.clone(), shop.clock.clone(), Arc::new(performers), options)
    })
}

/// Waits for something to become so; fails after twenty seconds.
#[track_caller]
pub fn wait_until(what: &str, so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// How a request is answered: a status with header lines, or not at all.
#[derive(Clone, Debug)]
pub enum Reply {
    Status(u16, &'static str),
    Hang,
}

/// One request as it came in.
#[derive(Clone, Debug)]
pub struct Received {
    head: String,
    pub body: String,
}

impl Received {
    /// The value of a header.
    pub fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_else(|| panic!("no {name} in {}", self.head))
    }
}

/// A receiver of webhooks: each request gets the next reply, the last one for ever.
pub struct Receiver {
    pub address: SocketAddr,
    replies: Arc<Mutex<Vec<Reply>>>,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    pub fn new(replies: &[Reply]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let replies = Arc::new(Mutex::new(replies.to_vec()));
        let received = Arc::new(Mutex::new(Vec::new()));
        let (script, log) = (Arc::clone(&replies), Arc::clone(&received));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (script, log) = (Arc::clone(&script), Arc::clone(&log));
                std::thread::spawn(move || answer(stream, &script, &log));
            }
        });
        Self { address, replies, received }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// From now on.
    pub fn reply(&self, replies: &[Reply]) {
        *self.replies.lock().unwrap() = replies.to_vec();
    }
}

fn answer(mut stream: TcpStream, script: &Mutex<Vec<Reply>>, log: &Mutex<Vec<Received>>) {
    let Some(request) = read(&mut stream) else { return };
    let reply = {
        let mut script = script.lock().unwrap();
        let next = script[0].clone();
        if script.len() > 1 {
            script.remove(0);
        }
        next
    };
    log.lock().unwrap().push(request);
    match reply {
        Reply::Hang => std::thread::sleep(Duration::from_mins(1)),
        Reply::Status(status, lines) => {
            let answer = format!("HTTP/1.1 {status} X\r\n{lines}Content-Length: 4\r\n\r\nabc\0");
            let _ = stream.write_all(answer.as_bytes());
        }
    }
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
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() >= length.parse().unwrap() {
            return Some(Received { head: head.to_owned(), body: body.to_owned() });
        }
    }
}
