//! The API reference: complete, and every anchor lands.

use crate::window::{Look, Window, numbers};

/// Whether the element that the address points to stands in the upper half of the window.
fn assert_landed(window: &Window<'_>, id: &str) {
    let place = window.session.script(
        "const box = document.querySelector(':target').getBoundingClientRect();
         return [Math.round(box.top), Math.round(innerHeight / 2)]",
    );
    let [top, half] = numbers(&place)[..] else { panic!("{place}") };
    assert!((0..half).contains(&top), "{id} is at {top}");
    assert_eq!(window.session.script("return document.querySelector(':target').id"), id);
}

pub fn an_entry_of_the_contents_lands_on_its_operation(window: &Window<'_>) {
    for look in Look::PAIR {
        window.wear(look);
        window.visit("/docs");
        let operations = window.texts(".operation h3").len();
        assert!(operations > 10, "{operations}");
        assert_eq!(window.texts(".docs-nav li a").len(), operations);
        for id in ["explain_price", "set_policy"] {
            window.click(&format!(".docs-nav a[href='#{id}']"));
            window.wait_for(&format!("/docs#{id}"));
            assert_landed(window, id);
        }
        assert!(window.element("#set_policy h3").is_shown());
        // Opened from elsewhere, the anchor lands too.
        window.visit("/");
        window.visit("/docs#create_promotion");
        assert_landed(window, "create_promotion");
    }
}

pub fn a_problem_type_lands_on_its_error(window: &Window<'_>) {
    let (status, problem) = window.shop.call(&ureq::http::Method::GET, "/v1/prices/none", None);
    assert_eq!(status, 404);
    let place = problem["type"].as_str().unwrap();
    for look in Look::PAIR {
        window.wear(look);
        window.visit("/");
        window.visit(place);
        assert_landed(window, "unknown_sku");
    }
}
