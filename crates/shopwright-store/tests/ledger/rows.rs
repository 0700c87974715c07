//! One statement for many rows does the same on both engines, whatever its kind.

use serde_json::{Value as Json, json};
use shopwright_domain::time::Timestamp;
use shopwright_store::{Column, StoreError, Tx, params};
use uuid::Uuid;

use crate::harness::{Db, on_both};

const TABLE: &str = "CREATE TABLE parts (sku text PRIMARY KEY, n bigint, yes boolean, word text, \
     at timestamptz, id uuid, tree jsonb)";

const INSERT: &str = "INSERT INTO parts (sku, n, yes, word, at, id, tree)
     SELECT sku, n, yes, word, at, id, tree FROM {rows} AS r WHERE true";

#[derive(Clone, Debug, PartialEq)]
struct Part {
    sku: &'static str,
    n: Option<i64>,
    yes: bool,
    word: Option<&'static str>,
    at: Timestamp,
    id: Uuid,
    tree: Json,
}

fn part(sku: &'static str, n: Option<i64>, word: Option<&'static str>) -> Part {
    let at = Timestamp::from_micros(n.unwrap_or(-1) % 1_000_000_007);
    let id = Uuid::from_u128(u128::from(n.unwrap_or(0).unsigned_abs()));
    Part {
        sku,
        n,
        yes: n.is_some(),
        word,
        at,
        id,
        tree: json!({ "sku": sku, "n": n, "list": [word] }),
    }
}

fn columns(parts: &[Part]) -> Vec<(&'static str, Column<'_>)> {
    vec![
        ("sku", Column::Text(parts.iter().map(|p| p.sku).collect())),
        ("n", Column::OptInt(parts.iter().map(|p| p.n).collect())),
        ("yes", Column::Bool(parts.iter().map(|p| p.yes).collect())),
        ("word", Column::OptText(parts.iter().map(|p| p.word).collect())),
        ("at", Column::Time(parts.iter().map(|p| p.at).collect())),
        ("id", Column::Uuid(parts.iter().map(|p| p.id).collect())),
        ("tree", Column::Json(parts.iter().map(|p| p.tree.to_string()).collect())),
    ]
}

type Stored = (String, Option<i64>, bool, Option<String>, Timestamp, Uuid, Json);

fn stored(tx: &mut Tx<'_>) -> Result<Vec<Stored>, StoreError> {
    tx.query("SELECT sku, n, yes, word, at, id, tree FROM parts ORDER BY sku", params![], |row| {
        Ok((
            row.get(0)?,
            row.get(1)?,
            row.get(2)?,
            row.get(3)?,
            row.get(4)?,
            row.get(5)?,
            row.get(6)?,
        ))
    })
}

fn as_stored(parts: &[Part]) -> Vec<Stored> {
    let one = |p: &Part| {
        let word = p.word.map(ToOwned::to_owned);
        (p.sku.to_owned(), p.n, p.yes, word, p.at, p.id, p.tree.clone())
    };
    parts.iter().map(one).collect()
}

fn three() -> Vec<Part> {
    vec![
        part("a", Some(1), Some("one")),
        part("b", None, None),
        part("🧶", Some(i64::MIN), Some("")),
    ]
}

fn filled(db: &Db) {
    db.raw().run(TABLE);
    assert_eq!(db.write(|tx| tx.execute_rows(INSERT, &columns(&three()))), Ok(3));
}

#[test]
fn rows_of_every_kind_of_column_are_inserted_as_they_are() {
    on_both(|db| {
        filled(db);
        assert_eq!(db.read(stored), Ok(as_stored(&three())));
    });
}

#[test]
fn no_rows_write_nothing_and_ask_nothing() {
    on_both(|db| {
        let none = db.write(|tx| {
            // Not even a table is needed.
            tx.execute_rows(
                "INSERT INTO nowhere SELECT sku FROM {rows} AS r",
                &[("sku", Column::Text(vec![]))],
            )
        });
        assert_eq!(none, Ok(0));
        let none = db.write(|tx| {
            let ids = [("id", Column::Uuid(vec![]))];
            tx.query_rows("SELECT id FROM {rows} AS r", &ids, |row| row.get::<Uuid>(0))
        });
        assert_eq!(none, Ok(vec![]));
    });
}

#[test]
fn an_upsert_counts_and_returns_only_the_rows_it_wrote() {
    on_both(|db| {
        filled(db);
        let keep = format!("{INSERT} ON CONFLICT (sku) DO NOTHING");
        let more = vec![part("a", Some(9), None), part("c", Some(3), None)];
        let (sql, rows) = (keep.clone(), more.clone());
        assert_eq!(db.write(move |tx| tx.execute_rows(&sql, &columns(&rows))), Ok(1));
        let (sql, rows) =
            (format!("{keep} RETURNING sku"), vec![part("c", None, None), part("d", None, None)]);
        let new =
            db.write(move |tx| tx.query_rows(&sql, &columns(&rows), |row| row.get::<String>(0)));
        assert_eq!(new, Ok(vec!["d".to_owned()]));

        let replace = format!(
            "{INSERT} ON CONFLICT (sku) DO UPDATE SET n = excluded.n, tree = excluded.tree"
        );
        let replaced = vec![part("a", Some(7), Some("one")), part("e", Some(5), None)];
        let rows = replaced.clone();
        assert_eq!(db.write(move |tx| tx.execute_rows(&replace, &columns(&rows))), Ok(2));
        let all = db.read(stored).unwrap();
        let a = all.iter().find(|row| row.0 == "a").unwrap();
        assert_eq!((a.1, &a.6), (Some(7), &replaced[0].tree));
        assert_eq!(all.len(), 6);
    });
}

#[test]
fn an_update_from_rows_changes_those_it_finds_and_returns_them() {
    on_both(|db| {
        filled(db);
        let changed = db.write(|tx| {
            tx.execute_rows(
                "UPDATE parts SET n = r.n, word = r.word FROM {rows} AS r WHERE parts.sku = r.sku",
                &[
                    ("sku", Column::Text(vec!["a", "nobody", "b"])),
                    ("n", Column::Int(vec![10, 11, 12])),
                    ("word", Column::OptText(vec![None, Some("x"), Some("y")])),
                ],
            )
        });
        assert_eq!(changed, Ok(2));
        let returned = db.write(|tx| {
            let sku = [("sku", Column::Text(vec!["b", "nobody"]))];
            tx.query_rows(
                "UPDATE parts SET n = n + 1 FROM {rows} AS r WHERE parts.sku = r.sku RETURNING parts.sku, n, word",
                &sku,
                |row| Ok((row.get::<String>(0)?, row.get::<i64>(1)?, row.get::<String>(2)?)),
            )
        });
        assert_eq!(returned, Ok(vec![("b".to_owned(), 13, "y".to_owned())]));
        let a = db.read(stored).unwrap().swap_remove(0);
        assert_eq!((a.1, a.3), (Some(10), None));
    });
}

#[test]
fn a_query_joins_rows_with_a_table_and_gives_all_matches() {
    on_both(|db| {
        filled(db);
        let wanted = || {
            [
                ("sku", Column::Text(vec!["b", "🧶", "zz", "b"])),
                ("place", Column::Int(vec![0, 1, 2, 3])),
            ]
        };
        let sql = "SELECT r.place, p.sku FROM {rows} AS r JOIN parts p ON p.sku = r.sku";
        let mut found = db
            .read(move |tx| {
                tx.query_rows(sql, &wanted(), |row| Ok((row.get::<i64>(0)?, row.get::<String>(1)?)))
            })
            .unwrap();
        found.sort_unstable();
        assert_eq!(found, [(0, "b".to_owned()), (1, "🧶".to_owned()), (3, "b".to_owned())]);
    });
}

#[test]
fn one_bad_row_undoes_the_whole_statement() {
    on_both(|db| {
        filled(db);
        let conflict = db.write(|tx| {
            let rows = [part("x", Some(1), None), part("a", Some(2), None)];
            let failed = tx.execute_rows(INSERT, &columns(&rows));
            // Dropping the error does not save what the first row wrote.
            assert!(failed.is_err());
            Ok(())
        });
        assert_eq!(conflict, Err(StoreError::Conflict { constraint: "parts_pkey".into() }));
        assert_eq!(db.read(stored), Ok(as_stored(&three())));
    });
}

#[test]
fn a_returned_row_that_cannot_be_read_undoes_the_whole_statement() {
    on_both(|db| {
        filled(db);
        let corrupt = db.write(|tx| {
            let rows = [part("x", None, None), part("y", None, None)];
            let sql = format!("{INSERT} RETURNING sku, n");
            let read = tx.query_rows(&sql, &columns(&rows), |row| row.get::<i64>(1));
            assert!(matches!(read, Err(StoreError::Corrupt { .. })), "{read:?}");
            Ok(())
        });
        assert!(matches!(corrupt, Err(StoreError::Corrupt { .. })), "{corrupt:?}");
        assert_eq!(db.read(stored), Ok(as_stored(&three())));
    });
}

#[test]
fn thousands_of_rows_go_in_one_statement() {
    on_both(|db| {
        db.with_notes();
        let written = db.write(|tx| {
            tx.execute_rows(
                "INSERT INTO notes (n, word) SELECT n, word FROM {rows} AS r WHERE true",
                &[
                    ("n", Column::Int((0..5_000).collect())),
                    ("word", Column::Text(vec!["w"; 5_000])),
                ],
            )
        });
        assert_eq!(written, Ok(5_000));
        assert_eq!(db.raw().int("SELECT COUNT(*) FROM notes"), 5_000);
    });
}
