//! What an owner may say about a product, and what of it can be kept.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{SHOP_ID_BYTES_MAX, Sku};
use crate::invalid::{Findings, InvalidField};
use crate::money::Currency;

/// The longest title, in bytes.
pub const TITLE_BYTES_MAX: usize = 1_000;
/// The most images of a product.
pub const IMAGES_MAX: usize = 50;
/// The most products one can be an add-on of.
pub const ADD_ON_OF_MAX: usize = 100;
/// The largest attributes of a product, as JSON text in bytes.
pub const ATTRIBUTES_BYTES_MAX: usize = 32 * 1024;
/// How deep attributes may nest.
const ATTRIBUTES_DEPTH_MAX: usize = 8;
/// The longest image URL, in bytes.
const URL_BYTES_MAX: usize = 2_000;
/// The largest amount of one product, minor units.
const AMOUNT_MINOR_MAX: i64 = 1_000_000_000_000;

/// A stored or sent word that names nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not one of {valid}")]
pub struct UnknownWordError {
    /// What was given.
    pub text: String,
    /// The words there are.
    pub valid: &'static str,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $valid:literal, { $($(#[$case_doc:meta])* $case:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$case_doc])* $case,)*
        }

        impl $name {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$case),*];

            /// The stored text.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$case => $text,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWordError;

            fn from_str(text: &str) -> Result<Self, UnknownWordError> {
                match text {
                    $($text => Ok(Self::$case),)*
                    _ => Err(UnknownWordError { text: text.to_owned(), valid: $valid }),
                }
            }
        }
    };
}

words! {
    /// What kind of thing is sold.
    ProductKind, "physical, digital, service, bundle, subscription", {
        /// Something on a shelf.
        Physical = "physical",
        /// A file, a key, an access.
        Digital = "digital",
        /// Work done for the buyer.
        Service = "service",
        /// Several products sold as one.
        Bundle = "bundle",
        /// A plan with a rhythm.
        Subscription = "subscription",
    }
}

words! {
    /// Where a product is in its life.
    ProductStatus, "active, draft, archived", {
        /// On sale: priced and served.
        Active = "active",
        /// Not yet on sale.
        Draft = "draft",
        /// No longer on sale; its history stays.
        Archived = "archived",
    }
}

/// The fields of a product that its owner edits. What is `None` is not set.
#[derive(Clone, Debug, PartialEq)]
pub struct ProductFields {
    /// What it is called.
    pub title: String,
    /// Category path, `Home/Candles`.
    pub category: Option<String>,
    /// What kind of thing it is.
    pub kind: ProductKind,
    /// The currency of every amount here.
    pub currency: Currency,
    /// What prices are decided from, minor units.
    pub base_price_minor: Option<i64>,
    /// What one piece costs the shop, minor units.
    pub cost_minor: Option<i64>,
    /// The price shown struck through, minor units.
    pub compare_at_minor: Option<i64>,
    /// Minimum advertised price, minor units.
    pub map_minor: Option<i64>,
    /// Where it is in its life.
    pub status: ProductStatus,
    /// Whatever else the shop keeps about it.
    pub attributes: Map<String, Value>,
    /// Where its images are, `http` or `https`.
    pub images: Vec<String>,
    /// The products it is an add-on of.
    pub add_on_of: Vec<Sku>,
    /// The class by which it is taxed.
    pub tax_class: Option<String>,
}

impl ProductFields {
    /// Everything that cannot be kept for the product `sku`, in the order of the fields.
    pub fn check(&self, sku: &Sku) -> Result<(), Vec<InvalidField>> {
        let mut found = Findings::default();
        found.text("/title", &self.title, TITLE_BYTES_MAX);
        found.maybe_text("/category", self.category.as_deref(), SHOP_ID_BYTES_MAX);
        found.maybe_amount("/base_price/amount", self.base_price_minor, (1, AMOUNT_MINOR_MAX));
        found.maybe_amount("/cost/amount", self.cost_minor, (0, AMOUNT_MINOR_MAX));
        found.maybe_amount("/compare_at/amount", self.compare_at_minor, (1, AMOUNT_MINOR_MAX));
        found.maybe_amount("/map/amount", self.map_minor, (1, AMOUNT_MINOR_MAX));
        self.check_attributes(&mut found);
        self.check_links(sku, &mut found);
        found.maybe_text("/tax_class", self.tax_class.as_deref(), SHOP_ID_BYTES_MAX);
        found.into_result()
    }

    fn check_attributes(&self, found: &mut Findings) {
        let mut bytes = 0;
        for (key, value) in &self.attributes {
            bytes += key.len() + value.to_string().len();
            if has_nul(value) || key.contains('\0') {
                found.add("/attributes", format!("`{key}` contains a NUL character; remove it"));
            }
            if depth(value) >= ATTRIBUTES_DEPTH_MAX {
                let problem = format!("`{key}` nests deeper than {ATTRIBUTES_DEPTH_MAX} levels");
                found.add("/attributes", problem);
            }
        }
        if bytes > ATTRIBUTES_BYTES_MAX {
            found.add("/attributes", format!("at most {ATTRIBUTES_BYTES_MAX} bytes are kept"));
        }
    }

    fn check_links(&self, sku: &Sku, found: &mut Findings) {
        if self.images.len() > IMAGES_MAX {
            found.add("/images", format!("at most {IMAGES_MAX} images are kept"));
        }
        for (place, url) in self.images.iter().take(IMAGES_MAX).enumerate() {
            if !is_web_address(url) {
                let problem =
                    format!("write an http or https URL of at most {URL_BYTES_MAX} bytes");
                found.add(format!("/images/{place}"), problem);
            }
        }
        if self.add_on_of.len() > ADD_ON_OF_MAX {
            found.add("/add_on_of", format!("at most {ADD_ON_OF_MAX} products are kept"));
        }
        for (place, of) in self.add_on_of.iter().take(ADD_ON_OF_MAX).enumerate() {
            if of == sku {
                found.add(format!("/add_on_of/{place}"), "a product is no add-on of itself");
            } else if self.add_on_of[..place].contains(of) {
                found.add(format!("/add_on_of/{place}"), format!("{of} is named twice"));
            }
        }
    }
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(fields) => fields.iter().any(|(key, v)| key.contains('\0') || has_nul(v)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn depth(value: &Value) -> usize {
    let deepest = match value {
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Object(fields) => fields.values().map(depth).max(),
        _ => return 0,
    };
    1 + deepest.unwrap_or(0)
}

fn is_web_address(text: &str) -> bool {
    if text.len() > URL_BYTES_MAX {
        return false;
    }
    let Ok(uri) = fluent_uri::Uri::parse(text) else { return false };
    let scheme = uri.scheme().as_str();
    let web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    web && uri.authority().is_some_and(|authority| !authority.host().is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lamp() -> ProductFields {
        ProductFields {
            title: "Lamp".to_owned(),
            category: Some("Home/Lamps".to_owned()),
            kind: ProductKind::Physical,
            currency: "EUR".parse().unwrap(),
            base_price_minor: Some(1),
            cost_minor: Some(0),
            compare_at_minor: None,
            map_minor: None,
            status: ProductStatus::Active,
            attributes: Map::new(),
            images: vec!["https://shop.example/lamp.jpg?size=2".to_owned()],
            add_on_of: Vec::new(),
            tax_class: None,
        }
    }

    fn check(change: impl Fn(&mut ProductFields), pointers: &[&str]) {
        let mut fields = lamp();
        change(&mut fields);
        let found = fields.check(&Sku::parse("L-1").unwrap()).err().unwrap_or_default();
        let found: Vec<_> = found.iter().map(|field| field.pointer.as_str()).collect();
        assert_eq!(found, pointers, "{fields:?}");
    }

    #[test]
    fn each_field_is_held_to_what_can_be_kept() {
        check(|_| (), &[]);
        check(|f| f.title = " ".into(), &["/title"]);
        check(|f| f.title = "a\nb".into(), &["/title"]);
        check(|f| f.title = "x".repeat(1_001), &["/title"]);
        check(|f| f.category = Some(String::new()), &["/category"]);
        check(|f| f.base_price_minor = Some(0), &["/base_price/amount"]);
        check(|f| f.cost_minor = Some(-1), &["/cost/amount"]);
        check(|f| f.compare_at_minor = Some(AMOUNT_MINOR_MAX + 1), &["/compare_at/amount"]);
        check(|f| f.map_minor = Some(0), &["/map/amount"]);
        check(|f| f.tax_class = Some("\0".into()), &["/tax_class"]);
        check(|f| drop(f.attributes.insert("a".into(), json!(["\0"]))), &["/attributes"]);
        check(
            |f| drop(f.attributes.insert("a".into(), json!("x".repeat(40_000)))),
            &["/attributes"],
        );
        let deep = json!([[[[[[[[1]]]]]]]]);
        check(|f| drop(f.attributes.insert("a".into(), deep.clone())), &["/attributes"]);
        check(|f| f.add_on_of = vec![Sku::parse("L-1").unwrap()], &["/add_on_of/0"]);
        check(|f| f.add_on_of = vec![Sku::parse("B").unwrap(); 2], &["/add_on_of/1"]);
        check(|f| f.images = vec!["https://a.example/x".into(); 51], &["/images"]);
    }

    #[test]
    fn only_web_addresses_are_images() {
        for wrong in [
            "",
            "lamp.jpg",
            "javascript:alert(1)",
            "data:image/png;base64,AA",
            "ftp://a/b",
            "https://",
            "http:/a",
            "https://a b",
            "file:///etc/passwd",
            "//a.example/x",
        ] {
            check(|f| f.images = vec![wrong.to_owned()], &["/images/0"]);
        }
        for right in ["http://a.example", "HTTPS://a.example/%20?x=1#y", "https://[::1]:8/x"] {
            check(|f| f.images = vec![right.to_owned()], &[]);
        }
    }

    #[test]
    fn words_are_read_back_from_their_text() {
        for kind in ProductKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
        }
        for status in ProductStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(*status));
        }
        let error = "Active".parse::<ProductStatus>().unwrap_err().to_string();
        assert_eq!(error, "`Active` is not one of active, draft, archived");
    }
}
