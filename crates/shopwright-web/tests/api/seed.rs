//! What every test shop sells: a few products, some stock, a short order history.
//!
//! `85123A` has everything: cost, category, stock of 42 and sales. `22423` has only a base price.
//! `NOBASE` was never priced. The rest are SKUs that are hard on URLs.

use shopwright_domain::catalog::Sku;
use shopwright_domain::money::UnitPrice;
use shopwright_domain::time::{DAY, Timestamp};
use shopwright_store::catalog::{ProductPatch, note_sold, upsert};
use shopwright_store::orders::{
    Document, DocumentHead, LineRow, insert_lines, settle_amounts, upsert_documents,
};
use shopwright_store::{Store, StoreError, inventory};
use uuid::Uuid;

use crate::harness::currency;

/// Base price of `85123A`.
pub const HEART: i64 = 295;
/// Its cost.
pub const HEART_COST: i64 = 150;
/// Base price of `22423`.
pub const CAKESTAND: i64 = 1_275;
/// Base price of the odd SKUs.
pub const ODD: i64 = 500;

/// SKUs that a URL must escape.
pub fn odd_skus() -> Vec<String> {
    let mut odd: Vec<String> = [
        "two words",
        "a/b",
        "50%",
        "a+b",
        "q?x#y",
        "Grüße-茶-🫖",
        "\u{202e}abc",
        "\"'<b>&\\",
        "batch",
        "%00",
        "..x",
        "~!@$^*()_[]{}|;:,.`=",
    ]
    .map(ToOwned::to_owned)
    .to_vec();
    odd.push("é".repeat(100));
    odd.push("x".repeat(200));
    odd
}

pub fn sku(text: &str) -> Sku {
    Sku::parse(text).unwrap()
}

/// A product with nothing but a base price, or without even that.
pub fn product(sku_text: &str, base_price_minor: Option<i64>) -> ProductPatch {
    ProductPatch {
        sku: sku(sku_text),
        title: Some(format!("Product {sku_text}")),
        category: None,
        currency: currency(),
        base_price_minor,
        cost_minor: None,
        map_minor: None,
        attributes: serde_json::json!({}),
    }
}

/// Writes the catalogue, the stock and the history.
pub async fn catalogue(store: &Store, now: Timestamp) {
    store
        .write(move |tx| {
            let heart = ProductPatch {
                title: Some("WHITE HANGING HEART T-LIGHT HOLDER".into()),
                category: Some("Home/Candles".into()),
                cost_minor: Some(HEART_COST),
                ..product("85123A", Some(HEART))
            };
            let cakestand = ProductPatch {
                title: Some("REGENCY CAKESTAND 3 TIER".into()),
                ..product("22423", Some(CAKESTAND))
            };
            upsert(tx, &heart, now)?;
            upsert(tx, &cakestand, now)?;
            upsert(tx, &product("NOBASE", None), now)?;
            for odd in odd_skus() {
                upsert(tx, &product(&odd, Some(ODD)), now)?;
            }
            inventory::open_level(tx, &sku("85123A"), 42, now.plus_micros(-DAY))?;
            sell(tx, now.plus_micros(-2 * DAY))
        })
        .await
        .unwrap();
}

/// One order of seven hearts.
fn sell(tx: &mut shopwright_store::Tx<'_>, at: Timestamp) -> Result<(), StoreError> {
    let id = Uuid::from_u128(0xf00d);
    let head = DocumentHead {
        id,
        external_id: "536365",
        customer_id: None,
        country: "United Kingdom",
        at,
    };
    upsert_documents(tx, Document::Order, "shop", "GBP", &[head])?;
    let line = LineRow {
        document_id: id,
        external_id: "536365",
        ordinal: 0,
        kind: "sale",
        code: "85123A",
        title: "WHITE HANGING HEART T-LIGHT HOLDER",
        quantity: 7,
        unit_price: UnitPrice::parse("2.95").unwrap(),
        amount_minor: 7 * HEART,
        at,
    };
    insert_lines(tx, Document::Order, &[line])?;
    settle_amounts(tx, Document::Order, &[id])?;
    note_sold(tx, &[("85123A", at)])?;
    Ok(())
}
