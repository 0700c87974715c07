//! Everything by keyboard: the shortcuts that the `?` list names, and the way into the page.

use crate::window::Window;

const ESCAPE: &str = "\u{E00C}";
const TAB: &str = "\u{E004}";
const ENTER: &str = "\u{E007}";

fn has_focus(window: &Window<'_>, selector: &str) -> bool {
    let asked = format!("return document.activeElement.matches(\"{selector}\")");
    window.session.script(&asked) == true
}

pub fn a_slash_begins_a_search_and_escape_leaves_it(window: &Window<'_>) {
    window.visit("/");
    assert!(!has_focus(window, "[data-search]"));
    window.session.press("/");
    assert!(has_focus(window, "[data-search]"));
    window.session.press("red/?");
    assert!(!window.element("#shortcuts").is_shown(), "what is typed is no shortcut");
    window.session.press(ESCAPE);
    assert!(!has_focus(window, "[data-search]"));
    window.session.press("/");
    window.session.press("heart");
    window.session.press(ENTER);
    window.wait_for("/?q=heart&sort=recent");
}

pub fn a_question_mark_opens_the_shortcuts_and_escape_closes_them(window: &Window<'_>) {
    for path in ["/", "/docs"] {
        window.visit(path);
        assert!(!window.element("#shortcuts").is_shown());
        window.session.press("?");
        assert!(window.element("#shortcuts").is_shown());
        for (key, what) in [("/", "Search"), ("n", "Next page"), ("Esc", "Close")] {
            assert!(window.texts("#shortcuts kbd").iter().any(|shown| shown == key), "{key}");
            assert!(window.text("#shortcuts .keys").contains(what), "{what}");
        }
        window.session.press(ESCAPE);
        assert!(!window.element("#shortcuts").is_shown());
        window.click("[data-help]");
        assert!(window.element("#shortcuts").is_shown());
        window.click("#shortcuts button");
        assert!(!window.element("#shortcuts").is_shown());
    }
}

pub fn letters_turn_the_pages_but_not_while_one_types(window: &Window<'_>) {
    window.visit("/?sort=sku");
    window.session.press("n");
    window.wait_for("/?sort=sku&page=2");
    window.session.press("p");
    window.wait_for("/?sort=sku");
    // There is no page before the first.
    window.session.press("p");
    window.session.press("/");
    window.session.press("n");
    assert_eq!(window.path(), "/?sort=sku");
}

pub fn the_first_tab_skips_to_the_content(window: &Window<'_>) {
    window.visit("/");
    window.session.press(TAB);
    assert!(has_focus(window, ".skip"));
    assert_eq!(window.count_shown(".skip"), 1);
    window.session.press(ENTER);
    assert!(has_focus(window, "main"));
}
