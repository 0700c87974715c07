//! Shop platforms that show our prices: telling them a price, and asking what they show.
//!
//! A call goes through the guard, ends in time, and says of each variant what became of it: one that
//! the platform refuses keeps nobody from the others. Setting a price twice shows the same price, so a
//! call whose answer was lost is simply made again.

use std::fmt;
use std::time::Duration;

use serde_json::Value as Json;
use shopwright_domain::platforms::{Platform, VariantIds};

use crate::guard::{Answer, Call, FetchError, Guard};
pub use crate::shop_shopify::Shopify;
pub use crate::shop_woocommerce::Woocommerce;

/// Bytes of an answer that are read: a hundred products with all their fields fit.
pub(crate) const ANSWER_BYTES_MAX: usize = 4 << 20;
/// Characters of what a platform says that are kept.
const SAID_CHARS_MAX: usize = 300;
/// A platform that asks for more patience than this is asked again then all the same.
const PATIENCE_MAX: Duration = Duration::from_hours(1);

/// A platform with the address and the keys of one shop on it.
#[derive(Clone)]
pub enum Shop {
    /// Shopify, by its GraphQL Admin API.
    Shopify(Shopify),
    /// WooCommerce, by its REST API.
    Woocommerce(Woocommerce),
}

impl fmt::Debug for Shop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shop({})", self.platform().as_str())
    }
}

/// A price for one variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What the platform calls it.
    pub ids: VariantIds,
    /// The price as decimal text in the shop's currency, `12.99`.
    pub price: String,
}

/// What became of one variant: its id, and why it was not taken.
pub type Taken = (String, Result<(), String>);

/// What the platform shows of one variant: its id, and its price as decimal text; `None` when the
/// platform does not have it.
pub type Shown = (String, Option<String>);

/// Why a call came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShopError {
    /// The platform has no room for it now and says when it will.
    #[error("the shop asks for patience: {error}")]
    Throttled {
        /// What it said.
        error: String,
        /// How long it wants to be left alone, if it said so.
        after: Option<Duration>,
    },
    /// It failed, and the same call may succeed later.
    #[error("{0}")]
    Failed(String),
    /// The same call cannot succeed before somebody changes something.
    #[error("{0}")]
    Refused(String),
}

impl Shop {
    /// Which platform it is.
    pub const fn platform(&self) -> Platform {
        match self {
            Self::Shopify(_) => Platform::Shopify,
            Self::Woocommerce(_) => Platform::Woocommerce,
        }
    }

    /// How many variants one call may name.
    pub const fn batch_max(&self) -> usize {
        match self {
            Self::Shopify(_) => crate::shop_shopify::VARIANTS_MAX,
            Self::Woocommerce(_) => crate::shop_woocommerce::ITEMS_MAX,
        }
    }

    /// Tells the prices of variants of one product; on WooCommerce, where a product without variants
    /// is its own variant, also those of several such products. At most [`Self::batch_max`].
    pub async fn publish(
        &self,
        guard: &Guard,
        offers: &[Offer],
        time_max: Duration,
    ) -> Result<Vec<Taken>, ShopError> {
        match self {
            Self::Shopify(shop) => shop.publish(guard, offers, time_max).await,
            Self::Woocommerce(shop) => shop.publish(guard, offers, time_max).await,
        }
    }

    /// What the platform shows of these variants, under the rules of [`Self::publish`].
    pub async fn look(
        &self,
        guard: &Guard,
        variants: &[VariantIds],
        time_max: Duration,
    ) -> Result<Vec<Shown>, ShopError> {
        match self {
            Self::Shopify(shop) => shop.look(guard, variants, time_max).await,
            Self::Woocommerce(shop) => shop.look(guard, variants, time_max).await,
        }
    }
}

/// Makes a call and reads its JSON. What the status says is turned into an error here; `keys` names
/// the settings to look at when the platform does not know us.
pub(crate) async fn call_json(
    guard: &Guard,
    call: Call<'_>,
    keys: &str,
) -> Result<Json, ShopError> {
    let answer = guard.fetch(call).await.map_err(|error| match error {
        FetchError::BadUrl(_) | FetchError::Refused { .. } => ShopError::Refused(error.to_string()),
        other => ShopError::Failed(other.to_string()),
    })?;
    let status = answer.status;
    match status {
        200..=299 => {}
        429 | 503 => {
            let after = retry_after(&answer);
            return Err(ShopError::Throttled { error: format!("it answered {status}"), after });
        }
        401 | 403 => {
            let said = said(&answer);
            let text = format!("the shop refused our keys ({status}): {said}; check {keys}");
            return Err(ShopError::Refused(text));
        }
        300..=399 => {
            return Err(ShopError::Refused(format!(
                "the shop answered {status} and leads elsewhere; name its final address"
            )));
        }
        404 => {
            let said = said(&answer);
            return Err(ShopError::Refused(format!("the shop does not know this (404): {said}")));
        }
        400..=499 if status != 408 => {
            let said = said(&answer);
            return Err(ShopError::Refused(format!("the shop answered {status}: {said}")));
        }
        _ => {
            let said = said(&answer);
            return Err(ShopError::Failed(format!("the shop answered {status}: {said}")));
        }
    }
    if answer.cut {
        return Err(ShopError::Failed("the shop's answer is larger than 4 MiB".to_owned()));
    }
    serde_json::from_slice(&answer.body)
        .map_err(|_| ShopError::Failed(format!("the shop's answer is not JSON: {}", said(&answer))))
}

/// `Retry-After` in seconds; Shopify writes `2.0`. A date is left to the usual delays.
fn retry_after(answer: &Answer) -> Option<Duration> {
    let text = answer.headers.get("retry-after")?.to_str().ok()?.trim();
    let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
    let up = u64::from(rest.bytes().any(|b| b != b'0'));
    let seconds = whole.parse::<u64>().ok()?.saturating_add(up);
    Some(Duration::from_secs(seconds).min(PATIENCE_MAX))
}

/// The beginning of an answer as one line of text.
fn said(answer: &Answer) -> String {
    line(&String::from_utf8_lossy(&answer.body))
}

/// A text of the platform as one short line.
pub(crate) fn line(text: &str) -> String {
    let short: String = text.chars().take(SAID_CHARS_MAX).collect();
    let words: Vec<&str> = short
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|w| !w.is_empty())
        .collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(" ") }
}

/// A JSON text or number as text.
pub(crate) fn text_of(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
