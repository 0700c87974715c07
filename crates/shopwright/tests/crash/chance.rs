//! Chance that can be repeated from its seed.

use std::hash::{BuildHasher, RandomState};

/// SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let place = self.below(from.len() as u64);
        &from[usize::try_from(place).unwrap()]
    }

    /// A chance of its own, the same for the same seed and name.
    pub fn branch(&self, name: u64) -> Self {
        let mut branch = Self(self.0 ^ name.wrapping_mul(0xd6e8_feb8_6659_fd93));
        branch.next();
        branch
    }
}

/// The seed of this run: the one that was asked for, or a new one.
pub fn seed() -> u64 {
    match std::env::var("SHOPWRIGHT_TEST_SEED") {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("SHOPWRIGHT_TEST_SEED is no number")),
        Err(_) => RandomState::new().hash_one("a new seed") >> 16,
    }
}
