//! `/shop`: what the shop's platform shows beside our prices. Who may change goods may tell it again.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use shopwright_app::publish::{publish_again as publish_again_in, schedule_drift_check};
use shopwright_domain::identity::Role;
use shopwright_domain::ids::{EffectId, new_id};
use shopwright_domain::platforms::Platform;
use shopwright_store::publishing::{self, Drift};
use shopwright_store::{Place, StoreError};

use super::form::Form;
use super::visit::Visit;
use super::{failed, frame, page, see_other};
use crate::Site;
use crate::pages::shop::{ShopRow, ShopView, shop as shop_page};

/// Rows that are shown; the API has all of them.
const ROWS_MAX: i64 = 100;

/// What just happened.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Done {
    done: String,
}

/// The page.
pub async fn show(
    State(site): State<Arc<Site>>,
    visit: Visit,
    Query(params): Query<Done>,
) -> Response {
    let notice = match params.done.as_str() {
        "look" => Some("The shop is being looked at; what is found appears here.".to_owned()),
        "told" => Some("Our prices are being told to the shop again.".to_owned()),
        _ => None,
    };
    let platform = site.publishes_to;
    let read = site.store.read(move |tx| {
        let Some(platform) = platform else { return Ok::<_, StoreError>(((0, 0), Vec::new())) };
        let count = publishing::count(tx, platform)?;
        Ok((count, publishing::drifting(tx, platform, &Place::First, ROWS_MAX)?))
    });
    let ((listings, drifting), rows) = match read.await {
        Ok(read) => read,
        Err(error) => return failed(&site, &visit, &error),
    };
    let role = visit.signed_in.as_ref().map(|of| of.operator.role);
    let view = ShopView {
        platform: platform.map(name_of),
        listings,
        drifting,
        rows: rows.into_iter().map(row_of).collect(),
        may_act: role.is_some_and(|role| role.may(Role::Staff)),
        notice,
        error: None,
        csrf: visit.csrf(&site),
    };
    page(StatusCode::OK, shop_page(&frame(&site, &visit), &view))
}

fn name_of(platform: Platform) -> &'static str {
    match platform {
        Platform::Shopify => "Shopify",
        Platform::Woocommerce => "WooCommerce",
    }
}

fn row_of(drift: Drift) -> ShopRow {
    let problem = match (&drift.removed_at, drift.publish_error) {
        (Some(_), _) => "The shop does not have it any more.".to_owned(),
        (None, Some(error)) => format!("The shop did not take our price: {error}"),
        (None, None) => "The shop shows another price.".to_owned(),
    };
    ShopRow {
        sku: drift.sku,
        ours_minor: drift.amount_minor,
        currency: drift.currency,
        shown_minor: drift.shown.map(|(minor, _)| minor),
        differs_since: drift.differs_since,
        problem,
    }
}

/// Has the shop looked at.
pub async fn check(State(site): State<Arc<Site>>, form: Form) -> Response {
    let Some(platform) = site.publishes_to else { return see_other("/shop") };
    let (id, now): (EffectId, _) = (new_id(site.ids.as_ref()), site.clock.now());
    let asked = site
        .store
        .write(move |tx| schedule_drift_check(tx, platform, &id.to_string(), id, now))
        .await;
    match asked {
        Ok(_) => see_other("/shop?done=look"),
        Err(error) => failed(&site, &form.visit, &error),
    }
}

/// Tells the shop again what it shows differently.
pub async fn publish_again(State(site): State<Arc<Site>>, form: Form) -> Response {
    let Some(platform) = site.publishes_to else { return see_other("/shop") };
    match site.store.write(move |tx| publish_again_in(tx, platform, None)).await {
        Ok(_) => see_other("/shop?done=told"),
        Err(error) => failed(&site, &form.visit, &error),
    }
}
