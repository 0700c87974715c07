//! What shoppers do, in one shape: views, carts, purchases, and who turned out to be whom.
//!
//! Every way in (our own form, Segment, Firehose, Redis Streams, Kafka, files) is read into these
//! words, and one operation takes them into the ledger: durable, once, with the ones that cannot be
//! read kept beside with their reason.

pub mod bots;
pub mod caps;
pub mod check;
mod fields;
pub mod own;
mod reading;
pub mod segment;

pub use reading::{formed, read_message, unreadable, with_field};

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::catalog::Sku;
use crate::customers::CustomerId;
use crate::money::{Currency, UnitPrice};
use crate::time::{DAY, MINUTE, Timestamp};

/// How long a message id is remembered, so that the same event again changes nothing.
pub const REMEMBERED: i64 = 32 * DAY;
/// How far ahead of us a sender's clock may be.
pub const AHEAD_MAX: i64 = 5 * MINUTE;
/// The longest message id, anonymous id or session id, in bytes.
pub const EVENT_ID_BYTES_MAX: usize = 200;
/// The most products of one event.
pub const ITEMS_MAX: usize = 500;

macro_rules! event_kinds {
    ($($(#[$doc:meta])* $kind:ident = $text:literal;)*) => {
        /// What a shopper did.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventKind {
            $($(#[$doc])* $kind,)*
        }

        impl EventKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];

            /// The word our own API and the ledger use.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$kind => $text,)* }
            }
        }
    };
}

event_kinds! {
    /// Saw a product's page.
    ProductViewed = "product_viewed";
    /// Clicked a product in a list.
    ProductClicked = "product_clicked";
    /// Put a product into the cart.
    ProductAdded = "product_added";
    /// Took a product out of the cart.
    ProductRemoved = "product_removed";
    /// Kept a product on a wish list.
    ProductWished = "product_wished";
    /// Looked at the cart.
    CartViewed = "cart_viewed";
    /// Began to pay.
    CheckoutStarted = "checkout_started";
    /// Went a step further in paying.
    CheckoutStep = "checkout_step";
    /// Bought.
    OrderCompleted = "order_completed";
    /// Got money back.
    OrderRefunded = "order_refunded";
    /// Called an order off.
    OrderCanceled = "order_canceled";
    /// Saw a list of products.
    ListViewed = "list_viewed";
    /// Searched.
    Searched = "searched";
    /// Saw a page that is no product's.
    PageViewed = "page_viewed";
    /// Anything else; it is counted and kept without its content.
    Other = "other";
}

/// A word that names no kind of event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no kind of event")]
pub struct UnknownEventKindError(pub String);

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for EventKind {
    type Err = UnknownEventKindError;

    fn from_str(text: &str) -> Result<Self, UnknownEventKindError> {
        let found = Self::ALL.iter().copied().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| UnknownEventKindError(text.to_owned()))
    }
}

impl EventKind {
    /// Whether a browser with a publishable key may say it: what it looks at and what it puts into its
    /// cart. Purchases and refunds move money's signals and come from servers only.
    pub const fn is_for_browsers(self) -> bool {
        !matches!(self, Self::OrderCompleted | Self::OrderRefunded | Self::OrderCanceled)
    }
}

/// Who did it, as far as the sender knows. At least one part is there in a useful event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Shopper {
    /// The shop's own id of a known customer.
    pub customer: Option<CustomerId>,
    /// A visitor's id from before they were known.
    pub anonymous: Option<String>,
    /// The visit.
    pub session: Option<String>,
}

/// A product in an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventItem {
    /// The product.
    pub sku: Sku,
    /// Pieces; 1 where the sender says nothing, never negative.
    pub quantity: i64,
    /// The price of one as the shopper saw it.
    pub unit_price: Option<UnitPrice>,
}

/// One thing a shopper did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShopperEvent {
    /// The sender's id of this event; the same id of the same source again is the same event.
    pub message_id: String,
    /// What was done.
    pub kind: EventKind,
    /// By whom.
    pub shopper: Shopper,
    /// When.
    pub at: Timestamp,
    /// With which products, in the sender's order.
    pub items: Vec<EventItem>,
    /// The currency of the items' prices.
    pub currency: Option<Currency>,
    /// The shop's number of the order, for what concerns one.
    pub order: Option<String>,
    /// The recommendation it followed from, if the widget said so.
    pub recommendation: Option<String>,
}

/// A visitor turned out to be a customer, or one customer another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identified {
    /// The sender's id of this message.
    pub message_id: String,
    /// The id they had before.
    pub anonymous: String,
    /// Whom it belongs to.
    pub customer: CustomerId,
    /// When that was found out.
    pub at: Timestamp,
}

/// A message that could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// Something was done.
    Event(ShopperEvent),
    /// Somebody turned out to be somebody.
    Identified(Identified),
}

impl Incoming {
    /// The sender's id of it.
    pub fn message_id(&self) -> &str {
        match self {
            Self::Event(event) => &event.message_id,
            Self::Identified(identified) => &identified.message_id,
        }
    }
}

/// A message that could not be read or may not be said: kept with its reason, so that it can be sent
/// through again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Where it was in what was sent.
    pub index: usize,
    /// Why, in a sentence that says what would be right.
    pub reason: String,
    /// The field it is about, as a JSON pointer into the message; empty for all of it.
    pub pointer: String,
    /// What was sent.
    pub raw: Vec<u8>,
}

/// How messages of a batch are written, so that a dead letter can be read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventForm {
    /// Our own.
    Own,
    /// Segment's.
    Segment,
}
