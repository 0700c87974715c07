//! Products, to write: one as a whole, or many at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use shopwright_app::catalog::{ProductRow, Put, PutProductError};
use shopwright_domain::catalog::{ProductFields, ProductKind, ProductStatus, Sku};
use shopwright_domain::invalid::InvalidField;
use shopwright_domain::money::Currency;
use shopwright_store::audit::{Actor, Stamp};
use shopwright_store::{StoreError, catalog};
use utoipa::ToSchema;

use super::catalog::{ProductView, shown};
use super::view::MoneyBody;
use crate::Site;
use crate::answer::Answer;
use crate::auth::{Allowed, needs};
use crate::etag::{EntityTag, IfMatch};
use crate::input::{JsonBody, SkuPath, read_value};
use crate::once::Once;
use crate::problem::{ApiError, FieldProblem, Problem};

/// Products of one bulk call at most.
const ROWS_MAX: usize = 10_000;

/// A product as its owner wants it. What is left out is not set.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductBody {
    /// What it is called.
    #[schema(example = "White hanging heart", min_length = 1, max_length = 1000)]
    pub title: String,
    /// Category path.
    #[schema(example = "Home/Candles", max_length = 200)]
    pub category: Option<String>,
    /// `physical` when left out.
    #[serde(default = "physical")]
    #[schema(value_type = String, example = "physical", pattern = "^(physical|digital|service|bundle|subscription)$")]
    pub kind: ProductKind,
    /// ISO 4217; a product keeps it.
    #[schema(value_type = String, example = "GBP", pattern = "^[A-Z]{3}$")]
    pub currency: Currency,
    /// What prices are decided from. Left out, one that was found in the history stays.
    pub base_price: Option<MoneyBody>,
    /// What one piece costs the shop.
    pub cost: Option<MoneyBody>,
    /// The price shown struck through.
    pub compare_at: Option<MoneyBody>,
    /// Minimum advertised price.
    pub map: Option<MoneyBody>,
    /// `active` when left out; `archived` takes it off sale and keeps its history.
    #[serde(default = "active")]
    #[schema(value_type = String, example = "active", pattern = "^(active|draft|archived)$")]
    pub status: ProductStatus,
    /// Whatever else the shop keeps about it, at most 32 KiB.
    #[serde(default)]
    #[schema(value_type = Object, example = json!({"colour": "white"}))]
    pub attributes: Map<String, Value>,
    /// Where its images are: `http` or `https`.
    #[serde(default)]
    #[schema(example = json!(["https://shop.example/heart.jpg"]), max_items = 50)]
    pub images: Vec<String>,
    /// SKUs of the products it is an add-on of.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 100)]
    pub add_on_of: Vec<Sku>,
    /// The class by which it is taxed.
    #[schema(example = "standard", max_length = 200)]
    pub tax_class: Option<String>,
}

const fn physical() -> ProductKind {
    ProductKind::Physical
}

const fn active() -> ProductStatus {
    ProductStatus::Active
}

impl ProductBody {
    fn fields(self) -> Result<ProductFields, Vec<InvalidField>> {
        let mut found = Vec::new();
        let mut amount = |money: Option<MoneyBody>, pointer: &str| {
            money.map(|money| money.within(self.currency, pointer, &mut found))
        };
        let fields = ProductFields {
            base_price_minor: amount(self.base_price, "/base_price"),
            cost_minor: amount(self.cost, "/cost"),
            compare_at_minor: amount(self.compare_at, "/compare_at"),
            map_minor: amount(self.map, "/map"),
            title: self.title,
            category: self.category,
            kind: self.kind,
            currency: self.currency,
            status: self.status,
            attributes: self.attributes,
            images: self.images,
            add_on_of: self.add_on_of,
            tax_class: self.tax_class,
        };
        if found.is_empty() { Ok(fields) } else { Err(found) }
    }
}

/// Creates a product, or replaces what its owner edits. Prices follow within a second.
#[utoipa::path(
    put, path = "/v1/products/{sku}", tag = "Products", operation_id = "put_product",
    params(("sku" = String, Path, description = "The shop's own code, byte for byte", example = "85123A")),
    request_body(content = ProductBody, example = json!({
        "title": "White hanging heart", "category": "Home/Candles", "kind": "physical", "currency": "GBP",
        "base_price": {"amount": 295, "currency": "GBP"}, "cost": {"amount": 150, "currency": "GBP"},
        "attributes": {"colour": "white"}, "images": ["https://shop.example/heart.jpg"], "tax_class": "standard",
    })),
    responses(
        (status = 200, description = "The product as it is kept; `ETag` is its version", body = ProductView),
        (status = 201, description = "Made", body = ProductView),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "The path cannot be a SKU", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "It was changed since the version in `If-Match`", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 1 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field does not fit", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["catalog:write"]))
)]
pub async fn put_product(
    _: Allowed<needs::CatalogWrite>,
    once: Once,
    if_match: IfMatch,
    SkuPath(sku): SkuPath,
    JsonBody(body): JsonBody<ProductBody>,
) -> Result<Response, ApiError> {
    let fields = body.fields().map_err(ApiError::fields)?;
    let stamp = once.stamp();
    once.write(move |tx| {
        let kept = catalog::lock(tx, &sku)?;
        if_match.check(kept.map(|kept| EntityTag::version(kept.version)).as_ref())?;
        let put =
            shopwright_app::catalog::put_product(tx, &sku, &fields, stamp).map_err(put_error)?;
        let gone = || StoreError::Bug(format!("the product {sku} was written and is not there"));
        let product = catalog::find(tx, &sku)?.ok_or_else(gone)?;
        if put != Put::Created {
            return shown(product);
        }
        let tag = EntityTag::version(product.version);
        let location = format!("/v1/products/{}", super::view::path_segment(sku.as_str()));
        Ok(Answer::created(location, &ProductView::from(product))?.tagged(&tag))
    })
    .await
}

fn put_error(error: PutProductError) -> ApiError {
    match error {
        PutProductError::Invalid(found) => ApiError::fields(found),
        error @ PutProductError::Currency { .. } => ApiError::field("/currency", error.to_string()),
        PutProductError::Store(error) => error.into(),
    }
}

/// Many products.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductsBody {
    /// Products with their `sku`, each as in `PUT /v1/products/{sku}`; 1 to 10,000.
    #[schema(value_type = Vec<Object>, min_items = 1, max_items = 10000)]
    pub products: Vec<Value>,
}

/// What became of many products.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProductsPutView {
    /// Always `products_put`.
    #[schema(example = "products_put")]
    pub object: &'static str,
    /// New ones.
    pub created: usize,
    /// Changed ones.
    pub updated: usize,
    /// Ones that were so already.
    pub unchanged: usize,
    /// Ones that do not fit; the others are kept.
    pub failed: usize,
    /// One entry for each that was sent, in the same order.
    pub data: Vec<ProductPutView>,
}

/// What became of one of many products.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProductPutView {
    /// The SKU that was sent, when there was one.
    #[schema(example = "85123A")]
    pub sku: Option<String>,
    /// `created`, `updated`, `unchanged` or `error`.
    #[schema(example = "updated")]
    pub result: &'static str,
    /// What does not fit, with pointers into this product.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
}

/// Creates or replaces many products. The good ones are kept, the others named; sending the same
/// again changes nothing.
#[utoipa::path(
    post, path = "/v1/products/batch", tag = "Products", operation_id = "put_products",
    request_body(content = ProductsBody, example = json!({"products": [
        {"sku": "85123A", "title": "White hanging heart", "currency": "GBP", "base_price": {"amount": 295, "currency": "GBP"}},
    ]})),
    responses(
        (status = 200, description = "What became of each", body = ProductsPutView),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 16 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "None or more than 10,000 products", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["catalog:write"]))
)]
pub async fn put_products(
    by: Allowed<needs::CatalogWrite>,
    State(site): State<Arc<Site>>,
    JsonBody(body): JsonBody<ProductsBody>,
) -> Result<axum::Json<ProductsPutView>, ApiError> {
    if !(1..=ROWS_MAX).contains(&body.products.len()) {
        return Err(ApiError::field("/products", format!("send 1 to {ROWS_MAX} products")));
    }
    let mut first: BTreeMap<Sku, usize> = BTreeMap::new();
    let mut data = Vec::with_capacity(body.products.len());
    let mut rows = Vec::with_capacity(body.products.len());
    for (place, value) in body.products.into_iter().enumerate() {
        let (sku, read) = read_row(value);
        let read = read.and_then(|(sku, fields)| match first.insert(sku.clone(), place) {
            None => Ok((sku, fields)),
            Some(before) => {
                first.insert(sku, before);
                let detail = format!("stands in this call before, at /products/{before}");
                Err(vec![FieldProblem { pointer: "/sku".to_owned(), detail }])
            }
        });
        let errors = match read {
            Ok((sku, fields)) => {
                rows.push(ProductRow { place, sku, fields });
                Vec::new()
            }
            Err(errors) => errors,
        };
        data.push(ProductPutView { sku, result: "error", errors });
    }
    let stamp = Stamp::new(Actor::Key(by.key.key_id), site.clock.now());
    for (place, outcome) in shopwright_app::catalog::put_products(&site.store, rows, stamp).await? {
        match outcome {
            Ok(put) => data[place].result = result_of(put),
            Err(found) => data[place].errors = ApiError::fields(found).errors,
        }
    }
    let count = |result: &str| data.iter().filter(|row| row.result == result).count();
    Ok(axum::Json(ProductsPutView {
        object: "products_put",
        created: count("created"),
        updated: count("updated"),
        unchanged: count("unchanged"),
        failed: count("error"),
        data,
    }))
}

const fn result_of(put: Put) -> &'static str {
    match put {
        Put::Created => "created",
        Put::Updated => "updated",
        Put::Unchanged => "unchanged",
    }
}

type ReadRow = Result<(Sku, ProductFields), Vec<FieldProblem>>;

/// Reads one row; gives the SKU it names besides, whatever that is worth.
fn read_row(value: Value) -> (Option<String>, ReadRow) {
    let one = |pointer: &str, detail: String| {
        Err(vec![FieldProblem { pointer: pointer.to_owned(), detail }])
    };
    let Value::Object(mut fields) = value else {
        return (None, one("", "a product is a JSON object".to_owned()));
    };
    let Some(Value::String(text)) = fields.remove("sku") else {
        return (None, one("/sku", "name the product by its SKU, a text".to_owned()));
    };
    let read = match Sku::parse(&text) {
        Err(error) => one("/sku", error.to_string()),
        Ok(sku) => read_value::<ProductBody>(Value::Object(fields))
            .map_err(|problem| vec![problem])
            .and_then(|body| body.fields().map_err(|found| ApiError::fields(found).errors))
            .map(|fields| (sku, fields)),
    };
    (Some(text), read)
}
