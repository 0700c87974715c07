//! Shapes that several parts of the API share.

use serde::{Deserialize, Serialize};
use shopwright_domain::invalid::InvalidField;
use shopwright_domain::money::{Currency, Money};
use utoipa::ToSchema;

/// An amount of money in minor units.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct MoneyView {
    /// Minor units: cents, pence, yen.
    #[schema(example = 1299)]
    pub amount: i64,
    /// ISO 4217.
    #[schema(value_type = String, example = "GBP")]
    pub currency: Currency,
}

/// An amount of money that is sent, in minor units.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoneyBody {
    /// Minor units: cents, pence, yen.
    #[schema(example = 1299)]
    pub amount: i64,
    /// ISO 4217.
    #[schema(value_type = String, example = "GBP")]
    pub currency: Currency,
}

impl MoneyBody {
    /// The amount, which must be of this currency; else a finding about the field at `pointer`.
    pub fn within(self, currency: Currency, pointer: &str, found: &mut Vec<InvalidField>) -> i64 {
        if self.currency != currency {
            let problem = format!("must be in {currency} like the rest");
            found.push(InvalidField::new(format!("{pointer}/currency"), problem));
        }
        self.amount
    }

    /// As money.
    pub fn money(self) -> Money {
        Money { amount: self.amount, currency: self.currency }
    }
}

impl From<Money> for MoneyView {
    fn from(money: Money) -> Self {
        Self { amount: money.amount, currency: money.currency }
    }
}

impl MoneyView {
    /// An amount that may be missing.
    pub fn maybe(amount: Option<i64>, currency: Currency) -> Option<Self> {
        amount.map(|amount| Self { amount, currency })
    }
}

/// A text as one segment of a path, percent-encoded.
pub fn path_segment(text: &str) -> impl std::fmt::Display + '_ {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
}

/// A page of things.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ListView<T> {
    /// Always `list`.
    #[schema(example = "list")]
    pub object: &'static str,
    /// The things.
    pub data: Vec<T>,
    /// Whether there are more in the direction that was asked for.
    pub has_more: bool,
    /// The path of the list.
    pub url: String,
}

impl<T> ListView<T> {
    /// A page read with `limit + 1` rows: the extra one only tells that there are more. Where the
    /// page was read backwards the extra row is the first.
    pub fn page(mut rows: Vec<T>, limit: i64, backwards: bool, url: String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(0);
        let has_more = rows.len() > limit;
        if has_more && backwards {
            rows.remove(0);
        }
        rows.truncate(limit);
        Self { object: "list", data: rows, has_more, url }
    }
}
