//! The kinds of document and line that a shop's history is booked as.
//!
//! Every imported line has exactly one line kind and stands on exactly one document kind. Their
//! text forms are stored in the ledger and never change.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The document a line stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// What a customer bought.
    Order,
    /// What a customer was given back, with or without a known order.
    Refund,
    /// A booking no customer asked for: bad debt, a stock note.
    Adjustment,
}

/// What one line of a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// Goods sold at a price.
    Sale,
    /// Goods sent at price 0.
    FreeGoods,
    /// Goods that came back.
    Refund,
    /// Postage and carriage.
    Shipping,
    /// A discount given as a line of its own.
    Discount,
    /// An amount typed in by hand.
    ManualAdjustment,
    /// What a bank or marketplace charged the shop.
    MerchantFee,
    /// A commission passed on to a charity.
    Charity,
    /// The value of samples.
    Sample,
    /// A gift voucher.
    GiftVoucher,
    /// Money that will not come.
    BadDebt,
    /// Goods taken off the shelf unsold: damaged, lost, thrown away.
    WriteOff,
    /// Goods put on the shelf by a count or correction.
    StockFound,
    /// A remark without money on a code that is not goods.
    Note,
    /// A charge beside the goods, such as gift wrapping.
    Fee,
}

/// How the quantity of a goods line becomes a stock movement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StockEffect {
    /// The line counts from the customer's side: 6 sold take 6 off, -2 returned put 2 back.
    AgainstQuantity,
    /// The line counts from the shelf's side: -10 written off take 10 off, 56 found add 56.
    WithQuantity,
}

/// A stored text that names no kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a kind of document or line")]
pub struct UnknownKindError(pub String);

impl StockEffect {
    /// The movement of stock for a line of this quantity: positive goes onto the shelf.
    pub const fn movement(self, quantity: i64) -> i64 {
        match self {
            Self::AgainstQuantity => quantity.saturating_neg(),
            Self::WithQuantity => quantity,
        }
    }
}

impl DocumentKind {
    /// Every kind, in the order a summary lists them.
    pub const ALL: [Self; 3] = [Self::Order, Self::Refund, Self::Adjustment];

    /// The stored text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Refund => "refund",
            Self::Adjustment => "adjustment",
        }
    }
}

impl LineKind {
    /// Every kind, in the order a summary lists them.
    pub const ALL: [Self; 15] = [
        Self::Sale,
        Self::FreeGoods,
        Self::Refund,
        Self::Shipping,
        Self::Discount,
        Self::ManualAdjustment,
        Self::MerchantFee,
        Self::Charity,
        Self::Sample,
        Self::GiftVoucher,
        Self::BadDebt,
        Self::WriteOff,
        Self::StockFound,
        Self::Note,
        Self::Fee,
    ];

    /// The stored text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sale => "sale",
            Self::FreeGoods => "free_goods",
            Self::Refund => "refund",
            Self::Shipping => "shipping",
            Self::Discount => "discount",
            Self::ManualAdjustment => "manual_adjustment",
            Self::MerchantFee => "merchant_fee",
            Self::Charity => "charity",
            Self::Sample => "sample",
            Self::GiftVoucher => "gift_voucher",
            Self::BadDebt => "bad_debt",
            Self::WriteOff => "write_off",
            Self::StockFound => "stock_found",
            Self::Note => "note",
            Self::Fee => "fee",
        }
    }

    /// Whether the code on the line names goods that have a shelf and a price.
    pub const fn is_goods(self) -> bool {
        self.moves_stock().is_some()
    }

    /// How the line moves stock; `None` for lines without goods.
    pub const fn moves_stock(self) -> Option<StockEffect> {
        match self {
            Self::Sale | Self::FreeGoods | Self::Refund => Some(StockEffect::AgainstQuantity),
            Self::WriteOff | Self::StockFound => Some(StockEffect::WithQuantity),
            Self::Shipping
            | Self::Discount
            | Self::ManualAdjustment
            | Self::MerchantFee
            | Self::Charity
            | Self::Sample
            | Self::GiftVoucher
            | Self::BadDebt
            | Self::Note
            | Self::Fee => None,
        }
    }

    /// One sentence for the summary of an import.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Sale => "Goods sold at a price.",
            Self::FreeGoods => "Goods sent at price 0.",
            Self::Refund => "Goods that came back; the money was returned and the shelf refilled.",
            Self::Shipping => "Postage and carriage, charged or given back.",
            Self::Discount => "A discount given as a line of its own.",
            Self::ManualAdjustment => "An amount typed in by hand.",
            Self::MerchantFee => "What a bank or marketplace charged, or gave back.",
            Self::Charity => "A commission passed on to a charity.",
            Self::Sample => "The value of samples, charged or given back.",
            Self::GiftVoucher => "Gift vouchers sold or returned; no goods until one is used.",
            Self::BadDebt => "Money that will not come, and corrections of it.",
            Self::WriteOff => "Goods taken off the shelf unsold: damaged, lost or thrown away.",
            Self::StockFound => "Goods put on the shelf by a count or a correction.",
            Self::Note => "A remark with price 0 on a code that is not goods; moves nothing.",
            Self::Fee => "A charge beside the goods, such as gift wrapping.",
        }
    }
}

impl FromStr for DocumentKind {
    type Err = UnknownKindError;

    fn from_str(text: &str) -> Result<Self, UnknownKindError> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| UnknownKindError(text.to_owned()))
    }
}

impl FromStr for LineKind {
    type Err = UnknownKindError;

    fn from_str(text: &str) -> Result<Self, UnknownKindError> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| UnknownKindError(text.to_owned()))
    }
}

impl fmt::Display for DocumentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for LineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_listed_once_in_order_and_read_back_from_its_text() {
        for (place, kind) in LineKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, place);
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
            assert!(kind.describe().ends_with('.'), "{kind}");
        }
        for (place, kind) in DocumentKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, place);
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
        }
        assert_eq!("Sale".parse::<LineKind>(), Err(UnknownKindError("Sale".into())));
        assert!("".parse::<DocumentKind>().is_err());
    }

    #[test]
    fn goods_lines_move_stock_the_way_the_goods_went() {
        let check = |kind: LineKind, quantity, movement| {
            assert_eq!(kind.moves_stock().map(|effect| effect.movement(quantity)), movement);
        };
        check(LineKind::Sale, 6, Some(-6));
        check(LineKind::FreeGoods, 1, Some(-1));
        check(LineKind::Refund, -2, Some(2));
        check(LineKind::WriteOff, -10, Some(-10));
        check(LineKind::StockFound, 56, Some(56));
        check(LineKind::Shipping, 3, None);
        check(LineKind::Note, 1000, None);
    }
}
