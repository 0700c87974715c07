//! How the pages look: themes, widths, and pictures of them.

use serde_json::json;

use crate::window::{Look, Window};

const LIGHT_PAPER: &str = "rgb(251, 250, 247)";
const DARK_PAPER: &str = "rgb(20, 22, 26)";

fn paper(window: &Window<'_>) -> String {
    let colour = window.session.script("return getComputedStyle(document.body).backgroundColor");
    colour.as_str().unwrap().to_owned()
}

fn prefer(window: &Window<'_>, scheme: &str) {
    let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
    window.session.devtools("Emulation.setEmulatedMedia", &json!({ "features": features }));
}

pub fn the_theme_button_goes_round_and_its_choice_survives_a_reload(window: &Window<'_>) {
    for size in [(390, 844), (1280, 900)] {
        window.resize(size, size.0 < 720);
        prefer(window, "light");
        window.visit("/");
        for (theme, colour) in
            [("light", LIGHT_PAPER), ("dark", DARK_PAPER), ("as the system", LIGHT_PAPER)]
        {
            window.click("[data-theme-switch]");
            let label = format!(
                "return document.querySelector('[data-theme-switch][aria-label=\"Theme: {theme}\"]') !== null"
            );
            assert_eq!(window.session.script(&label), true, "{theme}");
            assert_eq!(paper(window), colour, "{theme}");
            window.session.reload();
            assert_eq!(paper(window), colour, "{theme}, reloaded");
            assert_eq!(window.session.script(&label), true, "{theme}, reloaded");
        }
        // Another page wears it too.
        window.click("[data-theme-switch]");
        window.click("[data-theme-switch]");
        window.visit("/docs");
        assert_eq!(paper(window), DARK_PAPER);
        window.click("[data-theme-switch]");
    }
}

pub fn without_a_choice_the_system_chooses_the_theme(window: &Window<'_>) {
    window.visit("/");
    for (scheme, colour) in [("dark", DARK_PAPER), ("light", LIGHT_PAPER)] {
        prefer(window, scheme);
        assert_eq!(paper(window), colour);
    }
}

pub fn nothing_scrolls_sideways_at_any_width(window: &Window<'_>) {
    let product = format!("/products/{}", window.shop.moved[0]);
    let unpriced = "/?sort=stock";
    for path in
        ["/", unpriced, &product, "/docs", "/docs/errors", "/nowhere", "/?q=nothing+like+this"]
    {
        window.visit(path);
        for width in [320, 390, 721, 1280] {
            window.resize((width, 844), width < 720);
            assert_eq!(window.sideways(width).max(0), 0, "{path} at {width}");
        }
    }
    window.assert_quiet(&["the server responded with a status of 404"]);
}

pub fn what_the_page_may_not_run_is_heard_on_the_console(window: &Window<'_>) {
    window.visit("/");
    window.assert_quiet(&[]);
    window.session.script(
        "const script = document.createElement('script');
         script.textContent = 'document.title = \"run\"';
         document.body.append(script);",
    );
    assert_eq!(window.session.script("return document.title"), "Prices · Demo shop");
    let said = window.session.console();
    assert!(said.iter().any(|line| line.contains("Content Security Policy")), "{said:?}");
}

pub fn every_page_is_pictured_in_every_look(window: &Window<'_>) {
    let product = format!("/products/{}", window.shop.moved[0]);
    for look in Look::ALL {
        window.wear(look);
        let (device, theme) = (look.device, look.theme);
        for (name, path) in [("prices", "/"), ("product", &product), ("docs", "/docs")] {
            window.visit(path);
            let colour = if theme == "dark" { DARK_PAPER } else { LIGHT_PAPER };
            assert_eq!(paper(window), colour, "{name} on {look:?}");
            window.picture(&format!("{name}-{device}-{theme}"));
        }
    }
}
