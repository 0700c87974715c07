//! What the platform shows beside our prices: seen, reported, told again.

use shopwright_app::publish::{publish_again, schedule_drift_check};
use shopwright_domain::ids::new_id;
use shopwright_domain::platforms::Platform as Of;
use shopwright_domain::time::{Clock as _, HOUR};
use shopwright_gateways::shop::{Shop as On, Shopify};
use shopwright_store::Place;
use shopwright_store::publishing::{self, Drift};

use super::platform::Platform;
use super::shopify::shopify;
use super::{effects_in, listed, listing, schedule, woocommerce, work_with};
use crate::harness::{Shop, on_both};
use crate::outside::{outside, wait_until};

fn look(shop: &Shop, of: Of, occasion: &'static str) -> bool {
    shop.set_time(shop.clock.now().plus_micros(HOUR));
    let (id, now) = (new_id(shop.ids.as_ref()), shop.clock.now());
    shop.write(move |tx| schedule_drift_check(tx, of, occasion, id, now))
}

fn drifting(shop: &Shop, of: Of) -> Vec<Drift> {
    shop.read(move |tx| publishing::drifting(tx, of, &Place::First, 10))
}

fn idle(shop: &Shop) {
    wait_until("nothing waits", || effects_in(shop, "waiting") + effects_in(shop, "leased") == 0);
}

#[test]
fn a_price_changed_in_the_shop_is_seen_reported_and_told_again_when_somebody_says_so() {
    on_both(|shop| {
        listed(shop, "A-1", Of::Shopify, ("1", "11"));
        listed(shop, "A-2", Of::Shopify, ("1", "12"));
        shop.refresh();
        let prices = [
            ("gid://shopify/ProductVariant/11", "9.00"),
            ("gid://shopify/ProductVariant/12", "9.00"),
        ];
        let platform = Platform::new(shopify, &prices);
        let on = On::Shopify(Shopify::new(&platform.url(), "2026-07", "shpat_test".to_owned()));
        let worker = work_with(shop, &shop.store, &outside(), &on);
        schedule(shop, Of::Shopify);
        idle(shop);
        assert!(look(shop, Of::Shopify, "1") && !look(shop, Of::Shopify, "1"), "once an occasion");
        idle(shop);
        assert_eq!(drifting(shop, Of::Shopify), vec![], "the shop shows what it was told");
        // Somebody changes one there and deletes the other.
        platform.with(|state| {
            state.prices.insert(prices[0].0.to_owned(), "12.34".to_owned());
            state.prices.remove(prices[1].0);
        });
        look(shop, Of::Shopify, "2");
        idle(shop);
        let seen_at = shop.clock.now();
        look(shop, Of::Shopify, "3");
        idle(shop);
        let found = drifting(shop, Of::Shopify);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[0].shown.map(|(minor, _)| minor), Some(1_234));
        assert_eq!((found[0].amount_minor, found[0].differs_since), (1_000, Some(seen_at)));
        assert_eq!(found[1].removed_at, Some(seen_at), "the one that is gone");
        assert_eq!(schedule(shop, Of::Shopify), 0, "nobody overwrites the owner's hand");
        assert_eq!(shop.write(|tx| publish_again(tx, Of::Shopify, None)), 1);
        assert_eq!(schedule(shop, Of::Shopify), 1);
        idle(shop);
        assert_eq!(platform.price(prices[0].0), "10.00");
        assert_eq!(drifting(shop, Of::Shopify).len(), 1);
        assert_eq!(listing(shop, Of::Shopify, "11").publish_error, None);
        drop(worker);
    });
}

#[test]
fn woocommerce_is_looked_at_plain_products_and_variations_alike() {
    on_both(|shop| {
        listed(shop, "P-1", Of::Woocommerce, ("1", "1"));
        listed(shop, "V-1", Of::Woocommerce, ("20", "21"));
        shop.refresh();
        let (platform, on) = woocommerce::platform(&[("1", "8.50"), ("21", "10.00")]);
        let worker = work_with(shop, &shop.store, &outside(), &on);
        look(shop, Of::Woocommerce, "1");
        idle(shop);
        assert_eq!(platform.calls(), 2);
        let found = drifting(shop, Of::Woocommerce);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].shown.map(|(minor, _)| minor), Some(850));
        assert_eq!(shop.read(|tx| publishing::count(tx, Of::Woocommerce)), (2, 1));
        drop(worker);
    });
}
