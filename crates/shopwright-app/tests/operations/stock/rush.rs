//! Many buyers at once: exactly what is there is sold, in whatever order they ask.

use std::sync::Arc;

use shopwright_app::inventory::{Reserve, ReserveError, commit_in, reserve_in};
use shopwright_domain::ids::{Id, ReservationId};
use shopwright_store::Store;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{HOLD, at, check_level, sku, stocked};
use crate::harness::{Shop, on_both};

/// Requests of one shop that are under way together.
const AT_ONCE: usize = 400;

fn buyer(number: usize, lines: &[(&str, i64)]) -> Reserve {
    Reserve {
        reservation_id: Id::from_uuid(Uuid::from_u128(0xb0_0000 + number as u128)),
        reference: None,
        lines: lines
            .iter()
            .map(|(code, quantity)| super::WantedLine { sku: sku(code), quantity: *quantity })
            .collect(),
        hold_micros: HOLD,
    }
}

async fn buy(store: Store, wish: Reserve) -> Result<ReservationId, ReserveError> {
    let id = wish.reservation_id;
    store.write(move |tx| reserve_in(tx, &wish, at(0))).await?;
    store
        .write(move |tx| {
            commit_in(tx, id, at(1)).map(|_| id).map_err(|error| match error {
                super::StepError::Store(error) => error,
                other => panic!("{other}"),
            })
        })
        .await
        .map_err(ReserveError::from)
}

/// Lets everybody buy; gives how many did. Whoever did not was told that stock is short.
fn rush(shop: &Shop, wishes: Vec<Reserve>) -> usize {
    let doors = Arc::new(Semaphore::new(AT_ONCE));
    let tasks: Vec<_> = wishes
        .into_iter()
        .map(|wish| {
            let (store, doors) = (shop.store.clone(), Arc::clone(&doors));
            shop.spawn(async move {
                let _inside = doors.acquire_owned().await.unwrap();
                buy(store, wish).await
            })
        })
        .collect();
    let bought = |outcome: Result<ReservationId, ReserveError>| match outcome {
        Ok(_) => true,
        Err(ReserveError::Short(_)) => false,
        Err(other) => panic!("{other}"),
    };
    tasks.into_iter().map(|task| bought(shop.run(task).unwrap())).filter(|bought| *bought).count()
}

#[test]
fn ten_thousand_buyers_of_a_hundred_pieces_buy_exactly_a_hundred() {
    on_both(|shop| {
        stocked(shop, &["tea 100"]);
        let wishes = (0..10_000).map(|n| buyer(n, &[("tea", 1)])).collect();
        assert_eq!(rush(shop, wishes), 100);
        check_level(shop, "tea", 1, [100, 0, 100]);
        shop.assert_books_hold();
    });
}

#[test]
fn a_thousand_buyers_of_pairs_of_five_hundred_pieces_buy_exactly_two_hundred_and_fifty() {
    on_both(|shop| {
        stocked(shop, &["tea 500"]);
        let wishes = (0..1_000).map(|n| buyer(n, &[("tea", 1), ("tea", 1)])).collect();
        assert_eq!(rush(shop, wishes), 250);
        check_level(shop, "tea", 1, [500, 0, 500]);
        shop.assert_books_hold();
    });
}

#[test]
fn buyers_of_several_products_in_any_order_never_wait_for_each_other_in_a_circle() {
    on_both(|shop| {
        stocked(shop, &["tea 900", "tea@west 900", "jam 900", "oil@west 900"]);
        let orders: [&[(&str, i64)]; 6] = [
            &[("tea", 1), ("jam", 1), ("oil", 1)],
            &[("oil", 1), ("tea", 2), ("jam", 1), ("tea", 1)],
            &[("jam", 2), ("tea", 1)],
            &[("oil", 1), ("jam", 1)],
            &[("tea", 1), ("oil", 2)],
            &[("jam", 1), ("oil", 1), ("jam", 1)],
        ];
        let wishes = (0..600).map(|n| buyer(n, orders[n % 6])).collect();
        assert_eq!(rush(shop, wishes), 600);
        check_level(shop, "jam", 1, [900, 0, 700]);
        shop.assert_books_hold();
    });
}
