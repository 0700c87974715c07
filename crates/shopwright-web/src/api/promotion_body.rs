//! A promotion as it is sent: what it covers and what it does, each said in one of several ways.

use serde::Deserialize;
use shopwright_app::pricing::WantedPromotion;
use shopwright_domain::catalog::{SHOP_ID_BYTES_MAX, Sku};
use shopwright_domain::money::Factor;
use shopwright_domain::promotions::{PromotionEffect, PromotionScope};
use shopwright_domain::time::{SECOND, Timestamp};
use utoipa::ToSchema;

use super::view::MoneyBody;
use crate::problem::ApiError;

/// RFC 3339 knows no earlier year, and PostgreSQL keeps no times much earlier.
pub(super) const YEAR_0: Timestamp = Timestamp::from_micros(-62_167_219_200 * SECOND);

/// A promotion to make. It covers a `scope` with its `key`, or lists; it has one of `factor`,
/// `percent_off`, `amount_off` and `price`.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPromotion {
    /// What it is called.
    #[schema(example = "Winter sale", min_length = 1, max_length = 200)]
    pub name: String,
    /// `store`, `category` or `sku`; left out with `skus` or `categories`.
    #[schema(example = "store", pattern = "^(store|category|sku)$")]
    pub scope: Option<String>,
    /// The category path or the SKU; left out for the store.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub key: String,
    /// Products it covers.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 1000)]
    pub skus: Vec<Sku>,
    /// Categories it covers, each with everything below it.
    #[serde(default)]
    #[schema(max_items = 1000)]
    pub categories: Vec<String>,
    /// What prices are multiplied with, a decimal above 0.
    #[schema(value_type = Option<String>, example = "0.9", pattern = r"^\d{1,2}(\.\d{1,6})?$")]
    pub factor: Option<Factor>,
    /// What is taken off in percent, a decimal above 0 and below 100.
    #[schema(pattern = r"^\d{1,2}(\.\d{1,6})?$")]
    pub percent_off: Option<String>,
    /// What is taken off each piece.
    pub amount_off: Option<MoneyBody>,
    /// What a piece costs instead.
    pub price: Option<MoneyBody>,
    /// Whether prices stand still while it runs.
    #[serde(default)]
    pub locks_price: bool,
    /// Whether it is shown to buyers as a reduction.
    #[serde(default)]
    pub announced: bool,
    /// Of several promotions the one of the highest priority counts first; -1000 to 1000.
    #[serde(default)]
    #[schema(minimum = -1000, maximum = 1000)]
    pub priority: i64,
    /// Whether it counts beside the first one, if that is stackable too.
    #[serde(default)]
    pub stackable: bool,
    /// From this moment on,
    #[schema(value_type = String, format = DateTime, example = "2026-12-01T00:00:00Z")]
    pub starts_at: Timestamp,
    /// and until just before this one.
    #[schema(value_type = String, format = DateTime, example = "2026-12-24T00:00:00Z")]
    pub ends_at: Timestamp,
}

impl NewPromotion {
    /// The promotion in the domain's words.
    pub fn wanted(self) -> Result<WantedPromotion, ApiError> {
        if self.starts_at < YEAR_0 {
            return Err(ApiError::field("/starts_at", "write a time in the years 0000 to 9999"));
        }
        Ok(WantedPromotion {
            scope: self.scope()?,
            effect: self.effect()?,
            name: self.name,
            locks_price: self.locks_price,
            announced: self.announced,
            priority: self.priority,
            stackable: self.stackable,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
        })
    }

    fn scope(&self) -> Result<PromotionScope, ApiError> {
        let lists = !self.skus.is_empty() || !self.categories.is_empty();
        let scope = match (self.scope.as_deref(), self.key.as_str(), lists) {
            (None, "", true) => {
                let (skus, categories) = (self.skus.clone(), self.categories.clone());
                Some(PromotionScope::Several { skus, categories })
            }
            (Some("store"), "", false) => Some(PromotionScope::Store),
            (Some("category"), path, false)
                if (1..=SHOP_ID_BYTES_MAX).contains(&path.len()) && !path.contains('\0') =>
            {
                Some(PromotionScope::Category(path.to_owned()))
            }
            (Some("sku"), key, false) => Sku::parse(key).ok().map(PromotionScope::Sku),
            _ => None,
        };
        scope.ok_or_else(|| {
            ApiError::field(
                "/scope",
                "use store without a key, category with a path, sku with a SKU, or leave scope and \
                 key out and name skus and categories",
            )
        })
    }

    fn effect(&self) -> Result<PromotionEffect, ApiError> {
        let percent = match self.percent_off.as_deref().map(Factor::parse) {
            None => None,
            Some(Ok(percent)) => Some(PromotionEffect::PercentOff(percent)),
            Some(Err(error)) => return Err(ApiError::field("/percent_off", error.to_string())),
        };
        let mut effects = [
            self.factor.map(PromotionEffect::Factor),
            percent,
            self.amount_off.map(|money| PromotionEffect::AmountOff(money.money())),
            self.price.map(|money| PromotionEffect::Price(money.money())),
        ]
        .into_iter()
        .flatten();
        match (effects.next(), effects.next()) {
            (Some(one), None) => Ok(one),
            _ => Err(ApiError::field(
                "/factor",
                "send one of factor, percent_off, amount_off and price",
            )),
        }
    }
}
