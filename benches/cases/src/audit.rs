//! The check after every load: nothing oversold, nothing lost, nothing half done.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::session::Session;

/// What the tables say after a load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// SKUs with more reserved than on hand; must be 0.
    pub oversold: i64,
    /// SKUs whose level differs from the sum of its reservations; must be 0.
    pub unequal: i64,
    /// Pieces reserved over all SKUs.
    pub pieces: i64,
    /// Rows announced in the outbox.
    pub announced: i64,
}

/// Reads the audit in the session's transaction.
pub async fn audit(session: &mut impl Session) -> Result<Audit> {
    let mut found = Audit::default();
    session
        .each(
            "SELECT COUNT(CASE WHEN s.reserved > s.on_hand THEN 1 END),
                COUNT(CASE WHEN s.reserved <> COALESCE(r.pieces, 0) THEN 1 END),
                CAST(COALESCE(SUM(s.reserved), 0) AS bigint), (SELECT COUNT(*) FROM proof_outbox)
             FROM proof_stock s LEFT JOIN (SELECT sku, CAST(SUM(quantity) AS bigint) AS pieces
                FROM proof_reservations GROUP BY sku) r ON r.sku = s.sku",
            &[],
            &mut |row| {
                found = Audit {
                    oversold: row.int(0)?,
                    unequal: row.int(1)?,
                    pieces: row.int(2)?,
                    announced: row.int(3)?,
                };
                Ok(())
            },
        )
        .await?;
    Ok(found)
}
