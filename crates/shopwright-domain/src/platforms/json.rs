//! Reading what platforms send as JSON: ids and money as the exact text they were written in.
//!
//! Money is read from text only, and ids are whole numbers or text: nothing goes through a float.

use serde_json::Value;

use crate::customers::Address;
use crate::money::{Currency, UnitPrice, parse_minor};
use crate::time::Timestamp;

/// A body that does not say what it has to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body has no readable `{0}`")]
pub struct BodyError(pub String);

/// An id as text: a whole number exactly as it is written, or a text that is not empty.
pub(super) fn id(of: &Value, name: &str) -> Option<String> {
    match &of[name] {
        Value::Number(number) if number.is_u64() || number.is_i64() => Some(number.to_string()),
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        _ => None,
    }
}

/// An id that has to be there.
pub(super) fn needed_id(of: &Value, name: &str) -> Result<String, BodyError> {
    id(of, name).ok_or_else(|| BodyError(name.to_owned()))
}

/// A text that is more than spaces.
pub(super) fn text(of: &Value, name: &str) -> Option<String> {
    of[name].as_str().map(str::trim).filter(|text| !text.is_empty()).map(ToOwned::to_owned)
}

/// A list, empty where there is none.
pub(super) fn list<'v>(of: &'v Value, name: &str) -> &'v [Value] {
    of[name].as_array().map_or(&[], Vec::as_slice)
}

/// A time of RFC 3339.
pub(super) fn time(of: &Value, name: &str) -> Option<Timestamp> {
    of[name].as_str()?.parse().ok()
}

/// A time without a zone that is in UTC, as WooCommerce writes `…_gmt`.
pub(super) fn time_gmt(of: &Value, name: &str) -> Option<Timestamp> {
    let text = of[name].as_str()?;
    format!("{text}Z").parse().ok().or_else(|| text.parse().ok())
}

/// An amount as it is written: that in the shop's currency where both are given.
pub(super) fn amount<'v>(of: &'v Value, name: &str) -> Option<&'v str> {
    let in_shop = &of[format!("{name}_set").as_str()]["shop_money"]["amount"];
    in_shop.as_str().or_else(|| of[name].as_str())
}

/// An amount in minor units; `None` where there is none.
pub(super) fn minor(of: &Value, name: &str, currency: Currency) -> Result<Option<i64>, BodyError> {
    let Some(text) = amount(of, name).filter(|text| !text.is_empty()) else { return Ok(None) };
    parse_minor(text, currency).map(Some).map_err(|_| BodyError(name.to_owned()))
}

/// The sum of an amount over a list, minor units.
pub(super) fn sum(of: &[Value], name: &str, currency: Currency) -> Result<i64, BodyError> {
    of.iter().try_fold(0_i64, |sum, one| {
        let amount = minor(one, name, currency)?.unwrap_or(0);
        sum.checked_add(amount).ok_or_else(|| BodyError(name.to_owned()))
    })
}

/// An amount in minor units as the exact price of one piece.
pub(super) fn as_price(amount_minor: i64, currency: Currency) -> UnitPrice {
    UnitPrice(amount_minor.saturating_mul(1_000_000 / currency.minor_per_major()))
}

/// A currency code.
pub(super) fn currency(of: &Value, name: &str) -> Result<Currency, BodyError> {
    of[name].as_str().and_then(|code| code.parse().ok()).ok_or_else(|| BodyError(name.to_owned()))
}

/// An address from fields of these names; `None` where all are empty.
pub(super) fn address(of: &Value, names: AddressNames) -> Option<Address> {
    let part = |name: &str| text(of, name).map(|text| text.replace(char::is_control, " "));
    let both = [part("first_name"), part("last_name")].into_iter().flatten().collect::<Vec<_>>();
    let address = Address {
        label: None,
        name: part("name").or((!both.is_empty()).then(|| both.join(" "))),
        company: part("company"),
        line1: part(names.line1),
        line2: part(names.line2),
        city: part("city"),
        region: part(names.region),
        postal_code: part(names.postal_code),
        country: part(names.country).filter(|code| crate::customers::is_country(code)),
        phone: part("phone"),
    };
    address.parts().iter().any(|(_, part)| part.is_some()).then_some(address)
}

/// What a platform calls the parts of an address.
#[derive(Clone, Copy)]
pub(super) struct AddressNames {
    pub line1: &'static str,
    pub line2: &'static str,
    pub region: &'static str,
    pub postal_code: &'static str,
    pub country: &'static str,
}
