//! A shop's own database, read by one query: never written, row by row, every value as text.
//!
//! PostgreSQL answers inside a read-only transaction through a cursor, SQLite through a file that is
//! opened for reading. Numbers keep the digits the database has; nothing goes through floating point
//! but what the shop itself keeps so.

use std::time::Duration;

use postgres::{NoTls, SimpleQueryMessage};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

/// Rows fetched at once.
const FETCH: usize = 1_000;
/// How long the database may take to say anything.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one fetch may take, milliseconds.
const STATEMENT_TIMEOUT_MS: u64 = 120_000;

/// Why a shop's database gave no rows.
#[derive(Debug, thiserror::Error)]
pub enum ShopDatabaseError {
    /// The address is of no kind that is known.
    #[error("a database is named as postgres://user@host/name or sqlite:path, nothing else")]
    Url,
    /// It cannot be reached or opened. The address is not repeated: it may hold a password.
    #[error("cannot open the shop's database: {0}")]
    Open(String),
    /// The query is refused or fails.
    #[error("the shop's database refuses the query: {0}")]
    Query(String),
    /// A value that has no text, such as an image.
    #[error(
        "column {column} of row {row} holds bytes; leave it out or turn it into text in the query"
    )]
    Bytes {
        /// The column.
        column: String,
        /// The row, from 1.
        row: u64,
    },
    /// The rows cannot be kept.
    #[error("cannot keep the rows of the query: {0}")]
    Kept(#[from] std::io::Error),
}

/// A row's values in the order of the columns; nothing is an empty text.
pub type Values = Vec<String>;

/// Runs one query and gives its column names, then its rows one by one.
pub fn read_rows(
    url: &str,
    query: &str,
    mut names: impl FnMut(&[String]) -> std::io::Result<()>,
    mut row: impl FnMut(Values) -> std::io::Result<()>,
) -> Result<u64, ShopDatabaseError> {
    if let Some(path) = url.strip_prefix("sqlite:") {
        return read_sqlite(path.trim_start_matches("//"), query, &mut names, &mut row);
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return read_postgres(url, query, &mut names, &mut row);
    }
    Err(ShopDatabaseError::Url)
}

type Names<'a> = &'a mut dyn FnMut(&[String]) -> std::io::Result<()>;
type Rows<'a> = &'a mut dyn FnMut(Values) -> std::io::Result<()>;

fn read_sqlite(
    path: &str,
    query: &str,
    names: Names<'_>,
    each: Rows<'_>,
) -> Result<u64, ShopDatabaseError> {
    let open = |error: rusqlite::Error| ShopDatabaseError::Open(error.to_string());
    let refused = |error: rusqlite::Error| ShopDatabaseError::Query(error.to_string());
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(open)?;
    connection.busy_timeout(CONNECT_TIMEOUT).map_err(open)?;
    connection.pragma_update(None, "query_only", true).map_err(open)?;
    let mut statement = connection.prepare(query).map_err(refused)?;
    if !statement.readonly() {
        return Err(ShopDatabaseError::Query("it is not a query that only reads".to_owned()));
    }
    let columns: Vec<String> = statement.column_names().map(ToOwned::to_owned).collect();
    names(&columns)?;
    let mut rows = statement.query([]).map_err(refused)?;
    let mut count = 0;
    while let Some(row) = rows.next().map_err(refused)? {
        count += 1;
        let value = |(place, column): (usize, &String)| match row.get_ref(place).map_err(refused)? {
            ValueRef::Null => Ok(String::new()),
            ValueRef::Integer(number) => Ok(number.to_string()),
            // The shortest text that is this number again: 9.95 is `9.95`.
            ValueRef::Real(number) => Ok(number.to_string()),
            ValueRef::Text(text) => Ok(String::from_utf8_lossy(text).into_owned()),
            ValueRef::Blob(_) => {
                Err(ShopDatabaseError::Bytes { column: column.clone(), row: count })
            }
        };
        each(columns.iter().enumerate().map(value).collect::<Result<_, _>>()?)?;
    }
    Ok(count)
}

fn read_postgres(
    url: &str,
    query: &str,
    names: Names<'_>,
    each: Rows<'_>,
) -> Result<u64, ShopDatabaseError> {
    let why = |error: &postgres::Error| {
        std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
    };
    let open = |error: postgres::Error| ShopDatabaseError::Open(why(&error));
    let refused = |error: postgres::Error| ShopDatabaseError::Query(why(&error));
    let mut config: postgres::Config = url.parse().map_err(|_| ShopDatabaseError::Url)?;
    config.application_name("shopwright import").connect_timeout(CONNECT_TIMEOUT);
    let mut client = config.connect(NoTls).map_err(open)?;
    client
        .batch_execute(&format!(
            "SET statement_timeout = {STATEMENT_TIMEOUT_MS}; SET TIME ZONE 'UTC';
             SET datestyle = 'ISO'; BEGIN READ ONLY"
        ))
        .map_err(open)?;
    // Sent as one prepared statement, so that nothing can stand behind the query.
    let query = query.trim().trim_end_matches(';');
    client
        .execute(&format!("DECLARE shop_rows NO SCROLL CURSOR FOR {query}"), &[])
        .map_err(refused)?;
    let mut count = 0;
    let mut is_first = true;
    loop {
        let before = count;
        let fetch = format!("FETCH {FETCH} FROM shop_rows");
        for message in client.simple_query(&fetch).map_err(refused)? {
            match message {
                SimpleQueryMessage::RowDescription(columns) if is_first => {
                    is_first = false;
                    let columns: Vec<String> =
                        columns.iter().map(|column| column.name().to_owned()).collect();
                    names(&columns)?;
                }
                SimpleQueryMessage::Row(row) => {
                    count += 1;
                    let value = |place| row.get(place).unwrap_or_default().to_owned();
                    each((0..row.len()).map(value).collect())?;
                }
                _ => {}
            }
        }
        if count == before {
            return Ok(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop() -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.db");
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE sales (sku TEXT, price REAL, pieces INTEGER, image BLOB);
                 INSERT INTO sales VALUES ('a', 9.95, 2, NULL), ('b', NULL, 1, x'00');",
            )
            .unwrap();
        (folder, format!("sqlite:{}", path.display()))
    }

    fn read(url: &str, query: &str) -> Result<(Vec<String>, Vec<Values>), ShopDatabaseError> {
        let (mut columns, mut rows) = (Vec::new(), Vec::new());
        read_rows(
            url,
            query,
            |names| {
                columns = names.to_vec();
                Ok(())
            },
            |row| {
                rows.push(row);
                Ok(())
            },
        )?;
        Ok((columns, rows))
    }

    #[test]
    fn values_come_as_the_text_the_database_has_for_them() {
        let (_folder, url) = shop();
        let (columns, rows) =
            read(&url, "SELECT sku, price, pieces AS quantity FROM sales").unwrap();
        assert_eq!(columns, ["sku", "price", "quantity"]);
        assert_eq!(rows, [["a", "9.95", "2"], ["b", "", "1"]]);
    }

    #[test]
    fn what_would_write_or_is_no_query_is_refused_and_changes_nothing() {
        let (_folder, url) = shop();
        let check = |query: &str, part: &str| {
            let error = read(&url, query).unwrap_err().to_string();
            assert!(error.contains(part), "{query}: {error}");
        };
        check("DELETE FROM sales", "only reads");
        check("SELECT 1; DELETE FROM sales", "refuses the query");
        check("SELECT colour FROM sales", "no such column");
        check("SELECT image FROM sales", "column image of row 2 holds bytes");
        assert_eq!(read(&url, "SELECT * FROM sales WHERE sku = 'a'").unwrap().1.len(), 1);
        let error = read("sqlite:/nowhere/at/all.db", "SELECT 1").unwrap_err().to_string();
        assert!(error.contains("cannot open"), "{error}");
        let error = read("mysql://x", "SELECT 1").unwrap_err();
        assert!(matches!(error, ShopDatabaseError::Url));
    }

    #[test]
    fn a_query_of_postgres_is_one_statement_inside_a_transaction_that_only_reads() {
        let Ok(url) = std::env::var("SHOPWRIGHT_TEST_POSTGRES_URL") else { return };
        let query = "SELECT 1.50::numeric AS price, TIMESTAMPTZ '2026-03-15 10:14:00+02' AS at, n
                     FROM generate_series(1, 2500) AS n;";
        let (columns, rows) = read(&url, query).unwrap();
        assert_eq!((columns.len(), rows.len()), (3, 2_500));
        assert_eq!(rows[2_499], ["1.50", "2026-03-15 08:14:00+00", "2500"]);
        for wrong in ["SELECT 1; SELECT 2", "CREATE TABLE shop_x (a int)", "SELECT nothing"] {
            assert!(matches!(read(&url, wrong), Err(ShopDatabaseError::Query(_))), "{wrong}");
        }
    }
}
