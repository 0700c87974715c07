//! `operators`: who may sign in. Links are printed once; of each only a hash is kept.

use jiff::tz::TimeZone;
use serde_json::{Value as Json, json};
use shopwright_app::identity::{
    self, LinkError, OperatorError, Token, has_owner, make_first_link, make_reset_link,
};
use shopwright_domain::identity::{Email, Role};
use shopwright_domain::time::Clock;
use shopwright_store::Store;
use shopwright_store::audit::{Actor, Stamp};
use shopwright_store::operators::{Operator, find_by_email, list as list_operators};

use crate::cli;
use crate::config::Settings;
use crate::failure::Failure;
use crate::output::{Align, Answer, Page, local};
use crate::real::{RealClock, random};
use crate::serve;

fn stamp() -> Stamp {
    Stamp::new(Actor::Cli, RealClock.now())
}

fn new_token() -> Token {
    Token::from_random(random())
}

/// The whole address of a link on the server of these settings.
fn link_url(settings: &Settings, token: &Token) -> String {
    let base = match (&settings.public_url, settings.listen.parse()) {
        (Some(url), _) => url.text(),
        (None, Ok(address)) => serve::url(address),
        (None, Err(_)) => format!("http://{}", settings.listen),
    };
    format!("{base}/setup/{}", token.text())
}

fn link_failure(error: LinkError) -> Failure {
    match error {
        LinkError::Store(error) => error.into(),
        LinkError::HasOwner => Failure::not_so(
            "has_owner",
            "the shop has an owner already; `shopwright operators invite` adds others, and \
             `shopwright operators reset-password` lets one back in",
        ),
        other => Failure::not_so("operator", other.to_string()),
    }
}

fn link_answer(settings: &Settings, token: &Token, heading: &str) -> Answer {
    let url = link_url(settings, token);
    let mut page = Page::new(heading);
    page.line(&url);
    page.gap()
        .line("It opens once, within an hour, while the server runs, and is not shown again.");
    Answer::new(json!({ "link": url }), page)
}

/// The token of a link that makes the first owner, kept in the ledger; `None` when there is one.
pub async fn first_link(store: &Store) -> Result<Option<Token>, Failure> {
    if has_owner(store).await? {
        return Ok(None);
    }
    let token = new_token();
    match make_first_link(store, &token, stamp()).await {
        Ok(()) => Ok(Some(token)),
        // Another node's visitor was faster.
        Err(LinkError::HasOwner) => Ok(None),
        Err(error) => Err(link_failure(error)),
    }
}

/// `operators setup-link`.
pub async fn setup_link(settings: &Settings, store: &Store) -> Result<Answer, Failure> {
    let token = new_token();
    make_first_link(store, &token, stamp()).await.map_err(link_failure)?;
    Ok(link_answer(settings, &token, "Make the owner's account here"))
}

/// `operators invite`.
pub async fn invite(
    settings: &Settings,
    store: &Store,
    email: &str,
    role: cli::RoleName,
) -> Result<Answer, Failure> {
    let email =
        Email::parse(email).map_err(|error| Failure::new("email", format!("{email}: {error}")))?;
    let role = match role {
        cli::RoleName::Owner => Role::Owner,
        cli::RoleName::Staff => Role::Staff,
        cli::RoleName::ReadOnly => Role::ReadOnly,
    };
    let token = new_token();
    let heading = format!("Send this link to {email}");
    identity::invite(store, (email, role), &token, stamp()).await.map_err(link_failure)?;
    Ok(link_answer(settings, &token, &heading))
}

/// `operators reset-password`.
pub async fn reset_password(
    settings: &Settings,
    store: &Store,
    email: &str,
) -> Result<Answer, Failure> {
    let operator = find(store, email).await?;
    let token = new_token();
    make_reset_link(store, operator.operator_id, &token, stamp()).await.map_err(link_failure)?;
    Ok(link_answer(settings, &token, &format!("A new password for {}", operator.email)))
}

/// A one-time link of the demo's owner, for a demo that others than this machine's user reach.
pub async fn demo_link(
    store: &Store,
    operator: shopwright_domain::ids::OperatorId,
    at: Stamp,
) -> Result<Token, Failure> {
    let token = new_token();
    make_reset_link(store, operator, &token, at).await.map_err(link_failure)?;
    Ok(token)
}

/// `operators disable`.
pub async fn disable(store: &Store, email: &str) -> Result<Answer, Failure> {
    let operator = find(store, email).await?;
    identity::disable(store, operator.operator_id, stamp()).await.map_err(changed_failure)?;
    let mut page = Page::new("Disabled");
    page.line(&format!("{} is signed out everywhere and cannot sign in.", operator.email));
    Ok(Answer::new(json!({ "email": operator.email, "disabled": true }), page))
}

/// `operators enable`.
pub async fn enable(store: &Store, email: &str) -> Result<Answer, Failure> {
    let operator = find(store, email).await?;
    identity::enable(store, operator.operator_id, stamp()).await.map_err(changed_failure)?;
    let mut page = Page::new("Enabled");
    page.line(&format!("{} may sign in again.", operator.email));
    Ok(Answer::new(json!({ "email": operator.email, "disabled": false }), page))
}

fn changed_failure(error: OperatorError) -> Failure {
    match error {
        OperatorError::Store(error) => error.into(),
        other => Failure::not_so("operator", other.to_string()),
    }
}

async fn find(store: &Store, email: &str) -> Result<Operator, Failure> {
    let email =
        Email::parse(email).map_err(|error| Failure::new("email", format!("{email}: {error}")))?;
    let asked = email.as_str().to_owned();
    let found = store.read(move |tx| find_by_email(tx, &asked)).await?;
    found.ok_or_else(|| {
        let does = "`shopwright operators list` shows them all";
        Failure::not_so("unknown_operator", format!("there is no operator {email}; {does}"))
    })
}

/// `operators list`.
pub async fn list(store: &Store, zone: &TimeZone) -> Result<Answer, Failure> {
    let operators = store.read(list_operators).await?;
    let data: Json = operators.iter().map(operator_json).collect();
    let row = |o: &Operator| {
        let state = if o.disabled_at.is_some() { "disabled" } else { "active" };
        let role = o.role.as_str().to_owned();
        vec![o.email.clone(), o.name.clone(), role, state.into(), local(o.created_at, zone)]
    };
    let head = ["email", "name", "role", "state", "made"].map(|name| (name, Align::Left));
    let mut page = Page::new("Operators");
    page.table(&head, operators.iter().map(row).collect());
    page.gap();
    if operators.is_empty() {
        page.line("There is none yet: `shopwright operators setup-link`");
    } else {
        page.line("Next: `shopwright operators invite EMAIL --role staff` adds one.");
    }
    Ok(Answer::new(json!({ "object": "list", "data": data }), page))
}

fn operator_json(operator: &Operator) -> Json {
    json!({
        "operator_id": operator.operator_id,
        "email": operator.email,
        "name": operator.name,
        "role": operator.role.as_str(),
        "created_at": operator.created_at,
        "disabled_at": operator.disabled_at,
    })
}
