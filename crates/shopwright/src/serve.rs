//! `serve`: answers the API and the pages, keeps prices decided, and stops when asked to.
//!
//! The address is taken before the ledger is opened, so that a taken port costs nothing. On SIGINT
//! or SIGTERM the requests under way are finished, for at most 30 seconds, and the exit code is 0.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;

use serde_json::json;
use shopwright_app::pricing::{StoreZone, keep_refreshing};
use shopwright_app::sweep::keep_swept;
use shopwright_domain::ids::IdSource;
use shopwright_domain::time::Clock;
use shopwright_store::{Store, StoreError, identity};
use shopwright_web::{Site, SiteOptions};

use crate::config::Settings;
use crate::failure::Failure;
use crate::key_file;
use crate::output::{Page, count, print_text};
use crate::real::{RealClock, RealEntropy, RealIds};
use crate::signals::asked_to_stop;

/// Takes the configured address.
pub fn listen(settings: &Settings) -> Result<TcpListener, Failure> {
    let address = settings.listen.as_str();
    let bound = TcpListener::bind(address).and_then(|l| l.set_nonblocking(true).map(|()| l));
    bound.map_err(|error| {
        let message = match error.kind() {
            io::ErrorKind::AddrInUse => format!(
                "{address} is taken by another program; stop it, or choose another address as in \
                 --listen 127.0.0.1:8081 (port 0 takes any free one)"
            ),
            io::ErrorKind::PermissionDenied => {
                format!(
                    "{address} may not be used: {error}; choose a port above 1023 with --listen"
                )
            }
            _ => {
                format!("cannot listen on {address}: {error}; choose another address with --listen")
            }
        };
        Failure::new("listen", message)
    })
}

/// What differs between a shop's server and the demo's.
pub struct Stage {
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// What the demo's clock does, for the pages.
    pub demo_clock_text: Option<String>,
    /// Credit for data that is not the shop's own: text and URL.
    pub attribution: Option<(String, String)>,
}

impl Stage {
    /// A shop's own server.
    pub fn real() -> Self {
        Self { clock: Arc::new(RealClock), demo_clock_text: None, attribution: None }
    }
}

/// Serves until the process is asked to stop. `ready` is called once everything answers.
pub async fn answer(
    settings: &Settings,
    store: Store,
    listener: TcpListener,
    stage: Stage,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), Failure> {
    let failed =
        |error: io::Error| Failure::new("listen", format!("cannot go on listening: {error}"));
    let listener = tokio::net::TcpListener::from_std(listener).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let key_secret = key_file::read_or_make(settings, &store).await?;
    let ids: Arc<dyn IdSource> = Arc::new(RealIds::new());
    let zone = StoreZone(settings.zone.clone());
    let site = Site::new(SiteOptions {
        store: store.clone(),
        clock: Arc::clone(&stage.clock),
        ids: Arc::clone(&ids),
        entropy: Arc::new(RealEntropy),
        key_secret,
        store_name: settings.store_name.clone(),
        currency: settings.currency,
        zone: zone.clone(),
        demo_clock_text: stage.demo_clock_text,
        attribution: stage.attribution,
        loopback: address.ip().is_loopback(),
        limits: settings.limits.clone(),
    })
    .await?;
    let sweeper = keep_swept(store.clone(), Arc::clone(&stage.clock));
    let refresher = keep_refreshing(store, zone, stage.clock, ids, settings.price_refresh);
    ready(address);
    let stop = async {
        if let Err(error) = asked_to_stop().await {
            tracing::error!(%error, "signals cannot be heard; only a kill stops this server");
            std::future::pending::<()>().await;
        }
        tracing::info!("stopping: requests under way are finished");
    };
    let served = shopwright_web::serve(site, listener, stop).await;
    refresher.abort();
    sweeper.abort();
    served.map_err(failed)
}

/// `serve`.
pub async fn serve(
    settings: &Settings,
    store: Store,
    listener: TcpListener,
    as_json: bool,
) -> Result<(), Failure> {
    let has_key = |tx: &mut shopwright_store::Tx<'_>| {
        let keys = identity::list_keys(tx)?;
        Ok::<_, StoreError>(keys.iter().filter(|key| key.revoked_at.is_none()).count() as u64)
    };
    let keys = store.read(has_key).await?;
    let ready = |address: SocketAddr| {
        let url = url(address);
        if as_json {
            print_text(&format!("{}\n", json!({ "listening": url, "keys": keys })));
            return;
        }
        let mut page = Page::new(&format!("{} is open at {url}", settings.store_name));
        let mut facts = places(address, &url);
        facts.push(("keys", count(keys, "active key", "active keys")));
        page.pairs(&facts);
        if keys == 0 {
            let make = "`shopwright keys create --kind secret --name api`";
            page.gap().line(&format!("The API needs a key; make one in another terminal: {make}"));
        }
        page.gap().line("Ctrl-C stops.");
        print_text(&page.into_text());
    };
    answer(settings, store, listener, Stage::real(), ready).await
}

/// Where to look, as names and addresses.
pub fn places(address: SocketAddr, url: &str) -> Vec<(&'static str, String)> {
    let pages = if address.ip().is_loopback() {
        format!("{url}/")
    } else {
        "not shown: the pages have no sign-in, so they need a loopback --listen".into()
    };
    vec![
        ("pages", pages),
        ("API reference", format!("{url}/docs")),
        ("health", format!("{url}/readyz")),
    ]
}

/// The address as a browser on this machine reaches it.
pub fn url(address: SocketAddr) -> String {
    let reachable = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
        other => other,
    };
    format!("http://{}", SocketAddr::new(reachable, address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_shown_is_one_that_a_browser_can_open() {
        let check = |address: &str, shown: &str| assert_eq!(url(address.parse().unwrap()), shown);
        check("127.0.0.1:8080", "http://127.0.0.1:8080");
        check("0.0.0.0:80", "http://127.0.0.1:80");
        check("[::]:8080", "http://[::1]:8080");
        check("10.1.2.3:9000", "http://10.1.2.3:9000");
    }
}
