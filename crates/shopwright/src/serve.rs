//! `serve`: answers the API and the pages, keeps prices decided, and stops when asked to.
//!
//! The address is taken before the ledger is opened, so that a taken port costs nothing. On SIGINT
//! or SIGTERM the requests under way are finished, for at most 30 seconds, and beside them the effects
//! that run, for nine; what is left of those is handed back, and the exit code is 0. A second signal
//! ends the process at once. SIGHUP reads the configuration again (`reload.rs`).

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use shopwright_app::competitors::keep_watching_pages;
use shopwright_app::effects::{Performers, WorkOptions, keep_working};
use shopwright_app::events::Traffic;
use shopwright_app::pricing::{StoreZone, keep_following_traffic, keep_refreshing};
use shopwright_app::publish::keep_publishing;
use shopwright_app::streams::{
    EventIntake, LedgerSignals, SharedSignals, StreamOptions, keep_consuming,
};
use shopwright_app::sweep::{KeptDays, keep_swept};
use shopwright_domain::ids::{IdSource, OperatorId};
use shopwright_domain::time::Clock;
use shopwright_gateways::shop::Shop;
use shopwright_store::{Store, StoreError, identity};
use shopwright_web::limits::Limits;
use shopwright_web::{PublicUrl, Site, SiteOptions};
use tokio::sync::{oneshot, watch};

use crate::config::Settings;
use crate::failure::Failure;
use crate::key_file;
use crate::operators;
use crate::output::{Page, count, print_text};
use crate::outside;
use crate::real::{RealClock, RealEntropy, RealIds};
use crate::reload::{Reload, Running};
use crate::signals::{Hangups, Stops};

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
    /// What SIGHUP does; without it the system's default holds.
    pub reload: Option<Reload>,
    /// In a demo on a loopback address: whom visitors are signed in as.
    pub demo_operator: Option<OperatorId>,
}

impl Stage {
    /// A shop's own server.
    pub fn real(reload: Reload) -> Self {
        Self {
            clock: Arc::new(RealClock),
            demo_clock_text: None,
            attribution: None,
            reload: Some(reload),
            demo_operator: None,
        }
    }
}

/// The exit code of a process that was told twice to stop.
const CUT_OFF: i32 = 2;

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
    let outside = Arc::new(outside::open(settings, &store).await?);
    let ids: Arc<dyn IdSource> = Arc::new(RealIds::new());
    let zone = StoreZone(settings.zone.clone());
    let shared = settings.streams.redis.clone().map(|redis| {
        let ledger = (store.clone(), Arc::clone(&stage.clock));
        SharedSignals::new(ledger, redis, Arc::new(LedgerSignals))
    });
    let sharing = shared.as_ref().map(SharedSignals::keep_written);
    let signals_stale = shared.as_ref().map(|shared| shared.stale());
    let traffic = Arc::new(shared.map_or_else(Traffic::default, Traffic::shared_through));
    let site = Site::new(SiteOptions {
        store: store.clone(),
        clock: Arc::clone(&stage.clock),
        ids: Arc::clone(&ids),
        outside: Arc::clone(&outside),
        entropy: Arc::new(RealEntropy),
        key_secret,
        store_name: settings.store_name.clone(),
        currency: settings.currency,
        zone: zone.clone(),
        demo_clock_text: stage.demo_clock_text,
        attribution: stage.attribution,
        loopback: address.ip().is_loopback(),
        limits: tested(settings.limits),
        inbound_secrets: settings.inbound_secrets.clone(),
        public_url: settings.public_url.clone(),
        trusted_proxies: settings.trusted_proxies.clone(),
        demo_operator: stage.demo_operator,
        traffic: Arc::clone(&traffic),
        signals_stale,
        publishes_to: settings.shop.as_ref().map(Shop::platform),
    })
    .await?;
    let sweeping = keep_swept(
        store.clone(),
        Arc::clone(&stage.clock),
        Arc::clone(&outside),
        KeptDays { effects: settings.effects_kept_days, events: settings.events_kept_days },
    );
    let brokers = settings.streams.brokers();
    let consuming = (!brokers.is_empty()).then(|| {
        let (outside, ids) = (Arc::clone(&outside), Arc::clone(&ids));
        let intake = Arc::new(EventIntake::new(outside, Arc::clone(&ids), Arc::clone(&traffic)));
        let ledger = (store.clone(), Arc::clone(&stage.clock));
        keep_consuming(ledger, ids.as_ref(), brokers, intake, StreamOptions::default())
    });
    let performers = Performers::new(store.clone(), Arc::clone(&stage.clock), outside)
        .publishing_to(settings.shop.clone());
    let performers = Arc::new(performers);
    let working =
        keep_working(store.clone(), Arc::clone(&stage.clock), performers, WorkOptions::default());
    let publishing = settings.shop.as_ref().map(|shop| {
        let (clock, ids) = (Arc::clone(&stage.clock), Arc::clone(&ids));
        keep_publishing(store.clone(), clock, ids, shop.platform(), settings.drift_check)
    });
    let watching = settings.competitor_pages.map(|every| {
        keep_watching_pages(store.clone(), Arc::clone(&stage.clock), Arc::clone(&ids), every)
    });
    let (price_refresh, every) = watch::channel(settings.price_refresh);
    let (clock, now_and_then) = (Arc::clone(&stage.clock), Arc::clone(&ids));
    let follower =
        keep_following_traffic(store.clone(), zone.clone(), clock, now_and_then, traffic);
    let refresher = keep_refreshing(store, zone, stage.clock, ids, every);
    let running = Running { site: Arc::clone(&site), price_refresh };
    let reloading = follow_reloads(stage.reload, settings.clone(), running);
    let (stopping, mut stop) = watch::channel(false);
    let mut stop_work = stop.clone();
    let signals = Stops::listen();
    ready(address);
    let stop = async move {
        // Only the sender's end is waited for.
        let _ = stop.wait_for(|told| *told).await;
    };
    // Requests and effects that run end side by side; a server that fails ends with its worker.
    let (ended, has_ended) = oneshot::channel::<()>();
    let work = async {
        tokio::select! {
            _ = stop_work.wait_for(|told| *told) => {}
            _ = has_ended => {}
        }
        if let Some(consuming) = consuming {
            consuming.stop().await;
        }
        working.stop().await;
    };
    let serve = async {
        let served = shopwright_web::serve(site, listener, stop).await;
        drop(ended);
        served
    };
    let serving = async { tokio::join!(serve, work).0 };
    let served = tokio::select! {
        served = serving => served,
        () = stop_when_told(signals, stopping) => unreachable!("it ends the process"),
        () = reloading => unreachable!("it goes on for ever"),
    };
    refresher.abort();
    follower.abort();
    sweeping.abort();
    for task in publishing.into_iter().chain(watching).chain(sharing) {
        task.abort();
    }
    served.map_err(failed)
}

/// Tests of debug builds do not wait for the whole time of a stop. No release can be switched this way.
fn tested(mut limits: Limits) -> Limits {
    let millis = std::env::var("SHOPWRIGHT_TEST_STOP_MILLIS").ok();
    if let Some(millis) = millis.and_then(|text| text.parse().ok())
        && cfg!(debug_assertions)
    {
        limits.times.stop = Duration::from_millis(millis);
    }
    limits
}

/// Stops the server at the first signal and the process at the second.
async fn stop_when_told(signals: io::Result<Stops>, stopping: watch::Sender<bool>) {
    let mut signals = match signals {
        Ok(signals) => signals,
        Err(error) => {
            tracing::error!(%error, "signals cannot be heard; only a kill stops this server");
            return std::future::pending().await;
        }
    };
    signals.next().await;
    tracing::info!("stopping: requests under way are finished; a second signal cuts them off");
    drop(stopping);
    signals.next().await;
    tracing::warn!("stopped at once: requests under way were cut off");
    // Nothing acknowledged is lost by this, and waiting for the ledger could take long.
    std::process::exit(CUT_OFF);
}

/// Takes SIGHUP over now and answers it for as long as the future is polled.
fn follow_reloads(
    reload: Option<Reload>,
    settings: Settings,
    running: Running,
) -> impl Future<Output = ()> {
    let reload = reload.map(|reload| (reload, Hangups::listen()));
    async move {
        match reload {
            Some((reload, hangups)) => reload.follow(settings, running, hangups).await,
            None => std::future::pending().await,
        }
    }
}

/// `serve`.
pub async fn serve(
    settings: &Settings,
    store: Store,
    listener: TcpListener,
    reload: Reload,
    as_json: bool,
) -> Result<(), Failure> {
    let has_key = |tx: &mut shopwright_store::Tx<'_>| {
        let keys = identity::list_keys(tx)?;
        Ok::<_, StoreError>(keys.iter().filter(|key| key.revoked_at.is_none()).count() as u64)
    };
    let keys = store.read(has_key).await?;
    let setup = operators::first_link(&store).await?;
    let ready = |address: SocketAddr| {
        let url = url(address);
        let base = settings.public_url.as_ref().map_or_else(|| url.clone(), PublicUrl::text);
        let link = setup.as_ref().map(|token| format!("{base}/setup/{}", token.text()));
        if as_json {
            let started = json!({ "listening": url, "keys": keys, "setup_link": link });
            print_text(&format!("{started}\n"));
            return;
        }
        let mut page = Page::new(&format!("{} is open at {url}", settings.store_name));
        let mut facts = places(&base);
        facts.push(("keys", count(keys, "active key", "active keys")));
        page.pairs(&facts);
        if let Some(link) = &link {
            page.section("The shop has no owner yet. Make the account here, within an hour:");
            page.line(link);
        }
        if keys == 0 {
            let make = "`shopwright keys create --kind secret --name api`";
            page.gap().line(&format!("The API needs a key; make one in another terminal: {make}"));
        }
        page.gap().line("Ctrl-C stops.");
        print_text(&page.into_text());
    };
    answer(settings, store, listener, Stage::real(reload), ready).await
}

/// Where to look, as names and addresses.
pub fn places(url: &str) -> Vec<(&'static str, String)> {
    vec![
        ("pages", format!("{url}/")),
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
