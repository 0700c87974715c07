//! The words of the catalogue: SKUs, what kind of thing one is, where it is filed.

mod product;

use std::borrow::Borrow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

pub use product::{
    ADD_ON_OF_MAX, ATTRIBUTES_BYTES_MAX, IMAGES_MAX, ProductFields, ProductKind, ProductStatus,
    TITLE_BYTES_MAX, UnknownWordError,
};

/// The longest SKU, category path or customer id the ledger takes, in bytes.
pub const SHOP_ID_BYTES_MAX: usize = 200;

/// The shop's own product code. Compared byte for byte: `85123A` and `85123a` are two products.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Sku(String);

/// A text that cannot be a SKU.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SkuError {
    /// Nothing in it.
    #[error("the SKU is empty")]
    Empty,
    /// Past [`SHOP_ID_BYTES_MAX`].
    #[error("the SKU is {0} bytes long; at most 200 are kept")]
    TooLong(usize),
    /// A control character, such as NUL or a line break.
    #[error("the SKU contains a control character at byte {0}")]
    ControlCharacter(usize),
}

impl Sku {
    /// Checks and keeps the code exactly as given.
    pub fn parse(text: &str) -> Result<Self, SkuError> {
        if text.is_empty() {
            return Err(SkuError::Empty);
        }
        if text.len() > SHOP_ID_BYTES_MAX {
            return Err(SkuError::TooLong(text.len()));
        }
        match text.char_indices().find(|(_, c)| c.is_control()) {
            Some((at, _)) => Err(SkuError::ControlCharacter(at)),
            None => Ok(Self(text.to_owned())),
        }
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for Sku {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Sku {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sku_is_kept_byte_for_byte() {
        assert_eq!(Sku::parse("85123a").unwrap().as_str(), "85123a");
        assert_ne!(Sku::parse("85123a"), Sku::parse("85123A"));
        assert_eq!(Sku::parse(" x ").unwrap().as_str(), " x ");
        assert_eq!(Sku::parse(""), Err(SkuError::Empty));
        assert_eq!(Sku::parse("a\0b"), Err(SkuError::ControlCharacter(1)));
        assert_eq!(Sku::parse(&"é".repeat(101)), Err(SkuError::TooLong(202)));
    }
}
