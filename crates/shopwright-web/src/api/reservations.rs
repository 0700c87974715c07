//! Reservations: stock held for a while, then sold, then shipped.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use shopwright_app::inventory::{
    HOLD_DEFAULT, Reservation, ReservationLine, Reserve, ReserveError, Shortage, StepError,
    WantedLine, commit_in, extend_in, release_in, reserve_in, ship_in,
};
use shopwright_domain::catalog::Sku;
use shopwright_domain::ids::{ReservationId, new_id};
use shopwright_domain::inventory::{ReservationState, TransitionError, WantedError};
use shopwright_domain::time::Timestamp;
use shopwright_store::Tx;
use shopwright_store::inventory::reservations::{self, ReservationFilter};
use utoipa::{IntoParams, ToSchema};

use super::view::ListView;
use crate::Site;
use crate::answer::Answer;
use crate::auth::{Allowed, needs};
use crate::input::{Cursor, JsonBody, PathText, Query};
use crate::once::Once;
use crate::problem::{ApiError, Code, FieldProblem, Problem, ShortageProblem};

/// Pieces of one SKU to hold.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReservationLine {
    /// The SKU.
    #[schema(value_type = String, example = "85123A")]
    pub sku: Sku,
    /// Pieces.
    #[schema(example = 2, minimum = 1, maximum = 1_000_000_000)]
    pub quantity: i64,
}

/// Stock to hold: all lines or none.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReservation {
    /// What you call it, such as a cart: the same reference with the same pieces is the same
    /// reservation, whatever has become of it.
    #[serde(default)]
    #[schema(example = "cart-1001", min_length = 1, max_length = 200)]
    pub reference: Option<String>,
    /// 1 to 100 lines; lines of one SKU are summed.
    #[schema(example = json!([{"sku": "85123A", "quantity": 2}]), min_items = 1, max_items = 100)]
    pub lines: Vec<NewReservationLine>,
    /// How long it holds, an ISO 8601 duration from 1 second to 24 hours; 15 minutes when left out.
    #[serde(default)]
    #[schema(example = "PT15M")]
    pub hold: Option<String>,
}

/// Pieces of one SKU promised from one location.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReservationLineView {
    /// The SKU.
    #[schema(example = "85123A")]
    pub sku: String,
    /// Where they ship from.
    #[schema(example = "main")]
    pub location: String,
    /// Pieces promised.
    #[schema(example = 2)]
    pub quantity: i64,
    /// How many of them were not there when they were promised.
    #[schema(example = 0)]
    pub backordered: i64,
    /// When those were expected.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub promised_at: Option<Timestamp>,
    /// Pieces that were given back before they shipped.
    #[schema(example = 0)]
    pub released: i64,
    /// Pieces that shipped and came back onto the shelf.
    #[schema(example = 0)]
    pub restocked: i64,
}

impl From<ReservationLine> for ReservationLineView {
    fn from(line: ReservationLine) -> Self {
        Self {
            sku: line.sku.as_str().to_owned(),
            location: line.location,
            quantity: line.quantity,
            backordered: line.backordered,
            promised_at: line.promised_at,
            released: line.released,
            restocked: line.restocked,
        }
    }
}

/// A reservation.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReservationView {
    /// Always `reservation`.
    #[schema(example = "reservation")]
    pub object: &'static str,
    /// Its id.
    #[schema(example = "res_01h455vb4pex5vsknk084sn02q")]
    pub id: String,
    /// What its maker calls it.
    #[schema(example = "cart-1001")]
    pub reference: Option<String>,
    /// `open`, `expired`, `committed`, `released` or `shipped`.
    #[schema(example = "open")]
    pub state: &'static str,
    /// Until just before this moment it holds what it names.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// Whether it was extended; that goes once.
    pub extended: bool,
    /// By SKU and location.
    pub lines: Vec<ReservationLineView>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

fn view(reservation: Reservation, now: Timestamp) -> ReservationView {
    ReservationView {
        object: "reservation",
        id: reservation.reservation_id.to_string(),
        state: reservation.state_at(now).as_str(),
        reference: reservation.reference,
        expires_at: reservation.held.expires_at,
        extended: reservation.held.extensions > 0,
        lines: reservation.lines.into_iter().map(ReservationLineView::from).collect(),
        created_at: reservation.created_at,
    }
}

pub(super) fn shortage_problems(short: &[Shortage]) -> Box<[ShortageProblem]> {
    let problem = |s: &Shortage| ShortageProblem {
        sku: s.sku.as_str().to_owned(),
        wanted: s.wanted,
        available: s.available,
        reason: s.reason.as_str().to_owned(),
    };
    short.iter().map(problem).collect()
}

fn reserve_error(error: ReserveError, asked: &[WantedLine]) -> ApiError {
    let text = error.to_string();
    match error {
        ReserveError::Wanted(WantedError::Lines) => ApiError::field("/lines", text),
        ReserveError::Wanted(WantedError::Quantity(place)) => {
            ApiError::field(&format!("/lines/{place}/quantity"), text)
        }
        ReserveError::Hold => ApiError::field("/hold", text),
        ReserveError::Reference(_) => ApiError::field("/reference", text),
        ReserveError::ReferenceTaken(_) => ApiError::new(Code::REFERENCE_TAKEN, text),
        ReserveError::Short(short) => {
            let of = |line: &WantedLine| short.iter().find(|s| s.sku == line.sku);
            let errors = asked
                .iter()
                .enumerate()
                .filter_map(|(place, line)| of(line).map(|s| (place, s)))
                .map(|(place, s)| FieldProblem {
                    pointer: format!("/lines/{place}"),
                    detail: ReserveError::Short(vec![s.clone()]).to_string(),
                })
                .collect();
            let shortages = shortage_problems(&short);
            ApiError { errors, shortages, ..ApiError::new(Code::INSUFFICIENT_STOCK, text) }
        }
        ReserveError::Store(error) => error.into(),
    }
}

/// An ISO 8601 duration in microseconds. Days have no fixed length and are no hold.
fn hold_micros(text: Option<&str>) -> Result<i64, ApiError> {
    let Some(text) = text else { return Ok(HOLD_DEFAULT) };
    let hold = text.parse::<jiff::SignedDuration>().ok().filter(|_| text.starts_with('P'));
    hold.and_then(|hold| i64::try_from(hold.as_micros()).ok())
        .ok_or_else(|| ApiError::field("/hold", ReserveError::Hold.to_string()))
}

/// Holds stock: all lines or none. Nothing else can be sold from it until it expires.
#[utoipa::path(
    post, path = "/v1/reservations", tag = "Reservations", operation_id = "create_reservation",
    request_body = NewReservation,
    responses(
        (status = 200, description = "Made before under this reference; as it stands", body = ReservationView),
        (status = 201, description = "Held", body = ReservationView),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The stock does not suffice, or the reference is taken", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 1 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field does not fit", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["stock:write"]))
)]
pub async fn create_reservation(
    _: Allowed<needs::StockWrite>,
    once: Once,
    State(site): State<Arc<Site>>,
    JsonBody(new): JsonBody<NewReservation>,
) -> Result<Response, ApiError> {
    let lines: Vec<_> = new
        .lines
        .into_iter()
        .map(|line| WantedLine { sku: line.sku, quantity: line.quantity })
        .collect();
    let asked = lines.clone();
    let command = Reserve {
        reservation_id: new_id(site.ids.as_ref()),
        reference: new.reference,
        lines,
        hold_micros: hold_micros(new.hold.as_deref())?,
    };
    let (id, now) = (command.reservation_id, site.clock.now());
    once.write(move |tx| {
        let made = reserve_in(tx, &command, now).map_err(|e| reserve_error(e, &asked))?;
        if made.reservation_id != id {
            return Answer::ok(&view(made, now));
        }
        Answer::created(format!("/v1/reservations/{id}"), &view(made, now))
    })
    .await
}

/// A page of reservations.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReservationsQuery {
    /// Rows, 1 to 100; 10 when left out.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<i64>,
    /// A reservation id: the page after it (older).
    pub starting_after: Option<String>,
    /// A reservation id: the page before it (newer).
    pub ending_before: Option<String>,
    /// Only in this state now.
    #[param(value_type = Option<String>, pattern = "^(open|expired|committed|released|shipped)$")]
    pub state: Option<ReservationState>,
    /// Only the one with this reference.
    pub reference: Option<String>,
}

/// Reservations, newest first.
#[utoipa::path(
    get, path = "/v1/reservations", tag = "Reservations", operation_id = "list_reservations",
    params(ReservationsQuery),
    responses(
        (status = 200, description = "A page of reservations", body = ListView<ReservationView>),
        (status = 400, description = "A parameter does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["stock:read"]))
)]
pub async fn list_reservations(
    _: Allowed<needs::StockRead>,
    Query(query): Query<ReservationsQuery>,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<ListView<ReservationView>>, ApiError> {
    let cursor: Cursor<ReservationId> =
        Cursor::read(query.limit, query.starting_after, query.ending_before)?;
    if query.reference.as_ref().is_some_and(|text| text.contains('\0')) {
        return Err(ApiError::new(Code::INVALID_PARAMETER, "reference: it names no reservation"));
    }
    let now = site.clock.now();
    let filter = ReservationFilter {
        state: query.state.map(|state| (state, now)),
        reference: query.reference,
    };
    let rows = site.store.read(move |tx| reservations::list(tx, &filter, &cursor.page())).await?;
    let (limit, backwards) = (cursor.limit, cursor.is_backwards());
    let data = rows.into_iter().map(|row| view(row, now)).collect();
    Ok(axum::Json(ListView::page(data, limit, backwards, "/v1/reservations".to_owned())))
}

fn gone(id: &str) -> ApiError {
    ApiError::new(Code::NOT_FOUND, format!("there is no reservation {id}"))
}

fn read_id(id: &str) -> Result<ReservationId, ApiError> {
    id.parse().map_err(|_| gone(id))
}

/// One reservation. An open one shows `expired` from the moment it expires.
#[utoipa::path(
    get, path = "/v1/reservations/{id}", tag = "Reservations", operation_id = "get_reservation",
    params(("id" = String, Path, description = "The reservation", example = "res_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 200, description = "The reservation", body = ReservationView),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No reservation has this id", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["stock:read"]))
)]
pub async fn get_reservation(
    _: Allowed<needs::StockRead>,
    PathText(id): PathText<String>,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<ReservationView>, ApiError> {
    let wanted = read_id(&id)?;
    let found = site.store.read(move |tx| reservations::find(tx, wanted)).await?;
    let now = site.clock.now();
    found.map(|row| axum::Json(view(row, now))).ok_or_else(|| gone(&id))
}

fn step_error(error: StepError) -> ApiError {
    let text = error.to_string();
    match error {
        StepError::NotFound(id) => gone(&id.to_string()),
        StepError::Refused(TransitionError::Expired) => {
            ApiError::new(Code::RESERVATION_EXPIRED, text)
        }
        StepError::Refused(TransitionError::State { .. }) => {
            ApiError::new(Code::RESERVATION_STATE, text)
        }
        StepError::Expired(short) => ApiError {
            shortages: shortage_problems(&short),
            ..ApiError::new(Code::RESERVATION_EXPIRED, text)
        },
        StepError::NotOnShelf(short) => ApiError {
            shortages: shortage_problems(&short),
            ..ApiError::new(Code::NOT_ON_SHELF, text)
        },
        StepError::Store(error) => error.into(),
    }
}

type TakeStep = fn(&mut Tx<'_>, ReservationId, Timestamp) -> Result<Reservation, StepError>;

async fn take(site: &Site, once: Once, id: &str, step: TakeStep) -> Result<Response, ApiError> {
    let (id, now) = (read_id(id)?, site.clock.now());
    once.write(move |tx| Answer::ok(&view(step(tx, id, now).map_err(step_error)?, now))).await
}

/// Holds an open reservation as long again, counted from now. That goes once; sent again it changes
/// nothing.
#[utoipa::path(
    post, path = "/v1/reservations/{id}/extend", tag = "Reservations", operation_id = "extend_reservation",
    params(("id" = String, Path, description = "The reservation", example = "res_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 200, description = "Held longer", body = ReservationView),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No reservation has this id", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It has expired, or holds nothing any more", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["stock:write"]))
)]
pub async fn extend_reservation(
    _: Allowed<needs::StockWrite>,
    once: Once,
    PathText(id): PathText<String>,
    State(site): State<Arc<Site>>,
) -> Result<Response, ApiError> {
    take(&site, once, &id, extend_in).await
}

/// Sells what is held. An expired reservation is sold if the same pieces are still there, else
/// refused. Sent again it changes nothing.
#[utoipa::path(
    post, path = "/v1/reservations/{id}/commit", tag = "Reservations", operation_id = "commit_reservation",
    params(("id" = String, Path, description = "The reservation", example = "res_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 200, description = "Sold", body = ReservationView),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No reservation has this id", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It has expired and its stock is gone, or it was released", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["stock:write"]))
)]
pub async fn commit_reservation(
    _: Allowed<needs::StockWrite>,
    once: Once,
    PathText(id): PathText<String>,
    State(site): State<Arc<Site>>,
) -> Result<Response, ApiError> {
    take(&site, once, &id, commit_in).await
}

/// Gives everything back that has not shipped. Sent again it changes nothing.
#[utoipa::path(
    post, path = "/v1/reservations/{id}/release", tag = "Reservations", operation_id = "release_reservation",
    params(("id" = String, Path, description = "The reservation", example = "res_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 200, description = "Given back", body = ReservationView),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No reservation has this id", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It has shipped", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["stock:write"]))
)]
pub async fn release_reservation(
    _: Allowed<needs::StockWrite>,
    once: Once,
    PathText(id): PathText<String>,
    State(site): State<Arc<Site>>,
) -> Result<Response, ApiError> {
    take(&site, once, &id, release_in).await
}

/// Takes what was sold off the shelf. Sent again it changes nothing.
#[utoipa::path(
    post, path = "/v1/reservations/{id}/ship", tag = "Reservations", operation_id = "ship_reservation",
    params(("id" = String, Path, description = "The reservation", example = "res_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 200, description = "Shipped", body = ReservationView),
        (status = 400, description = "The path is not UTF-8 text", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No reservation has this id", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It was not sold, or the pieces are not on the shelf", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["stock:write"]))
)]
pub async fn ship_reservation(
    _: Allowed<needs::StockWrite>,
    once: Once,
    PathText(id): PathText<String>,
    State(site): State<Arc<Site>>,
) -> Result<Response, ApiError> {
    take(&site, once, &id, ship_in).await
}
