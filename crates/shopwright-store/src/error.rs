//! What can go wrong between an operation and its database.

/// An error of the ledger. Callers that understand a constraint turn [`StoreError::Conflict`] into
/// a named refusal on the spot; the rest goes up as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Too much is waiting, or another process holds the database; trying again may succeed.
    #[error("the database is busy; try again in a moment")]
    Busy,
    /// A uniqueness, reference or check constraint refused the write.
    #[error("the write breaks the constraint {constraint}")]
    Conflict {
        /// The constraint's PostgreSQL name, on both engines; `foreign_key` where SQLite does not say.
        constraint: String,
    },
    /// A stored row does not hold what its table promises.
    #[error(
        "{table}.{column} of row {id} is corrupt: {problem}; restore a backup or repair the row"
    )]
    Corrupt {
        /// The table the statement read.
        table: String,
        /// The column.
        column: String,
        /// The first column of the row, as text.
        id: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The disk or the size limit of the database is reached; nothing of the group was kept.
    #[error("the database cannot grow: {0}; free disk space or raise the limit, then try again")]
    Full(String),
    /// The database cannot be reached or fails; for a write, nothing is known to be kept.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The schema is not the one this program was built for.
    #[error("{0}")]
    Schema(String),
    /// Our own mistake: a statement the engine does not understand, or a panic inside an operation.
    #[error("internal error in the ledger: {0}")]
    Bug(String),
}

impl StoreError {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Busy | Self::Unavailable(_) | Self::Full(_))
    }
}
