//! The UCI Online Retail layout: how eight columns of text become one booked line.
//!
//! Pure rules, one line at a time: no file, no clock, no memory of earlier lines. A line is
//! either booked whole or refused with every field that is wrong. Codes stay byte for byte;
//! amounts are whole minor units with the sign the file gives them.

mod booking;
mod local_time;
mod tally;

use jiff::tz::TimeZone;

use super::kinds::{DocumentKind, LineKind};
use crate::catalog::{SHOP_ID_BYTES_MAX, Sku};
use crate::money::{Currency, UnitPrice};
use crate::time::Timestamp;

pub use tally::{KindTotal, Reconciliation, Tally};

/// The header of the layout, in the order of the file.
pub const COLUMNS: [&str; 8] =
    [INVOICE, CODE, DESCRIPTION, QUANTITY, AT, UNIT_PRICE, CUSTOMER, COUNTRY];

const INVOICE: &str = "InvoiceNo";
const CODE: &str = "StockCode";
const DESCRIPTION: &str = "Description";
const QUANTITY: &str = "Quantity";
const AT: &str = "InvoiceDate";
const UNIT_PRICE: &str = "UnitPrice";
const CUSTOMER: &str = "CustomerID";
const COUNTRY: &str = "Country";

/// The most pieces one line may carry, either way. The file's largest line has 80,995.
pub const QUANTITY_MAX: i64 = 1_000_000_000;
/// The longest description or country a line may carry, in bytes.
pub const TEXT_BYTES_MAX: usize = 1_000;
/// The most digits of an invoice number.
pub const INVOICE_DIGITS_MAX: usize = 18;
/// What a line without a country is filed under; the file itself uses this word.
pub const COUNTRY_UNKNOWN: &str = "Unspecified";

const SHOWN_CHARS_MAX: usize = 40;

/// One record as the file has it.
#[derive(Clone, Copy, Debug)]
pub struct RawLine<'a> {
    /// `InvoiceNo`: `536365`, `C536379`, `A563185`.
    pub invoice: &'a str,
    /// `StockCode`: `85123A`, `POST`.
    pub code: &'a str,
    /// `Description`, possibly empty.
    pub description: &'a str,
    /// `Quantity`: a whole number with its sign.
    pub quantity: &'a str,
    /// `InvoiceDate`: local time without a zone.
    pub at: &'a str,
    /// `UnitPrice`: a decimal in major units.
    pub unit_price: &'a str,
    /// `CustomerID`, empty when unknown.
    pub customer: &'a str,
    /// `Country` of the customer.
    pub country: &'a str,
}

impl<'a> RawLine<'a> {
    /// The record from its fields in the order of [`COLUMNS`].
    pub const fn from_fields(fields: [&'a str; 8]) -> Self {
        let [invoice, code, description, quantity, at, unit_price, customer, country] = fields;
        Self { invoice, code, description, quantity, at, unit_price, customer, country }
    }
}

/// One booked line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The invoice number with its letter.
    pub invoice: Box<str>,
    /// The document this line is booked on. One invoice number may carry more than one kind.
    pub document: DocumentKind,
    /// What the line is.
    pub kind: LineKind,
    /// The code byte for byte: `85123A` and `85123a` differ.
    pub code: Box<str>,
    /// The description without surrounding blanks, possibly empty.
    pub description: Box<str>,
    /// Pieces, with the sign of the file; never 0.
    pub quantity: i64,
    /// When, in UTC.
    pub at: Timestamp,
    /// Price of one piece, with the sign of the file.
    pub unit_price: UnitPrice,
    /// Quantity times price in minor units, rounded half away from zero, sign as in the file.
    pub amount_minor: i64,
    /// The shop's customer number, when the line has one.
    pub customer: Option<Box<str>>,
    /// The country as the file writes it.
    pub country: Box<str>,
}

impl Line {
    /// Quantity times price before rounding, in millionths of the major unit.
    pub fn exact_micros(&self) -> i128 {
        self.unit_price.times(self.quantity)
    }
}

/// One field that keeps a line from being booked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{column} `{value}`: {problem}")]
pub struct FieldError {
    /// The column's name.
    pub column: &'static str,
    /// What the file has, shortened to a readable length.
    pub value: String,
    /// What was expected instead.
    pub problem: String,
}

impl FieldError {
    fn new(column: &'static str, value: &str, problem: impl Into<String>) -> Self {
        let mut shown: String = value.chars().take(SHOWN_CHARS_MAX).collect();
        if shown.len() < value.len() {
            shown.push('…');
        }
        Self { column, value: shown, problem: problem.into() }
    }
}

/// Books one record. `zone` is the store's time zone: a local time that a clock change skips
/// moves forward by the gap, one that occurs twice is the earlier. `currency` is the store's.
///
/// Refuses with every field that cannot be read; when all can be read but do not fit together,
/// with the field that contradicts the others.
pub fn read_line(
    raw: &RawLine<'_>,
    zone: &TimeZone,
    currency: Currency,
) -> Result<Line, Vec<FieldError>> {
    let mut errors = Vec::new();
    let mut kept = |error: FieldError| errors.push(error);
    let series = read_invoice(raw.invoice).map_err(&mut kept).ok();
    let code = read_code(raw.code).map_err(&mut kept).ok();
    let description = read_text(DESCRIPTION, raw.description).map_err(&mut kept).ok();
    let quantity = read_quantity(raw.quantity).map_err(&mut kept).ok();
    let at = read_time(raw.at, zone).map_err(&mut kept).ok();
    let unit_price = read_price(raw.unit_price).map_err(&mut kept).ok();
    let customer = read_customer(raw.customer).map_err(&mut kept).ok();
    let country = read_text(COUNTRY, raw.country).map_err(&mut kept).ok();
    let (Some(series), Some(code), Some(description), Some(quantity)) =
        (series, code, description, quantity)
    else {
        return Err(errors);
    };
    let (Some(at), Some(unit_price), Some(customer), Some(country)) =
        (at, unit_price, customer, country)
    else {
        return Err(errors);
    };
    let named = customer.is_some();
    let facts = booking::Facts { series, code, quantity, unit_price, description, named };
    let (document, kind) =
        booking::book(facts).map_err(|misfit| vec![misfit_error(misfit, raw)])?;
    let amount_minor = unit_price
        .line_amount_minor(quantity, currency)
        .map_err(|error| vec![FieldError::new(UNIT_PRICE, raw.unit_price, error.to_string())])?;
    Ok(Line {
        invoice: raw.invoice.into(),
        document,
        kind,
        code: code.into(),
        description: description.into(),
        quantity,
        at,
        unit_price,
        amount_minor,
        customer: customer.map(Into::into),
        country: if country.is_empty() { COUNTRY_UNKNOWN } else { country }.into(),
    })
}

fn misfit_error(misfit: booking::Misfit, raw: &RawLine<'_>) -> FieldError {
    match misfit {
        booking::Misfit::GoodsOnAdjustment => FieldError::new(
            CODE,
            raw.code,
            "an `A` invoice adjusts money and carries no goods; `B` is expected",
        ),
        booking::Misfit::CancelledForward => FieldError::new(
            QUANTITY,
            raw.quantity,
            "a `C` invoice takes goods back, so a negative quantity is expected",
        ),
        booking::Misfit::GoodsBelowZero => FieldError::new(
            UNIT_PRICE,
            raw.unit_price,
            "a price of 0 or more is expected for goods; only codes such as `B` or `M` go below",
        ),
    }
}

fn read_invoice(text: &str) -> Result<booking::Series, FieldError> {
    let (series, digits) = match text.as_bytes() {
        [b'C', digits @ ..] => (booking::Series::Cancellation, digits),
        [b'A', digits @ ..] => (booking::Series::Adjustment, digits),
        digits => (booking::Series::Invoice, digits),
    };
    let fits = (1..=INVOICE_DIGITS_MAX).contains(&digits.len());
    if fits && digits.iter().all(u8::is_ascii_digit) {
        return Ok(series);
    }
    let expected = format!(
        "up to {INVOICE_DIGITS_MAX} digits are expected, with `C` before them for a cancellation \
         or `A` for an adjustment"
    );
    Err(FieldError::new(INVOICE, text, expected))
}

fn read_code(text: &str) -> Result<&str, FieldError> {
    match Sku::parse(text) {
        Ok(_) => Ok(text),
        Err(error) => Err(FieldError::new(CODE, text, error.to_string())),
    }
}

fn read_text<'a>(column: &'static str, text: &'a str) -> Result<&'a str, FieldError> {
    let trimmed = text.trim();
    if trimmed.len() > TEXT_BYTES_MAX {
        let expected = format!("at most {TEXT_BYTES_MAX} bytes of text are expected");
        return Err(FieldError::new(column, text, expected));
    }
    // PostgreSQL keeps no NUL in text, and no shop means one.
    if trimmed.contains('\0') {
        return Err(FieldError::new(column, text, "text without NUL characters is expected"));
    }
    Ok(trimmed)
}

fn read_quantity(text: &str) -> Result<i64, FieldError> {
    let number = if text.starts_with('+') { None } else { text.parse::<i64>().ok() };
    match number {
        Some(0) => Err(FieldError::new(QUANTITY, text, "a line of 0 pieces says nothing")),
        Some(pieces) if (-QUANTITY_MAX..=QUANTITY_MAX).contains(&pieces) => Ok(pieces),
        _ => Err(FieldError::new(
            QUANTITY,
            text,
            "a whole number such as 6 or -2 is expected, within a thousand million pieces",
        )),
    }
}

fn read_time(text: &str, zone: &TimeZone) -> Result<Timestamp, FieldError> {
    let instant = local_time::parse(text).and_then(|local| zone.to_timestamp(local).ok());
    instant.map(Timestamp::from_jiff).ok_or_else(|| {
        FieldError::new(
            AT,
            text,
            "a local time is expected, as 2010-12-01 08:26:00 or (month first) 12/1/2010 8:26",
        )
    })
}

fn read_price(text: &str) -> Result<UnitPrice, FieldError> {
    UnitPrice::parse(text).map_err(|error| FieldError::new(UNIT_PRICE, text, error.to_string()))
}

/// The customer number without the `.0` that spreadsheets put behind a number column.
fn read_customer(text: &str) -> Result<Option<&str>, FieldError> {
    let trimmed = text.trim();
    let whole = trimmed.strip_suffix(".0").filter(|rest| rest.bytes().all(|b| b.is_ascii_digit()));
    let number = whole.unwrap_or(trimmed);
    if number.is_empty() {
        return Ok(None);
    }
    if number.len() > SHOP_ID_BYTES_MAX || number.chars().any(char::is_control) {
        let expected = format!(
            "a customer number of at most {SHOP_ID_BYTES_MAX} bytes without control characters \
             is expected, or nothing"
        );
        return Err(FieldError::new(CUSTOMER, text, expected));
    }
    Ok(Some(number))
}

#[cfg(test)]
mod tests;
