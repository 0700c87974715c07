//! A prepared batch goes into the ledger: once, all of it, with what it moves.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use shopwright_domain::catalog::Sku;
use shopwright_domain::events::EventKind;
use shopwright_domain::events::caps::{admit, moves_demand};
use shopwright_domain::ids::{DeadLetterId, IdSource};
use shopwright_domain::time::Timestamp;
use shopwright_store::events::demand::{self, Demand, hour_of};
use shopwright_store::events::{self, EventRow, dead_letters};
use shopwright_store::{Store, StoreError, Tx, catalog};
use uuid::Uuid;

use super::prepare::{Batch, Prepared, Wanted, prepare};
use crate::effects::Outside;

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Messages that are new.
    pub accepted: u64,
    /// Messages that were taken before.
    pub duplicates: u64,
    /// Of those, messages whose id was used for another content before.
    pub changed: u64,
    /// Rows that are kept and move nothing: over a cap, or of a product we do not know.
    pub uncounted: u64,
    /// What could not be taken: its place in what was sent, its letter, and why.
    pub dead: Vec<(usize, DeadLetterId, String)>,
    /// Products whose demand moved.
    pub touched: Vec<Sku>,
}

/// Takes a batch in one durable write.
pub async fn take(
    store: &Store,
    batch: Batch,
    outside: &Outside,
    ids: &Arc<dyn IdSource>,
    now: Timestamp,
) -> Result<Taken, StoreError> {
    let prepared = prepare(batch, outside, ids.as_ref(), now);
    store.write(move |tx| take_in(tx, &prepared, now)).await
}

/// Takes a batch in the caller's transaction.
pub fn take_in(tx: &mut Tx<'_>, prepared: &Prepared, now: Timestamp) -> Result<Taken, StoreError> {
    let remembered = events::remember(tx, &prepared.ids, now)?;
    let offered = u64::try_from(prepared.ids.len()).unwrap_or(u64::MAX);
    let accepted = u64::try_from(remembered.new.len()).unwrap_or(u64::MAX);
    let mut taken = Taken {
        accepted,
        duplicates: prepared.duplicates + offered.saturating_sub(accepted),
        changed: remembered.changed,
        ..Taken::default()
    };
    let new: Vec<&Wanted> = remembered.new.iter().map(|place| &prepared.wanted[*place]).collect();
    let moved = count(tx, &new)?;
    let rows: Vec<&EventRow> = rows_of(&new).map(|(_, row, _, _)| row).collect();
    taken.uncounted = rows_of(&new)
        .zip(&moved.counted)
        .filter(|((kind, row, _, _), counted)| {
            moves_demand(*kind) && row.sku.is_some() && !**counted
        })
        .count() as u64;
    events::insert(tx, &rows, moved.counted)?;
    demand::add(tx, &moved.hours)?;
    let mut links: Vec<_> = new
        .iter()
        .filter_map(|wanted| match wanted {
            Wanted::Identified(identified) => Some(identified),
            Wanted::Event { .. } => None,
        })
        .collect();
    links.sort_by(|a, b| (&a.anonymous, a.at).cmp(&(&b.anonymous, b.at)));
    for link in links {
        events::identify(tx, &link.anonymous, link.customer.as_str(), link.at)?;
    }
    for (index, letter) in &prepared.letters {
        dead_letters::insert(tx, letter)?;
        taken.dead.push((*index, letter.letter_id, letter.reason.clone()));
    }
    taken.touched = moved.touched.into_iter().filter_map(|sku| Sku::parse(&sku).ok()).collect();
    Ok(taken)
}

type RowOf<'w> = (EventKind, &'w EventRow, &'w [(Uuid, i64)], i64);

fn rows_of<'w>(new: &'w [&'w Wanted]) -> impl Iterator<Item = RowOf<'w>> {
    new.iter().flat_map(|wanted| {
        let (kind, rows, scopes, most) = match wanted {
            Wanted::Event { kind, rows, scopes, pieces_max } => {
                (*kind, rows.as_slice(), scopes.as_slice(), *pieces_max)
            }
            Wanted::Identified(_) => (EventKind::Other, [].as_slice(), [].as_slice(), 0),
        };
        rows.iter().zip(scopes).map(move |(row, scopes)| (kind, row, scopes.as_slice(), most))
    })
}

/// What a batch moves.
#[derive(Default)]
struct Moved {
    counted: Vec<bool>,
    hours: BTreeMap<(Timestamp, String), Demand>,
    touched: BTreeSet<String>,
}

fn count(tx: &mut Tx<'_>, new: &[&Wanted]) -> Result<Moved, StoreError> {
    let skus: BTreeSet<&str> = rows_of(new)
        .filter(|(kind, ..)| moves_demand(*kind))
        .filter_map(|(_, row, _, _)| row.sku.as_deref())
        .collect();
    let known = catalog::known(tx, &skus.into_iter().collect::<Vec<_>>())?;
    let mut scopes: Vec<Uuid> =
        rows_of(new).flat_map(|(_, _, scopes, _)| scopes).map(|(scope, _)| *scope).collect();
    scopes.sort_unstable();
    scopes.dedup();
    let before = demand::counted(tx, &scopes)?;
    let mut counted: HashMap<Uuid, i64> = before.clone();
    let mut moved = Moved::default();
    for (kind, row, scopes, pieces_max) in rows_of(new) {
        let sku = row.sku.as_deref().filter(|sku| moves_demand(kind) && known.contains(*sku));
        let counts = sku.is_some() && admit(&mut counted, scopes);
        moved.counted.push(counts);
        let Some(sku) = sku.filter(|_| counts) else { continue };
        let hour = moved.hours.entry((hour_of(row.at), sku.to_owned())).or_default();
        let pieces = row.quantity.min(pieces_max);
        match kind {
            EventKind::ProductViewed => hour.views += 1,
            EventKind::ProductClicked => hour.clicks += 1,
            EventKind::ProductAdded => hour.adds += pieces,
            EventKind::ProductRemoved => hour.removes += pieces,
            _ => hour.checkouts += pieces,
        }
        moved.touched.insert(sku.to_owned());
    }
    write_caps(tx, new, &before, &counted)?;
    Ok(moved)
}

/// Writes what was counted in scopes since they were read, by the hour they are of.
fn write_caps(
    tx: &mut Tx<'_>,
    new: &[&Wanted],
    before: &HashMap<Uuid, i64>,
    counted: &HashMap<Uuid, i64>,
) -> Result<(), StoreError> {
    let mut by_hour: BTreeMap<Timestamp, BTreeMap<Uuid, i64>> = BTreeMap::new();
    for (_, row, scopes, _) in rows_of(new) {
        for (scope, _) in scopes {
            let more =
                counted.get(scope).copied().unwrap_or(0) - before.get(scope).copied().unwrap_or(0);
            if more > 0 {
                by_hour.entry(hour_of(row.at)).or_default().insert(*scope, more);
            }
        }
    }
    for (hour, more) in &by_hour {
        demand::count(tx, more, *hour)?;
    }
    Ok(())
}
