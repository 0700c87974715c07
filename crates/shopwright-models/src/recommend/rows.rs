//! Events as compressed sparse rows: users or baskets by items.
//!
//! A row holds an item once, in the order of its first deed; long rows keep their last items only.
//! The result does not depend on the order in which events were given.

use super::{Event, HISTORY, VISIT_GAP_SECONDS};

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowsOf {
    /// Everything one user did.
    Users,
    /// What one user did in one visit; without times, everything they did.
    Baskets,
}

/// Rows of items, each item once a row.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// Where each row begins in `items`; one more than rows.
    pub starts: Vec<u32>,
    /// The items, row by row.
    pub items: Vec<u32>,
    /// When each row was last added to.
    pub times: Vec<i64>,
    /// How many items there are.
    pub columns: usize,
}

/// Orders events by user, time and item, so that all that follows is independent of their order.
pub fn ordered(mut events: Vec<Event>) -> Vec<Event> {
    events.sort_unstable_by_key(|event| (event.user, event.time, event.item, event.deed));
    events
}

impl Rows {
    /// Rows of events that are ordered by user and time.
    pub fn of(events: &[Event], columns: usize, of: RowsOf) -> Self {
        let mut rows = Self { starts: vec![0], columns, ..Self::default() };
        let mut seen = vec![u32::MAX; columns];
        let together = |a: &Event, b: &Event| {
            a.user == b.user && (of == RowsOf::Users || b.time - a.time <= VISIT_GAP_SECONDS)
        };
        for row in events.chunk_by(together) {
            let number = rows.times.len() as u32;
            let from = rows.items.len();
            for event in row {
                let mark = &mut seen[event.item as usize];
                if *mark != number {
                    *mark = number;
                    rows.items.push(event.item);
                }
            }
            let length = rows.items.len() - from;
            if length > HISTORY {
                rows.items.drain(from..from + length - HISTORY);
            }
            rows.starts.push(rows.items.len() as u32);
            rows.times.push(row.last().map_or(0, |event| event.time));
        }
        rows
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// The items of a row.
    pub fn row(&self, row: usize) -> &[u32] {
        &self.items[self.starts[row] as usize..self.starts[row + 1] as usize]
    }

    /// Items by rows: for each item the rows it is in, in order.
    #[must_use]
    pub fn turned(&self) -> Self {
        let mut starts = vec![0_u32; self.columns + 1];
        for &item in &self.items {
            starts[item as usize + 1] += 1;
        }
        for at in 0..self.columns {
            starts[at + 1] += starts[at];
        }
        let mut next = starts.clone();
        let mut items = vec![0; self.items.len()];
        for row in 0..self.len() {
            for &item in self.row(row) {
                items[next[item as usize] as usize] = row as u32;
                next[item as usize] += 1;
            }
        }
        Self { starts, items, times: vec![0; self.columns], columns: self.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recommend::Deed;

    fn event(user: u32, item: u32, time: i64) -> Event {
        Event { user, item, deed: Deed::Purchase, time }
    }

    #[test]
    fn rows_hold_an_item_once_and_a_visit_ends_after_four_hours() {
        let events = ordered(vec![
            event(1, 2, 50_000),
            event(0, 1, 200),
            event(0, 0, 100),
            event(0, 1, 100_000),
        ]);
        let users = Rows::of(&events, 3, RowsOf::Users);
        assert_eq!((users.row(0), users.row(1)), (&[0, 1][..], &[2][..]));
        let baskets = Rows::of(&events, 3, RowsOf::Baskets);
        assert_eq!(baskets.len(), 3);
        assert_eq!((baskets.row(0), baskets.row(1)), (&[0, 1][..], &[1][..]));
        assert_eq!(baskets.times, [200, 100_000, 50_000]);
        let turned = baskets.turned();
        assert_eq!((turned.row(0), turned.row(1)), (&[0][..], &[0, 1][..]));
    }
}
