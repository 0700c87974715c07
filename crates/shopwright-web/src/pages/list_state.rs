//! What the price list shows, kept whole in its address: search, order, filter, page.
//!
//! A list can be bookmarked, shared and reloaded; an unknown value falls back to the default
//! rather than failing a page.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use shopwright_domain::catalog::Sku;

/// What may stand unescaped in one path segment (RFC 3986, unreserved).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The order of the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// The last changed price first.
    #[default]
    RecentlyChanged,
    /// The largest change in percent first, up or down.
    BiggestChange,
    /// By SKU, ascending.
    Sku,
    /// The fewest pieces available first.
    Stock,
}

impl Sort {
    /// Every order, as the page offers them.
    pub const ALL: [Self; 4] = [Self::RecentlyChanged, Self::BiggestChange, Self::Sku, Self::Stock];

    /// The value in the address.
    pub const fn param(self) -> &'static str {
        match self {
            Self::RecentlyChanged => "recent",
            Self::BiggestChange => "change",
            Self::Sku => "sku",
            Self::Stock => "stock",
        }
    }

    /// What the page calls it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::RecentlyChanged => "Recently changed",
            Self::BiggestChange => "Biggest change",
            Self::Sku => "SKU",
            Self::Stock => "Lowest stock",
        }
    }

    /// Reads the value in the address; anything unknown is the default.
    pub fn from_param(text: &str) -> Self {
        Self::ALL.into_iter().find(|sort| sort.param() == text).unwrap_or_default()
    }
}

/// Which rows are shown, by what happened to the price last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    /// Every product.
    #[default]
    All,
    /// Price above its base.
    Raised,
    /// Price below its base.
    Lowered,
    /// Price at its base.
    Held,
}

impl Filter {
    /// Every filter, as the page offers them.
    pub const ALL: [Self; 4] = [Self::All, Self::Raised, Self::Lowered, Self::Held];

    /// The value in the address.
    pub const fn param(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Raised => "raised",
            Self::Lowered => "lowered",
            Self::Held => "held",
        }
    }

    /// What the page calls it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::All => "All",
            Self::Raised => "Raised",
            Self::Lowered => "Lowered",
            Self::Held => "Held",
        }
    }

    /// Reads the value in the address; anything unknown is the default.
    pub fn from_param(text: &str) -> Self {
        Self::ALL.into_iter().find(|filter| filter.param() == text).unwrap_or_default()
    }
}

/// The state of the list, one address each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListState {
    /// What was searched for; empty for everything.
    pub query: String,
    /// The order of the rows.
    pub sort: Sort,
    /// Which rows.
    pub filter: Filter,
    /// The page, from 1; 0 is read as 1.
    pub page: u32,
}

impl ListState {
    /// The address of the list in this state; defaults are left out, so the plain list is `/`.
    pub fn url(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if !self.query.is_empty() {
            query.append_pair("q", &self.query);
        }
        if self.sort != Sort::default() {
            query.append_pair("sort", self.sort.param());
        }
        if self.filter != Filter::default() {
            query.append_pair("filter", self.filter.param());
        }
        if self.page > 1 {
            query.append_pair("page", &self.page.to_string());
        }
        let query = query.finish();
        if query.is_empty() { "/".to_owned() } else { format!("/?{query}") }
    }

    /// The same list under another filter, from its first page.
    #[must_use]
    pub fn filtered(&self, filter: Filter) -> Self {
        Self { filter, page: 1, ..self.clone() }
    }

    /// The same list at another page.
    #[must_use]
    pub fn at_page(&self, page: u32) -> Self {
        Self { page, ..self.clone() }
    }
}

/// The address of a product's page. The SKU is one path segment, whatever characters it has.
pub fn product_url(sku: &Sku) -> String {
    // A segment of only dots would be folded away by the browser even when escaped, so it goes
    // into the query, which the product handler reads as well.
    if matches!(sku.as_str(), "." | "..") {
        return format!("/products/?sku={}", sku.as_str());
    }
    format!("/products/{}", utf8_percent_encode(sku.as_str(), SEGMENT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_holds_the_whole_state_and_nothing_else() {
        let check = |query: &str, sort, filter, page, want: &str| {
            assert_eq!(ListState { query: query.to_owned(), sort, filter, page }.url(), want);
        };
        check("", Sort::RecentlyChanged, Filter::All, 0, "/");
        check("", Sort::RecentlyChanged, Filter::All, 1, "/");
        check("", Sort::Stock, Filter::Held, 3, "/?sort=stock&filter=held&page=3");
        check("a&b=c #é", Sort::Sku, Filter::All, 1, "/?q=a%26b%3Dc+%23%C3%A9&sort=sku");
    }

    #[test]
    fn unknown_values_fall_back_to_the_default() {
        assert_eq!(Sort::from_param("price"), Sort::RecentlyChanged);
        assert_eq!(Filter::from_param(""), Filter::All);
        for sort in Sort::ALL {
            assert_eq!(Sort::from_param(sort.param()), sort);
        }
        for filter in Filter::ALL {
            assert_eq!(Filter::from_param(filter.param()), filter);
        }
    }

    #[test]
    fn any_sku_is_one_path_segment() {
        let check = |sku: &str, want: &str| {
            assert_eq!(product_url(&Sku::parse(sku).unwrap()), want);
        };
        check("85123A", "/products/85123A");
        check("gift_0001_40", "/products/gift_0001_40");
        check("BANK CHARGES", "/products/BANK%20CHARGES");
        check("a/b?c#d", "/products/a%2Fb%3Fc%23d");
        check("..", "/products/?sku=..");
    }
}
