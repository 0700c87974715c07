//! The bare server: axum, one route for everything, the same bytes and headers from a constant.
//!
//! It runs in a process of its own, as the product does, on the same number of threads.

use std::io::Write;
use std::net::Ipv4Addr;

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::routing::get;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

/// What it answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Constant {
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// Headers that the HTTP library writes itself.
pub const FROM_LIBRARY: [&str; 4] = ["connection", "content-length", "date", "transfer-encoding"];

/// Reads the constant from standard input, prints the port it answers on, and answers until it is
/// ended.
pub fn serve() -> Result<()> {
    let constant: Constant = serde_json::from_reader(std::io::stdin().lock())?;
    let mut headers = HeaderMap::new();
    for (name, value) in &constant.headers {
        headers.append(HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_str(value)?);
    }
    let body = Bytes::from(constant.body);
    let answer = || {
        let (headers, body) = (headers.clone(), body.clone());
        move || async move { (headers, body) }
    };
    // The batch's request body is taken in, as any server must; a body of nothing costs nothing.
    let answer_body = {
        let answer = answer();
        move |_: Bytes| answer()
    };
    let routes = Router::new().route("/v1/prices/{sku}", get(answer()).post(answer_body));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("{}", listener.local_addr()?.port());
        std::io::stdout().flush()?;
        axum::serve(listener, routes).await?;
        Ok(())
    })
}
