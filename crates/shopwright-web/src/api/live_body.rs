//! The served form of a price, made once per change; a request only adds what depends on its moment.

use std::fmt::Write as _;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde::Serialize;
use shopwright_domain::catalog::{ProductStatus, Sku};
use shopwright_domain::ids::DecisionId;
use shopwright_domain::money::Currency;
use shopwright_domain::pricing::{PriceDecision, Reason};
use shopwright_domain::time::{SECOND, Timestamp};
use shopwright_store::pricing::CurrentPrice;
use utoipa::ToSchema;

use super::view::MoneyView;

/// How long a shown price is good for: a cart may name its decision this long.
pub const PRICE_HELD_MICROS: i64 = 15 * 60 * SECOND;

/// Why a price is what it is: one factor.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReasonView {
    /// The factor or guardrail: `demand`, `inventory`, `floor`, `no_data`, …; without a price
    /// `no_base_price` or `not_for_sale`.
    #[schema(example = "inventory")]
    pub factor: String,
    /// What it adds to the price, minor units. Base price plus all effects is the price.
    #[schema(example = 120)]
    pub effect_minor: i64,
    /// What it was concluded from. Secret keys only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    pub signal: Option<serde_json::Value>,
    /// One sentence. Secret keys only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "9 left: fewer than 10.")]
    pub sentence: Option<String>,
}

/// A price as it is answered.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PriceView {
    /// Always `price`.
    #[schema(example = "price")]
    pub object: &'static str,
    /// The SKU.
    #[schema(example = "85123A")]
    pub sku: String,
    /// What the product costs now; null when there is no base price to decide from, and for a draft or archived product.
    pub price: Option<MoneyView>,
    /// What the price was decided from.
    pub base_price: Option<MoneyView>,
    /// ISO 4217.
    #[schema(example = "GBP")]
    pub currency: String,
    /// The strategy that decided.
    #[schema(example = "rules")]
    pub strategy: Option<String>,
    /// Why, factor by factor; never empty.
    pub reasons: Vec<ReasonView>,
    /// What the rules alone would charge, before guardrails. Secret keys only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub playbook_price: Option<MoneyView>,
    /// The lowest price of the 30 days before the reduction to this price; null when it was not reduced.
    pub lowest_30d: Option<MoneyView>,
    /// The decision that set this price.
    #[schema(example = "dec_01h455vb4pex5vsknk084sn02q")]
    pub decision_id: Option<String>,
    /// Since when it stands.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub changed_at: Option<Timestamp>,
    /// Whether the ledger is away, so that the price may be out of date.
    pub stale: bool,
    /// Until when this price is honoured.
    #[schema(value_type = String, format = DateTime)]
    pub valid_until: Timestamp,
}

/// The two served forms of a price: for secret keys, and for browsers without the shop's figures.
/// Each ends before `"stale"`, which a [`Moment`] adds.
#[derive(Debug)]
pub struct LiveBody {
    /// For secret keys.
    pub full: Box<str>,
    /// For publishable keys.
    pub public: Box<str>,
    /// What feeds say of it; `None` for what is not on sale.
    pub shown: Option<ShownPrice>,
}

/// A price as feeds show it.
#[derive(Clone, Copy, Debug)]
pub struct ShownPrice {
    /// The price, minor units.
    pub amount_minor: i64,
    /// Its currency.
    pub currency: Currency,
    /// The lowest of the 30 days before it was reduced to this.
    pub lowest_30d_minor: Option<i64>,
    /// The decision that set it.
    pub decision_id: DecisionId,
    /// Since when it stands.
    pub changed_at: Timestamp,
}

/// Makes both forms.
pub fn render(price: &CurrentPrice) -> LiveBody {
    if !price.is_for_sale {
        let body = |full| without_price(&price.sku, price.currency, NoPrice::NotForSale, full);
        return LiveBody { full: body(true), public: body(false), shown: None };
    }
    let decision: Option<PriceDecision> = serde_json::from_value(price.decision.clone())
        .inspect_err(|error| tracing::error!(sku = %price.sku, %error, "the record behind a price cannot be read"))
        .ok();
    LiveBody {
        full: head(price, decision.as_ref(), true),
        public: head(price, decision.as_ref(), false),
        shown: Some(ShownPrice {
            amount_minor: price.amount_minor,
            currency: price.currency,
            lowest_30d_minor: price.lowest_30d_minor,
            decision_id: price.decision_id,
            changed_at: price.changed_at,
        }),
    }
}

fn head(price: &CurrentPrice, decision: Option<&PriceDecision>, full: bool) -> Box<str> {
    let money = |amount| MoneyView { amount, currency: price.currency };
    let view = PriceView {
        object: "price",
        sku: price.sku.as_str().to_owned(),
        price: Some(money(price.amount_minor)),
        base_price: Some(money(price.base_minor)),
        currency: price.currency.code().to_owned(),
        strategy: Some(price.strategy.clone()),
        reasons: match decision {
            Some(decision) => reason_views(&decision.reasons, full),
            None => vec![unreadable(price.amount_minor - price.base_minor, full)],
        },
        playbook_price: decision.and_then(|d| d.playbook_price_minor).filter(|_| full).map(money),
        lowest_30d: price.lowest_30d_minor.map(money),
        decision_id: Some(price.decision_id.to_string()),
        changed_at: Some(price.changed_at),
        stale: false,
        valid_until: price.changed_at,
    };
    open_ended(&view)
}

/// The price stands although the record that explains it is damaged; `shopwright verify` names it.
fn unreadable(effect_minor: i64, full: bool) -> ReasonView {
    let sentence = "The record of this decision cannot be read; the price stands as decided.";
    ReasonView {
        factor: "record_unreadable".to_owned(),
        effect_minor,
        signal: None,
        sentence: full.then(|| sentence.to_owned()),
    }
}

/// The view's JSON up to and without `"stale"`.
fn open_ended(view: &PriceView) -> Box<str> {
    let text = serde_json::to_string(view).unwrap_or_default();
    let end = text.rfind(",\"stale\":").unwrap_or(text.len());
    text[..end].into()
}

/// Reasons as they are answered.
pub fn reason_views(reasons: &[Reason], full: bool) -> Vec<ReasonView> {
    reasons
        .iter()
        .map(|reason| ReasonView {
            factor: reason.factor.clone(),
            effect_minor: reason.effect_minor,
            signal: full.then(|| reason.signal.clone()),
            sentence: full.then(|| reason.sentence.clone()),
        })
        .collect()
}

/// Why a known product is answered without a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPrice {
    /// There is nothing to decide from: no number is invented.
    NoBasePrice,
    /// It is a draft or archived.
    NotForSale,
}

impl NoPrice {
    /// Why a product that has no price in memory has none.
    pub fn of(status: ProductStatus) -> Self {
        if status == ProductStatus::Active { Self::NoBasePrice } else { Self::NotForSale }
    }

    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::NoBasePrice => (
                "no_base_price",
                "There is no base price to decide from; set one or import a history with prices.",
            ),
            Self::NotForSale => {
                ("not_for_sale", "The product is not on sale; set its status to active to sell it.")
            }
        }
    }
}

/// A product that is known and answered without a price. `full` is for secret keys.
pub fn without_price(sku: &Sku, currency: Currency, why: NoPrice, full: bool) -> Box<str> {
    let (factor, sentence) = why.words();
    open_ended(&PriceView {
        object: "price",
        sku: sku.as_str().to_owned(),
        price: None,
        base_price: None,
        currency: currency.code().to_owned(),
        strategy: None,
        reasons: vec![ReasonView {
            factor: factor.to_owned(),
            effect_minor: 0,
            signal: None,
            sentence: full.then(|| sentence.to_owned()),
        }],
        playbook_price: None,
        lowest_30d: None,
        decision_id: None,
        changed_at: None,
        stale: false,
        valid_until: Timestamp::from_micros(0),
    })
}

/// What a moment adds to every price answered in it.
#[derive(Clone, Debug)]
pub struct Moment(String);

impl Moment {
    /// At `now`, with the ledger away or not.
    pub fn new(now: Timestamp, stale: bool) -> Self {
        let mut tail = String::with_capacity(64);
        // Whole seconds keep the text short and lose nobody money: the promise only gets shorter.
        let until = now.plus_micros(PRICE_HELD_MICROS).as_micros().div_euclid(SECOND) * SECOND;
        let _ = write!(
            tail,
            ",\"stale\":{stale},\"valid_until\":\"{}\"}}",
            Timestamp::from_micros(until)
        );
        Self(tail)
    }

    /// The end of every price's JSON.
    pub fn tail(&self) -> &str {
        &self.0
    }
}

/// A JSON answer from text that is already JSON.
pub fn json_response(body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
