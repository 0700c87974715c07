//! The ledger proof's queries through sqlx, in a process of its own: one request a line on standard
//! input, one answer a line on standard output. It ends when its input does.

mod on_postgres;
mod on_sqlite;
mod texts;

use std::io::{BufRead, Write};

use anyhow::{Context, Result, bail};
use ledger_cases::{Dialect, Request};

use crate::on_postgres::OnPostgres;
use crate::on_sqlite::OnSqlite;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let Some(file) = arguments.next() else {
        bail!("usage: sqlx-contender FILE [POSTGRES_URL SCHEMA]");
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut sqlite = OnSqlite::open(&file).await?;
        let mut postgres = match (arguments.next(), arguments.next()) {
            (Some(url), Some(schema)) => Some(OnPostgres::open(&url, &schema).await?),
            _ => None,
        };
        for line in std::io::stdin().lock().lines() {
            let request: Request = serde_json::from_str(&line?)?;
            let on = match request {
                Request::Prepare(on) | Request::Round { on, .. } | Request::Load { on, .. } => on,
            };
            let answer = match on {
                Dialect::Sqlite => sqlite.answer(request).await?,
                Dialect::Postgres => {
                    postgres.as_mut().context("no PostgreSQL was given")?.answer(request).await?
                }
            };
            let mut output = std::io::stdout().lock();
            writeln!(output, "{}", serde_json::to_string(&answer)?)?;
            output.flush()?;
        }
        Ok(())
    })
}

/// Reads a row of either engine; the two differ only in how times and ids are stored.
macro_rules! cells {
    ($row:ty, $time:item) => {
        struct RowCells<'r>(&'r $row);

        impl ledger_cases::Cells for RowCells<'_> {
            fn int(&self, index: usize) -> anyhow::Result<i64> {
                Ok(self.0.try_get(index)?)
            }

            fn text(&self, index: usize) -> anyhow::Result<String> {
                Ok(self.0.try_get(index)?)
            }

            fn uuid(&self, index: usize) -> anyhow::Result<uuid::Uuid> {
                Ok(self.0.try_get(index)?)
            }

            $time

            fn json(&self, index: usize) -> anyhow::Result<serde_json::Value> {
                Ok(self.0.try_get(index)?)
            }
        }
    };
}
pub(crate) use cells;
