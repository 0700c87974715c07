//! Every page with who may call it, in one table. A page is served through the door its row names,
//! so that a new one cannot be left open by forgetting something.

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, get, post};
use shopwright_domain::identity::Role;

use super::{account, audit, demo, docs, keys, operators, pricing, setup, shop, sign_in, visit};
use crate::{Site, api, assets};

/// Who may call a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opens {
    /// Whoever comes.
    ToAll,
    /// Operators with this role or a higher one.
    To(Role),
}
use Opens::{To, ToAll};

struct Page {
    method: &'static str,
    path: &'static str,
    opens: Opens,
    handler: fn() -> MethodRouter<Arc<Site>>,
}

const fn page(
    method: &'static str,
    path: &'static str,
    opens: Opens,
    handler: fn() -> MethodRouter<Arc<Site>>,
) -> Page {
    Page { method, path, opens, handler }
}

const SEES: Opens = To(Role::ReadOnly);
const ACTS: Opens = To(Role::Staff);
const OWNS: Opens = To(Role::Owner);

#[rustfmt::skip]
const PAGES: &[Page] = &[
    // The short form of a price's address, and what describes the API: keys are proven by the handler.
    page("GET",  "/price/{sku}",               ToAll, || get(api::pricing::get_price)),
    page("GET",  "/openapi.json",              ToAll, || get(docs::description)),
    page("GET",  "/docs",                      ToAll, || get(docs::docs)),
    page("GET",  "/docs/errors",               ToAll, || get(docs::errors)),
    page("GET",  "/assets/{name}",             ToAll, || get(assets::asset)),
    page("GET",  "/sign-in",                   ToAll, || get(sign_in::show)),
    page("POST", "/sign-in",                   ToAll, || post(sign_in::submit)),
    page("GET",  "/setup",                     ToAll, || get(setup::explain)),
    page("GET",  "/setup/{token}",             ToAll, || get(setup::show)),
    page("POST", "/setup/{token}",             ToAll, || post(setup::submit)),
    page("GET",  "/demo/enter",                ToAll, || get(demo::walk_in)),
    page("POST", "/demo/enter",                ToAll, || post(demo::enter)),
    page("GET",  "/",                          SEES,  || get(pricing::list)),
    page("GET",  "/products/",                 SEES,  || get(pricing::product_by_query)),
    page("GET",  "/products/{sku}",            SEES,  || get(pricing::product)),
    page("POST", "/sign-out",                  SEES,  || post(account::sign_out)),
    page("GET",  "/account",                   SEES,  || get(account::show)),
    page("POST", "/account/password",          SEES,  || post(account::change)),
    page("POST", "/account/sessions/{id}/end", SEES,  || post(account::end)),
    page("GET",  "/shop",                      SEES,  || get(shop::show)),
    page("POST", "/shop/drift-check",          ACTS,  || post(shop::check)),
    page("POST", "/shop/publish-again",        ACTS,  || post(shop::publish_again)),
    page("GET",  "/operators",                 OWNS,  || get(operators::show)),
    page("POST", "/operators/invite",          OWNS,  || post(operators::invite)),
    page("POST", "/operators/{id}/role",       OWNS,  || post(operators::change_role)),
    page("POST", "/operators/{id}/disable",    OWNS,  || post(operators::disable)),
    page("POST", "/operators/{id}/enable",     OWNS,  || post(operators::enable)),
    page("POST", "/operators/{id}/sessions",   OWNS,  || post(operators::end_sessions)),
    page("POST", "/operators/{id}/reset",      OWNS,  || post(operators::reset)),
    page("GET",  "/keys",                      OWNS,  || get(keys::show)),
    page("POST", "/keys",                      OWNS,  || post(keys::create)),
    page("POST", "/keys/{id}/revoke",          OWNS,  || post(keys::revoke)),
    page("GET",  "/audit",                     OWNS,  || get(audit::show)),
];

/// The routes of all pages.
pub fn pages(site: &Arc<Site>) -> Router<Arc<Site>> {
    PAGES.iter().fold(Router::new(), |routes, page| {
        let handler = (page.handler)();
        let handler = match page.opens {
            ToAll => handler,
            To(role) => handler.route_layer(axum::middleware::from_fn_with_state(
                (Arc::clone(site), role),
                visit::door,
            )),
        };
        routes.route(page.path, handler)
    })
}

/// Method and path of every page.
pub fn listed() -> impl Iterator<Item = (&'static str, &'static str)> {
    PAGES.iter().map(|page| (page.method, page.path))
}
