//! How much of an hour's demand one browser may move: what is above is kept and moves nothing.
//!
//! A forger with one address moves a product by a few views an hour, whatever it sends; how far a
//! price follows is held by the guardrails besides.

use std::collections::HashMap;

use uuid::Uuid;

use super::EventKind;

/// What a browser is counted for in one hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// One visit, one product, one kind of event.
    pub session_product: i64,
    /// One address, one product.
    pub address_product: i64,
    /// One address, all products.
    pub address: i64,
    /// Pieces of one event.
    pub pieces: i64,
}

impl Caps {
    /// Generous to a family or an office behind one address, of no use to a forger.
    pub const STANDARD: Self =
        Self { session_product: 1, address_product: 30, address: 600, pieces: 10 };
}

/// Whether what browsers send of this kind moves demand at all.
pub const fn moves_demand(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::ProductViewed
            | EventKind::ProductClicked
            | EventKind::ProductAdded
            | EventKind::ProductRemoved
            | EventKind::CheckoutStarted
    )
}

/// Counts an event in its scopes, each with its most; `false`, and nothing counted, when one of them
/// is full.
pub fn admit<S: std::hash::BuildHasher>(
    counted: &mut HashMap<Uuid, i64, S>,
    scopes: &[(Uuid, i64)],
) -> bool {
    let has_room =
        scopes.iter().all(|(scope, most)| counted.get(scope).copied().unwrap_or(0) < *most);
    if has_room {
        for (scope, _) in scopes {
            *counted.entry(*scope).or_default() += 1;
        }
    }
    has_room
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use uuid::Uuid;

    use super::admit;

    #[test]
    fn a_full_scope_stops_the_event_and_the_others_are_not_counted() {
        let (narrow, wide) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut counted = HashMap::new();
        let admitted = (0..5).filter(|_| admit(&mut counted, &[(wide, 10), (narrow, 2)])).count();
        assert_eq!(admitted, 2);
        assert_eq!(counted[&wide], 2);
    }
}
