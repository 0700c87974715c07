//! A transaction as the queries see it: three ways to send a statement, and cells to read.
//!
//! Generic and monomorphic per contender; the one indirect call per cell costs all of them alike.

use std::fmt::Write as _;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Rows in one `VALUES` list at most, for contenders that send bulk rows that way.
pub const ROWS_PER_STATEMENT: usize = 200;

/// Which SQL is spoken where two texts differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl Dialect {
    /// The text for this engine.
    pub fn pick(self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self {
            Self::Sqlite => sqlite,
            Self::Postgres => postgres,
        }
    }
}

/// A bound value; each contender binds it in its driver's native form.
#[derive(Clone, Copy, Debug)]
pub enum Arg<'a> {
    /// A whole number.
    Int(i64),
    /// Text.
    Text(&'a str),
    /// An id.
    Uuid(Uuid),
    /// Microseconds since 1970.
    Time(i64),
    /// JSON as text.
    Json(&'a str),
}

/// One column of a bulk statement, all of one length with its neighbours.
#[derive(Clone, Debug)]
pub enum Column<'a> {
    /// Whole numbers.
    Int(Vec<i64>),
    /// Texts.
    Text(Vec<&'a str>),
    /// Ids.
    Uuid(Vec<Uuid>),
    /// Microseconds since 1970.
    Time(Vec<i64>),
    /// JSON as text.
    Json(Vec<String>),
}

impl Column<'_> {
    /// How many rows the column has.
    pub fn len(&self) -> usize {
        match self {
            Self::Int(v) | Self::Time(v) => v.len(),
            Self::Text(v) => v.len(),
            Self::Uuid(v) => v.len(),
            Self::Json(v) => v.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value in row `index`.
    pub fn arg(&self, index: usize) -> Arg<'_> {
        match self {
            Self::Int(v) => Arg::Int(v[index]),
            Self::Text(v) => Arg::Text(v[index]),
            Self::Uuid(v) => Arg::Uuid(v[index]),
            Self::Time(v) => Arg::Time(v[index]),
            Self::Json(v) => Arg::Json(&v[index]),
        }
    }

    fn postgres_type(&self) -> &'static str {
        match self {
            Self::Int(_) => "bigint",
            Self::Text(_) | Self::Json(_) => "text",
            Self::Uuid(_) => "uuid",
            Self::Time(_) => "timestamptz",
        }
    }
}

/// One row of an answer.
pub trait Cells {
    /// A whole number.
    fn int(&self, index: usize) -> Result<i64>;
    /// A text.
    fn text(&self, index: usize) -> Result<String>;
    /// An id.
    fn uuid(&self, index: usize) -> Result<Uuid>;
    /// Microseconds since 1970.
    fn time(&self, index: usize) -> Result<i64>;
    /// JSON, parsed.
    fn json(&self, index: usize) -> Result<serde_json::Value>;
}

/// An open transaction of one contender. Statements mention `$1` first, then `$2` and so on: SQLite
/// takes them for names and numbers them in that order, and the raw driver passes values by position.
///
/// Futures of contenders without async inside are ready at once.
#[expect(async_fn_in_trait, reason = "contenders run their futures on one thread")]
pub trait Session {
    /// What SQL it speaks.
    fn dialect(&self) -> Dialect;

    /// Runs a statement; gives the number of rows written.
    async fn execute(&mut self, sql: &'static str, args: &[Arg<'_>]) -> Result<u64>;

    /// Runs a query and hands on each row.
    async fn each(
        &mut self,
        sql: &'static str,
        args: &[Arg<'_>],
        visit: &mut dyn FnMut(&dyn Cells) -> Result<()>,
    ) -> Result<()>;

    /// Runs one statement for many rows: `{rows}` in the text stands for a table expression with the
    /// named columns. Gives the number of rows written.
    async fn rows(
        &mut self,
        sql: &'static str,
        columns: Vec<(&'static str, Column<'_>)>,
    ) -> Result<u64>;
}

/// `{rows}` as a `VALUES` list of `count` rows, values numbered row by row.
pub fn expand_values(sql: &str, columns: &[(&'static str, Column<'_>)], count: usize) -> String {
    let width = columns.len();
    let mut table = "(SELECT ".to_owned();
    for (place, (name, _)) in columns.iter().enumerate() {
        let comma = if place == 0 { "" } else { ", " };
        let _ = write!(table, "{comma}column{} AS {name}", place + 1);
    }
    table.push_str(" FROM (VALUES ");
    for row in 0..count {
        table.push_str(if row == 0 { "(" } else { ", (" });
        for place in 0..width {
            let comma = if place == 0 { "" } else { ", " };
            let _ = write!(table, "{comma}${}", row * width + place + 1);
        }
        table.push(')');
    }
    table.push_str("))");
    sql.replace("{rows}", &table)
}

/// `{rows}` as PostgreSQL's `UNNEST` over one array a column.
pub fn expand_unnest(sql: &str, columns: &[(&'static str, Column<'_>)]) -> String {
    let list = |part: &dyn Fn(usize, &str, &Column<'_>) -> String| {
        let parts: Vec<_> = columns.iter().enumerate().map(|(i, (n, c))| part(i, n, c)).collect();
        parts.join(", ")
    };
    let picked = list(&|_, name, column| match column {
        Column::Json(_) => format!("{name}::jsonb AS {name}"),
        _ => name.to_owned(),
    });
    let arrays = list(&|i, _, column| format!("${}::{}[]", i + 1, column.postgres_type()));
    let names = list(&|_, name, _| name.to_owned());
    sql.replace("{rows}", &format!("(SELECT {picked} FROM UNNEST({arrays}) AS u({names}))"))
}

/// The outcome of a future that never waits.
pub fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("a contender without async inside has nothing to wait for"),
    }
}
