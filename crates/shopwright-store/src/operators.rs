//! Operators and the one-time links by which they set their password. Of a link only a hash is kept.
//!
//! An operation that changes either takes the audit log's lock first (`audit::lock`): it is the lock
//! under which "there is an owner left" is decided.

use shopwright_domain::identity::Role;
use shopwright_domain::ids::OperatorId;
use shopwright_domain::time::Timestamp;

use crate::{Row, StoreError, Tx, params};

/// A person who runs the shop.
#[derive(Clone, PartialEq, Eq)]
pub struct Operator {
    /// Its id.
    pub operator_id: OperatorId,
    /// The address one signs in with, in lower case.
    pub email: String,
    /// What the person is called.
    pub name: String,
    /// What the person may do.
    pub role: Role,
    /// The password's hash in the PHC form, or a text that no password has.
    pub password_hash: String,
    /// Tries to sign in that failed since one succeeded.
    pub failed_sign_ins: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it may not sign in.
    pub disabled_at: Option<Timestamp>,
}

impl std::fmt::Debug for Operator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Operator")
            .field("operator_id", &self.operator_id)
            .field("role", &self.role)
            .field("disabled_at", &self.disabled_at)
            .finish_non_exhaustive()
    }
}

const COLUMNS: &str = "o.operator_id, o.email, o.name, o.role, o.password_hash, o.failed_sign_ins, o.created_at, o.disabled_at";
/// How many columns an operator has.
pub(crate) const OPERATOR_COLUMNS: usize = 8;

/// The columns of an operator `o`, for a statement that joins them.
pub(crate) const fn columns() -> &'static str {
    COLUMNS
}

/// An operator from the first columns of a row.
pub(crate) fn operator(row: &Row<'_>) -> Result<Operator, StoreError> {
    Ok(Operator {
        operator_id: row.get(0)?,
        email: row.get(1)?,
        name: row.get(2)?,
        role: row.parse(3, |text: String| role(&text))?,
        password_hash: row.get(4)?,
        failed_sign_ins: row.get(5)?,
        created_at: row.get(6)?,
        disabled_at: row.get(7)?,
    })
}

fn role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| format!("`{text}` is not a role"))
}

/// The operator with this id.
pub fn find(tx: &mut Tx<'_>, id: OperatorId) -> Result<Option<Operator>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM operators o WHERE o.operator_id = $1");
    tx.find(&sql, params![id], operator)
}

/// The operator with this address, which must be in lower case.
pub fn find_by_email(tx: &mut Tx<'_>, email: &str) -> Result<Option<Operator>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM operators o WHERE o.email = $1");
    tx.find(&sql, params![email], operator)
}

/// All operators, the first one made first.
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<Operator>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM operators o ORDER BY o.created_at, o.operator_id");
    tx.query(&sql, params![], operator)
}

/// How many owners may sign in.
pub fn active_owners(tx: &mut Tx<'_>) -> Result<i64, StoreError> {
    tx.one(
        "SELECT COUNT(*) FROM operators WHERE role = 'owner' AND disabled_at IS NULL",
        params![],
        |row| row.get(0),
    )
}

/// Adds an operator.
pub fn insert(tx: &mut Tx<'_>, operator: &Operator) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO operators (operator_id, email, name, role, password_hash, failed_sign_ins, created_at, disabled_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        params![
            operator.operator_id,
            &operator.email,
            &operator.name,
            operator.role.as_str(),
            &operator.password_hash,
            operator.failed_sign_ins,
            operator.created_at,
            operator.disabled_at,
        ],
    )?;
    Ok(())
}

/// Gives an operator another role.
pub fn set_role(tx: &mut Tx<'_>, id: OperatorId, role: Role) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE operators SET role = $2 WHERE operator_id = $1",
        params![id, role.as_str()],
    )?;
    Ok(())
}

/// Lets an operator sign in no more (since when), or again.
pub fn set_disabled(
    tx: &mut Tx<'_>,
    id: OperatorId,
    disabled_at: Option<Timestamp>,
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE operators SET disabled_at = $2 WHERE operator_id = $1",
        params![id, disabled_at],
    )?;
    Ok(())
}

/// Keeps the hash of a new password.
pub fn set_password(tx: &mut Tx<'_>, id: OperatorId, hash: &str) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE operators SET password_hash = $2 WHERE operator_id = $1",
        params![id, hash],
    )?;
    Ok(())
}

/// Counts a try to sign in before it is known how it ends, so that both ends take the same time.
pub fn count_try(tx: &mut Tx<'_>, email: &str) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE operators SET failed_sign_ins = failed_sign_ins + 1 WHERE email = $1",
        params![email],
    )?;
    Ok(())
}

/// Forgets the tries that failed.
pub fn clear_tries(tx: &mut Tx<'_>, id: OperatorId) -> Result<(), StoreError> {
    tx.execute("UPDATE operators SET failed_sign_ins = 0 WHERE operator_id = $1", params![id])?;
    Ok(())
}

/// What a one-time link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPurpose {
    /// Makes the first owner.
    FirstOwner,
    /// Makes an operator somebody invited.
    Invite,
    /// Sets a new password for an operator.
    Reset,
}

impl LinkPurpose {
    /// The stored text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FirstOwner => "first_owner",
            Self::Invite => "invite",
            Self::Reset => "reset",
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        [Self::FirstOwner, Self::Invite, Self::Reset]
            .into_iter()
            .find(|purpose| purpose.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not a purpose of a link"))
    }
}

/// A one-time link as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetupLink {
    /// SHA-256 of the link's token.
    pub token_hash: Vec<u8>,
    /// What it is for.
    pub purpose: LinkPurpose,
    /// The role of the operator it makes.
    pub role: Role,
    /// The address of that operator; `None` where the visitor chooses it.
    pub email: Option<String>,
    /// The operator whose password it sets.
    pub operator_id: Option<OperatorId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops opening.
    pub expires_at: Timestamp,
}

/// Keeps a link.
pub fn insert_link(tx: &mut Tx<'_>, link: &SetupLink) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO setup_links (token_hash, purpose, role, email, operator_id, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        params![
            &link.token_hash,
            link.purpose.as_str(),
            link.role.as_str(),
            link.email.as_deref(),
            link.operator_id,
            link.created_at,
            link.expires_at,
        ],
    )?;
    Ok(())
}

/// The link with this hash that opens at `now`: not used, not over.
pub fn find_link(
    tx: &mut Tx<'_>,
    token_hash: &[u8],
    now: Timestamp,
) -> Result<Option<SetupLink>, StoreError> {
    tx.find(
        "SELECT token_hash, purpose, role, email, operator_id, created_at, expires_at FROM setup_links
         WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2",
        params![token_hash, now],
        |row| {
            Ok(SetupLink {
                token_hash: row.get(0)?,
                purpose: row.parse(1, |text: String| LinkPurpose::parse(&text))?,
                role: row.parse(2, |text: String| role(&text))?,
                email: row.get(3)?,
                operator_id: row.get(4)?,
                created_at: row.get(5)?,
                expires_at: row.get(6)?,
            })
        },
    )
}

/// Uses a link up. `false` when it was used or over.
pub fn use_link(tx: &mut Tx<'_>, token_hash: &[u8], now: Timestamp) -> Result<bool, StoreError> {
    let used = tx.execute(
        "UPDATE setup_links SET used_at = $2 WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2",
        params![token_hash, now],
    )?;
    Ok(used > 0)
}

/// Ends the open links to an address or an operator: a newer link takes their place.
pub fn end_links(
    tx: &mut Tx<'_>,
    email: Option<&str>,
    operator_id: Option<OperatorId>,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE setup_links SET expires_at = $3
         WHERE (email = $1 OR operator_id = $2) AND used_at IS NULL AND expires_at > $3",
        params![email, operator_id, now],
    )?;
    Ok(())
}
