//! Promotions: what they cover, and what they do to a price.

use serde::Serialize;

use crate::catalog::Sku;
use crate::money::{Currency, Factor, Money};

/// What a promotion covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PromotionScope {
    /// The whole store.
    Store,
    /// A category and everything below it.
    Category(String),
    /// One product.
    Sku(Sku),
    /// All that one of the two lists names.
    Several {
        /// Products.
        skus: Vec<Sku>,
        /// Categories, each with everything below it.
        categories: Vec<String>,
    },
}

/// Whether `category` is `path` or lies below it.
fn is_below(category: &str, path: &str) -> bool {
    category == path || category.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
}

impl PromotionScope {
    /// Whether a product is covered.
    pub fn covers(&self, sku: &Sku, category: Option<&str>) -> bool {
        let below = |path: &String| category.is_some_and(|category| is_below(category, path));
        match self {
            Self::Store => true,
            Self::Category(path) => below(path),
            Self::Sku(one) => one == sku,
            Self::Several { skus, categories } => {
                skus.contains(sku) || categories.iter().any(below)
            }
        }
    }
}

/// What a promotion does to the base price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PromotionEffect {
    /// Multiplies it.
    Factor(Factor),
    /// Takes a percentage off, above 0 and below 100.
    PercentOff(Factor),
    /// Takes an amount off.
    AmountOff(Money),
    /// Replaces it.
    Price(Money),
}

impl PromotionEffect {
    /// What a base price is multiplied by: always above zero. `None` where the promotion's money is
    /// of another currency, or the result is no factor; then it does not count.
    pub fn factor_on(self, base_minor: i64, currency: Currency) -> Option<Factor> {
        let of_base = |amount: i64| {
            let fits = base_minor > 0 && amount > 0;
            fits.then(|| Factor::new(i128::from(amount), i128::from(base_minor)))
        };
        let same = |money: Money| money.currency == currency;
        match self {
            Self::Factor(factor) => (factor > Factor::new(0, 1)).then_some(factor),
            Self::PercentOff(percent) => {
                let hundred = Factor::new(100, 1).0;
                let left = Factor((hundred - percent.0) / hundred);
                (left > Factor::new(0, 1)).then_some(left)
            }
            // More off than the price is: the smallest price there is.
            Self::AmountOff(off) if same(off) => {
                of_base(base_minor.saturating_sub(off.amount).max(1))
            }
            Self::Price(price) if same(price) => of_base(price.amount),
            Self::AmountOff(_) | Self::Price(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn euros(amount: i64) -> Money {
        Money { amount, currency: "EUR".parse().unwrap() }
    }

    #[test]
    fn every_effect_is_a_factor_on_the_base_price() {
        let check = |effect: PromotionEffect, base: i64, want: Option<&str>| {
            let factor = effect.factor_on(base, euros(0).currency);
            let want = want.map(|text| Factor::parse_exact(text).unwrap());
            assert_eq!(factor, want, "{effect:?} on {base}");
        };
        let decimal = |text: &str| Factor::parse(text).unwrap();
        check(PromotionEffect::Factor(decimal("0.9")), 999, Some("0.9"));
        check(PromotionEffect::PercentOff(decimal("12.5")), 999, Some("0.875"));
        check(PromotionEffect::PercentOff(decimal("100")), 999, None);
        check(PromotionEffect::AmountOff(euros(600)), 2_599, Some("1999/2599"));
        check(PromotionEffect::AmountOff(euros(9_999)), 2_599, Some("1/2599"));
        check(PromotionEffect::Price(euros(1_999)), 2_599, Some("1999/2599"));
        check(PromotionEffect::Price(euros(1_999)), 0, None);
        let yen = Money { amount: 5, currency: "JPY".parse().unwrap() };
        check(PromotionEffect::Price(yen), 2_599, None);
    }

    #[test]
    fn a_scope_covers_its_products_and_what_lies_below_its_categories() {
        let lamp = Sku::parse("L").unwrap();
        let check = |scope: &PromotionScope, category: Option<&str>, covers: bool| {
            assert_eq!(scope.covers(&lamp, category), covers, "{scope:?} {category:?}");
        };
        check(&PromotionScope::Store, None, true);
        check(&PromotionScope::Category("Home".into()), Some("Home/Lamps"), true);
        check(&PromotionScope::Category("Home".into()), Some("Homes"), false);
        check(&PromotionScope::Category("Home".into()), None, false);
        check(&PromotionScope::Sku(lamp.clone()), None, true);
        let several = |skus: &[&str], categories: &[&str]| PromotionScope::Several {
            skus: skus.iter().map(|sku| Sku::parse(sku).unwrap()).collect(),
            categories: categories.iter().map(|&path| path.to_owned()).collect(),
        };
        check(&several(&["X", "L"], &[]), None, true);
        check(&several(&["X"], &["Garden", "Home"]), Some("Home"), true);
        check(&several(&["X"], &["Garden"]), Some("Home"), false);
    }
}
