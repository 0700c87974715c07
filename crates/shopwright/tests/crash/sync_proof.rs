//! A killed process keeps its page cache, so kills prove nothing about power cuts. Here the system
//! calls of the real server are traced: every acknowledged write was synced before its answer left.
//! The same check rejects a server that does not sync.

#![cfg(target_os = "linux")]

use std::process::Command;
use std::sync::Mutex;

use serde_json::json;

use crate::client::Client;
use crate::harness::{Server, Shop, make_key, wait_until};
use crate::trace::prove;

const REQUIRED: &str = "SHOPWRIGHT_REQUIRE_STRACE";
const WRITES: usize = 12;
const CALLS: &str = "trace=read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg,pwrite64,pwritev,fsync,fdatasync";

/// Whether strace works here. A machine without it leaves the proof out unless it is required; one
/// that has it and forbids tracing fails: an unproved sync must not look like a proved one.
fn can_trace() -> bool {
    let run = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    let required = std::env::var(REQUIRED).is_ok_and(|value| value == "1");
    match run {
        Ok(run) => {
            let told = String::from_utf8_lossy(&run.stderr);
            assert!(
                run.status.success(),
                "strace is here but may not trace ({}); allow ptrace, in a container by \
                 --cap-add=SYS_PTRACE, or the sync of writes stays unproved",
                told.trim()
            );
            true
        }
        Err(error) => {
            assert!(!required, "{REQUIRED}=1, but strace cannot be run ({error}); install it");
            println!("strace cannot be run ({error}): the sync of writes is not proved here");
            false
        }
    }
}

/// Serves some writes under strace; gives the words that stand in them, and the trace.
fn traced_writes(shop: &Shop) -> (Vec<String>, String) {
    let key = make_key(shop);
    let path = shop.path("trace");
    let strace = ["strace", "-D", "-f", "-y", "-s", "16384", "-e", CALLS, "-o"];
    let wrapper = [&strace[..], &[path.to_str().unwrap()]].concat();
    let server = Server::start_under(shop, &wrapper, &["serve"]);
    let commands = Mutex::new(Vec::new());
    let client = Client::new(shop, server.address(), &key, &commands);
    let words: Vec<String> = (0..WRITES).map(|n| format!("syncproof-{n}-end")).collect();
    for word in &words {
        let body = json!({
            "name": word, "scope": "store", "factor": "0.9",
            "starts_at": "2026-12-01T00:00:00Z", "ends_at": "2026-12-24T00:00:00Z",
        });
        client.send("POST", "/v1/promotions", &body).unwrap();
    }
    assert_eq!(server.stop(), Some(0));
    let read = || String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
    wait_until("the trace is complete", || read().contains("+++ exited"));
    (words, read())
}

#[test]
fn every_acknowledged_write_was_synced_before_its_answer_left() {
    if can_trace() {
        let (words, trace) = traced_writes(&Shop::with_orders());
        for word in words {
            prove(&trace, &word).unwrap();
        }
    }
}

#[test]
fn a_server_that_does_not_sync_fails_the_proof() {
    if can_trace() {
        let mut shop = Shop::with_orders();
        shop.variables.push(("SHOPWRIGHT_TEST_NOT_DURABLE".into(), "1".into()));
        let (words, trace) = traced_writes(&shop);
        for word in words {
            let found = prove(&trace, &word);
            if cfg!(debug_assertions) {
                let told = found.unwrap_err();
                assert!(told.contains("before the log was synced"), "{told}");
            } else {
                // A release cannot be switched: it syncs all the same.
                found.unwrap();
            }
        }
    }
}
