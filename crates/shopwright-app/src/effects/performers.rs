//! Every kind of effect of the product and who does it.

use std::sync::Arc;

use shopwright_domain::time::Clock;
use shopwright_gateways::shop::Shop;
use shopwright_store::Store;
use shopwright_store::effects::{Effect, Outcome};
use shopwright_store::publishing::PUBLISH;
use shopwright_store::webhook_deliveries::DELIVER;

use super::outside::Outside;
use super::perform::{Perform, Performed, Record};
use crate::competitors::{LOOK_AT_PAGE, look_at_page};
use crate::inbound::{self, INBOUND};
use crate::mail::{self, SEND_MAIL};
use crate::pricing::promotion_end::{self, PROMOTION_ENDED};
use crate::publish::{self, CHECK_DRIFT};
use crate::webhooks::deliver;

/// Tries of what has no schedule of its own: the last is about three hours after the first.
const TRIES_MAX: u32 = 13;
/// Deliveries have their own schedule of tries; this many more beginnings may be lost to crashes.
const DELIVERY_BEGINNINGS_MAX: u32 = 30;

/// The product's performers.
#[derive(Clone, Debug)]
pub struct Performers {
    pub(crate) store: Store,
    pub(crate) clock: SharedClock,
    pub(crate) outside: Arc<Outside>,
    shop: Option<Shop>,
}

/// A clock that can be shown in debug output.
#[derive(Clone)]
pub(crate) struct SharedClock(pub(crate) Arc<dyn Clock>);

impl std::fmt::Debug for SharedClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

impl Performers {
    /// Performers over this ledger, time and outside.
    pub fn new(store: Store, clock: Arc<dyn Clock>, outside: Arc<Outside>) -> Self {
        Self { store, clock: SharedClock(clock), outside, shop: None }
    }

    /// The same with the platform that prices are published to.
    #[must_use]
    pub fn publishing_to(self, shop: Option<Shop>) -> Self {
        Self { shop, ..self }
    }

    pub(crate) fn shop(&self) -> Option<&Shop> {
        self.shop.as_ref()
    }

    pub(crate) fn now(&self) -> shopwright_domain::time::Timestamp {
        self.clock.0.now()
    }

    /// A failed attempt of a kind without a schedule of its own.
    pub(crate) fn failed(&self, effect: &Effect, error: impl ToString) -> Performed {
        Performed::failed(effect, self.tries_max(&effect.kind), self.now(), error.to_string())
    }
}

impl Perform for Performers {
    fn kinds(&self) -> &'static [&'static str] {
        &[DELIVER, SEND_MAIL, PROMOTION_ENDED, INBOUND, PUBLISH, CHECK_DRIFT, LOOK_AT_PAGE]
    }

    fn tries_max(&self, kind: &str) -> u32 {
        if kind == DELIVER { DELIVERY_BEGINNINGS_MAX } else { TRIES_MAX }
    }

    fn given_up(&self, effect: &Effect, error: &str) -> Option<Record> {
        match effect.kind.as_str() {
            DELIVER => Some(deliver::given_up(effect, error.to_owned(), self.now())),
            INBOUND => Some(inbound::given_up(effect, error.to_owned(), self.now())),
            PUBLISH => Some(publish::given_up(effect, error.to_owned(), self.now())),
            _ => None,
        }
    }

    async fn perform(&self, effect: Effect) -> Performed {
        match effect.kind.as_str() {
            DELIVER => deliver::deliver(self, &effect).await,
            SEND_MAIL => mail::send(self, &effect).await,
            INBOUND => inbound::process(self, &effect).await,
            PROMOTION_ENDED => promotion_end::tell(&effect),
            PUBLISH => publish::publish(self, &effect).await,
            CHECK_DRIFT => publish::check_drift(self, &effect).await,
            LOOK_AT_PAGE => look_at_page(self, &effect).await,
            other => {
                Performed::bare(Outcome::GivenUp { error: format!("nobody does `{other}` here") })
            }
        }
    }
}
