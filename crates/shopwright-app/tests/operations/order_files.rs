//! Importing order histories: what is booked, what is refused, and what a second run does.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;
use std::sync::mpsc::channel;

use shopwright_app::orders::{FileError, ImportError, ImportPhase, import_online_retail};

use crate::harness::{HEADER, Shop, gzip, on_both};

/// One line of every kind that occurs in the real file.
const MIXED: &str = "\
536365,85123A,WHITE HANGING HEART T-LIGHT HOLDER ,6,2010-12-01 08:26:00,2.55,17850,United Kingdom
536365,85123A,WHITE HANGING HEART T-LIGHT HOLDER,6,2010-12-01 08:26:00,2.55,17850,United Kingdom
536365,POST,POSTAGE,1,2010-12-01 08:26:00,18.00,17850,France
C536379,D,Discount,-1,2010-12-01 09:41:00,27.50,14527,United Kingdom
C536391,22556,PLASTERS IN TIN CIRCUS PARADE ,-12,2010-12-01 10:24:00,1.65,17548,United Kingdom
536414,22139,,56,2010-12-01 11:52:00,0,,United Kingdom
536589,21777,,-10,2010-12-01 16:50:00,0,,United Kingdom
A563185,B,Adjust bad debt,1,2011-08-12 14:50:00,11062.06,,United Kingdom
536370,85123a,white hanging heart t-light holder,1,2010-12-01 08:45:00,0.001,,United Kingdom
";

fn mixed() -> String {
    format!("{HEADER}{MIXED}")
}

fn counts(shop: &Shop) -> [i64; 8] {
    [
        shop.number("SELECT COUNT(*) FROM orders"),
        shop.number("SELECT COUNT(*) FROM order_lines"),
        shop.number("SELECT COUNT(*) FROM refunds"),
        shop.number("SELECT COUNT(*) FROM refund_lines"),
        shop.number("SELECT COUNT(*) FROM adjustments"),
        shop.number("SELECT COUNT(*) FROM products"),
        shop.number("SELECT COUNT(*) FROM customers"),
        shop.number("SELECT CAST(COALESCE(SUM(amount_minor), 0) AS BIGINT) FROM orders"),
    ]
}

#[test]
fn every_line_is_booked_as_what_it_is_and_the_sums_reconcile() {
    on_both(|shop| {
        let path = shop.file("orders.csv.gz", gzip(mixed().as_bytes()));
        let summary = shop.import_orders(&path).unwrap();
        assert_eq!((summary.rows.read, summary.rows.written), (9, 9));
        let file = &summary.reconciliation;
        assert_eq!((file.invoices, file.codes, file.customers), (7, 8, 3));
        assert_eq!((file.quantity, file.exact.as_str()), (48, "11063.361"), "by hand");
        assert_eq!((file.booked.as_str(), file.difference.as_str()), ("11063.36", "-0.001"));
        assert_eq!(summary.ledger.amount, "11063.36");
        // Two orders with four lines; goods are products, postage is not.
        assert_eq!(counts(shop), [2, 4, 2, 2, 3, 5, 3, 4_860]);
        assert_eq!(
            shop.number("SELECT COUNT(*) FROM products WHERE sku IN ('85123A', '85123a')"),
            2
        );
        assert_eq!(shop.number("SELECT COUNT(*) FROM stock_movements"), 0);
        shop.assert_books_hold();
    });
}

#[test]
fn a_second_import_changes_nothing_and_says_so() {
    on_both(|shop| {
        let path = shop.file("orders.csv", mixed());
        let first = shop.import_orders(&path).unwrap();
        let before = counts(shop);
        for name in ["orders.csv", "renamed-and-packed.csv.gz"] {
            let content =
                if name.ends_with("gz") { gzip(mixed().as_bytes()) } else { mixed().into_bytes() };
            let again = shop.import_orders(&shop.file(name, content)).unwrap();
            assert_eq!((again.rows.written, again.rows.unchanged, again.rows.rejected), (0, 9, 0));
            assert_eq!(again.reconciliation, first.reconciliation);
        }
        assert_eq!(counts(shop), before);
    });
}

#[test]
fn a_line_booked_before_with_other_content_is_refused_and_the_books_keep_the_first() {
    on_both(|shop| {
        shop.import_orders(&shop.file("orders.csv", mixed())).unwrap();
        let before = counts(shop);
        let changed =
            mixed().replacen(",6,2010-12-01 08:26:00,2.55,", ",7,2010-12-01 08:26:00,2.55,", 1);
        let summary = shop.import_orders(&shop.file("changed.csv", changed)).unwrap();
        assert_eq!(
            (summary.rows.written, summary.rows.unchanged, summary.rows.rejected),
            (0, 8, 1)
        );
        let rejects = fs::read_to_string(summary.rejects_file.unwrap()).unwrap();
        assert!(
            rejects.contains("2,line 1 of invoice 536365 is already booked with other content"),
            "{rejects}"
        );
        assert_eq!(counts(shop), before);
    });
}

#[test]
fn rows_that_cannot_be_booked_are_rejected_with_line_and_reason_and_the_rest_is_booked() {
    on_both(|shop| {
        let bad = "\
536365,85123A,HEART,6,2010-12-01 08:26:00,abc,17850,United Kingdom
536365,85123A,HEART,six,2010-12-01 08:26:00,2.55,17850,United Kingdom
536365,85123A,HEART,6,yesterday,2.55,17850,United Kingdom
536365,85123A,HEART,6
536365,85123A,HEART,6,2010-12-01 08:26:00,2.55,17850,United Kingdom
";
        let mut content = format!("{HEADER}{bad}").into_bytes();
        content.extend_from_slice(
            b"536366,85123A,\xff\xfe,6,2010-12-01 08:26:00,2.55,17850,United Kingdom\n",
        );
        let summary = shop.import_orders(&shop.file("bad.csv", content)).unwrap();
        assert_eq!((summary.rows.read, summary.rows.written, summary.rows.rejected), (6, 1, 5));
        let rejects = fs::read_to_string(summary.rejects_file.unwrap()).unwrap();
        let lines: Vec<_> = rejects.lines().collect();
        assert!(lines[0].starts_with("line,reason,InvoiceNo,"));
        for (line, number) in lines[1..].iter().zip([2, 3, 4, 5, 7]) {
            assert!(line.starts_with(&format!("{number},")), "{line}");
        }
        assert!(lines[1].contains("UnitPrice `abc`:"), "{}", lines[1]);
        assert!(lines[2].contains("Quantity `six`:"), "{}", lines[2]);
        assert!(lines[3].contains("InvoiceDate `yesterday`:"), "{}", lines[3]);
        assert!(lines[4].starts_with("5,4 fields where 8 are expected"), "{}", lines[4]);
        assert!(lines[5].starts_with("7,the row is not UTF-8 text"), "{}", lines[5]);
        // The place of a rejected line stays free, so that a mended file books it there.
        assert_eq!(shop.number("SELECT ordinal FROM order_lines"), 4);
    });
}

#[test]
fn a_file_that_is_not_whole_or_not_of_this_layout_leaves_the_ledger_untouched() {
    on_both(|shop| {
        let whole = gzip(format!("{HEADER}{}", MIXED.repeat(200)).as_bytes());
        let check = |name: &str, content: &[u8], says: &str| {
            let error = shop.import_orders(&shop.file(name, content)).unwrap_err();
            assert!(matches!(error, ImportError::File(_)), "{error}");
            let text = error.to_string();
            assert!(text.contains(says), "{text}");
            assert_eq!(counts_of_everything(shop), 0, "{name}");
        };
        check(
            "truncated.csv.gz",
            &whole[..whole.len() - 9],
            "is not a whole gzip file: it ends in the middle",
        );
        check("half.csv.gz", &whole[..whole.len() / 2], "is not a whole gzip file");
        check(
            "column.csv",
            mixed().replacen("UnitPrice", "Price", 1).as_bytes(),
            "missing UnitPrice",
        );
        check(
            "order.csv",
            mixed().replacen("InvoiceNo,StockCode", "StockCode,InvoiceNo", 1).as_bytes(),
            "found StockCode",
        );
        check("header-only.csv", HEADER.as_bytes(), "has no rows");
        check("empty.csv", b"", "has no rows");
        check(
            "picture.csv",
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\0",
            "does not have the columns",
        );
        let missing = shop.import_orders(&shop.folder.path().join("nowhere.csv")).unwrap_err();
        assert!(matches!(missing, ImportError::File(FileError::Read { .. })), "{missing}");
    });
}

fn counts_of_everything(shop: &Shop) -> i64 {
    counts(shop)[..7].iter().sum::<i64>() + shop.number("SELECT COUNT(*) FROM imports")
}

/// Enough lines for several chunks, with an invoice that goes on after others began.
fn long_history() -> String {
    let mut text = HEADER.to_owned();
    for line in 0..9_000 {
        let invoice = if line % 100 == 50 { 900_000 } else { 500_000 + line / 7 };
        let (code, quantity) = (10_000 + line % 311, 1 + line % 6);
        let _ = writeln!(
            text,
            "{invoice},{code},THING {code},{quantity},2011-0{}-1{} 1{}:0{}:00,{}.{:02},1{},Norway",
            1 + line / 1_000,
            line / 100 % 10,
            line / 10 % 10,
            line % 10,
            1 + code % 9,
            code % 100,
            2_000 + line % 97,
        );
    }
    text
}

#[test]
fn an_import_that_died_in_the_middle_goes_on_and_gives_the_books_of_one_that_did_not() {
    let whole = RefCell::new(Vec::new());
    on_both(|shop| {
        shop.import_orders(&shop.file("orders.csv", long_history())).unwrap();
        shop.assert_books_hold();
        whole.borrow_mut().push(counts(shop));
    });
    on_both(|shop| {
        let path = shop.file("orders.csv", long_history());
        let (tell, told) = channel();
        let (clock, ids) = (Arc::clone(&shop.clock), Arc::clone(&shop.ids));
        let (store, command) = (shop.store.clone(), shop.orders_command(&path));
        let dying = shop.spawn(async move {
            import_online_retail(&store, command, clock, ids, move |progress| {
                if progress.phase == ImportPhase::Booking {
                    let _ = tell.send(progress.rows);
                    // Gives the test the time to kill this task between two chunks.
                    std::thread::sleep(std::time::Duration::from_millis(300));
                }
            })
            .await
        });
        let rows = told.recv().unwrap();
        dying.abort();
        assert!(rows < 9_000);
        let _ = shop.run(dying);
        let summary = shop.import_orders(&path).unwrap();
        assert!(summary.resumed_after_row >= rows, "{}", summary.resumed_after_row);
        assert_eq!((summary.rows.read, summary.rows.rejected), (9_000, 0));
        assert_eq!(summary.rows.written + summary.rows.unchanged, 9_000);
        shop.assert_books_hold();
        assert!(whole.borrow().iter().all(|books| *books == counts(shop)));
    });
}
