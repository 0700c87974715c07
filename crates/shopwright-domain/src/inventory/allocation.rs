//! Which location ships what: one that can ship everything, else each line from one that can ship
//! the line, else the line split over locations in their order (rule B12).
//!
//! Never more than what is available is promised of a SKU that allows no backorder, and all lines
//! are promised or none. A backorder is promised for the earliest delivery that is on its way (B13).

use std::collections::BTreeMap;

use crate::catalog::Sku;
use crate::time::Timestamp;

/// Lines of one reservation at most.
pub const LINES_MAX: usize = 100;
/// Pieces of one line, count, movement or delivery at most.
pub const PIECES_MAX: i64 = 1_000_000_000;

/// Pieces somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedLine {
    /// The SKU.
    pub sku: Sku,
    /// Pieces, above 0.
    pub quantity: i64,
}

/// What is known of one SKU at one location when pieces of it are promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LevelFacts {
    /// The SKU.
    pub sku: Sku,
    /// The location.
    pub location: String,
    /// The location's place in the order they are asked in, smallest first.
    pub priority: i64,
    /// Pieces on the shelf.
    pub on_hand: i64,
    /// Pieces held by open reservations that have not expired.
    pub reserved: i64,
    /// Pieces sold and not shipped.
    pub committed: i64,
    /// Whether the SKU may be sold beyond the shelf.
    pub backorder: bool,
    /// The earliest delivery on its way to this location.
    pub incoming_at: Option<Timestamp>,
}

impl LevelFacts {
    /// Pieces that can be promised now: on hand − reserved − committed. Below zero when more is
    /// promised than lies there.
    pub const fn available(&self) -> i64 {
        self.on_hand - self.reserved - self.committed
    }
}

/// Pieces promised from one location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// The SKU.
    pub sku: Sku,
    /// Where it will ship from.
    pub location: String,
    /// Pieces, above 0.
    pub quantity: i64,
    /// How many of them are not there yet.
    pub backordered: i64,
    /// When those are expected; `None` when nothing is on its way, or nothing is backordered.
    pub promised_at: Option<Timestamp>,
}

/// Why a line falls short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShortageReason {
    /// Fewer pieces are available than wanted.
    Insufficient,
    /// The SKU was never counted: there is nothing to promise from.
    NotCounted,
    /// The catalogue has no such SKU.
    UnknownSku,
}

impl ShortageReason {
    /// The text in answers of the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Insufficient => "insufficient",
            Self::NotCounted => "not_counted",
            Self::UnknownSku => "unknown_sku",
        }
    }
}

/// One line that cannot be promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// The SKU.
    pub sku: Sku,
    /// Pieces wanted over all lines.
    pub wanted: i64,
    /// Pieces available over all locations, never below 0.
    pub available: i64,
    /// Why.
    pub reason: ShortageReason,
}

/// A wish that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WantedError {
    /// No lines, or too many.
    #[error("send 1 to {LINES_MAX} lines")]
    Lines,
    /// A quantity outside its range, at this place of the list.
    #[error("the quantity must be a whole number from 1 to {PIECES_MAX}")]
    Quantity(usize),
}

/// Sums lines of the same SKU and puts them in SKU order, in which levels are locked.
pub fn merge_lines(lines: &[WantedLine]) -> Result<Vec<WantedLine>, WantedError> {
    if lines.is_empty() || lines.len() > LINES_MAX {
        return Err(WantedError::Lines);
    }
    let mut sums: BTreeMap<&Sku, i64> = BTreeMap::new();
    for (place, line) in lines.iter().enumerate() {
        if !(1..=PIECES_MAX).contains(&line.quantity) {
            return Err(WantedError::Quantity(place));
        }
        *sums.entry(&line.sku).or_insert(0) += line.quantity;
    }
    Ok(sums.into_iter().map(|(sku, quantity)| WantedLine { sku: sku.clone(), quantity }).collect())
}

/// Chooses locations for merged lines, or says which fall short.
pub fn allocate(
    wanted: &[WantedLine],
    levels: &[LevelFacts],
) -> Result<Vec<Allocation>, Vec<Shortage>> {
    let mut by_sku: BTreeMap<&Sku, Vec<&LevelFacts>> = BTreeMap::new();
    for level in levels {
        by_sku.entry(&level.sku).or_default().push(level);
    }
    for places in by_sku.values_mut() {
        places.sort_by_key(|level| (level.priority, &level.location));
    }
    let none = Vec::new();
    let places_of = |line: &WantedLine| by_sku.get(&line.sku).unwrap_or(&none);
    let short: Vec<Shortage> =
        wanted.iter().filter_map(|line| shortage(line, places_of(line))).collect();
    if !short.is_empty() {
        return Err(short);
    }
    if let Some(one) = one_for_all(wanted, levels) {
        let all = wanted.iter().map(|line| from_shelf(line, one, line.quantity)).collect();
        return Ok(all);
    }
    Ok(wanted.iter().flat_map(|line| split(line, places_of(line))).collect())
}

fn shelf(places: &[&LevelFacts]) -> i64 {
    places.iter().map(|level| level.available().max(0)).sum()
}

fn shortage(line: &WantedLine, places: &[&LevelFacts]) -> Option<Shortage> {
    let short = |available, reason| {
        Some(Shortage { sku: line.sku.clone(), wanted: line.quantity, available, reason })
    };
    let available = shelf(places);
    match places.first() {
        None => short(0, ShortageReason::NotCounted),
        Some(level) if level.backorder || available >= line.quantity => None,
        Some(_) => short(available, ShortageReason::Insufficient),
    }
}

/// The first location that has every line on its shelf.
fn one_for_all<'a>(wanted: &[WantedLine], levels: &'a [LevelFacts]) -> Option<&'a str> {
    let mut places: Vec<_> = levels.iter().map(|l| (l.priority, l.location.as_str())).collect();
    places.sort_unstable();
    places.dedup();
    let has = |location: &str, line: &WantedLine| {
        levels.iter().any(|level| {
            level.sku == line.sku
                && level.location == location
                && level.available() >= line.quantity
        })
    };
    let found = places.into_iter().find(|(_, name)| wanted.iter().all(|line| has(name, line)));
    found.map(|(_, name)| name)
}

fn from_shelf(line: &WantedLine, location: &str, quantity: i64) -> Allocation {
    Allocation {
        sku: line.sku.clone(),
        location: location.to_owned(),
        quantity,
        backordered: 0,
        promised_at: None,
    }
}

/// One line by itself. What no shelf has is backordered where a delivery arrives first.
fn split(line: &WantedLine, places: &[&LevelFacts]) -> Vec<Allocation> {
    if let Some(level) = places.iter().find(|level| level.available() >= line.quantity) {
        return vec![from_shelf(line, &level.location, line.quantity)];
    }
    let mut open = line.quantity;
    let mut parts = Vec::new();
    for level in places {
        let taken = level.available().clamp(0, open);
        if taken > 0 {
            parts.push(from_shelf(line, &level.location, taken));
            open -= taken;
        }
    }
    // Those without a delivery come last; among equals the order of the locations decides.
    let soonest =
        places.iter().min_by_key(|level| (level.incoming_at.is_none(), level.incoming_at));
    if open > 0
        && let Some(soonest) = soonest
    {
        let at = parts.iter().position(|part| part.location == soonest.location);
        let at = at.unwrap_or_else(|| {
            parts.push(from_shelf(line, &soonest.location, 0));
            parts.len() - 1
        });
        parts[at].quantity += open;
        parts[at].backordered = open;
        parts[at].promised_at = soonest.incoming_at;
    }
    assert_eq!(parts.iter().map(|p| p.quantity).sum::<i64>(), line.quantity, "nothing is lost");
    parts
}

/// Promises the same pieces from the same places once more, as a commit of an expired reservation
/// needs: other locations than those that were confirmed would be another promise. Says anew what
/// is backordered, or what falls short.
pub fn promise_again(
    before: &[Allocation],
    levels: &[LevelFacts],
) -> Result<Vec<Allocation>, Vec<Shortage>> {
    let mut short = Vec::new();
    let mut parts = Vec::new();
    for part in before {
        let level = levels.iter().find(|l| l.sku == part.sku && l.location == part.location);
        let available = level.map_or(0, |level| level.available().max(0));
        let missing = (part.quantity - available).max(0);
        if missing > 0 && !level.is_some_and(|level| level.backorder) {
            short.push(Shortage {
                sku: part.sku.clone(),
                wanted: part.quantity,
                available,
                reason: ShortageReason::Insufficient,
            });
            continue;
        }
        let incoming_at = level.and_then(|level| level.incoming_at);
        parts.push(Allocation {
            backordered: missing,
            promised_at: if missing > 0 { incoming_at } else { None },
            ..part.clone()
        });
    }
    if short.is_empty() { Ok(parts) } else { Err(short) }
}
