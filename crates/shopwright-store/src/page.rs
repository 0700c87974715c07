//! Pages of lists: newest first by an id that rises with time, from a cursor in either direction,
//! stable while rows are added.

use crate::{Row, StoreError, Tx, Value};

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<K> {
    /// At the newest.
    First,
    /// Behind this one: older ones.
    After(K),
    /// Just before this one: newer ones.
    Before(K),
}

/// A page to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page<K> {
    /// Where it begins.
    pub place: Place<K>,
    /// Rows at most.
    pub limit: i64,
}

impl<K> Page<K> {
    /// The first rows of a list.
    pub const fn first(limit: i64) -> Self {
        Self { place: Place::First, limit }
    }

    /// Whether it is read against the list's order; its rows are turned round afterwards.
    pub(crate) const fn is_backwards(&self) -> bool {
        matches!(self.place, Place::Before(_))
    }
}

impl<K: Copy> Page<K> {
    /// Runs `select`, which ends in its WHERE clause with `params` as `$1` and so on, for the rows of
    /// this page; newest first whichever way it was read.
    pub fn newest_first<'v, T>(
        &self,
        tx: &mut Tx<'_>,
        (select, id): (&str, &str),
        mut params: Vec<Value<'v>>,
        map: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError>
    where
        K: Into<Value<'v>>,
    {
        let mut bind = |value: Value<'v>| {
            params.push(value);
            format!("${}", params.len())
        };
        let (bound, order) = match self.place {
            Place::First => (String::new(), "DESC"),
            Place::After(key) => (format!(" AND {id} < {}", bind(key.into())), "DESC"),
            Place::Before(key) => (format!(" AND {id} > {}", bind(key.into())), "ASC"),
        };
        let limit = bind(self.limit.into());
        let sql = format!("{select}{bound} ORDER BY {id} {order} LIMIT {limit}");
        let mut rows = tx.query(&sql, &params, map)?;
        if order == "ASC" {
            rows.reverse();
        }
        Ok(rows)
    }
}
