//! Runs of an import: how far a file is booked, so that a second run goes on where the first died.

use shopwright_domain::ids::ImportId;
use shopwright_domain::time::Timestamp;

use crate::{StoreError, Tx, params};

/// How far a file is booked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportState {
    /// The run.
    pub import_id: ImportId,
    /// Rows of the file, from its start, that are booked or rejected for good.
    pub rows_done: i64,
    /// When it was finished.
    pub finished_at: Option<Timestamp>,
}

/// Finds the run of this very file into this source, or starts one.
pub fn begin(
    tx: &mut Tx<'_>,
    import_id: ImportId,
    layout: &str,
    source: &str,
    file_sha256: &str,
    now: Timestamp,
) -> Result<ImportState, StoreError> {
    tx.execute(
        "INSERT INTO imports (import_id, layout, source, file_sha256, rows_done, started_at)
         VALUES ($1, $2, $3, $4, 0, $5) ON CONFLICT (layout, source, file_sha256) DO NOTHING",
        params![import_id, layout, source, file_sha256, now],
    )?;
    tx.one(
        "SELECT import_id, rows_done, finished_at FROM imports
         WHERE layout = $1 AND source = $2 AND file_sha256 = $3",
        params![layout, source, file_sha256],
        |row| {
            Ok(ImportState {
                import_id: row.get(0)?,
                rows_done: row.get(1)?,
                finished_at: row.get(2)?,
            })
        },
    )
}

/// Records, in the transaction that books them, that the first `rows_done` rows are booked.
pub fn advance(tx: &mut Tx<'_>, import_id: ImportId, rows_done: i64) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE imports SET rows_done = $2 WHERE import_id = $1 AND rows_done < $2",
        params![import_id, rows_done],
    )?;
    Ok(())
}

/// Records that the whole file is booked.
pub fn finish(tx: &mut Tx<'_>, import_id: ImportId, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE imports SET finished_at = $2 WHERE import_id = $1",
        params![import_id, now],
    )?;
    Ok(())
}
