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
use shopwright_store::{Store, StoreError, Tx, catalog, customers};
use uuid::Uuid;

use super::prepare::{Batch, Prepared, Wanted, prepare};
use crate::customers::tombstone;
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
    let moved = count(tx, &new, now)?;
    let nobody = without_the_erased(tx, &new)?;
    let rows: Vec<&EventRow> = rows_of(&new)
        .map(|(_, row, _, _)| nobody.get(&(row.event_id, row.ordinal)).unwrap_or(row))
        .collect();
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
            Wanted::Event(_) => None,
        })
        .collect();
    links.sort_by(|a, b| (&a.anonymous, a.at).cmp(&(&b.anonymous, b.at)));
    let tombstones: Vec<_> = links.iter().map(|link| tombstone(&link.customer)).collect();
    let erased = customers::erased_among(tx, &tombstones)?;
    for (link, tombstone) in links.into_iter().zip(&tombstones) {
        if erased.contains(tombstone) {
            continue;
        }
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
    new.iter()
        .filter_map(|wanted| match wanted {
            Wanted::Event(event) => Some(event),
            Wanted::Identified(_) => None,
        })
        .flat_map(|event| {
            let with_scopes = event.rows.iter().zip(&event.scopes);
            with_scopes.map(|(row, scopes)| (event.kind, row, scopes.as_slice(), event.pieces_max))
        })
}

/// Rows of people who were erased, with nobody behind them, by event and ordinal.
fn without_the_erased(
    tx: &mut Tx<'_>,
    new: &[&Wanted],
) -> Result<HashMap<(Uuid, i64), EventRow>, StoreError> {
    let named = || {
        new.iter().filter_map(|wanted| match wanted {
            Wanted::Event(event) => event.tombstone.as_ref().map(|tombstone| (event, tombstone)),
            Wanted::Identified(_) => None,
        })
    };
    let tombstones: BTreeSet<&Vec<u8>> = named().map(|(_, tombstone)| tombstone).collect();
    let tombstones: Vec<Vec<u8>> = tombstones.into_iter().cloned().collect();
    let erased = customers::erased_among(tx, &tombstones)?;
    let rows = named()
        .filter(|(_, tombstone)| erased.contains(*tombstone))
        .flat_map(|(event, _)| event.rows.iter().cloned());
    let nobody =
        |row: EventRow| EventRow { customer_id: None, anonymous_id: None, session_id: None, ..row };
    Ok(rows.map(|row| ((row.event_id, row.ordinal), nobody(row))).collect())
}

/// What a batch moves.
#[derive(Default)]
struct Moved {
    counted: Vec<bool>,
    hours: BTreeMap<(Timestamp, String), Demand>,
    touched: BTreeSet<String>,
}

fn count(tx: &mut Tx<'_>, new: &[&Wanted], now: Timestamp) -> Result<Moved, StoreError> {
    let skus: BTreeSet<&str> = rows_of(new)
        .filter(|(kind, ..)| moves_demand(*kind))
        .filter_map(|(_, row, _, _)| row.sku.as_deref())
        .collect();
    let known = catalog::known(tx, &skus.into_iter().collect::<Vec<_>>())?;
    let mut scopes: Vec<Uuid> =
        rows_of(new).flat_map(|(_, _, scopes, _)| scopes).map(|(scope, _)| *scope).collect();
    scopes.sort_unstable();
    scopes.dedup();
    let before = demand::lock_counted(tx, &scopes, hour_of(now))?;
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
    let more: BTreeMap<Uuid, i64> = counted
        .into_iter()
        .map(|(scope, now)| (scope, now - before.get(&scope).copied().unwrap_or(0)))
        .filter(|(_, more)| *more > 0)
        .collect();
    demand::count(tx, &more)?;
    Ok(moved)
}
