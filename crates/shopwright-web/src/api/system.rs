//! Whether the process lives, whether it is ready, and its metrics.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use shopwright_store::{Change, StoreError, effects, feed, publishing, streams};
use utoipa::ToSchema;

use crate::Site;
use crate::problem::{ApiError, Code, Problem};

/// Metrics do not wait longer for the ledger.
const BACKLOG_TIME_MAX: Duration = Duration::from_millis(500);

/// How the process is.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct HealthView {
    /// `ok`.
    #[schema(example = "ok")]
    pub status: &'static str,
}

/// Whether the process lives. Touches nothing.
#[utoipa::path(
    get, path = "/livez", tag = "System", operation_id = "livez",
    responses((status = 200, description = "It lives", body = HealthView))
)]
pub async fn livez() -> axum::Json<HealthView> {
    axum::Json(HealthView { status: "ok" })
}

/// Whether the process can do its work: the ledger answers and prices are loaded.
#[utoipa::path(
    get, path = "/readyz", tag = "System", operation_id = "readyz",
    responses(
        (status = 200, description = "Ready", body = HealthView),
        (status = 503, description = "The ledger does not answer", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn readyz(State(site): State<Arc<Site>>) -> Result<axum::Json<HealthView>, ApiError> {
    match site.store.read(|tx| feed::version(tx, Change::Prices)).await {
        Ok(_) => Ok(axum::Json(HealthView { status: "ok" })),
        Err(StoreError::Busy) => Err(ApiError::plain(Code::BUSY)),
        // Whatever it is that fails, traffic belongs elsewhere until it works again.
        Err(error) => {
            tracing::warn!(%error, "not ready: the ledger does not answer");
            Err(ApiError::plain(Code::UNAVAILABLE))
        }
    }
}

/// Metrics in the text form of OpenMetrics.
#[utoipa::path(
    get, path = "/metrics", tag = "System", operation_id = "metrics",
    responses((status = 200, description = "OpenMetrics text", body = String, content_type = "application/openmetrics-text"))
)]
pub async fn metrics(State(site): State<Arc<Site>>) -> Response {
    // While the ledger is away the last known figures stand; `prices_stale` says that it is.
    let figures =
        site.store.read(|tx| Ok::<_, StoreError>((effects::backlog(tx)?, streams::list(tx)?)));
    if let Ok(Ok((backlog, shards))) = tokio::time::timeout(BACKLOG_TIME_MAX, figures).await {
        let now = site.clock.now();
        site.metrics.set_backlog(&backlog, now);
        site.metrics.set_streams(&shards, now);
    }
    if let Some(platform) = site.publishes_to {
        let listings = site.store.read(move |tx| publishing::count(tx, platform));
        if let Ok(Ok(listings)) = tokio::time::timeout(BACKLOG_TIME_MAX, listings).await {
            site.metrics.set_listings(listings);
        }
    }
    let text = site.metrics.encode(site.prices.len(), site.prices.is_stale());
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
        .into_response()
}
