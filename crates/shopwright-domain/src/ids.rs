//! TypeIDs: a readable prefix and a UUIDv7 in Crockford base 32, as in `dec_01kav3…`.
//!
//! The format is the TypeID specification 0.3 (`jetify-com/typeid`): lower case, 26 characters, the
//! first at most `7`. A SKU and a customer keep the shop's own id and have no TypeID.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::time::Timestamp;

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
    /// Money that moved for an order: a capture or a refund.
    PaymentKind = "pay" as PaymentId;
    /// A promotion.
    PromotionKind = "prm" as PromotionId;
    /// An effect on the outside, or a job.
    EffectKind = "eff" as EffectId;
    /// Something that happened, as webhooks tell it.
    EventKind = "evt" as EventId;
    /// Where webhooks are sent.
    WebhookEndpointKind = "we" as WebhookEndpointId;
    /// One event on its way to one endpoint.
    WebhookDeliveryKind = "whd" as WebhookDeliveryId;
    /// A person who runs the shop.
    OperatorKind = "opr" as OperatorId;
    /// One sign-in of an operator.
    SessionKind = "ses" as SessionId;
    /// Stock held or sold together.
    ReservationKind = "res" as ReservationId;
    /// A delivery of stock on its way to the shop.
    DeliveryKind = "dlv" as DeliveryId;
    /// A message from outside that could not be read.
    DeadLetterKind = "dl" as DeadLetterId;
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

/// An id that follows from another one and a number: the same every time, so that a closure that runs
/// again names the same things. It keeps the time of `base` (its first 48 bits) and so its place in
/// lists; the rest is mixed by the finaliser of MurmurHash3 over both halves. Nothing secret may rest
/// on it.
pub fn derived_uuid(base: Uuid, salt: u128) -> Uuid {
    let ((a, b), (c, d)) =
        (base.as_u64_pair(), Uuid::from_u128(salt.wrapping_add(1)).as_u64_pair());
    let mut mixed = [0x9e37_79b9_7f4a_7c15_u64, 0xc2b2_ae3d_27d4_eb4f];
    for (turns, part) in [(0, a), (7, b), (14, c), (21, d)] {
        mixed[0] = finalised(mixed[0] ^ part.rotate_left(turns));
        mixed[1] = finalised(mixed[1] ^ part.rotate_left(turns + 1));
    }
    let low = (u128::from(mixed[0]) << 64) | u128::from(mixed[1]);
    let bytes = ((base.as_u128() >> 80 << 80) | (low >> 48)).to_be_bytes();
    uuid::Builder::from_bytes(bytes)
        .with_version(uuid::Version::SortRand)
        .with_variant(uuid::Variant::RFC4122)
        .into_uuid()
}

/// An id derived from another one and a number that takes its place in lists by `at`.
pub fn derived_uuid_at(at: Timestamp, base: Uuid, salt: u128) -> Uuid {
    let millis = u128::try_from(at.as_micros().max(0) / 1_000).unwrap_or(0);
    let low = derived_uuid(base, salt).as_u128() << 48 >> 48;
    Uuid::from_u128((millis << 80) | low)
}

/// The least id that [`derived_uuid_at`] can make for any time after the millisecond of `at`.
pub fn first_uuid_after(at: Timestamp) -> Uuid {
    let millis = u128::try_from(at.as_micros().max(0) / 1_000).unwrap_or(0);
    Uuid::from_u128((millis + 1) << 80)
}

fn finalised(mut n: u64) -> u64 {
    n = (n ^ (n >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    n = (n ^ (n >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    n ^ (n >> 33)
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
    fn derived_ids_repeat_and_differ_by_base_and_number() {
        let mut seen = std::collections::HashSet::new();
        for base in 0..200 {
            for salt in 0..50 {
                let uuid = derived_uuid(Uuid::from_u128(base), salt);
                assert_eq!(uuid, derived_uuid(Uuid::from_u128(base), salt));
                assert!(seen.insert(uuid), "{base} {salt}");
            }
        }
        let base = Uuid::from_u128(0x0190_0a5d_ac96_774b_bcce_b302_099a_8057);
        let derived = derived_uuid(base, 7);
        assert_eq!((derived.get_version_num(), derived.as_u128() >> 80), (7, base.as_u128() >> 80));
        let placed = derived_uuid_at(Timestamp::from_micros(5_000_999), base, 7);
        assert_eq!((placed.get_version_num(), placed.as_u128() >> 80), (7, 5_000));
    }

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
