//! What a restricted key may be allowed: one scope per kind of thing and way of touching it.
//!
//! A secret key has all scopes, a publishable key only those a browser may have.

use std::fmt;

macro_rules! scopes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        /// One thing a key may do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Scope {
            $($(#[$doc])* $variant,)*
        }

        impl Scope {
            /// Every scope.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The text it is written as.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

scopes! {
    /// Current prices, as shoppers see them.
    PricesRead = "prices:read";
    /// How prices came to be: reasons with the shop's figures, history, settings.
    PricingRead = "pricing:read";
    /// Settings of the price engine and the emergency freeze.
    PricingWrite = "pricing:write";
    /// Promotions.
    PromotionsRead = "promotions:read";
    /// Making and ending promotions.
    PromotionsWrite = "promotions:write";
    /// Products.
    CatalogRead = "catalog:read";
    /// Making and changing products.
    CatalogWrite = "catalog:write";
    /// Stock, movements, deliveries, reservations.
    StockRead = "stock:read";
    /// Counting, moving and reserving stock.
    StockWrite = "stock:write";
    /// Customers with their personal data.
    CustomersRead = "customers:read";
    /// Making, changing, merging and erasing customers.
    CustomersWrite = "customers:write";
    /// Orders, payments and refunds.
    OrdersRead = "orders:read";
    /// Making orders and moving them on.
    OrdersWrite = "orders:write";
    /// Giving money back.
    RefundsWrite = "refunds:write";
    /// Webhook endpoints, events and deliveries.
    WebhooksRead = "webhooks:read";
    /// Making, changing and replaying webhooks.
    WebhooksWrite = "webhooks:write";
    /// Work that waits or was given up.
    EffectsRead = "effects:read";
    /// Trying given-up work again.
    EffectsWrite = "effects:write";
    /// API keys, without their text.
    KeysRead = "keys:read";
    /// Making and revoking API keys.
    KeysWrite = "keys:write";
    /// What was taken in of shoppers' events, and what could not be.
    EventsRead = "events:read";
    /// Sending what shoppers do.
    EventsWrite = "events:write";
    /// Sending dead letters through again, and throwing them away.
    EventsReplay = "events:replay";
    /// The audit log.
    AuditRead = "audit:read";
    /// What a customer may see of themselves, with the token that the shop's server signed for them.
    MeRead = "me:read";
}

impl Scope {
    /// Reads the text form.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|scope| scope.as_str() == text)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScopeSet(u64);

impl ScopeSet {
    /// What a secret key has.
    pub const EVERYTHING: Self = Self(u64::MAX);

    /// Whether the scope is in the set.
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u64) != 0
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |set, scope| set | 1 << scope as u64))
    }
}

const _: () = assert!(Scope::ALL.len() <= 64, "a set has 64 places");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_read_back_and_a_set_holds_just_what_was_put_in() {
        for (place, scope) in Scope::ALL.iter().enumerate() {
            assert_eq!(Scope::parse(scope.as_str()), Some(*scope));
            let set: ScopeSet = [*scope].into_iter().collect();
            for (other, one) in Scope::ALL.iter().enumerate() {
                assert_eq!(set.contains(*one), other == place, "{scope} {one}");
            }
            assert!(ScopeSet::EVERYTHING.contains(*scope));
        }
        assert_eq!(Scope::parse("prices:*"), None);
    }
}
