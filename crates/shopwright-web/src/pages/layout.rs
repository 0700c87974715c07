//! The shell around every page: head, bar with the navigation, footer, shortcut list.
//!
//! Works without JavaScript; the module only adds the theme switch, the shortcuts and the live
//! rows. The theme is chosen on the server from a cookie, so a page never flashes the wrong one.

use maud::{DOCTYPE, Markup, html};
use shopwright_domain::identity::Role;
use shopwright_domain::time::Timestamp;

use super::format;
use super::forms::csrf_field;

/// What every page needs besides its own view.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The shop's name as its owner writes it.
    pub store_name: String,
    /// The present by the shop's clock; relative times count from it.
    pub now: Timestamp,
    /// Where the stylesheet, module and icon are served.
    pub assets: AssetUrls,
    /// The theme the visitor chose; `None` follows the system.
    pub theme: Option<Theme>,
    /// Set when this store runs on demonstration data.
    pub demo: Option<DemoView>,
    /// The credit a data licence asks for, in the footer.
    pub attribution: Option<AttributionView>,
    /// Who is signed in.
    pub operator: Option<OperatorView>,
}

/// Who is signed in.
#[derive(Clone, Debug)]
pub struct OperatorView {
    /// The operator's name.
    pub name: String,
    /// What the operator may do.
    pub role: Role,
    /// The token of the form that signs out.
    pub csrf: String,
}

/// Addresses of the embedded assets, each with its content hash.
#[derive(Clone, Debug)]
pub struct AssetUrls {
    /// Of `assets/shopwright.css`.
    pub css: String,
    /// Of `assets/shopwright.js`, an ES module.
    pub js: String,
    /// Of `assets/favicon.svg`.
    pub favicon: String,
}

/// A demonstration store and what its clock does.
#[derive(Clone, Debug)]
pub struct DemoView {
    /// After "Demo store ·": "clock runs from 9 Dec 2011".
    pub clock_text: String,
}

/// Credit for data that is not the shop's own.
#[derive(Clone, Debug)]
pub struct AttributionView {
    /// The whole sentence: author, title, licence.
    pub text: String,
    /// Where the source is found.
    pub url: String,
}

/// A colour scheme chosen by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// Dark ink on light paper.
    Light,
    /// Light ink on dark paper.
    Dark,
}

/// The name of the cookie that keeps the chosen theme; the module writes it.
pub const THEME_COOKIE: &str = "theme";

impl Theme {
    /// The value of the `data-theme` attribute and of the cookie.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Reads the choice out of a whole `Cookie` header; anything else follows the system.
    pub fn from_cookie_header(header: &str) -> Option<Self> {
        let pairs = header.split(';').filter_map(|pair| pair.trim().split_once('='));
        let value = pairs.into_iter().find(|(name, _)| *name == THEME_COOKIE)?.1;
        [Self::Light, Self::Dark].into_iter().find(|theme| theme.as_str() == value)
    }
}

/// The entry of the navigation that a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nav {
    /// The price list and the product pages.
    Prices,
    /// The API reference.
    Docs,
    /// One's own account, operators, keys, the audit log.
    Settings,
    /// A page outside the navigation, such as an error.
    Elsewhere,
}

/// A whole page: `title` names it in the tab, `body` is what stands in `main`.
pub fn page(frame: &Frame, title: &str, nav: Nav, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" data-theme=[frame.theme.map(Theme::as_str)] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="same-origin";
                title { (title) " · " (frame.store_name) }
                link rel="icon" type="image/svg+xml" href=(frame.assets.favicon);
                link rel="stylesheet" href=(frame.assets.css);
                script type="module" src=(frame.assets.js) {}
            }
            body {
                a.skip href="#main" { "Skip to content" }
                (bar(frame, nav))
                main #main tabindex="-1" { (body) }
                (footer(frame))
                (shortcuts())
            }
        }
    }
}

fn bar(frame: &Frame, nav: Nav) -> Markup {
    let current = |own: Nav| (own == nav).then_some("page");
    html! {
        header.bar {
            div.bar-inner {
                a.brand href="/" {
                    svg.brand-mark viewBox="0 0 24 24" aria-hidden="true" {
                        rect.brand-plate width="24" height="24" rx="6" {}
                        path.brand-steps d="M5 17h4.5v-4.5H14V8h5" {}
                    }
                    span dir="auto" { (frame.store_name) }
                }
                nav aria-label="Main" {
                    a href="/" aria-current=[current(Nav::Prices)] { "Prices" }
                    @if frame.operator.is_some() {
                        a href="/account" aria-current=[current(Nav::Settings)] { "Settings" }
                    }
                    a href="/docs" aria-current=[current(Nav::Docs)] { "API docs" }
                }
                div.bar-end {
                    @if let Some(demo) = &frame.demo {
                        span.badge { b { "Demo store" } span { " · " (demo.clock_text) } }
                    }
                    @if let Some(operator) = &frame.operator { (signed_in(operator)) }
                    button.icon type="button" data-theme-switch hidden title="Theme: as the system"
                        aria-label="Theme: as the system" { (theme_icon()) }
                    button.icon type="button" data-help hidden title="Keyboard shortcuts (?)"
                        aria-label="Keyboard shortcuts" { span aria-hidden="true" { "?" } }
                }
            }
        }
    }
}

fn signed_in(operator: &OperatorView) -> Markup {
    html! {
        form.sign-out method="post" action="/sign-out" {
            (csrf_field(&operator.csrf))
            span.who dir="auto" { (operator.name) }
            button.quiet type="submit" { "Sign out" }
        }
    }
}

fn theme_icon() -> Markup {
    html! {
        svg viewBox="0 0 20 20" aria-hidden="true" {
            circle.icon-ring cx="10" cy="10" r="6.5" {}
            path.icon-half d="M10 3.5a6.5 6.5 0 0 1 0 13z" {}
        }
    }
}

fn footer(frame: &Frame) -> Markup {
    html! {
        footer.foot {
            p {
                "Shop time " time datetime=(frame.now.to_string()) { (format::exact_time(frame.now)) }
                ". Every shopper sees the same price at the same time."
            }
            @if let Some(credit) = &frame.attribution {
                p { a href=(credit.url) rel="noreferrer" { (credit.text) } }
            }
        }
    }
}

fn shortcuts() -> Markup {
    let rows = [
        ("/", "Search"),
        ("n", "Next page"),
        ("p", "Previous page"),
        ("?", "This list"),
        ("Esc", "Close, or leave the search box"),
    ];
    html! {
        dialog #shortcuts aria-labelledby="shortcuts-title" {
            h2 #shortcuts-title { "Keyboard shortcuts" }
            dl.keys {
                @for (key, what) in rows {
                    div { dt { kbd { (key) } } dd { (what) } }
                }
            }
            form method="dialog" { button.button type="submit" { "Close" } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_theme_is_read_from_the_cookie_header_alone() {
        let check = |header: &str, want| assert_eq!(Theme::from_cookie_header(header), want);
        check("theme=dark", Some(Theme::Dark));
        check("a=b; theme=light; c=d", Some(Theme::Light));
        check("theme=\"><b>", None);
        check("mytheme=dark", None);
        check("", None);
    }
}
