//! Prices over HTTP: the running product against a bare axum server that answers the same bytes and
//! headers from a constant. Rounds of both take turns in one run; the report is Markdown on standard
//! output, progress goes to standard error.

mod bare;
mod client;
mod server;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Args, Parser, Subcommand};
use measure::{grouped, median, ratio};
use tokio::task::LocalSet;

use crate::bare::{Constant, FROM_LIBRARY};
use crate::client::{Measured, ask, load};
use crate::server::{Product, serve_bare};

/// SKUs in one batch request.
const BATCH: usize = 100;

/// Measures prices over HTTP.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Compare the product with the bare server.
    Compare(Compare),
    /// Be the bare server; the constant comes on standard input.
    #[command(hide = true)]
    Bare,
}

#[derive(Debug, Args)]
struct Compare {
    /// The `shopwright` program, built in release.
    #[arg(long)]
    shopwright: PathBuf,
    /// Where the data folder is made.
    #[arg(long)]
    folder: PathBuf,
    /// Products in the catalogue.
    #[arg(long, default_value_t = 10_000)]
    products: usize,
    /// Keep-alive connections, one request at a time on each.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Rounds that count, of each server; one more warms up.
    #[arg(long, default_value_t = 7)]
    rounds: u32,
    /// How long each round lasts, milliseconds.
    #[arg(long, default_value_t = 2_000)]
    millis: u64,
}

fn main() -> Result<()> {
    match Cli::parse().task {
        Task::Bare => bare::serve(),
        Task::Compare(arguments) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            LocalSet::new().block_on(&runtime, compare(&arguments))
        }
    }
}

async fn compare(arguments: &Compare) -> Result<()> {
    let folder = tempfile::tempdir_in(&arguments.folder)?;
    // The children run in other folders.
    let program =
        arguments.shopwright.canonicalize().context("cannot find the shopwright program")?;
    eprintln!("prices: a catalogue of {} products", arguments.products);
    let product = Product::prepare(&program, folder.path(), arguments.products)?;
    let serving = product.serve().await?;
    println!(
        "{} products, {} keep-alive connections, one request at a time on each, {} rounds of {} ms, servers \
         taking turns; medians. The bare server answers the same bytes and headers.\n",
        arguments.products, arguments.connections, arguments.rounds, arguments.millis
    );
    println!(
        "| request | body, bytes | bare, per s | product, per s | product ÷ bare | bare p50 / p99, µs | \
         product p50 / p99, µs | p99 ÷ bare |\n|---|--:|--:|--:|--:|--:|--:|--:|"
    );
    // A fixed stride visits every product and never neighbours in turn.
    let count = product.skus.len();
    let spread: Vec<_> = (0..count).map(|n| product.skus[n * 7_919 % count].clone()).collect();
    let gets = spread.iter().map(|sku| product.get(sku)).collect();
    measure(arguments, "`GET /v1/prices/{sku}`", serving.address, gets).await?;
    let batches = spread.chunks(BATCH).map(|skus| product.post_batch(skus)).collect();
    measure(arguments, "`POST /v1/prices/batch`, 100 SKUs", serving.address, batches).await
}

async fn measure(
    arguments: &Compare,
    name: &str,
    product: SocketAddr,
    requests: Vec<Vec<u8>>,
) -> Result<()> {
    let requests = Rc::new(requests);
    let constant = constant(product, &requests[0]).await?;
    let bare = serve_bare(&constant)?;
    let mut rounds = [const { Vec::new() }; 2];
    for round in 0..=arguments.rounds {
        eprintln!("prices: {name}, round {round}");
        for turn in 0..2 {
            let which = (turn + round as usize) % 2;
            let to = [bare.address, product][which];
            let lasting = Duration::from_millis(arguments.millis);
            let measured = load(to, &requests, arguments.connections, lasting).await?;
            if round > 0 {
                rounds[which].push(measured);
            }
        }
    }
    println!("{}", line(name, constant.body.len(), &rounds));
    Ok(())
}

/// What the product answers to one request, without what the HTTP library adds itself.
async fn constant(product: SocketAddr, request: &[u8]) -> Result<Constant> {
    let answer = ask(product, request).await?;
    ensure!(answer.status == 200, "status {}", answer.status);
    let mut headers = answer.headers;
    headers.retain(|(name, _)| !FROM_LIBRARY.contains(&name.to_ascii_lowercase().as_str()));
    Ok(Constant { headers, body: String::from_utf8(answer.body)? })
}

fn line(name: &str, bytes: usize, [bare, product]: &[Vec<Measured>; 2]) -> String {
    let middle = |of: &[Measured], pick: fn(&Measured) -> f64| median(of.iter().map(pick));
    let of_bare =
        |pick: fn(&Measured) -> f64| ratio(product.iter().map(pick), bare.iter().map(pick));
    let percentiles = |of: &[Measured]| {
        format!("{:.0} / {:.0}", middle(of, |m| m.p50_micros), middle(of, |m| m.p99_micros))
    };
    format!(
        "| {name} | {bytes} | {} | {} | **{:.2}** | {} | {} | **{:.2}** |",
        grouped(middle(bare, |m| m.per_second)),
        grouped(middle(product, |m| m.per_second)),
        of_bare(|m| m.per_second),
        percentiles(bare),
        percentiles(product),
        of_bare(|m| m.p99_micros),
    )
}
