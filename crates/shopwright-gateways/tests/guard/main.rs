//! The guarded fetcher against real sockets: what it refuses before connecting, what it connects to,
//! and what it does with hostile answers.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod answers;
mod refusals;
mod server;
mod tls;

use std::time::Duration;

use shopwright_gateways::allowed::parse_list;
use shopwright_gateways::guard::{Answer, Call, FetchError, Guard, Method};
use shopwright_gateways::resolver::{Resolver, Script};

/// A guard that lets these through, over a script of names.
fn guard(allowed: &str, script: Script) -> Guard {
    Guard::new(parse_list(allowed).unwrap(), Resolver::Script(script))
}

fn call(url: &str) -> Call<'_> {
    Call {
        method: Method::POST,
        url,
        headers: vec![("content-type", "application/json".into())],
        body: b"{}".to_vec(),
        time_max: Duration::from_secs(5),
        answer_bytes_max: 1_000,
    }
}

async fn fetch(guard: &Guard, url: &str) -> Result<Answer, FetchError> {
    guard.fetch(call(url)).await
}
