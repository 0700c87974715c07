//! WooCommerce's REST API: `products/batch` and `products/{id}/variations/batch`.
//!
//! We set `regular_price` and leave sales that the owner made in the shop alone; the check of what is
//! shown looks at `price`, which a sale lowers, so such a sale is seen there.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};
use shopwright_domain::platforms::VariantIds;

use crate::guard::{Call, Guard, Method};
use crate::shop::{ANSWER_BYTES_MAX, Offer, ShopError, Shown, Taken, call_json, line, text_of};

/// Items of one call: the API takes 100.
pub(crate) const ITEMS_MAX: usize = 100;
const KEYS: &str =
    "woocommerce_url, woocommerce_key and woocommerce_secret, and that the key may write";

/// One shop on WooCommerce.
#[derive(Clone)]
pub struct Woocommerce {
    base: String,
    authorization: String,
}

impl Woocommerce {
    /// The shop whose WordPress is at `https://shop.example`, with a key that may write.
    pub fn new(base_url: &str, key: &str, secret: &str) -> Self {
        let base = format!("{}/wp-json/wc/v3", base_url.trim_end_matches('/'));
        let authorization = format!("Basic {}", STANDARD.encode(format!("{key}:{secret}")));
        Self { base, authorization }
    }

    pub(crate) async fn publish(
        &self,
        guard: &Guard,
        offers: &[Offer],
        time_max: Duration,
    ) -> Result<Vec<Taken>, ShopError> {
        let Some(first) = offers.first() else { return Ok(Vec::new()) };
        let mut outcomes: HashMap<u64, Result<(), String>> = HashMap::new();
        let mut update = Vec::new();
        for offer in offers {
            if let Some(id) = number(&offer.ids.variant_id) {
                update.push(json!({ "id": id, "regular_price": offer.price }));
            }
        }
        if !update.is_empty() {
            let url = format!("{}/batch", self.list_of(&first.ids));
            let body = json!({ "update": update }).to_string().into_bytes();
            let answer = self.ask(guard, (Method::POST, &url), body, time_max).await?;
            let items = answer["update"].as_array().ok_or_else(|| {
                ShopError::Failed("the shop's answer has no outcome in it".to_owned())
            })?;
            outcomes = items
                .iter()
                .filter_map(|item| Some((item["id"].as_u64()?, outcome(item))))
                .collect();
        }
        let taken = |offer: &Offer| {
            let id = offer.ids.variant_id.clone();
            let said = match number(&id) {
                Some(id) => outcomes
                    .remove(&id)
                    .unwrap_or_else(|| Err("the shop said nothing of this product".to_owned())),
                None => Err(format!("`{id}` is no id of WooCommerce")),
            };
            (id, said)
        };
        Ok(offers.iter().map(taken).collect())
    }

    pub(crate) async fn look(
        &self,
        guard: &Guard,
        variants: &[VariantIds],
        time_max: Duration,
    ) -> Result<Vec<Shown>, ShopError> {
        let Some(first) = variants.first() else { return Ok(Vec::new()) };
        let ids: Vec<String> = variants
            .iter()
            .filter_map(|variant| number(&variant.variant_id))
            .map(|id| id.to_string())
            .collect();
        let url = format!(
            "{}?include={}&per_page={ITEMS_MAX}&_fields=id,price,regular_price",
            self.list_of(first),
            ids.join(",")
        );
        let answer = self.ask(guard, (Method::GET, &url), Vec::new(), time_max).await?;
        let items = answer
            .as_array()
            .ok_or_else(|| ShopError::Failed("the shop's answer is no list".to_owned()))?;
        let mut prices: HashMap<u64, Option<String>> =
            items.iter().filter_map(|item| Some((item["id"].as_u64()?, price_of(item)))).collect();
        let shown = |variant: &VariantIds| {
            let price = number(&variant.variant_id).and_then(|id| prices.remove(&id)).flatten();
            (variant.variant_id.clone(), price)
        };
        Ok(variants.iter().map(shown).collect())
    }

    /// Where a product is found: among the products, or among its parent's variations.
    fn list_of(&self, ids: &VariantIds) -> String {
        if ids.product_id == ids.variant_id {
            format!("{}/products", self.base)
        } else {
            let parent = number(&ids.product_id).unwrap_or(0);
            format!("{}/products/{parent}/variations", self.base)
        }
    }

    async fn ask(
        &self,
        guard: &Guard,
        (method, url): (Method, &str),
        body: Vec<u8>,
        time_max: Duration,
    ) -> Result<Json, ShopError> {
        let call = Call {
            method,
            url,
            headers: vec![
                ("content-type", "application/json".to_owned()),
                ("authorization", self.authorization.clone()),
            ],
            body,
            time_max,
            answer_bytes_max: ANSWER_BYTES_MAX,
        };
        call_json(guard, call, KEYS).await
    }
}

fn outcome(item: &Json) -> Result<(), String> {
    match item.get("error").filter(|error| !error.is_null()) {
        Some(error) => Err(line(error["message"].as_str().unwrap_or("not taken"))),
        None => Ok(()),
    }
}

/// What is charged now, which a sale lowers; without one the regular price.
fn price_of(item: &Json) -> Option<String> {
    let filled = |name: &str| text_of(&item[name]).filter(|text| !text.is_empty());
    filled("price").or_else(|| filled("regular_price"))
}

/// WooCommerce's ids are whole numbers.
fn number(id: &str) -> Option<u64> {
    id.parse().ok()
}
