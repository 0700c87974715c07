//! `/audit`: the audit log, filtered and paged; its state lives in the address.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use shopwright_store::audit::{self, AuditFilter, AuditPage, Recorded};
use shopwright_store::{StoreError, Tx, identity, operators};

use super::visit::Visit;
use super::{failed, frame, page};
use crate::Site;
use crate::pages::audit::{AuditRow, AuditState, AuditView, audit as audit_page};

/// Entries on a page.
const ROWS: i64 = 50;
const FILTER_CHARS_MAX: usize = 300;

/// The address; what does not fit falls back to its default.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Params {
    actor: String,
    action: String,
    object: String,
    older: String,
    newer: String,
}

/// The page.
pub async fn show(
    State(site): State<Arc<Site>>,
    visit: Visit,
    Query(params): Query<Params>,
) -> Response {
    let clean = |text: &str| -> String {
        text.trim().chars().filter(|c| *c != '\0').take(FILTER_CHARS_MAX).collect()
    };
    let state = AuditState {
        actor: clean(&params.actor),
        action: clean(&params.action),
        object: clean(&params.object),
    };
    let position = match (params.older.parse(), params.newer.parse()) {
        (Ok(seq), _) => AuditPage::OlderThan(seq),
        (_, Ok(seq)) => AuditPage::NewerThan(seq),
        _ => AuditPage::Newest,
    };
    let is_kind = matches!(state.actor.as_str(), "operator" | "key" | "cli" | "system");
    let filter = AuditFilter {
        actor_kind: if is_kind { state.actor.clone() } else { String::new() },
        actor_id: if is_kind { String::new() } else { state.actor.clone() },
        action: state.action.clone(),
        object: state.object.clone(),
    };
    let read = site.store.read(move |tx| {
        let rows = audit::list(tx, &filter, position, ROWS + 1)?;
        let names = names(tx)?;
        Ok::<_, StoreError>((rows, names))
    });
    match read.await {
        Ok((rows, names)) => {
            let view = view(rows, &names, position, state);
            page(StatusCode::OK, audit_page(&frame(&site, &visit), &view))
        }
        Err(error) => failed(&site, &visit, &error),
    }
}

/// What operators and keys are called; an id that is gone keeps its id.
fn names(tx: &mut Tx<'_>) -> Result<HashMap<String, String>, StoreError> {
    let operators = operators::list(tx)?.into_iter().map(|o| (o.operator_id.to_string(), o.name));
    let keys = identity::list_keys(tx)?.into_iter().map(|k| (k.key_id.to_string(), k.name));
    Ok(operators.chain(keys).collect())
}

fn view(
    mut rows: Vec<Recorded>,
    names: &HashMap<String, String>,
    position: AuditPage,
    state: AuditState,
) -> AuditView {
    let limit = usize::try_from(ROWS).unwrap_or(usize::MAX);
    let has_more = rows.len() > limit;
    let backwards = matches!(position, AuditPage::NewerThan(_));
    if has_more && backwards {
        rows.remove(0);
    }
    rows.truncate(limit);
    let (first, last) = (rows.first().map(|r| r.seq), rows.last().map(|r| r.seq));
    let newer = first.filter(|_| match position {
        AuditPage::Newest => false,
        AuditPage::OlderThan(_) => true,
        AuditPage::NewerThan(_) => has_more,
    });
    AuditView {
        older: last.filter(|_| has_more || backwards).map(|seq| state.url("older", seq)),
        newer: newer.map(|seq| state.url("newer", seq)),
        rows: rows
            .into_iter()
            .map(|row| AuditRow {
                seq: row.seq,
                at: row.at,
                actor_name: names.get(&row.actor_id).cloned(),
                object_name: names.get(&row.object).cloned(),
                actor_kind: row.actor_kind,
                actor_id: row.actor_id,
                action: row.action,
                object: row.object,
                before: row.before,
                after: row.after,
            })
            .collect(),
        state,
    }
}
