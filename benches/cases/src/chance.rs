//! Repeatable chance: the same seed gives every contender the same rows in the same order.

use uuid::Uuid;

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// A stream that depends on `seed` alone.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 up to and without `end`.
    pub fn below(&mut self, end: i64) -> i64 {
        assert!(end > 0, "a range that is not empty");
        i64::try_from(self.bits() % end.unsigned_abs()).unwrap_or(0)
    }

    /// An id that sorts by `order` first, as ids made over time do.
    pub fn id(&mut self, order: u64) -> Uuid {
        Uuid::from_u64_pair(order, self.bits())
    }
}
