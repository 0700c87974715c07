//! A competitor's product page: fetched where its robots.txt lets us, and read for the schema.org Offer
//! that shops show to search engines, as JSON-LD or as microdata.
//!
//! Amounts are read as the decimal text they are written as. Nothing of a page is run, no cookie is
//! kept, and a redirect is not followed: whoever gave the address gives the final one.

use std::collections::BTreeMap;
use std::time::Duration;

use html5gum::{DefaultEmitter, HtmlString, StartTag, Token, Tokenizer};
use serde_json::value::RawValue;
use shopwright_domain::money::{Currency, parse_minor};
use texting_robots::Robot;
use url::Url;

use crate::guard::{Answer, Call, FetchError, Guard, Method};

/// The name under which robots.txt speaks to us.
const ROBOT: &str = "Shopwright";
const PAGE_BYTES_MAX: usize = 4 << 20;
/// RFC 9309 asks for at least 500 KiB.
const ROBOTS_BYTES_MAX: usize = 512 << 10;
/// JSON-LD that is nested deeper is not looked into.
const DEPTH_MAX: usize = 16;
/// Offers of one page that are looked at.
const OFFERS_MAX: usize = 200;

/// Why a page told no price.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// It could not be reached.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// Its owner does not want robots there.
    #[error("its robots.txt does not let us look at it")]
    Robots,
    /// Its robots.txt could not be read, which means that we may not.
    #[error("its robots.txt answered {0}, so we do not look at it")]
    RobotsUnknown(u16),
    /// It answered something else than a page.
    #[error("it answered {0}")]
    Status(u16),
    /// There is no offer on it.
    #[error("there is no schema.org Offer with a price on it")]
    NoOffer,
    /// Its offers are in another currency.
    #[error("its price is in {0}")]
    OtherCurrency(String),
    /// Its price is no amount.
    #[error("its price `{0}` cannot be read")]
    Price(String),
}

/// What a page offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageOffer {
    /// The price, minor units of the currency that was asked for.
    pub price_minor: i64,
    /// Whether it is said to be in stock.
    pub in_stock: bool,
}

/// Asks robots.txt, fetches the page and reads its offer in this currency.
pub async fn look_at(
    guard: &Guard,
    address: &str,
    currency: Currency,
    time_max: Duration,
) -> Result<PageOffer, PageError> {
    let url = guard.check_url(address)?;
    if !may_look(guard, &url, time_max).await? {
        return Err(PageError::Robots);
    }
    let answer = get(guard, address, (PAGE_BYTES_MAX, time_max)).await?;
    if answer.status != 200 {
        return Err(PageError::Status(answer.status));
    }
    read_offer(&answer.body, currency)
}

async fn may_look(guard: &Guard, url: &Url, time_max: Duration) -> Result<bool, PageError> {
    let Ok(robots) = url.join("/robots.txt") else { return Ok(false) };
    let answer = get(guard, robots.as_str(), (ROBOTS_BYTES_MAX, time_max)).await?;
    match answer.status {
        200..=299 => {
            Ok(Robot::new(ROBOT, &answer.body).is_ok_and(|robot| robot.allowed(url.as_str())))
        }
        // None there: everything is allowed (RFC 9309, 2.3.1.3).
        400..=499 => Ok(true),
        status => Err(PageError::RobotsUnknown(status)),
    }
}

async fn get(
    guard: &Guard,
    url: &str,
    (answer_bytes_max, time_max): (usize, Duration),
) -> Result<Answer, FetchError> {
    let headers = vec![("accept", "text/html, text/plain;q=0.9, */*;q=0.1".to_owned())];
    let call =
        Call { method: Method::GET, url, headers, body: Vec::new(), time_max, answer_bytes_max };
    guard.fetch(call).await
}

/// An offer as it is written.
#[derive(Clone, Debug, Default)]
struct Written {
    price: Option<String>,
    currency: Option<String>,
    availability: Option<String>,
}

/// Reads the offer of a page: of several the cheapest that is in stock, else the cheapest.
pub fn read_offer(html: &[u8], currency: Currency) -> Result<PageOffer, PageError> {
    let priced: Vec<Written> =
        written_offers(html).into_iter().filter(|offer| offer.price.is_some()).collect();
    let (mut best, mut problem): (Option<PageOffer>, _) = (None, PageError::NoOffer);
    for offer in priced {
        match offer.read(currency) {
            Ok(read) => {
                let rank = |offer: &PageOffer| (!offer.in_stock, offer.price_minor);
                if best.as_ref().is_none_or(|best| rank(&read) < rank(best)) {
                    best = Some(read);
                }
            }
            Err(error) => problem = error,
        }
    }
    best.ok_or(problem)
}

impl Written {
    fn read(&self, wanted: Currency) -> Result<PageOffer, PageError> {
        let currency = self.currency.as_deref().unwrap_or_default().trim();
        if !currency.eq_ignore_ascii_case(wanted.code()) {
            let shown = if currency.is_empty() { "no currency" } else { currency };
            return Err(PageError::OtherCurrency(shown.chars().take(20).collect()));
        }
        let text = self.price.as_deref().unwrap_or_default().trim();
        let bad = || PageError::Price(text.chars().take(40).collect());
        let price_minor = parse_minor(text, wanted).map_err(|_| bad())?;
        if price_minor < 1 {
            return Err(bad());
        }
        let gone = ["OutOfStock", "SoldOut", "Discontinued", "BackOrder", "PreOrder"];
        let availability = self.availability.as_deref().unwrap_or_default();
        Ok(PageOffer { price_minor, in_stock: !gone.iter().any(|end| availability.ends_with(end)) })
    }
}

fn written_offers(html: &[u8]) -> Vec<Written> {
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let mut found = Vec::new();
    let (mut in_json, mut in_price) = (false, false);
    let mut microdata: Option<Written> = None;
    for token in Tokenizer::new_with_emitter(html, emitter) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => {
                in_json = is(&tag.name, "script")
                    && attribute(&tag, "type")
                        .is_some_and(|kind| kind.trim() == "application/ld+json");
                in_price = note_microdata(&tag, &mut microdata, &mut found);
            }
            Token::String(text) if in_json => {
                if let Ok(json) = serde_json::from_slice::<&RawValue>(&text) {
                    walk(json, 0, &mut found);
                }
            }
            Token::String(text) if in_price => {
                let text = String::from_utf8_lossy(&text).trim().to_owned();
                if let Some(offer) = microdata.as_mut().filter(|offer| offer.price.is_none()) {
                    offer.price = Some(text);
                }
                in_price = false;
            }
            Token::EndTag(_) => (in_json, in_price) = (false, false),
            _ => {}
        }
        if found.len() >= OFFERS_MAX {
            break;
        }
    }
    found.extend(microdata);
    found
}

fn is(name: &HtmlString, wanted: &str) -> bool {
    name.eq_ignore_ascii_case(wanted.as_bytes())
}

fn attribute(tag: &StartTag<()>, name: &str) -> Option<String> {
    let (_, value) = tag.attributes.iter().find(|(key, _)| is(key, name))?;
    Some(String::from_utf8_lossy(value).into_owned())
}

/// Takes in a tag's microdata; gives whether the price is the text that follows.
fn note_microdata(
    tag: &StartTag<()>,
    offer: &mut Option<Written>,
    found: &mut Vec<Written>,
) -> bool {
    if attribute(tag, "itemtype").is_some_and(|kind| is_offer(kind.trim())) {
        found.extend(offer.replace(Written::default()));
    }
    let (Some(property), Some(offer)) = (attribute(tag, "itemprop"), offer.as_mut()) else {
        return false;
    };
    let value = attribute(tag, "content").or_else(|| attribute(tag, "href"));
    let slot = match property.trim() {
        "price" | "lowPrice" => &mut offer.price,
        "priceCurrency" => &mut offer.currency,
        "availability" => &mut offer.availability,
        _ => return false,
    };
    let is_empty = value.is_none() && slot.is_none();
    if slot.is_none() {
        *slot = value;
    }
    is_empty && matches!(property.trim(), "price" | "lowPrice")
}

fn is_offer(kind: &str) -> bool {
    let name = kind.rsplit(['/', ':']).next().unwrap_or_default();
    matches!(name, "Offer" | "AggregateOffer")
}

/// Looks through JSON-LD for offers, keeping numbers as they are written.
fn walk(json: &RawValue, depth: usize, found: &mut Vec<Written>) {
    if depth > DEPTH_MAX || found.len() >= OFFERS_MAX {
        return;
    }
    if let Ok(list) = serde_json::from_str::<Vec<&RawValue>>(json.get()) {
        for item in list {
            walk(item, depth + 1, found);
        }
        return;
    }
    let Ok(fields) = serde_json::from_str::<BTreeMap<String, &RawValue>>(json.get()) else {
        return;
    };
    let kinds = fields.get("@type").map(|kinds| texts(kinds)).unwrap_or_default();
    if kinds.iter().any(|kind| is_offer(kind)) {
        let field = |name: &str| fields.get(name).and_then(|value| texts(value).into_iter().next());
        let inner: BTreeMap<String, &RawValue> = fields
            .get("priceSpecification")
            .and_then(|value| serde_json::from_str(value.get()).ok())
            .unwrap_or_default();
        let within = |name: &str| inner.get(name).and_then(|value| texts(value).into_iter().next());
        found.push(Written {
            price: field("price").or_else(|| field("lowPrice")).or_else(|| within("price")),
            currency: field("priceCurrency").or_else(|| within("priceCurrency")),
            availability: field("availability"),
        });
    }
    for (name, value) in &fields {
        if name != "priceSpecification" {
            walk(value, depth + 1, found);
        }
    }
}

/// A text, a number as it is written, or a list of such.
fn texts(json: &RawValue) -> Vec<String> {
    let raw = json.get();
    if let Ok(text) = serde_json::from_str::<String>(raw) {
        return vec![text];
    }
    if raw.starts_with(|first: char| first.is_ascii_digit()) {
        return vec![raw.to_owned()];
    }
    let list = serde_json::from_str::<Vec<&RawValue>>(raw).unwrap_or_default();
    list.into_iter().filter_map(|item| serde_json::from_str(item.get()).ok()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    fn offer(html: &str) -> Result<PageOffer, PageError> {
        read_offer(html.as_bytes(), "EUR".parse().unwrap())
    }

    fn ld(json: &str) -> Result<PageOffer, PageError> {
        offer(&format!("<html><head><script type=\"application/ld+json\">{json}</script></head>"))
    }

    #[test]
    fn offers_are_read_from_json_ld_as_shops_write_it() {
        let check = |json: &str, price_minor: i64, in_stock: bool| {
            assert_eq!(ld(json), Ok(PageOffer { price_minor, in_stock }), "{json}");
        };
        check(
            r#"{"@context":"https://schema.org","@type":"Product","name":"A < B","offers":{"@type":"Offer",
                "price":"12.90","priceCurrency":"EUR","availability":"https://schema.org/InStock"}}"#,
            1_290,
            true,
        );
        check(
            r#"{"@graph":[{"@type":"WebSite"},{"@type":["Product"],"offers":[
                {"@type":"Offer","price":19.9,"priceCurrency":"EUR"},
                {"@type":"Offer","price":9.99,"priceCurrency":"EUR","availability":"SoldOut"}]}]}"#,
            1_990,
            true,
        );
        check(r#"{"@type":"AggregateOffer","lowPrice":5,"priceCurrency":"eur"}"#, 500, true);
        check(
            r#"{"@type":"Offer","availability":"http://schema.org/OutOfStock",
                "priceSpecification":{"price":"7.00","priceCurrency":"EUR"}}"#,
            700,
            false,
        );
    }

    #[test]
    fn offers_are_read_from_microdata() {
        let html = r#"<div itemscope itemtype="https://schema.org/Product"><h1 itemprop="name">Lamp</h1>
            <div itemprop="offers" itemscope itemtype="https://schema.org/Offer">
            <meta itemprop="priceCurrency" content="EUR"><span itemprop="price" content="24.50">24,50 €</span>
            <link itemprop="availability" href="https://schema.org/OutOfStock"></div></div>"#;
        assert_eq!(offer(html), Ok(PageOffer { price_minor: 2_450, in_stock: false }));
        let in_text = html.replace(r#" content="24.50">24,50 €"#, ">24.50");
        assert_eq!(offer(&in_text).map(|offer| offer.price_minor), Ok(2_450));
    }

    #[test]
    fn a_page_that_says_nothing_usable_says_what_is_missing() {
        assert_eq!(offer("<p>12.90 EUR</p>"), Err(PageError::NoOffer));
        assert_eq!(ld("{not json"), Err(PageError::NoOffer));
        let dollars = ld(r#"{"@type":"Offer","price":"1","priceCurrency":"USD"}"#);
        assert_eq!(dollars, Err(PageError::OtherCurrency("USD".into())));
        let none = ld(r#"{"@type":"Offer","price":"1"}"#);
        assert_eq!(none, Err(PageError::OtherCurrency("no currency".into())));
        let price = |text: &str| {
            ld(&format!(r#"{{"@type":"Offer","price":{text},"priceCurrency":"EUR"}}"#))
        };
        assert_eq!(price(r#""12,90""#), Err(PageError::Price("12,90".into())));
        assert_eq!(price("0"), Err(PageError::Price("0".into())));
        assert_eq!(price("1e3"), Err(PageError::Price("1e3".into())));
        assert_eq!(price("12.999"), Err(PageError::Price("12.999".into())));
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        assert_eq!(ld(&deep), Err(PageError::NoOffer));
    }
}
