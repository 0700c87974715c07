//! Products, to read. [`super::catalog_edit`] writes them.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use shopwright_domain::catalog::{ProductKind, ProductStatus, Sku};
use shopwright_domain::time::Timestamp;
use shopwright_store::catalog::{self, Product, ProductFilter};
use shopwright_store::{Page, Place};
use utoipa::{IntoParams, ToSchema};

use super::view::{ListView, MoneyView};
use crate::Site;
use crate::answer::Answer;
use crate::auth::{Allowed, needs};
use crate::etag::EntityTag;
use crate::input::{PageLimit, Query, SkuPath, no_nul, one_cursor};
use crate::problem::{ApiError, Code, Problem};

/// A product.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProductView {
    /// Always `product`.
    #[schema(example = "product")]
    pub object: &'static str,
    /// The shop's own code.
    #[schema(example = "85123A")]
    pub sku: String,
    /// What it is called.
    #[schema(example = "WHITE HANGING HEART T-LIGHT HOLDER")]
    pub title: String,
    /// Category path.
    pub category: Option<String>,
    /// `physical`, `digital`, `service`, `bundle` or `subscription`.
    #[schema(example = "physical")]
    pub kind: &'static str,
    /// ISO 4217.
    #[schema(example = "GBP")]
    pub currency: String,
    /// What prices are decided from.
    pub base_price: Option<MoneyView>,
    /// The rule or person it came from.
    #[schema(value_type = Option<Object>)]
    pub base_price_from: Option<serde_json::Value>,
    /// What one piece costs the shop.
    pub cost: Option<MoneyView>,
    /// The price shown struck through.
    pub compare_at: Option<MoneyView>,
    /// Minimum advertised price.
    pub map: Option<MoneyView>,
    /// `active`, `draft` or `archived`.
    #[schema(example = "active")]
    pub status: &'static str,
    /// Whatever else the shop keeps about it.
    #[schema(value_type = Object)]
    pub attributes: serde_json::Value,
    /// Where its images are.
    pub images: Vec<String>,
    /// The products it is an add-on of.
    pub add_on_of: Vec<String>,
    /// The class by which it is taxed.
    pub tax_class: Option<String>,
    /// When it was first written.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last written.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl From<Product> for ProductView {
    fn from(product: Product) -> Self {
        let money = |amount| MoneyView::maybe(amount, product.currency);
        Self {
            object: "product",
            sku: product.sku.as_str().to_owned(),
            title: product.title,
            category: product.category,
            kind: product.kind.as_str(),
            currency: product.currency.code().to_owned(),
            base_price: money(product.base_price_minor),
            base_price_from: product.base_price_from,
            cost: money(product.cost_minor),
            compare_at: money(product.compare_at_minor),
            map: money(product.map_minor),
            status: product.status.as_str(),
            attributes: product.attributes,
            images: product.images,
            add_on_of: product.add_on_of.iter().map(|sku| sku.as_str().to_owned()).collect(),
            tax_class: product.tax_class,
            created_at: product.created_at,
            updated_at: product.updated_at,
        }
    }
}

/// A page of products.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ProductsQuery {
    /// Rows, 1 to 100; 10 when left out.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<i64>,
    /// A SKU: the page after it.
    pub starting_after: Option<String>,
    /// A SKU: the page before it.
    pub ending_before: Option<String>,
    /// Only this category and everything below it.
    pub category: Option<String>,
    /// Only `active`, `draft` or `archived`.
    #[param(value_type = Option<String>, pattern = "^(active|draft|archived)$")]
    pub status: Option<ProductStatus>,
    /// Only `physical`, `digital`, `service`, `bundle` or `subscription`.
    #[param(value_type = Option<String>, pattern = "^(physical|digital|service|bundle|subscription)$")]
    pub kind: Option<ProductKind>,
    /// Written at this time or later.
    #[param(value_type = Option<String>, format = DateTime)]
    pub updated_since: Option<Timestamp>,
    /// How the SKU or the title begins, any case.
    pub q: Option<String>,
}

/// The catalogue in SKU order.
#[utoipa::path(
    get, path = "/v1/products", tag = "Products", operation_id = "list_products",
    params(ProductsQuery),
    responses(
        (status = 200, description = "A page of products", body = ListView<ProductView>),
        (status = 400, description = "A parameter does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["catalog:read"]))
)]
pub async fn list_products(
    _: Allowed<needs::CatalogRead>,
    Query(query): Query<ProductsQuery>,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<ListView<ProductView>>, ApiError> {
    let limit = PageLimit::read(query.limit)?.0;
    one_cursor(query.starting_after.as_deref(), query.ending_before.as_deref())?;
    let after = read_sku("starting_after", query.starting_after.as_deref())?;
    let before = read_sku("ending_before", query.ending_before.as_deref())?;
    let backwards = before.is_some();
    let place = match (after, before) {
        (Some(sku), _) => Place::After(sku.as_str().to_owned()),
        (_, Some(sku)) => Place::Before(sku.as_str().to_owned()),
        _ => Place::First,
    };
    let page = Page { place, limit: limit + 1 };
    let filter = ProductFilter {
        category: no_nul("category", query.category)?,
        status: query.status,
        kind: query.kind,
        updated_since: query.updated_since,
        begins: no_nul("q", query.q)?.filter(|text| !text.is_empty()),
    };
    let rows = site.store.read(move |tx| catalog::list(tx, &filter, &page)).await?;
    let products = rows.into_iter().map(ProductView::from).collect();
    Ok(axum::Json(ListView::page(products, limit, backwards, "/v1/products".to_owned())))
}

fn read_sku(name: &str, text: Option<&str>) -> Result<Option<Sku>, ApiError> {
    text.map(Sku::parse)
        .transpose()
        .map_err(|error| ApiError::new(Code::INVALID_PARAMETER, format!("{name}: {error}")))
}

/// One product.
#[utoipa::path(
    get, path = "/v1/products/{sku}", tag = "Products", operation_id = "get_product",
    params(("sku" = String, Path, description = "The shop's own code, byte for byte", example = "85123A")),
    responses(
        (status = 200, description = "The product; `ETag` is its version", body = ProductView),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No product has this SKU", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["catalog:read"]))
)]
pub async fn get_product(
    _: Allowed<needs::CatalogRead>,
    SkuPath(sku): SkuPath,
    State(site): State<Arc<Site>>,
) -> Result<Answer, ApiError> {
    let wanted = sku.clone();
    let product = site.store.read(move |tx| catalog::find(tx, &wanted)).await?;
    shown(product.ok_or_else(|| ApiError::unknown_sku(sku.as_str()))?)
}

/// 200 with the product and its version.
pub(super) fn shown(product: Product) -> Result<Answer, ApiError> {
    let tag = EntityTag::version(product.version);
    Ok(Answer::ok(&ProductView::from(product))?.tagged(&tag))
}
