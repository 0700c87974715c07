//! Shopify's GraphQL Admin API: `productVariantsBulkUpdate` and `nodes`.
//!
//! Errors come in three places: the HTTP status, `errors` beside the data (throttling among them), and
//! `userErrors` of the mutation, which name a variant by its place in what was sent.

use std::time::Duration;

use serde_json::{Value as Json, json};
use shopwright_domain::platforms::VariantIds;

use crate::guard::{Call, Guard, Method};
use crate::shop::{ANSWER_BYTES_MAX, Offer, ShopError, Shown, Taken, call_json, line, text_of};

/// Variants of one call: the API takes 250.
pub(crate) const VARIANTS_MAX: usize = 250;
const KEYS: &str = "shopify_shop, shopify_access_token and its scope write_products";

/// Variants that are in order are changed also where others are not.
const UPDATE: &str = "mutation prices($productId: ID!, $variants: [ProductVariantsBulkInput!]!) {\
 productVariantsBulkUpdate(productId: $productId, variants: $variants, allowPartialUpdates: true) {\
 productVariants { id price } userErrors { field message code } } }";
const SHOWN: &str =
    "query shown($ids: [ID!]!) { nodes(ids: $ids) { ... on ProductVariant { id price } } }";

/// One shop on Shopify.
#[derive(Clone)]
pub struct Shopify {
    url: String,
    token: String,
}

impl Shopify {
    /// The shop at `https://name.myshopify.com`, spoken to in this version of the API.
    pub fn new(base_url: &str, version: &str, token: String) -> Self {
        let base = base_url.trim_end_matches('/');
        Self { url: format!("{base}/admin/api/{version}/graphql.json"), token }
    }

    pub(crate) async fn publish(
        &self,
        guard: &Guard,
        offers: &[Offer],
        time_max: Duration,
    ) -> Result<Vec<Taken>, ShopError> {
        let Some(first) = offers.first() else { return Ok(Vec::new()) };
        let variants: Vec<Json> = offers
            .iter()
            .map(|o| json!({ "id": gid("ProductVariant", &o.ids.variant_id), "price": o.price }))
            .collect();
        let product = gid("Product", &first.ids.product_id);
        let variables = json!({ "productId": product, "variants": variants });
        let data = self.ask(guard, UPDATE, variables, time_max).await?;
        let done = &data["productVariantsBulkUpdate"];
        if !done.is_object() {
            return Err(ShopError::Failed("the shop's answer has no outcome in it".to_owned()));
        }
        Ok(taken(offers, done))
    }

    pub(crate) async fn look(
        &self,
        guard: &Guard,
        variants: &[VariantIds],
        time_max: Duration,
    ) -> Result<Vec<Shown>, ShopError> {
        let ids: Vec<_> = variants.iter().map(|v| gid("ProductVariant", &v.variant_id)).collect();
        let data = self.ask(guard, SHOWN, json!({ "ids": ids }), time_max).await?;
        let nodes = data["nodes"].as_array().filter(|nodes| nodes.len() == variants.len());
        let nodes = nodes.ok_or_else(|| {
            ShopError::Failed("the shop's answer does not name every variant".to_owned())
        })?;
        let shown = |(variant, node): (&VariantIds, &Json)| {
            (variant.variant_id.clone(), text_of(&node["price"]))
        };
        Ok(variants.iter().zip(nodes).map(shown).collect())
    }

    async fn ask(
        &self,
        guard: &Guard,
        query: &str,
        variables: Json,
        time_max: Duration,
    ) -> Result<Json, ShopError> {
        let call = Call {
            method: Method::POST,
            url: &self.url,
            headers: vec![
                ("content-type", "application/json".to_owned()),
                ("x-shopify-access-token", self.token.clone()),
            ],
            body: json!({ "query": query, "variables": variables }).to_string().into_bytes(),
            time_max,
            answer_bytes_max: ANSWER_BYTES_MAX,
        };
        let mut answer = call_json(guard, call, KEYS).await?;
        if let Some(error) = error_of(&answer) {
            return Err(error);
        }
        Ok(answer["data"].take())
    }
}

/// What stands in `errors`, beside the data or instead of it.
fn error_of(answer: &Json) -> Option<ShopError> {
    let errors = answer.get("errors").filter(|errors| !errors.is_null())?;
    let first = errors.get(0).unwrap_or(errors);
    let message = line(first["message"].as_str().or(errors.as_str()).unwrap_or("an error"));
    match first["extensions"]["code"].as_str() {
        Some("THROTTLED") => {
            Some(ShopError::Throttled { error: message, after: wait_of(&answer["extensions"]) })
        }
        Some("ACCESS_DENIED") => {
            Some(ShopError::Refused(format!("the shop refused our keys: {message}; check {KEYS}")))
        }
        _ => Some(ShopError::Failed(format!("the shop answered with an error: {message}"))),
    }
}

/// How long until the bucket holds what the query costs. Points are whole numbers or written as `50.0`.
fn wait_of(extensions: &Json) -> Option<Duration> {
    let cost = &extensions["cost"];
    let points = |value: &Json| {
        let text = text_of(value)?;
        text.split('.').next()?.parse::<u64>().ok()
    };
    let asked = points(&cost["requestedQueryCost"])?;
    let there = points(&cost["throttleStatus"]["currentlyAvailable"])?;
    let rate = points(&cost["throttleStatus"]["restoreRate"])?.max(1);
    Some(Duration::from_secs(asked.saturating_sub(there).div_ceil(rate).clamp(1, 3_600)))
}

fn taken(offers: &[Offer], done: &Json) -> Vec<Taken> {
    let errors = done["userErrors"].as_array().map_or(&[][..], Vec::as_slice);
    let said = |error: &Json| line(error["message"].as_str().unwrap_or("not taken"));
    // `field` is ["variants", "3", "price"]; an error without a place is everybody's.
    let place = |error: &Json| {
        let path = error["field"].as_array()?;
        let at = path.iter().position(|part| part == "variants")?;
        text_of(path.get(at + 1)?)?.parse::<usize>().ok()
    };
    let of_all = errors.iter().find(|error| place(error).is_none()).map(said);
    let changed = done["productVariants"].as_array().map_or(&[][..], Vec::as_slice);
    let outcome = |(index, offer): (usize, &Offer)| {
        let own = errors.iter().find(|error| place(error) == Some(index)).map(said);
        let id = gid("ProductVariant", &offer.ids.variant_id);
        let there = changed.iter().any(|variant| variant["id"].as_str() == Some(id.as_str()));
        let problem = own.or_else(|| of_all.clone().filter(|_| !there));
        let outcome = match (problem, there) {
            (Some(problem), _) => Err(problem),
            (None, true) => Ok(()),
            (None, false) => Err("the shop said nothing of this variant".to_owned()),
        };
        (offer.ids.variant_id.clone(), outcome)
    };
    offers.iter().enumerate().map(outcome).collect()
}

/// The global id of a plain one; one that is global already stays.
fn gid(kind: &str, id: &str) -> String {
    if id.starts_with("gid://") { id.to_owned() } else { format!("gid://shopify/{kind}/{id}") }
}
