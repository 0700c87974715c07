//! The two servers under test, each a process that ends with its handle.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::bare::Constant;
use crate::client::{Answer, ask};

/// How long the product may take until it has decided every price.
const PRICED_WITHIN: Duration = Duration::from_mins(2);

/// A running server.
pub struct Server {
    /// Where it answers.
    pub address: SocketAddr,
    child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        // Everything it wrote is in a temporary folder; there is nothing to finish.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The product with a catalogue in a folder of its own.
pub struct Product {
    program: PathBuf,
    folder: PathBuf,
    /// A secret key.
    pub key: String,
    /// Every SKU of the catalogue.
    pub skus: Vec<String>,
}

impl Product {
    /// Imports a catalogue of `count` products with costs and stock, and makes a key.
    pub fn prepare(program: &Path, folder: &Path, count: usize) -> Result<Self> {
        let skus: Vec<_> = (0..count).map(|n| format!("SKU-{n:05}")).collect();
        let mut product = Self {
            program: program.to_owned(),
            folder: folder.to_owned(),
            key: String::new(),
            skus,
        };
        let file = folder.join("catalog.csv");
        std::fs::write(&file, product.catalog())?;
        product.run(&["import", "catalog", &file.to_string_lossy()])?;
        let made = product.run(&["keys", "create", "--kind", "secret", "--name", "bench"])?;
        product.key = secret_in(&made).context("`keys create --json` gives no key")?;
        Ok(product)
    }

    fn catalog(&self) -> String {
        let mut csv = "sku,title,category,currency,base_price,cost,opening_stock\n".to_owned();
        for (n, sku) in self.skus.iter().enumerate() {
            let cents = 500 + n * 37 % 9_000;
            let (base, cost) = (format!("{}.{:02}", cents / 100, cents % 100), cents / 200);
            let (shelf, stock) = (n % 40, 20 + n % 100);
            // Writing to a string cannot fail.
            let _ = writeln!(
                csv,
                "{sku},Hand-poured candle no. {n},Home/Shelf {shelf},EUR,{base},{cost}.00,{stock}"
            );
        }
        csv
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--data-dir").arg(self.folder.join("data")).current_dir(&self.folder);
        // The limiter counts every request, and has nothing to refuse.
        for limit in ["PER_MINUTE", "BURST"] {
            command.env(format!("SHOPWRIGHT_RATE_SECRET_{limit}"), "1000000000");
        }
        command
    }

    fn run(&self, arguments: &[&str]) -> Result<Value> {
        let output = self.command().arg("--json").args(arguments).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`shopwright {}` failed: {said}", arguments.join(" "));
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Starts `serve` and waits until every price is decided.
    pub async fn serve(&self) -> Result<Server> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut command = self.command();
        command.args(["--log", "warn", "serve", "--listen", &address.to_string()]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let mut server = Server { address, child };
        let started = Instant::now();
        let wanted: Vec<_> = self.skus.last().into_iter().chain(self.skus.first()).collect();
        loop {
            let mut unpriced = None;
            for sku in &wanted {
                let answer = ask(address, &self.get(sku)).await;
                if !answer.as_ref().is_ok_and(has_price) {
                    unpriced = Some(answer);
                }
            }
            let Some(answer) = unpriced else { return Ok(server) };
            if let Some(status) = server.child.try_wait()? {
                bail!("`shopwright serve` ended with {status}");
            }
            if started.elapsed() > PRICED_WITHIN {
                let body = String::from_utf8_lossy(&answer?.body).into_owned();
                bail!("prices were not decided within {PRICED_WITHIN:?}; the last answer: {body}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The bytes of a request for one price.
    pub fn get(&self, sku: &str) -> Vec<u8> {
        let key = &self.key;
        format!("GET /v1/prices/{sku} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n\r\n")
            .into_bytes()
    }

    /// The bytes of a request for many prices at once.
    pub fn post_batch(&self, skus: &[String]) -> Vec<u8> {
        let body = serde_json::json!({ "skus": skus }).to_string();
        let (key, length) = (&self.key, body.len());
        format!(
            "POST /v1/prices/batch HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }
}

/// The key's text, whatever its field is called: it is the one that starts like a secret key.
fn secret_in(made: &Value) -> Option<String> {
    match made {
        Value::String(text) => text.starts_with("sk_").then(|| text.clone()),
        Value::Object(fields) => fields.values().find_map(secret_in),
        _ => None,
    }
}

fn has_price(answer: &Answer) -> bool {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    answer.status == 200 && body.is_some_and(|body| body.get("price").is_some_and(|p| !p.is_null()))
}

/// Starts this program once more as the bare server.
pub fn serve_bare(constant: &Constant) -> Result<Server> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("bare").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let mut input = child.stdin.take().context("the bare server's input is piped")?;
    input.write_all(serde_json::to_string(constant)?.as_bytes())?;
    drop(input);
    let mut line = String::new();
    let output = child.stdout.take().context("the bare server's output is piped")?;
    BufReader::new(output).read_line(&mut line)?;
    let port: u16 = line.trim().parse().context("the bare server gives no port")?;
    Ok(Server { address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)), child })
}
