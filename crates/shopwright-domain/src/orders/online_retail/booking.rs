//! Which document and kind a line of the Online Retail layout is booked as.
//!
//! One decision per line, from that line alone, so that reading a file needs no second look and
//! no memory. Every combination of invoice letter, code and signs is either booked or a misfit.

use super::super::kinds::{DocumentKind, LineKind};
use crate::money::UnitPrice;

/// The letter before the invoice number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Series {
    /// Digits alone.
    Invoice,
    /// `C`: a cancellation.
    Cancellation,
    /// `A`: an adjustment of bad debt.
    Adjustment,
}

/// What the decision looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts<'a> {
    pub series: Series,
    pub code: &'a str,
    /// Never 0.
    pub quantity: i64,
    pub unit_price: UnitPrice,
    /// Trimmed.
    pub description: &'a str,
    /// Whether the line names its customer.
    pub named: bool,
}

/// A line whose fields contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    /// Goods or a voucher on an `A` invoice.
    GoodsOnAdjustment,
    /// Goods going out on a `C` invoice.
    CancelledForward,
    /// Goods with a negative price.
    GoodsBelowZero,
}

/// Books a line.
///
/// A line of a plain invoice without money, customer and catalogue title is the staff's own note
/// about stock and an adjustment, so that orders hold only what someone was charged for or sent.
/// With a title it is a piece packed free into an order of an unknown customer. Goods that come
/// back on a plain invoice (an exchange at the till) are a refund; a credit on any other code
/// lowers the order it stands on.
pub(super) fn book(facts: Facts<'_>) -> Result<(DocumentKind, LineKind), Misfit> {
    use DocumentKind::{Adjustment, Order, Refund};
    let own_kind = non_goods_kind(facts.code);
    let below_zero = facts.unit_price.micros() < 0;
    match (facts.series, own_kind) {
        (Series::Adjustment, None | Some(LineKind::GiftVoucher)) => Err(Misfit::GoodsOnAdjustment),
        (Series::Adjustment, Some(kind)) => Ok((Adjustment, kind)),
        (_, None) if below_zero => Err(Misfit::GoodsBelowZero),
        (Series::Cancellation, None) if facts.quantity > 0 => Err(Misfit::CancelledForward),
        (Series::Cancellation, kind) => Ok((Refund, kind.unwrap_or(LineKind::Refund))),
        (Series::Invoice, Some(LineKind::BadDebt)) => Ok((Adjustment, LineKind::BadDebt)),
        (Series::Invoice, Some(_)) if facts.is_stock_note() => Ok((Adjustment, LineKind::Note)),
        (Series::Invoice, Some(kind)) => Ok((Order, kind)),
        (Series::Invoice, None) => Ok(book_goods(facts)),
    }
}

/// Goods on a plain invoice, price 0 or more.
fn book_goods(facts: Facts<'_>) -> (DocumentKind, LineKind) {
    match (facts.is_stock_note(), facts.quantity > 0) {
        (true, true) => (DocumentKind::Adjustment, LineKind::StockFound),
        (true, false) => (DocumentKind::Adjustment, LineKind::WriteOff),
        (false, false) => (DocumentKind::Refund, LineKind::Refund),
        (false, true) if facts.unit_price.micros() == 0 => {
            (DocumentKind::Order, LineKind::FreeGoods)
        }
        (false, true) => (DocumentKind::Order, LineKind::Sale),
    }
}

impl Facts<'_> {
    /// No money, no customer, and pieces that leave, or come without a catalogue title. A title on
    /// negative pieces proves nothing: nobody is sent less than nothing.
    fn is_stock_note(&self) -> bool {
        let leaves = self.quantity < 0;
        let unpaid = self.unit_price.micros() == 0 && !self.named;
        unpaid && (leaves || !has_catalogue_title(self.description))
    }
}

/// Whether two words of at least three letters are all capitals, as in the shop's own titles
/// (`PACK OF 6 BIRDY GIFT TAGS`). Staff leave the field empty or write `found`, `check`, `AMAZON`.
/// In the published file this parts the 382 free lines of longer invoices from the 757 positive
/// one-line notes without an exception.
fn has_catalogue_title(description: &str) -> bool {
    let is_title_word = |word: &&str| {
        let letters = word.chars().filter(|c| c.is_alphabetic());
        letters.count() >= 3 && !word.chars().any(char::is_lowercase)
    };
    description.split_whitespace().filter(is_title_word).nth(1).is_some()
}

/// The kind of a code that is not goods, `None` for goods. Compared byte for byte: everything
/// not listed, such as `PADS` (cushion pads) or `DCGS0076`, is something on a shelf.
fn non_goods_kind(code: &str) -> Option<LineKind> {
    Some(match code {
        "POST" | "DOT" | "C2" => LineKind::Shipping,
        "D" => LineKind::Discount,
        "M" | "m" => LineKind::ManualAdjustment,
        "BANK CHARGES" | "AMAZONFEE" => LineKind::MerchantFee,
        "CRUK" => LineKind::Charity,
        "S" => LineKind::Sample,
        "B" => LineKind::BadDebt,
        _ if is_gift_voucher(code) => LineKind::GiftVoucher,
        _ => return None,
    })
}

/// `gift_0001_20`: a voucher worth 20.
fn is_gift_voucher(code: &str) -> bool {
    let worth = code.strip_prefix("gift_0001_");
    worth.is_some_and(|worth| !worth.is_empty() && worth.bytes().all(|b| b.is_ascii_digit()))
}
