//! TypeIDs: a readable prefix and a UUIDv7 in Crockford base 32, as in `dec_01kav3…`.
//!
//! The format is the TypeID specification 0.3 (`jetify-com/typeid`): lower case, 26 characters, the
//! first at most `7`. A SKU and a customer keep the shop's own id and have no TypeID.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const TEXT_LEN: usize = 26;

/// What an id names; gives the prefix its text form carries.
pub trait IdKind: Send + Sync + 'static {
    /// The text before the underscore.
    const PREFIX: &'static str;
}

/// The id of one kind of thing. Ids of different kinds are different types.
pub struct Id<K> {
    uuid: Uuid,
    kind: PhantomData<fn() -> K>,
}

macro_rules! id_kinds {
    ($($(#[$doc:meta])* $kind:ident = $prefix:literal as $alias:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $kind {}
        impl IdKind for $kind {
            const PREFIX: &'static str = $prefix;
        }
        #[doc = concat!("An id that reads `", $prefix, "_…`.")]
        pub type $alias = Id<$kind>;
    )*};
}

id_kinds! {
    /// An order.
    OrderKind = "ord" as OrderId;
    /// A refund, or a cancellation that came without its order.
    RefundKind = "ref" as RefundId;
    /// One pricing decision that changed a price.
    DecisionKind = "dec" as DecisionId;
    /// An API key.
    KeyKind = "key" as KeyId;
    /// One run of an import.
    ImportKind = "imp" as ImportId;
    /// A promotion.
    PromotionKind = "prm" as PromotionId;
    /// A person who runs the shop.
    OperatorKind = "opr" as OperatorId;
    /// One sign-in of an operator.
    SessionKind = "ses" as SessionId;
    /// Stock held or sold together.
    ReservationKind = "res" as ReservationId;
    /// A delivery of stock on its way to the shop.
    DeliveryKind = "dlv" as DeliveryId;
}

/// A text that is not an id of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not an id of this kind; it should look like `{prefix}_01h455vb4pex5vsknk084sn02q`"
)]
pub struct IdError {
    /// What was given.
    pub text: String,
    /// The prefix the wanted kind has.
    pub prefix: &'static str,
}

impl<K> Id<K> {
    /// The id with this UUID.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self { uuid, kind: PhantomData }
    }

    /// The UUID behind the id, as the ledger stores it.
    pub const fn uuid(self) -> Uuid {
        self.uuid
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.uuid.cmp(&other.uuid)
    }
}
impl<K> std::hash::Hash for Id<K> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}

impl<K: IdKind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.uuid.as_u128();
        let mut text = [0u8; TEXT_LEN];
        for (place, slot) in text.iter_mut().rev().enumerate() {
            *slot = ALPHABET[((number >> (5 * place)) & 31) as usize];
        }
        write!(f, "{}_{}", K::PREFIX, std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl<K: IdKind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K: IdKind> FromStr for Id<K> {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let wrong = || IdError { text: text.to_owned(), prefix: K::PREFIX };
        let digits = text.strip_prefix(K::PREFIX).and_then(|rest| rest.strip_prefix('_'));
        let digits = digits.filter(|d| d.len() == TEXT_LEN).ok_or_else(wrong)?;
        let mut number: u128 = 0;
        for (place, byte) in digits.bytes().enumerate() {
            let digit = ALPHABET.iter().position(|a| *a == byte).ok_or_else(wrong)?;
            if place == 0 && digit > 7 {
                return Err(wrong());
            }
            number = (number << 5) | digit as u128;
        }
        Ok(Self::from_uuid(Uuid::from_u128(number)))
    }
}

impl<K: IdKind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: IdKind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Where new ids come from: UUIDv7 from the clock and real randomness in the binary, a counter
/// under a seed in tests.
pub trait IdSource: Send + Sync {
    /// A UUID never given before by this source.
    fn next_uuid(&self) -> Uuid;
}

/// Where secrets come from: the operating system in the binary, a seed in tests.
pub trait Entropy: Send + Sync {
    /// Fills the bytes so that nobody can guess them.
    fn fill(&self, bytes: &mut [u8]);
}

/// A new id of the kind the caller asks for.
pub fn new_id<K>(source: &dyn IdSource) -> Id<K> {
    Id::from_uuid(source.next_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_follows_the_typeid_specification() {
        // Valid and invalid vectors of the TypeID specification, under one of our prefixes.
        let id: OrderId = "ord_01h455vb4pex5vsknk084sn02q".parse().unwrap();
        assert_eq!(id.uuid().to_string(), "01890a5d-ac96-774b-bcce-b302099a8057");
        assert_eq!(id.to_string(), "ord_01h455vb4pex5vsknk084sn02q");
        for wrong in [
            "01h455vb4pex5vsknk084sn02q",
            "ref_01h455vb4pex5vsknk084sn02q",
            "ord_81h455vb4pex5vsknk084sn02q",
            "ord_01H455VB4PEX5VSKNK084SN02Q",
            "ord_01h455vb4pex5vsknk084sn02",
            "ord_01h455vb4pex5vsknk084sn02u",
            "ord_",
        ] {
            assert!(wrong.parse::<OrderId>().is_err(), "{wrong}");
        }
    }
}
