//! `demo`: a sample shop to look around in, with a ledger of its own and a clock of its own.
//!
//! Its clock starts just after the sample's last order and runs in real time from the first start
//! on, over restarts. It never touches the shop's own ledger, whatever is configured.

mod setup;

use std::fs::{self, File, TryLockError};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use shopwright_app::identity::{KeyKind, KeySecret, demo_owner};
use shopwright_domain::catalog::Sku;
use shopwright_domain::ids::new_id;
use shopwright_domain::time::{Clock, Timestamp};
use shopwright_store::audit::{Actor, Stamp};
use shopwright_store::{Store, StoreError, identity, pricing};

use crate::config::Settings;
use crate::failure::Failure;
use crate::operators::demo_link;
use crate::output::{Page, print_text};
use crate::progress::Progress;
use crate::real::{RealIds, ShiftedClock};
use crate::serve::{Stage, answer, places, url};
use crate::{api_keys, key_file, ledger};

const FOLDER: &str = "demo";
const CURRENCY: &str = "GBP";
const ZONE: &str = "Europe/London";
const STORE_NAME: &str = "Demo shop";
const KEY_FILE: &str = "demo.key";
const LOCK_FILE: &str = "demo.lock";
const CREDIT: &str = "Orders: Chen (2015), Online Retail, UCI Machine Learning Repository, CC BY 4.0; \
     an excerpt. Costs and stock are invented.";
const CREDIT_URL: &str = "https://doi.org/10.24432/C5BW33";

/// The demo's own settings, with the listening address and log of the given ones.
pub fn settings_of(settings: &Settings) -> Result<Settings, Failure> {
    let odd = |what: &str| Failure::new("demo", format!("the demo's {what} is not known"));
    let data_dir = settings.data_dir.join(FOLDER);
    Ok(Settings {
        database_url: None,
        // The shop's public name leads to the shop, not to its demo.
        public_url: None,
        store_name: STORE_NAME.into(),
        currency: CURRENCY.parse().map_err(|_| odd("currency"))?,
        zone: jiff::tz::TimeZone::get(ZONE).map_err(|_| odd("time zone"))?,
        key_secret_file: data_dir.join("key.secret"),
        seal_key_file: data_dir.join("seal.key"),
        mail_dir: data_dir.join("mail"),
        smtp_url: None,
        shop: None,
        competitor_pages: None,
        data_dir,
        ..settings.clone()
    })
}

/// Keeps a second demo out of the same folder for as long as it lives.
pub struct Occupied(#[expect(dead_code, reason = "its lock is what counts")] File);

/// Takes the demo's folder, and empties it first if the demo is to begin again.
pub fn occupy(settings: &Settings, fresh: bool) -> Result<Occupied, Failure> {
    ledger::make_data_dir(settings)?;
    let folder = settings.data_dir.display();
    let failed = |error: &io::Error| {
        let does = "check its permissions, or name another folder with --data-dir";
        Failure::new("data_dir", format!("cannot use {folder}: {error}; {does}"))
    };
    let lock = File::create(settings.data_dir.join(LOCK_FILE)).map_err(|e| failed(&e))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let does = "stop it, or name another folder with --data-dir";
            let message = format!("another demo is running in {folder}; {does}");
            return Err(Failure::new("demo", message));
        }
        Err(TryLockError::Error(error)) => return Err(failed(&error)),
    }
    if fresh {
        let database = ledger::embedded_file(settings);
        let beside = |end: &str| database.with_extension(format!("db{end}"));
        let key_files = [settings.data_dir.join(KEY_FILE), settings.key_secret_file.clone()];
        for file in [database.clone(), beside("-wal"), beside("-shm")].iter().chain(&key_files) {
            match fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(failed(&error));
                }
                _ => {}
            }
        }
    }
    Ok(Occupied(lock))
}

/// Fills the ledger if it is not complete, then serves.
pub async fn run(
    settings: &Settings,
    store: Store,
    listener: std::net::TcpListener,
    as_json: bool,
) -> Result<(), Failure> {
    let opened = if let Some(opened) = setup::opened(&store).await? {
        opened
    } else {
        let progress = Arc::new(Progress::new(as_json));
        let opened = setup::fill(settings, &store, &progress).await;
        progress.finish();
        opened?
    };
    let clock = ShiftedClock::new(opened.starts_at, opened.first_started_at);
    let key = demo_key(settings, &store, clock.now()).await?;
    let skus = telling_skus(&store).await?;
    let stamp = Stamp::new(Actor::Cli, clock.now());
    let owner = demo_owner(&store, new_id(&RealIds::new()), stamp).await?;
    let address = listener.local_addr().map_err(|error| {
        Failure::new("listen", format!("the address listened on is not known: {error}"))
    })?;
    let is_private = address.ip().is_loopback();
    // Whoever can reach a loopback address sits at this machine; anybody else needs the link.
    let link = if is_private { None } else { Some(demo_link(&store, owner, stamp).await?) };
    let first_day = jiff::ZonedDateTime::new(opened.starts_at.to_jiff(), settings.zone.clone());
    let stage = Stage {
        clock: Arc::new(clock),
        demo_clock_text: Some(format!("clock runs from {}", first_day.strftime("%-d %b %Y"))),
        attribution: Some((CREDIT.into(), CREDIT_URL.into())),
        reload: None,
        demo_operator: is_private.then_some(owner),
    };
    let ready = |address: SocketAddr| {
        let url = url(address);
        let link = link.map(|token| format!("{url}/setup/{}", token.text()));
        if as_json {
            let started = json!({ "listening": url, "key": key, "skus": skus, "link": link });
            print_text(&format!("{started}\n"));
        } else {
            print_text(&welcome(&url, link.as_deref(), &key, &skus).into_text());
        }
    };
    answer(settings, store, listener, stage, ready).await
}

fn welcome(url: &str, link: Option<&str>, key: &str, skus: &[Sku]) -> Page {
    let mut page = Page::new(&format!("The demo shop is open at {url}/"));
    match link {
        None => page
            .line("Open it in a browser on this machine: you are its owner, without a password."),
        Some(link) => {
            page.line(&format!("Set a password for its owner here, within an hour: {link}"))
        }
    };
    let mut facts = places(url);
    facts.push(("secret key", key.to_owned()));
    page.pairs(&facts);
    if let Some(first) = skus.first() {
        let bearer = format!("curl -s -H 'Authorization: Bearer {key}'");
        let list = json!({ "skus": skus });
        page.section("Try it: a price, several at once, and why");
        page.line(&format!("{bearer} {url}/v1/prices/{first}"));
        page.line(&format!(
            "{bearer} -H 'Content-Type: application/json' -d '{list}' {url}/v1/prices/batch"
        ));
        page.line(&format!("{bearer} {url}/v1/prices/{first}/explain"));
    }
    page.gap().line(CREDIT);
    page.gap().line("Ctrl-C stops; the next start goes on where this one was.");
    page
}

/// The key of the printed examples: kept in a file that only its owner reads, made anew when the
/// ledger does not take it (any more).
async fn demo_key(settings: &Settings, store: &Store, now: Timestamp) -> Result<String, Failure> {
    let path = settings.data_dir.join(KEY_FILE);
    let secret = key_file::read_or_make(settings, store).await?;
    if let Some(text) = usable_key(&path, &secret, store).await? {
        return Ok(text);
    }
    let (wanted, stamp) =
        ((KeyKind::Secret, "demo".to_owned()).into(), Stamp::new(Actor::Cli, now));
    let text = api_keys::make(settings, store, wanted, stamp).await?.text;
    let _ = fs::remove_file(&path);
    key_file::write_new(&path, text.as_bytes()).map_err(|error| {
        let shown = path.display();
        Failure::new("data_dir", format!("cannot write {shown}: {error}; check its folder"))
    })?;
    Ok(text)
}

async fn usable_key(
    path: &Path,
    secret: &KeySecret,
    store: &Store,
) -> Result<Option<String>, Failure> {
    let Ok(text) = fs::read_to_string(path) else { return Ok(None) };
    let hash = secret.hash(&text);
    let keys = store.read(identity::list_keys).await?;
    let taken = keys.iter().any(|key| key.revoked_at.is_none() && key.hash == hash);
    Ok(taken.then_some(text))
}

/// Three products whose prices have moved the furthest from their base, with codes that need no
/// quoting in a shell or a URL.
async fn telling_skus(store: &Store) -> Result<Vec<Sku>, Failure> {
    let mut moved = store
        .read(|tx| {
            let mut moved: Vec<(i64, Sku)> = Vec::new();
            pricing::for_each_since(tx, 0, |price| {
                if let Ok(price) = price
                    && price.base_minor > 0
                    && price.sku.as_str().bytes().all(|b| b.is_ascii_alphanumeric())
                {
                    let distance = (price.amount_minor - price.base_minor).abs();
                    moved.push((distance * 10_000 / price.base_minor, price.sku));
                }
            })?;
            Ok::<_, StoreError>(moved)
        })
        .await?;
    moved.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.as_str().cmp(b.1.as_str())));
    Ok(moved.into_iter().take(3).map(|(_, sku)| sku).collect())
}
