//! Stock and histories: whichever comes first, the shelf ends up the same.

use shopwright_domain::catalog::Sku;
use shopwright_store::inventory;

use crate::harness::{HEADER, Shop, on_both};

const COUNT: &str = "sku,opening_stock,counted_at\n85123A,100,2011-03-01T12:00:00Z\n";

/// One sale before the count, then a sale, a return, a write-off and found pieces after it.
fn history() -> String {
    format!(
        "{HEADER}\
536365,85123A,HEART,6,2011-02-28 08:26:00,2.55,17850,United Kingdom
536366,85123A,HEART,10,2011-03-02 08:26:00,2.55,17850,United Kingdom
C536367,85123A,HEART,-2,2011-03-03 08:26:00,2.55,17850,United Kingdom
536368,85123A,damaged,-3,2011-03-04 08:26:00,0,,United Kingdom
536369,85123A,found,7,2011-03-05 08:26:00,0,,United Kingdom
536370,22423,CAKESTAND,7,2011-03-05 08:26:00,12.75,,United Kingdom
"
    )
}

fn on_hand(shop: &Shop) -> i64 {
    let levels = shop.read(|tx| inventory::levels_of(tx, &Sku::parse("85123A").unwrap()));
    levels[0].on_hand
}

#[test]
fn a_count_before_or_after_the_history_gives_the_same_shelf() {
    on_both(|shop| {
        shop.import_catalog(COUNT).unwrap();
        let summary = shop.import_orders(&shop.file("orders.csv", history())).unwrap();
        assert_eq!((summary.stock_movements, on_hand(shop)), (4, 96));
        shop.assert_books_hold();
        // The same file again moves nothing.
        assert_eq!(
            shop.import_orders(&shop.file("orders.csv", history())).unwrap().stock_movements,
            0
        );
        assert_eq!(on_hand(shop), 96);
    });
    on_both(|shop| {
        shop.import_orders(&shop.file("orders.csv", history())).unwrap();
        assert_eq!(shop.number("SELECT COUNT(*) FROM stock_movements"), 0);
        let summary = shop.import_catalog(COUNT).unwrap();
        assert_eq!((summary.stock_movements, on_hand(shop)), (5, 96));
        shop.assert_books_hold();
    });
}
