//! HTTP: the JSON API, the pages, and what surrounds every request.

mod admission;
mod answer;
pub mod api;
mod assets;
mod auth;
mod connections;
mod cors;
mod customer_token;
mod encoding;
mod etag;
mod input;
mod layers;
pub mod limits;
mod metrics;
mod once;
mod openapi;
mod origin;
pub mod pages;
pub mod problem;
mod rate_store;
mod rates;
mod site;
mod strict_json;
mod trace;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ipnet::IpNet;
use shopwright_app::effects::Outside;
use shopwright_app::events::Traffic;
use shopwright_app::identity::{KeySecret, LiveKeys, Passwords};
use shopwright_app::pricing::{LivePrices, StoreZone};
use shopwright_domain::identity::random_32;
use shopwright_domain::ids::{Entropy, IdSource, OperatorId};
use shopwright_domain::money::Currency;
use shopwright_domain::platforms::Platform;
use shopwright_domain::time::Clock;
use shopwright_gateways::inbound::InboundSecrets;
use shopwright_store::{Store, StoreError};
use tokio::net::TcpListener;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

use api::live_body::{LiveBody, render};
use cors::BrowserRoutes;
use limits::Limits;
use metrics::Metrics;
use problem::{ApiError, Code};
use rates::RateLimits;

/// The request that the calling task answers, for what is logged meanwhile.
pub use layers::current_request;
/// The OpenAPI 3.1 description as JSON.
pub use openapi::document as openapi;
pub use origin::PublicUrl;
/// Every route beside those of the OpenAPI description: method and path.
pub use site::routes::listed as page_routes;

/// What the web floor is told by the binary.
#[derive(Clone)]
pub struct SiteOptions {
    /// The ledger.
    pub store: Store,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdSource>,
    /// The gateways: webhook endpoints are checked against them.
    pub outside: Arc<Outside>,
    /// Real randomness, for keys, sessions, links and forms.
    pub entropy: Arc<dyn Entropy>,
    /// What keys, tokens of forms and counters are hashed under.
    pub key_secret: KeySecret,
    /// The shop's name, for pages.
    pub store_name: String,
    /// The store's currency.
    pub currency: Currency,
    /// The store's zone.
    pub zone: StoreZone,
    /// Set in the demonstration store: what its clock does.
    pub demo_clock_text: Option<String>,
    /// Credit for data that is not the shop's own: text and URL.
    pub attribution: Option<(String, String)>,
    /// The server listens on a loopback address: it answers to loopback names only, and to the one
    /// in `public_url`.
    pub loopback: bool,
    /// The address visitors write, when it is known; the server then answers to no other name.
    pub public_url: Option<PublicUrl>,
    /// Networks whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// In a demonstration store on a loopback address: whom visitors are signed in as.
    pub demo_operator: Option<OperatorId>,
    /// The platform that is told our prices.
    pub publishes_to: Option<Platform>,
    /// What callers, connections and addresses may take.
    pub limits: Limits,
    /// Set while signals that nodes share may be old: prices say so.
    pub signals_stale: Option<Arc<AtomicBool>>,
    /// Who is told of products whose demand moved.
    pub traffic: Arc<Traffic>,
    /// What shop platforms sign their webhooks with.
    pub inbound_secrets: InboundSecrets,
}

/// One running site: what handlers reach.
pub struct Site {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) key_secret: KeySecret,
    pub(crate) prices: Arc<LivePrices<LiveBody>>,
    pub(crate) outside: Arc<Outside>,
    pub(crate) keys: Arc<LiveKeys>,
    pub(crate) metrics: Metrics,
    pub(crate) currency: Currency,
    pub(crate) zone: StoreZone,
    pub(crate) store_name: ArcSwap<String>,
    pub(crate) demo_clock_text: Option<String>,
    pub(crate) attribution: Option<(String, String)>,
    pub(crate) loopback_only: bool,
    pub(crate) public_url: Option<PublicUrl>,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) demo_operator: Option<OperatorId>,
    pub(crate) publishes_to: Option<Platform>,
    pub(crate) passwords: Passwords,
    pub(crate) description: serde_json::Value,
    pub(crate) browser_routes: BrowserRoutes,
    pub(crate) limits: Limits,
    pub(crate) inbound_secrets: InboundSecrets,
    pub(crate) rates: Arc<RateLimits>,
    pub(crate) traffic: Arc<Traffic>,
}

impl Site {
    /// Loads prices and keys into memory and starts following the ledger.
    pub async fn new(options: SiteOptions) -> Result<Arc<Self>, StoreError> {
        let prices = LivePrices::load(&options.store, render).await?;
        let keys = LiveKeys::load(&options.store, options.key_secret.clone()).await?;
        let passwords = Passwords::new(&random_32(options.entropy.as_ref()))
            .map_err(|error| StoreError::Bug(error.to_string()))?;
        if let Some(stale) = options.signals_stale {
            prices.heed_signals(stale);
        }
        prices.follow(options.store.clone());
        keys.follow(options.store.clone());
        let rates = RateLimits::new(&options.limits.rates);
        rates.keep_swept();
        let description = openapi();
        Ok(Arc::new(Self {
            store: options.store,
            clock: options.clock,
            ids: options.ids,
            entropy: options.entropy,
            key_secret: options.key_secret,
            prices,
            outside: options.outside,
            keys,
            metrics: Metrics::default(),
            currency: options.currency,
            zone: options.zone,
            store_name: ArcSwap::from_pointee(options.store_name),
            demo_clock_text: options.demo_clock_text,
            attribution: options.attribution,
            loopback_only: options.loopback,
            public_url: options.public_url,
            trusted_proxies: options.trusted_proxies,
            demo_operator: options.demo_operator,
            publishes_to: options.publishes_to,
            passwords,
            browser_routes: BrowserRoutes::of(&description),
            description,
            limits: options.limits,
            inbound_secrets: options.inbound_secrets,
            rates,
            traffic: options.traffic,
        }))
    }

    /// Shows another name on the pages from now on.
    pub fn rename_store(&self, name: String) {
        self.store_name.store(Arc::new(name));
    }

    /// Writes down what is only in memory; called once before the process ends.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.keys.write_last_used(&self.store).await
    }
}

/// Every route with its layers.
pub fn router(site: &Arc<Site>) -> Router {
    let (api, _) = openapi::api().split_for_parts();
    let answer_time = site.limits.times.answer;
    site::routes::pages(site)
        .merge(api)
        .fallback(site::fallback)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(axum::middleware::from_fn(encoding::unpack))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(DefaultBodyLimit::max(input::BODY_BYTES_MAX))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, answer_time))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(site), layers::around))
        .with_state(Arc::clone(site))
}

/// Serves until `shutdown`, then finishes what is under way.
pub async fn serve(
    site: Arc<Site>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    connections::answer(router(&site), &site.limits, listener, shutdown).await;
    if let Err(error) = site.close().await {
        tracing::warn!(%error, "when keys were last used could not be written");
    }
    Ok(())
}

async fn method_not_allowed() -> ApiError {
    ApiError::plain(Code::METHOD_NOT_ALLOWED)
}

fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    // Where it happened is in the log already; the caller learns nothing of it.
    ApiError::plain(Code::INTERNAL).into_response()
}
