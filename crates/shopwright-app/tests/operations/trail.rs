//! The audit log's one lock beside the locks of orders, stock and prices: nobody waits for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use shopwright_app::catalog::{fields_of, put_product};
use shopwright_app::inventory::{CountStock, count_in};
use shopwright_app::orders::{RefundOrder, refund_order};
use shopwright_app::pricing::{PolicyScope, refresh_prices, set_policy};
use shopwright_domain::catalog::ProductStatus;
use shopwright_domain::pricing::PolicyPatch;
use shopwright_domain::time::Clock as _;
use shopwright_store::{StoreError, Tx, catalog};
use tokio::task::JoinHandle;

use crate::harness::{Shop, on_both};
use crate::sales::{order, place, pounds, refund, sale, sku, stocked};

/// Rivals of each kind.
const RIVALS: i64 = 12;

/// Starts an operation and counts how often it runs: more than once is a deadlock that was resolved.
fn start<T: Send + 'static, E: From<StoreError> + std::fmt::Debug + Send + 'static>(
    shop: &Shop,
    runs: &Arc<AtomicU64>,
    mut operation: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
) -> JoinHandle<()> {
    let (store, runs) = (shop.store.clone(), Arc::clone(runs));
    shop.spawn(async move {
        let counted = move |tx: &mut Tx<'_>| {
            runs.fetch_add(1, Ordering::SeqCst);
            operation(tx)
        };
        store.write(counted).await.unwrap();
    })
}

/// One after the other locks the order, its stock and the log; others the stock, the product and the
/// prices' feed, and the log; settings take the log first of all.
#[test]
fn refunds_counts_products_and_settings_at_once_never_wait_for_each_other_in_a_ring() {
    on_both(|shop| {
        stocked(shop);
        let command = order(shop, "1", vec![sale("tea", 6, 100), sale("jam", 6, 100)]);
        let id = place(shop, &command).unwrap().0.order_id;
        let runs = Arc::new(AtomicU64::new(0));
        let mut tasks = Vec::new();
        for turn in 0..RIVALS {
            let stamp = shop.stamp();
            let lines = [(turn % 2, i64::from(turn < 4), false)];
            let amount = (turn >= 4).then(|| pounds(20));
            let lines = if amount.is_some() { &[][..] } else { &lines[..] };
            let back = RefundOrder { amount, ..refund(shop, id, lines) };
            tasks.push(start(shop, &runs, move |tx| refund_order(tx, &back, stamp)));
            let count = CountStock {
                sku: sku(["jam", "tea"][usize::from(turn % 2 == 0)]),
                location: "main".to_owned(),
                quantity: 20 + turn,
                reference: format!("round {turn}"),
            };
            tasks.push(start(shop, &runs, move |tx| count_in(tx, &count, stamp)));
            let tea = shop.read(|tx| catalog::find(tx, &sku("tea"))).unwrap();
            let mut fields = fields_of(&tea);
            fields.base_price_minor = Some(100 + turn);
            fields.status =
                if turn % 2 == 0 { ProductStatus::Archived } else { ProductStatus::Active };
            tasks.push(start(shop, &runs, move |tx| put_product(tx, &sku("tea"), &fields, stamp)));
            let (scope, pin) = (PolicyScope::Sku(sku("tea")), 100 + turn);
            let patch = PolicyPatch { pin_minor: Some(pin), ..PolicyPatch::default() };
            tasks.push(start(shop, &runs, move |tx| {
                set_policy(tx, &scope, &patch, "GBP".parse().unwrap(), stamp)
            }));
        }
        let (store, zone, ids) = (shop.store.clone(), shop.zone.clone(), Arc::clone(&shop.ids));
        let now = shop.clock.now();
        let refreshing = shop.spawn(async move {
            for _ in 0..RIVALS {
                refresh_prices(&store, &zone, now, &ids).await.unwrap();
            }
        });
        let started = u64::try_from(tasks.len()).unwrap();
        for task in tasks {
            shop.run(task).unwrap();
        }
        shop.run(refreshing).unwrap();
        assert_eq!(runs.load(Ordering::SeqCst), started, "no operation had to run again");
        let refunds = "SELECT COUNT(*) FROM audit_log WHERE action = 'order.refunded'";
        assert_eq!(shop.number(refunds), RIVALS);
        let counts = "SELECT COUNT(*) FROM audit_log WHERE action = 'stock.counted'";
        assert_eq!(shop.number(counts), RIVALS + 2, "two of them opened the shelves");
        shop.assert_books_hold();
    });
}
