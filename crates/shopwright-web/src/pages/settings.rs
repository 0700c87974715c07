//! What the pages under Settings share: the tabs that lead from one to the next.

use maud::{Markup, html};
use shopwright_domain::identity::Role;

use super::layout::Frame;

/// A page under Settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingsTab {
    /// One's own account.
    Account,
    /// Our prices on the shop's platform.
    Shop,
    /// Who runs the shop.
    Operators,
    /// API keys.
    Keys,
    /// The audit log.
    Audit,
}

impl SettingsTab {
    const ALL: [Self; 5] = [Self::Account, Self::Shop, Self::Operators, Self::Keys, Self::Audit];

    const fn entry(self) -> (&'static str, &'static str, Role) {
        match self {
            Self::Account => ("/account", "Account", Role::ReadOnly),
            Self::Shop => ("/shop", "Shop platform", Role::ReadOnly),
            Self::Operators => ("/operators", "Operators", Role::Owner),
            Self::Keys => ("/keys", "API keys", Role::Owner),
            Self::Audit => ("/audit", "Audit log", Role::Owner),
        }
    }
}

/// The tabs that this operator may open. One alone is no choice and is not shown.
pub fn settings_tabs(frame: &Frame, current: SettingsTab) -> Markup {
    let role = frame.operator.as_ref().map_or(Role::ReadOnly, |operator| operator.role);
    let open: Vec<_> = SettingsTab::ALL.into_iter().filter(|tab| role.may(tab.entry().2)).collect();
    html! {
        @if open.len() > 1 {
            nav.tabs.settings-tabs aria-label="Settings" {
                @for tab in open {
                    a href=(tab.entry().0) aria-current=[(tab == current).then_some("page")] { (tab.entry().1) }
                }
            }
        }
    }
}

/// The head of a page under Settings.
pub fn settings_head(title: &str, lede: &str) -> Markup {
    html! {
        div.page-head {
            div {
                h1 { (title) }
                p.lede { (lede) }
            }
        }
    }
}
