//! The OpenAPI 3.1 description, generated from the handlers.

use axum::extract::DefaultBodyLimit;
use serde_json::json;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use std::sync::Arc;

use crate::Site;
use crate::api::{
    audit, catalog, catalog_edit, competitor_intake, competitors, customers, dead_letters, effects,
    events, feeds, firehose, inbound, inventory, keys, me, order_steps, orders, pricing,
    pricing_settings, promotions, refunds, reservations, segment, shop, stock_movements,
    stock_places, streams, system, webhook_log, webhooks,
};
use crate::input::{BULK_BODY_BYTES_MAX, INBOUND_BODY_BYTES_MAX};
use crate::problem::Code;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Shopwright",
        description = "The monetization engine for small e-commerce stores. Money is in minor units, times \
            are RFC 3339 in UTC, errors are problem documents (RFC 9457) with a `type` documented at /docs/errors.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    tags(
        (name = "Prices", description = "What a product costs now, and why."),
        (name = "Price settings", description = "How prices are decided: strategies, limits, the emergency stop."),
        (name = "Promotions", description = "Lower (or other) prices for a time."),
        (name = "Competitors", description = "Who sells the same, what they charge, and what of it counts."),
        (name = "Shop platform", description = "Our prices on Shopify or WooCommerce: told, looked at, told again."),
        (name = "Products", description = "The catalogue."),
        (name = "Customers", description = "Who buys: known, merged, handed out, erased."),
        (name = "Orders", description = "Orders taken elsewhere, and what happens to them."),
        (name = "Refunds", description = "Money and pieces that go back."),
        (name = "Webhooks", description = "What happens here, told to your servers as Standard Webhooks."),
        (name = "Webhooks in", description = "What shop platforms tell us, and what became of it."),
        (name = "Effects", description = "Work on the outside and jobs: what waits, what was given up."),
        (name = "Events", description = "What shoppers do, sent by the shop: our own form, Segment's and Firehose's."),
        (name = "Stock", description = "What is on the shelf, how it got there and what is on its way."),
        (name = "Reservations", description = "Stock held for a while, then sold, then shipped."),
        (name = "Audit log", description = "Who changed what, and when; nothing in it can be changed unnoticed."),
        (name = "Customers", description = "What concerns one customer."),
        (name = "Keys", description = "Who may call this API."),
        (name = "System", description = "Health and metrics; no key needed."),
    ),
    modifiers(&Keys)
)]
struct Description;

struct Keys;

impl Modify for Keys {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "A secret key (`sk_…`) from your server may do everything; a restricted key (`rk_…`) has the scopes it was \
                 made with, which each operation names; a publishable key (`pk_…`) in a browser reads prices, sends views and carts and, with a customer token, \
                 what concerns that customer.",
            ))
            .build();
        let components = openapi.components.get_or_insert_with(Default::default);
        components.add_security_scheme("key", SecurityScheme::Http(scheme));
    }
}

/// The API's routes with their description.
pub fn api() -> OpenApiRouter<Arc<Site>> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(pricing::get_price))
        .routes(routes!(pricing::get_prices))
        .routes(routes!(pricing::explain_price))
        .routes(routes!(pricing::list_price_changes))
        .routes(routes!(pricing_settings::list_policies))
        .routes(routes!(pricing_settings::set_store_policy))
        .routes(routes!(pricing_settings::set_policy_of, pricing_settings::clear_policy_of))
        .routes(routes!(pricing_settings::set_freeze))
        .routes(routes!(promotions::create_promotion, promotions::list_promotions))
        .routes(routes!(promotions::get_promotion, promotions::change_promotion))
        .routes(routes!(promotions::end_promotion_now))
        .routes(routes!(feeds::prices_json))
        .routes(routes!(feeds::prices_csv))
        .routes(routes!(competitors::list_competitors))
        .routes(routes!(competitors::get_competitor, competitors::put_competitor))
        .routes(routes!(competitors::put_match))
        .routes(routes!(competitors::get_prices))
        .routes(routes!(competitor_intake::take_prices))
        .routes(routes!(shop::list_drift))
        .routes(routes!(shop::check_drift))
        .routes(routes!(shop::publish_again))
        .routes(routes!(catalog::list_products))
        .routes(routes!(catalog::get_product, catalog_edit::put_product))
        .merge(bulk())
        .merge(inbound())
        .routes(routes!(customers::list_customers))
        .routes(routes!(
            customers::get_customer,
            customers::put_customer,
            customers::erase_customer
        ))
        .routes(routes!(customers::merge_customer))
        .routes(routes!(customers::export_customer))
        .routes(routes!(orders::create_order, orders::list_orders))
        .routes(routes!(orders::get_order))
        .routes(routes!(order_steps::pay_order))
        .routes(routes!(order_steps::fulfil_order))
        .routes(routes!(order_steps::complete_order))
        .routes(routes!(order_steps::cancel_order))
        .routes(routes!(refunds::refund_order, refunds::list_refunds))
        .routes(routes!(webhooks::create_endpoint, webhooks::list_endpoints))
        .routes(routes!(
            webhooks::get_endpoint,
            webhooks::update_endpoint,
            webhooks::delete_endpoint
        ))
        .routes(routes!(webhooks::rotate_endpoint_secret))
        .routes(routes!(webhooks::test_webhook_endpoint))
        .routes(routes!(webhook_log::list_deliveries))
        .routes(routes!(webhook_log::replay_failed_deliveries))
        .routes(routes!(webhook_log::list_events))
        .routes(routes!(webhook_log::get_delivery))
        .routes(routes!(webhook_log::replay_delivery))
        .routes(routes!(inbound::list_inbound_webhooks))
        .routes(routes!(inbound::get_inbound_webhook))
        .routes(routes!(inbound::retry_inbound_webhook))
        .routes(routes!(effects::list_effects))
        .routes(routes!(effects::get_effect))
        .routes(routes!(effects::retry_effect))
        .routes(routes!(effects::list_jobs))
        .routes(routes!(streams::list_streams))
        .routes(routes!(inventory::get_stock, inventory::set_stock_settings))
        .routes(routes!(stock_movements::count_stock))
        .routes(routes!(
            stock_movements::book_stock_movement,
            stock_movements::list_stock_movements
        ))
        .routes(routes!(stock_places::list_locations))
        .routes(routes!(stock_places::get_location, stock_places::put_location))
        .routes(routes!(stock_places::create_delivery, stock_places::list_deliveries))
        .routes(routes!(stock_places::receive_delivery))
        .routes(routes!(stock_places::cancel_delivery))
        .routes(routes!(reservations::create_reservation, reservations::list_reservations))
        .routes(routes!(reservations::get_reservation))
        .routes(routes!(reservations::extend_reservation))
        .routes(routes!(reservations::commit_reservation))
        .routes(routes!(reservations::release_reservation))
        .routes(routes!(reservations::ship_reservation))
        .routes(routes!(segment::segment_track))
        .routes(routes!(segment::segment_page))
        .routes(routes!(segment::segment_screen))
        .routes(routes!(segment::segment_identify))
        .routes(routes!(segment::segment_group))
        .routes(routes!(segment::segment_alias))
        .routes(routes!(segment::segment_batch))
        .routes(routes!(dead_letters::list_dead_letters))
        .routes(routes!(dead_letters::replay_dead_letters))
        .routes(routes!(dead_letters::get_dead_letter, dead_letters::delete_dead_letter))
        .routes(routes!(dead_letters::replay_dead_letter))
        .routes(routes!(me::get_me))
        .routes(routes!(audit::list_audit_entries))
        .routes(routes!(keys::create_api_key, keys::list_api_keys))
        .routes(routes!(keys::revoke_api_key))
        .routes(routes!(system::livez))
        .routes(routes!(system::readyz))
        .routes(routes!(system::metrics))
}

/// Calls that take many things at once, with bodies as large as that needs.
fn bulk() -> OpenApiRouter<Arc<Site>> {
    OpenApiRouter::new()
        .routes(routes!(catalog_edit::put_products))
        .routes(routes!(events::send_events))
        .routes(routes!(firehose::send_firehose))
        .layer(DefaultBodyLimit::max(BULK_BODY_BYTES_MAX))
}

/// Webhooks of shop platforms, with bodies as large as they send them.
fn inbound() -> OpenApiRouter<Arc<Site>> {
    OpenApiRouter::new()
        .routes(routes!(inbound::receive_shopify))
        .routes(routes!(inbound::receive_woocommerce))
        .layer(DefaultBodyLimit::max(INBOUND_BODY_BYTES_MAX))
}

/// The description as JSON.
pub fn document() -> serde_json::Value {
    let (_, openapi) = api().split_for_parts();
    let mut document = serde_json::to_value(openapi).unwrap_or_default();
    let paths = document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut());
    for operation in
        paths.filter_map(|path| path.as_object_mut()).flat_map(|path| path.values_mut())
    {
        add_common_responses(operation);
    }
    document
}

/// What any operation can be answered, whatever it does: written once here and not at each.
fn add_common_responses(operation: &mut serde_json::Value) {
    let id = operation["operationId"].as_str().unwrap_or_default();
    let reads = ["get_", "list_", "explain_"].iter().any(|verb| id.starts_with(verb));
    let needs_ledger = operation["security"].is_array();
    let mut codes = vec![Code::REQUEST_TIMEOUT, Code::URI_TOO_LONG, Code::HEADERS_TOO_LARGE];
    if needs_ledger {
        codes.extend([Code::RATE_LIMITED, Code::INTERNAL, Code::UNAVAILABLE]);
    }
    if needs_ledger && !reads {
        codes.push(Code::STORAGE_FULL);
    }
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    for code in codes {
        responses.entry(code.status.to_string()).or_insert_with(|| {
            json!({
                "description": code.title,
                "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
            })
        });
    }
}
