//! A product's page: the price, the steps to it, and its past; and what is not there.

use crate::window::{Look, Window, minor};

/// A product of the demo whose price has moved.
fn visit_moved(window: &Window<'_>) {
    let sku = window.shop.moved.first().unwrap();
    window.visit(&format!("/products/{sku}"));
    assert!(window.text(".lede").contains(sku));
}

pub fn a_row_leads_to_its_product(window: &Window<'_>) {
    for look in Look::PAIR {
        window.wear(look);
        window.visit("/?sort=change");
        let (title, sku) =
            (window.text("[data-row] .product-title"), window.text("[data-row] .sku"));
        let price = window.text("[data-row] .price");
        window.click("[data-row] .product a");
        window.wait_for(&format!("/products/{sku}"));
        assert_eq!(window.text("h1"), title);
        assert_eq!(minor(&window.text(".hero-price")), minor(&price));
        window.click(".crumbs a");
        window.wait_for("/");
    }
}

pub fn the_steps_add_up_to_the_price(window: &Window<'_>) {
    for sku in &window.shop.moved {
        window.visit(&format!("/products/{sku}"));
        let ends = window.texts(".waterfall .end-row [data-label=Price]");
        let [base, price] = ends.as_slice() else { panic!("{ends:?}") };
        let steps = window.texts(".waterfall [data-label=Effect]");
        assert_eq!(window.texts(".waterfall .step-sentence").len(), steps.len());
        let effects = steps.iter().filter(|step| *step != "no effect").map(|step| minor(step));
        assert_eq!(minor(base) + effects.sum::<i64>(), minor(price), "{sku}: {steps:?}");
        assert_ne!(base, price, "{sku} has moved");
        assert_eq!(minor(&window.text(".hero-price")), minor(price), "{sku}");
    }
    for look in Look::ALL {
        window.wear(look);
        visit_moved(window);
        let rows = window.texts(".waterfall tbody tr").len();
        for part in ["th.step-name", ".row-bar", "[data-label=Price]"] {
            assert_eq!(window.count_shown(&format!(".waterfall tbody {part}")), rows, "{look:?}");
        }
    }
}

pub fn the_past_is_drawn_and_listed(window: &Window<'_>) {
    for look in Look::ALL {
        window.wear(look);
        visit_moved(window);
        assert_eq!(window.count_shown("#sales svg.chart"), 1, "one size fits {look:?}");
        assert_eq!(window.count_shown("#sales svg.chart .price-line"), 1);
        assert!(window.count_shown("#sales svg.chart .bar-units") > 6, "{look:?}");
        let title = window.text("#sales h2");
        assert!(title.contains("Price ") && title.contains(" sold in the last week"), "{title}");
        assert_eq!(window.count_shown("#sales table"), 0, "the table waits to be asked");
        window.click("#sales summary");
        assert_eq!(window.count_shown("#sales table"), 2);

        let changes = window.texts("#history tbody .moved b");
        assert_eq!(window.count_shown("#history tbody .why"), changes.len());
        assert!(changes.len() > 1, "{changes:?}");
        let newest = changes.first().map(|change| minor(change));
        assert_eq!(newest, Some(minor(&window.text(".hero-price"))));
    }
}

pub fn what_does_not_exist_is_said_with_a_way_out(window: &Window<'_>) {
    for look in Look::PAIR {
        window.wear(look);
        for (path, title) in [
            ("/nowhere/at-all", "There is no page here"),
            ("/products/no-such-product", "No product has this SKU"),
        ] {
            window.visit(path);
            assert_eq!(window.text("h1"), title);
            assert_eq!(window.text(".error-status"), "404");
            window.click(".actions a");
            window.wait_for("/");
        }
        window.assert_quiet(&["the server responded with a status of 404"]);
    }
}
