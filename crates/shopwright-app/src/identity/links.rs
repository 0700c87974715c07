//! One-time links: they make the first owner, take up an invitation, or set a new password. Each
//! opens for an hour and once; looking at it uses nothing up.

use serde_json::json;
use shopwright_domain::identity::{
    Email, EmailError, LINK_LIFE, PasswordError, Role, check_password, person_name,
};
use shopwright_domain::ids::OperatorId;
use shopwright_domain::time::Timestamp;
use shopwright_store::audit::{self, Actor, Stamp};
use shopwright_store::operators::{self, LinkPurpose, Operator, SetupLink};
use shopwright_store::{Store, StoreError, Tx, sessions};

use super::operators::{OperatorError, audited, load};
use super::passwords::{HashError, Passwords, SALT_BYTES};
use super::token::Token;

/// Why no link was made; nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// There is an owner, who invites others.
    #[error("the shop has an owner already, who can invite others")]
    HasOwner,
    /// The address is an operator's.
    #[error("an operator has this email already")]
    Taken,
    /// There is no such operator.
    #[error("there is no such operator")]
    Unknown,
    /// The operator may not sign in.
    #[error("this operator is disabled; enable it first")]
    Disabled,
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn link(token: &Token, purpose: LinkPurpose, role: Role, stamp: Stamp) -> SetupLink {
    SetupLink {
        token_hash: token.hash(),
        purpose,
        role,
        email: None,
        operator_id: None,
        created_at: stamp.at,
        expires_at: stamp.at.plus_micros(LINK_LIFE),
    }
}

/// Keeps the link that makes the first owner, while there is none.
pub async fn make_first_link(store: &Store, token: &Token, stamp: Stamp) -> Result<(), LinkError> {
    let link = link(token, LinkPurpose::FirstOwner, Role::Owner, stamp);
    store
        .write(move |tx| {
            audit::lock(tx)?;
            if operators::active_owners(tx)? > 0 {
                return Err(LinkError::HasOwner);
            }
            operators::insert_link(tx, &link)?;
            let entry = stamp.entry("setup_link.made", "setup".to_owned(), None, None);
            audit::record(tx, &entry)?;
            Ok(())
        })
        .await
}

/// Keeps the link by which `email` becomes an operator. An older invitation stops opening.
pub async fn invite(
    store: &Store,
    (email, role): (Email, Role),
    token: &Token,
    stamp: Stamp,
) -> Result<(), LinkError> {
    let link = SetupLink {
        email: Some(email.as_str().to_owned()),
        ..link(token, LinkPurpose::Invite, role, stamp)
    };
    store
        .write(move |tx| {
            audit::lock(tx)?;
            if operators::find_by_email(tx, email.as_str())?.is_some() {
                return Err(LinkError::Taken);
            }
            operators::end_links(tx, Some(email.as_str()), None, stamp.at)?;
            operators::insert_link(tx, &link)?;
            let after = json!({ "email": email.as_str(), "role": role.as_str() });
            let object = format!("invitation/{email}");
            audit::record(tx, &stamp.entry("operator.invited", object, None, Some(after)))?;
            Ok(())
        })
        .await
}

/// Keeps a link by which an operator sets a new password. The old one opens until it is used.
pub async fn make_reset_link(
    store: &Store,
    id: OperatorId,
    token: &Token,
    stamp: Stamp,
) -> Result<(), LinkError> {
    let base = link(token, LinkPurpose::Reset, Role::ReadOnly, stamp);
    store
        .write(move |tx| {
            let operator = load(tx, id).map_err(|error| match error {
                OperatorError::Store(error) => LinkError::Store(error),
                _ => LinkError::Unknown,
            })?;
            if operator.disabled_at.is_some() {
                return Err(LinkError::Disabled);
            }
            operators::end_links(tx, None, Some(id), stamp.at)?;
            let link = SetupLink { operator_id: Some(id), role: operator.role, ..base.clone() };
            operators::insert_link(tx, &link)?;
            let entry = stamp.entry("operator.reset_link_made", id.to_string(), None, None);
            audit::record(tx, &entry)?;
            Ok(())
        })
        .await
}

/// What an open link leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenLink {
    /// What it is for.
    pub purpose: LinkPurpose,
    /// The role it gives.
    pub role: Role,
    /// Whose account; `None` where the visitor says.
    pub email: Option<String>,
}

/// The link with this token, if it opens. Uses nothing up: mail scanners look at links, too.
pub async fn find_link(
    store: &Store,
    token: &Token,
    now: Timestamp,
) -> Result<Option<OpenLink>, StoreError> {
    let hash = token.hash();
    store
        .read(move |tx| {
            let Some(link) = operators::find_link(tx, &hash, now)? else { return Ok(None) };
            let email = match link.operator_id {
                None => link.email,
                Some(id) => operators::find(tx, id)?.map(|operator| operator.email),
            };
            Ok(Some(OpenLink { purpose: link.purpose, role: link.role, email }))
        })
        .await
}

/// What a visitor fills in behind a link.
#[derive(Clone, Default)]
pub struct LinkForm {
    /// The email; read only where the link names none.
    pub email: String,
    /// The person's name; not read on a reset.
    pub name: String,
    /// The password.
    pub password: String,
}

/// Why a link did not do its work. It stays open except where it says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum UseLinkError {
    /// It does not open: unknown, used, over, or overtaken.
    #[error("this link does not open anything (any more)")]
    Gone,
    /// The name does not fit.
    #[error("write a name of at most 100 bytes")]
    Name,
    /// The email does not fit.
    #[error(transparent)]
    Email(#[from] EmailError),
    /// The password does not fit.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Uses a link up: makes the operator, or sets the password. Gives whose account it is.
pub async fn use_link(
    (store, passwords): (&Store, &Passwords),
    token: &Token,
    form: LinkForm,
    (new_id, salt): (OperatorId, [u8; SALT_BYTES]),
    now: Timestamp,
) -> Result<OperatorId, UseLinkError> {
    let open = find_link(store, token, now).await?.ok_or(UseLinkError::Gone)?;
    let email = Email::parse(open.email.as_deref().unwrap_or(&form.email))?;
    let name = if open.purpose == LinkPurpose::Reset {
        String::new()
    } else {
        person_name(&form.name).ok_or(UseLinkError::Name)?
    };
    check_password(&form.password, &email)?;
    let password_hash = passwords.hash(&form.password, salt).await?;
    let hash = token.hash();
    let made = Operator {
        operator_id: new_id,
        email: email.as_str().to_owned(),
        name,
        role: open.role,
        password_hash,
        failed_sign_ins: 0,
        created_at: now,
        disabled_at: None,
    };
    store
        .write(move |tx| {
            audit::lock(tx)?;
            let link = operators::find_link(tx, &hash, now)?.ok_or(UseLinkError::Gone)?;
            operators::use_link(tx, &hash, now)?;
            match link.operator_id {
                Some(id) => set_password_of(tx, id, &made.password_hash, now),
                None => make_operator(tx, &link, &made),
            }
        })
        .await
}

fn set_password_of(
    tx: &mut Tx<'_>,
    id: OperatorId,
    hash: &str,
    now: Timestamp,
) -> Result<OperatorId, UseLinkError> {
    let found = operators::find(tx, id)?;
    if found.is_none_or(|operator| operator.disabled_at.is_some()) {
        return Err(UseLinkError::Gone);
    }
    operators::set_password(tx, id, hash)?;
    sessions::revoke_all(tx, id, now)?;
    let stamp = Stamp::new(Actor::Operator(id), now);
    audit::record(tx, &stamp.entry("operator.password_reset", id.to_string(), None, None))?;
    Ok(id)
}

fn make_operator(
    tx: &mut Tx<'_>,
    link: &SetupLink,
    made: &Operator,
) -> Result<OperatorId, UseLinkError> {
    let overtaken = link.purpose == LinkPurpose::FirstOwner && operators::active_owners(tx)? > 0;
    if overtaken || operators::find_by_email(tx, &made.email)?.is_some() {
        return Err(UseLinkError::Gone);
    }
    operators::insert(tx, made)?;
    let id = made.operator_id;
    let stamp = Stamp::new(Actor::Operator(id), made.created_at);
    let entry = stamp.entry("operator.created", id.to_string(), None, Some(audited(made)));
    audit::record(tx, &entry)?;
    Ok(id)
}
