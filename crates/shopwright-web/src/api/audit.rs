//! The audit log: who changed what, and when.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use shopwright_domain::time::Timestamp;
use shopwright_store::StoreError;
use shopwright_store::audit::{self, AuditFilter, AuditPage, Recorded};
use utoipa::{IntoParams, ToSchema};

use super::view::ListView;
use crate::Site;
use crate::auth::{Allowed, needs};
use crate::input::{PageLimit, Query, one_cursor};
use crate::problem::{ApiError, Code, Problem};

/// Who did it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AuditActorView {
    /// `operator`, `key`, `cli` (whoever runs commands on the server) or `system`.
    #[schema(example = "operator")]
    pub kind: String,
    /// The operator's or key's id; left out for the others.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(example = "opr_01h455vb4pex5vsknk084sn02q")]
    pub id: String,
}

/// One entry of the audit log.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AuditEntryView {
    /// Always `audit_entry`.
    #[schema(example = "audit_entry")]
    pub object: &'static str,
    /// Its place in the log, from 1 without gaps; the cursor of the list.
    #[schema(example = 42)]
    pub seq: i64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who.
    pub actor: AuditActorView,
    /// What was done.
    #[schema(example = "key.revoked")]
    pub action: String,
    /// To what: an id or a path.
    #[schema(example = "key_01h455vb4pex5vsknk084sn02q")]
    pub target: String,
    /// The how-manieth entry of this target it is, from 1 without gaps.
    #[schema(example = 2)]
    pub target_version: i64,
    /// How it was; `null` for what was not there. Secrets are never in it.
    #[schema(value_type = Option<Object>)]
    pub before: Option<serde_json::Value>,
    /// How it is now; `null` for what is gone.
    #[schema(value_type = Option<Object>)]
    pub after: Option<serde_json::Value>,
    /// SHA-256 over the entry and the hash of the one before, hexadecimal.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    pub hash: String,
}

impl TryFrom<Recorded> for AuditEntryView {
    type Error = StoreError;

    fn try_from(row: Recorded) -> Result<Self, StoreError> {
        let json = |column: &str, text: Option<String>| {
            let read = text.map(|text| serde_json::from_str(&text)).transpose();
            read.map_err(|error| StoreError::Corrupt {
                table: "audit_log".to_owned(),
                column: column.to_owned(),
                id: row.seq.to_string(),
                problem: error.to_string(),
            })
        };
        Ok(Self {
            object: "audit_entry",
            seq: row.seq,
            at: row.at,
            actor: AuditActorView { kind: row.actor_kind, id: row.actor_id },
            action: row.action,
            target: row.object,
            target_version: row.object_version,
            before: json("before_json", row.before)?,
            after: json("after_json", row.after)?,
            hash: row.hash.iter().fold(String::new(), |mut text, byte| {
                // Writing to a string cannot fail.
                let _ = write!(text, "{byte:02x}");
                text
            }),
        })
    }
}

/// A page of the audit log.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Rows, 1 to 100; 10 when left out.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<i64>,
    /// A `seq`: the page after it (older).
    pub starting_after: Option<i64>,
    /// A `seq`: the page before it (newer).
    pub ending_before: Option<i64>,
    /// Only entries of this kind of actor: `operator`, `key`, `cli` or `system`.
    pub actor_kind: Option<String>,
    /// Only entries of this operator or key.
    pub actor_id: Option<String>,
    /// Only this action, as `key.revoked`; or all of one word, as `key.`.
    pub action: Option<String>,
    /// Only entries of this target.
    pub target: Option<String>,
}

/// The audit log, newest first.
#[utoipa::path(
    get, path = "/v1/audit", tag = "Audit log", operation_id = "list_audit_entries",
    params(AuditQuery),
    responses(
        (status = 200, description = "A page of entries", body = ListView<AuditEntryView>),
        (status = 400, description = "A parameter does not fit", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope", body = Problem, content_type = "application/problem+json"),
    ),
    security(("key" = ["audit:read"]))
)]
pub async fn list_audit_entries(
    _: Allowed<needs::AuditRead>,
    Query(query): Query<AuditQuery>,
    State(site): State<Arc<Site>>,
) -> Result<axum::Json<ListView<AuditEntryView>>, ApiError> {
    let limit = PageLimit::read(query.limit)?.0;
    let cursor = |seq: Option<i64>| seq.map(|seq| seq.to_string());
    one_cursor(cursor(query.starting_after).as_deref(), cursor(query.ending_before).as_deref())?;
    let page = match (query.starting_after, query.ending_before) {
        (Some(seq), _) => AuditPage::OlderThan(seq),
        (_, Some(seq)) => AuditPage::NewerThan(seq),
        _ => AuditPage::Newest,
    };
    let filter = AuditFilter {
        actor_kind: text("actor_kind", query.actor_kind)?,
        actor_id: text("actor_id", query.actor_id)?,
        action: text("action", query.action)?,
        object: text("target", query.target)?,
    };
    let kinds = ["", "operator", "key", "cli", "system"];
    if !kinds.contains(&filter.actor_kind.as_str()) {
        let detail = "actor_kind must be operator, key, cli or system";
        return Err(ApiError::new(Code::INVALID_PARAMETER, detail));
    }
    let rows = site.store.read(move |tx| audit::list(tx, &filter, page, limit + 1)).await?;
    let data: Vec<AuditEntryView> =
        rows.into_iter().map(TryInto::try_into).collect::<Result<_, StoreError>>()?;
    let backwards = matches!(page, AuditPage::NewerThan(_));
    Ok(axum::Json(ListView::page(data, limit, backwards, "/v1/audit".to_owned())))
}

/// A filter's text; PostgreSQL keeps no NUL, so that none can be looked for.
fn text(name: &str, value: Option<String>) -> Result<String, ApiError> {
    let value = value.unwrap_or_default();
    if value.contains('\0') {
        return Err(ApiError::new(
            Code::INVALID_PARAMETER,
            format!("{name} holds a NUL character"),
        ));
    }
    Ok(value)
}
