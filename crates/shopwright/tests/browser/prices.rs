//! The price list: its rows, search, filters, orders and pages, each kept in the address.

use crate::window::{Look, Window, minor};

const ROWS: usize = 25;

/// Codes of the rows, from the top.
fn codes(window: &Window<'_>) -> Vec<String> {
    window.texts("[data-row] .sku")
}

pub fn each_row_shows_what_it_costs_how_that_moved_and_why(window: &Window<'_>) {
    for look in Look::ALL {
        window.wear(look);
        window.visit("/?filter=raised");
        for part in [
            "[data-row] .product-title",
            "[data-row] .price",
            "[data-row] .price-cell .word-up",
            "[data-row] .why-text",
            "[data-row] .range .price-line",
            "[data-row] .range-text",
            "[data-row] .sold .bar-units:last-of-type",
        ] {
            assert_eq!(window.count_shown(part), ROWS, "{part} on {look:?}");
        }
        for price in window.texts("[data-row] .price") {
            assert!(minor(&price) > 0, "{price}");
        }
        for why in window.texts("[data-row] .why-text") {
            assert!(why.ends_with('.') && why.len() > 10, "{why:?}");
        }
    }
}

pub fn a_search_narrows_the_list_and_is_kept_in_the_address(window: &Window<'_>) {
    for look in Look::PAIR {
        window.wear(look);
        window.visit("/");
        let all = window.text(".pager p");
        window.element("[data-search]").type_text("jumbo bag\u{E007}");
        window.wait_for("/?q=jumbo+bag&sort=recent");
        let titles = window.texts("[data-row] .product-title");
        assert!(!titles.is_empty(), "jumbo bags are in the demo");
        assert!(titles.iter().all(|title| title.contains("JUMBO BAG")), "{titles:?}");
        assert_ne!(window.text(".pager p"), all);
        window.session.reload();
        assert_eq!(window.texts("[data-row] .product-title"), titles);
        assert_eq!(
            window.session.script("return document.querySelector('[data-search]').value"),
            "jumbo bag"
        );
    }
}

pub fn a_search_that_finds_nothing_leads_back_to_everything(window: &Window<'_>) {
    for look in Look::PAIR {
        window.wear(look);
        window.visit("/?q=%3Cb%3Ezebra");
        assert_eq!(window.text(".empty h2"), "Nothing found for “<b>zebra”");
        assert!(window.element(".empty .button").is_shown(), "{look:?}");
        window.click(".empty .button");
        window.wait_for("/");
        assert_eq!(codes(window).len(), ROWS);
    }
}

pub fn a_filter_and_an_order_change_the_address_and_the_rows(window: &Window<'_>) {
    for look in Look::PAIR {
        window.wear(look);
        window.visit("/");
        window.click(".tabs a[href='/?filter=lowered']");
        window.wait_for("/?filter=lowered");
        assert_eq!(window.text(".tabs [aria-current]").split(' ').next(), Some("Lowered"));
        assert_eq!(window.count_shown("[data-row] .price-cell .word-down"), ROWS);
        window.click("select[name=sort] option[value=sku]");
        window.wait_for("/?filter=lowered&q=&sort=sku");
        assert!(codes(window).is_sorted(), "{:?}", codes(window));
        window.click("select[name=sort] option[value=stock]");
        window.wait_for("/?filter=lowered&q=&sort=stock");
        let stock: Vec<i64> = window
            .texts("[data-row] .stock")
            .iter()
            .filter(|text| text.starts_with(|first: char| first.is_ascii_digit()))
            .map(|text| minor(text))
            .collect();
        assert!(stock.len() > 1 && stock.is_sorted(), "{stock:?}");
    }
}

pub fn the_next_page_goes_on_and_the_one_before_comes_back(window: &Window<'_>) {
    for look in Look::PAIR {
        window.wear(look);
        window.visit("/?sort=sku");
        let first = codes(window);
        assert_eq!(window.count_shown(".pager [rel=prev]"), 0);
        window.click(".pager [rel=next]");
        window.wait_for("/?sort=sku&page=2");
        let second = codes(window);
        assert!(first.last() < second.first(), "{first:?} {second:?}");
        assert!(window.text(".pager p").starts_with("26–50 of "), "{look:?}");
        window.click(".pager [rel=prev]");
        window.wait_for("/?sort=sku");
        assert_eq!(codes(window), first);
    }
}
