//! Which SKUs each buyer wants, the same for every contender.

use ledger_cases::Chance;

use crate::shop::sku;

/// How the demand lies over the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Any three SKUs.
    Spread,
    /// One SKU that everybody wants, and any two.
    Hot,
}

impl Demand {
    /// How the report names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spread => "any three",
            Self::Hot => "one SKU in every order",
        }
    }
}

/// What buyer number `n` of a run wants: three different SKUs.
pub fn wanted(demand: Demand, skus: usize, salt: u64, n: u64) -> [String; 3] {
    let mut chance = Chance::new(salt.wrapping_mul(0x1_0000_0001).wrapping_add(n));
    let third = skus / 3;
    let mut pick = |part: usize| {
        let within = chance.below(i64::try_from(third).unwrap_or(1).max(1)).unsigned_abs();
        sku(part * third + usize::try_from(within).unwrap_or(0))
    };
    let (first, second, last) = (pick(0), pick(1), pick(2));
    match demand {
        Demand::Spread => [first, second, last],
        Demand::Hot => [sku(0), second, last],
    }
}
