//! The pages where JavaScript is blocked: everything is links and one form, nothing is missing but
//! what a module adds.

use crate::window::{Look, Window};

pub fn the_list_is_searched_filtered_ordered_and_turned(window: &Window<'_>) {
    for look in Look::PAIR {
        window.wear(look);
        window.visit("/");
        for needs_the_module in ["[data-theme-switch]", "[data-help]", "[data-live]"] {
            assert!(!window.element(needs_the_module).is_shown(), "{needs_the_module}");
        }
        assert!(window.element("[data-row] .price").is_shown());
        window.click("select[name=sort] option[value=sku]");
        window.element("[data-search]").type_text("bag");
        window.click(".search button");
        window.wait_for("/?q=bag&sort=sku");
        window.click(".pager [rel=next]");
        window.wait_for("/?q=bag&sort=sku&page=2");
        assert!(window.element(".pager p").text().starts_with("26–"));
        window.click(".tabs a[href*='filter=raised']");
        window.wait_for("/?q=bag&sort=sku&filter=raised");
        assert!(window.element("[data-row] .word-up").is_shown());
    }
}

pub fn a_product_and_the_docs_are_whole(window: &Window<'_>) {
    let product = format!("/products/{}", window.shop.moved[0]);
    for look in Look::PAIR {
        window.wear(look);
        window.visit(&product);
        for part in [".hero-price", ".waterfall .step-label", "#history tbody .why"] {
            assert!(window.element(part).is_shown(), "{part}");
        }
        let size = if look.size.0 < 720 { ".chart-narrow" } else { ".chart-wide" };
        assert!(window.element(size).is_shown(), "{size}");
        assert!(!window.element("#sales table").is_shown());
        window.click("#sales summary");
        assert!(window.element("#sales table").is_shown());
        window.visit("/docs");
        window.click(".docs-nav a[href='#set_policy']");
        window.wait_for("/docs#set_policy");
        assert!(window.element("#set_policy h3").text().len() > 3);
    }
}
