//! Customers: kept under the shop's own id, merged, handed out, erased.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use shopwright_app::customers::{self as operations, EraseError, MergeError, PutCustomerError};
use shopwright_domain::customers::{CustomerFields, CustomerId};
use shopwright_domain::time::Timestamp;
use shopwright_store::audit::{Actor, Stamp};
use shopwright_store::customers::{self, Customer, CustomerFilter};
use utoipa::{IntoParams, ToSchema};

use super::customer_views::{CustomerBody, CustomerExportView, CustomerView};
use super::view::{ListView, path_segment};
use crate::Site;
use crate::answer::Answer;
use crate::auth::{Allowed, needs};
use crate::etag::{EntityTag, IfMatch};
use crate::input::{Cursor, JsonBody, PathText, Query, no_nul};
use crate::once::{Once, forget_answers};
use crate::problem::{ApiError, Code, Problem};

fn unknown(id: &str) -> ApiError {
    ApiError::new(Code::NOT_FOUND, format!("there is no customer {id}"))
}

fn read_id(text: &str) -> Result<CustomerId, ApiError> {
    text.parse().map_err(|_| unknown(text))
}

fn shown(customer: Customer) -> Result<Answer, ApiError> {
    let tag = EntityTag::version(customer.version);
    Ok(Answer::ok(&CustomerView::from(customer))?.tagged(&tag))
}

/// A page of customers.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CustomersQuery {
    /// Rows, 1 to 100; 10 when left out.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<i64>,
    /// A customer id: the page after it (seen earlier).
    pub starting_after: Option<String>,
    /// A customer id: the page before it (seen later).
    pub ending_before: Option<String>,
    /// Only with this e-mail address, any case.
    pub email: Option<String>,
    /// Only of this country.
    pub country: Option<String>,
    /// Written at this time or later.
    #[param(value_type = Option<String>, format = DateTime)]
    pub updated_since: Option<Timestamp>,
}

/// Customers, last seen first.
#[utoipa::path(
    get, path = "/v1/customers", tag = "Customers", operation_id = "list_customers",
    params(CustomersQuery),
    responses(
        (status = 200, description = "A page of customers", body = ListView<CustomerView>),
        (status = 400, description = "A parameter does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["customers:read"]))
)]
pub async fn list_customers(
    _: Allowed<needs::CustomersRead>,
    Query(query): Query<CustomersQuery>,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<ListView<CustomerView>>, ApiError> {
    let cursor: Cursor<CustomerId> =
        Cursor::read(query.limit, query.starting_after, query.ending_before)?;
    let filter = CustomerFilter {
        email: no_nul("email", query.email)?,
        country: no_nul("country", query.country)?,
        updated_since: query.updated_since,
    };
    let (limit, backwards, page) = (cursor.limit, cursor.is_backwards(), cursor.page());
    let rows = site.store.read(move |tx| customers::list(tx, &filter, &page)).await?;
    let data = rows.into_iter().map(CustomerView::from).collect();
    Ok(axum::Json(ListView::page(data, limit, backwards, "/v1/customers".to_owned())))
}

/// One customer, by its own id or one that was merged into it.
#[utoipa::path(
    get, path = "/v1/customers/{id}", tag = "Customers", operation_id = "get_customer",
    params(("id" = String, Path, description = "The shop's own id", example = "cust-1001")),
    responses(
        (status = 200, description = "The customer; `ETag` is its version", body = CustomerView),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Nobody has this id", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["customers:read"]))
)]
pub async fn get_customer(
    _: Allowed<needs::CustomersRead>,
    PathText(id): PathText<String>,
    State(site): State<Arc<Site>>,
) -> Result<Answer, ApiError> {
    let wanted = read_id(&id)?;
    let found = site.store.read(move |tx| operations::find_customer(tx, &wanted)).await?;
    shown(found.ok_or_else(|| unknown(&id))?)
}

/// Creates a customer, or replaces what is known of one.
#[utoipa::path(
    put, path = "/v1/customers/{id}", tag = "Customers", operation_id = "put_customer",
    params(("id" = String, Path, description = "The shop's own id", example = "cust-1001")),
    request_body = CustomerBody,
    responses(
        (status = 200, description = "The customer as it is kept; `ETag` is its version", body = CustomerView),
        (status = 201, description = "Made", body = CustomerView),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "The path cannot be an id", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The customer was erased, or merged into another", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "It was changed since the version in `If-Match`", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 1 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field does not fit", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["customers:write"]))
)]
pub async fn put_customer(
    _: Allowed<needs::CustomersWrite>,
    once: Once,
    if_match: IfMatch,
    PathText(id): PathText<String>,
    State(site): State<Arc<Site>>,
    JsonBody(body): JsonBody<CustomerBody>,
) -> Result<Response, ApiError> {
    let id = read_id(&id)?;
    let fields = CustomerFields::from(body);
    let now = site.clock.now();
    once.write(move |tx| {
        customers::lock(tx, &id)?;
        let kept = customers::find(tx, &id)?;
        if_match.check(kept.map(|kept| EntityTag::version(kept.version)).as_ref())?;
        let (customer, put) = operations::put_customer(tx, &id, &fields, now).map_err(put_error)?;
        if put != shopwright_app::catalog::Put::Created {
            return shown(customer);
        }
        let tag = EntityTag::version(customer.version);
        let location = format!("/v1/customers/{}", path_segment(id.as_str()));
        Ok(Answer::created(location, &CustomerView::from(customer))?.tagged(&tag))
    })
    .await
}

fn put_error(error: PutCustomerError) -> ApiError {
    let text = error.to_string();
    match error {
        PutCustomerError::Invalid(found) => ApiError::fields(found),
        PutCustomerError::Erased(_) => ApiError::new(Code::CUSTOMER_ERASED, text),
        PutCustomerError::Merged(_) => ApiError::new(Code::CUSTOMER_MERGED, text),
        PutCustomerError::Store(error) => error.into(),
    }
}

/// Which customer is to become part of another.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeBody {
    /// The id that stands for the customer of the path from now on, known or not.
    #[schema(value_type = String, example = "anonymous-77", min_length = 1, max_length = 200)]
    pub from: CustomerId,
}

/// Merges another id into a customer: its orders move, and later ones under the old id follow.
#[utoipa::path(
    post, path = "/v1/customers/{id}/merge", tag = "Customers", operation_id = "merge_customer",
    params(("id" = String, Path, description = "The customer that stays", example = "cust-1001")),
    request_body = MergeBody,
    responses(
        (status = 200, description = "The customer that stays", body = CustomerView),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Nobody has the id of the path", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "One was erased, or merged into another before", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 1 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Both are the same", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["customers:write"]))
)]
pub async fn merge_customer(
    _: Allowed<needs::CustomersWrite>,
    once: Once,
    PathText(id): PathText<String>,
    JsonBody(body): JsonBody<MergeBody>,
) -> Result<Response, ApiError> {
    let into = read_id(&id)?;
    let stamp = once.stamp();
    once.write(move |tx| {
        let kept =
            operations::merge_customers(tx, &body.from, &into, stamp).map_err(merge_error)?;
        shown(kept)
    })
    .await
}

fn merge_error(error: MergeError) -> ApiError {
    let text = error.to_string();
    match error {
        MergeError::Itself => ApiError::field("/from", text),
        MergeError::Unknown(_) => ApiError::new(Code::NOT_FOUND, text),
        MergeError::Erased(_) => ApiError::new(Code::CUSTOMER_ERASED, text),
        MergeError::MergedElsewhere { .. } => ApiError::new(Code::CUSTOMER_MERGED, text),
        MergeError::Store(error) => error.into(),
    }
}

/// Everything the ledger has about a person, to hand out.
#[utoipa::path(
    get, path = "/v1/customers/{id}/export", tag = "Customers", operation_id = "get_customer_export",
    params(("id" = String, Path, description = "The shop's own id", example = "cust-1001")),
    responses(
        (status = 200, description = "The person's data", body = CustomerExportView),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Nobody has this id", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["customers:read"]))
)]
pub async fn export_customer(
    by: Allowed<needs::CustomersRead>,
    PathText(id): PathText<String>,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<CustomerExportView>, ApiError> {
    let wanted = read_id(&id)?;
    let found = site.store.read(move |tx| operations::export_customer(tx, &wanted)).await?;
    let export = Arc::new(found.ok_or_else(|| unknown(&id))?);
    let stamp = Stamp::new(Actor::Key(by.key.key_id), site.clock.now());
    let told = Arc::clone(&export);
    site.store.write(move |tx| operations::record_export(tx, &told, stamp)).await?;
    Ok(axum::Json(Arc::unwrap_or_clone(export).into()))
}

/// Erases a person: details, addresses, names on orders. Amounts stay, with nobody behind them.
#[utoipa::path(
    delete, path = "/v1/customers/{id}", tag = "Customers", operation_id = "erase_customer",
    params(("id" = String, Path, description = "The shop's own id", example = "cust-1001")),
    responses(
        (status = 204, description = "Erased, now or before"),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Nobody has this id", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["customers:write"]))
)]
pub async fn erase_customer(
    _: Allowed<needs::CustomersWrite>,
    once: Once,
    PathText(id): PathText<String>,
) -> Result<Response, ApiError> {
    let id = read_id(&id)?;
    let stamp = once.stamp();
    once.write(move |tx| {
        let erased = operations::erase_customer(tx, &id, stamp).map_err(|error| match error {
            EraseError::Unknown(id) => unknown(id.as_str()),
            EraseError::Store(error) => error.into(),
        })?;
        let mut named: Vec<String> = erased.ids.iter().map(|id| id.as_str().to_owned()).collect();
        named.extend(erased.orders.iter().map(ToString::to_string));
        forget_answers(tx, &named)?;
        Ok(Answer::no_content())
    })
    .await
}
