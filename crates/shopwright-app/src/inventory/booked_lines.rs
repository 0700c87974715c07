//! Lines of orders and refunds that were booked before a SKU was counted, but happened after it.

use std::collections::HashMap;

use shopwright_domain::orders::LineKind;
use shopwright_domain::time::Timestamp;
use shopwright_store::{StoreError, Tx, inventory};

/// Lets every line after its SKU's opening count at the default location move stock; gives the
/// number of movements.
pub(crate) fn book_lines_since(
    tx: &mut Tx<'_>,
    counted: &HashMap<&str, Timestamp>,
) -> Result<u64, StoreError> {
    let Some(first) = counted.values().min() else { return Ok(0) };
    let mut lines = Vec::new();
    inventory::for_each_line_after(tx, *first, |line| {
        if counted.get(line.code.as_str()).is_some_and(|at| line.at > *at) {
            lines.push(line);
        }
    })?;
    let movements: Vec<_> = lines
        .iter()
        .filter_map(|line| {
            let kind: LineKind = line.kind.parse().ok()?;
            Some(inventory::Movement {
                sku: &line.code,
                reason: kind.as_str(),
                reference: line.reference.clone(),
                quantity: kind.moves_stock()?.movement(line.quantity),
                at: line.at,
            })
        })
        .collect();
    inventory::book_movements(tx, &movements)
}
