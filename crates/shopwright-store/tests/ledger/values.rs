//! Every kind of value is read back as it was written, on both engines.

use proptest::prelude::*;
use serde_json::json;
use shopwright_domain::catalog::Sku;
use shopwright_domain::ids::OrderId;
use shopwright_domain::time::Timestamp;
use shopwright_store::{FromColumn, StoreError, Value, params};
use uuid::Uuid;

use crate::harness::{Db, cases, on_both};

const TABLE: &str = "CREATE TABLE kinds (n bigint, yes boolean, word text, at timestamptz, \
     id uuid, tree jsonb, raw bytea)";

/// Writes `value` into `column` and reads it back through an expression that keeps it as it is.
fn check<T>(db: &Db, column: &'static str, value: &T, bind: fn(&T) -> Value<'_>)
where
    T: FromColumn + PartialEq + std::fmt::Debug + Clone + Send + 'static,
{
    let sent = value.clone();
    let read = db.write(move |tx| {
        tx.execute("DELETE FROM kinds", params![])?;
        tx.execute(&format!("INSERT INTO kinds ({column}) VALUES ($1)"), &[bind(&sent)])?;
        tx.one(&format!("SELECT {column} FROM kinds"), params![], |row| row.get::<T>(0))
    });
    assert_eq!(read.as_ref(), Ok(value), "{column}");
    // The same value finds its row: what is compared is what is stored.
    let sent = value.clone();
    let found = db.read(move |tx| {
        tx.one(&format!("SELECT COUNT(*) FROM kinds WHERE {column} = $1"), &[bind(&sent)], |row| {
            row.get::<i64>(0)
        })
    });
    assert_eq!(found, Ok(1), "{column} = {value:?}");
}

#[test]
fn every_kind_of_value_is_read_back_as_it_was_written() {
    on_both(|db| {
        db.raw().run(TABLE);
        for n in [0, 1, -1, i64::MAX, i64::MIN, 1 << 53, -(1 << 53) - 1] {
            check(db, "n", &n, |v| (*v).into());
        }
        for yes in [true, false] {
            check(db, "yes", &yes, |v| (*v).into());
        }
        for word in
            ["", " ", "grün", "🧶🕯️", "'; --", "\u{feff}x", "a\nb\tc\"d\\", &"ß".repeat(5_000)]
        {
            check(db, "word", &word.to_owned(), |v| v.into());
        }
        for bytes in [vec![], vec![0], (0..=255).collect::<Vec<u8>>()] {
            check(db, "raw", &bytes, |v| v.into());
        }
        for id in
            [Uuid::nil(), Uuid::max(), Uuid::from_u128(0x0189_0a5d_ac96_774b_bcce_b302_099a_8057)]
        {
            check(db, "id", &id, |v| (*v).into());
            check(db, "id", &OrderId::from_uuid(id), |v| (*v).into());
        }
        check(db, "word", &Sku::parse("85123A ß🧶").unwrap(), |v| v.into());
    });
}

#[test]
fn times_keep_their_microseconds_before_1970_and_at_the_ends_of_the_calendar() {
    on_both(|db| {
        db.raw().run(TABLE);
        for text in [
            "1970-01-01T00:00:00Z",
            "1969-12-31T23:59:59.999999Z",
            "1901-02-03T04:05:06.000007Z",
            "0001-01-01T00:00:00Z",
            "-004700-01-01T00:00:00Z",
            "2000-01-01T00:00:00Z",
            "2026-11-24T18:00:00.123456Z",
            "9999-12-30T00:00:00.999999Z",
        ] {
            check(db, "at", &text.parse::<Timestamp>().unwrap(), |v| (*v).into());
        }
        // "Since ever" and "for ever", as a bound of a query may be.
        for micros in [i64::MIN, i64::MAX] {
            check(db, "at", &Timestamp::from_micros(micros), |v| (*v).into());
        }
    });
}

#[test]
fn the_ends_of_time_enclose_every_stored_time() {
    on_both(|db| {
        db.raw().run(TABLE);
        let (first, last) = (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX));
        let between = db.write(move |tx| {
            let now: Timestamp = "2026-11-24T18:00:00Z".parse().unwrap();
            tx.execute("INSERT INTO kinds (at) VALUES ($1)", params![now])?;
            tx.one(
                "SELECT COUNT(*) FROM kinds WHERE at > $1 AND at < $2",
                params![first, last],
                |row| row.get::<i64>(0),
            )
        });
        assert_eq!(between, Ok(1));
    });
}

#[test]
fn json_keeps_its_tree() {
    on_both(|db| {
        db.raw().run(TABLE);
        for tree in [
            json!({}),
            json!([]),
            json!("text"),
            json!(17),
            json!(true),
            json!({ "z": 1, "a": { "🧶": [null, false, -1, "x", { "deep": [[[]]] }] } }),
            json!([9_007_199_254_740_993_i64, i64::MAX, i64::MIN, 0.5, -1.25]),
            json!({ "quote": "\"\\/\u{1}\n", "empty": "" }),
        ] {
            check(db, "tree", &tree, |v| v.into());
        }
    });
}

#[test]
fn null_is_none_in_every_kind_of_column_and_no_value_of_any() {
    on_both(|db| {
        db.raw().run(TABLE);
        let read = db.write(|tx| {
            let nothing: [Value<'_>; 7] = std::array::from_fn(|_| Value::Null);
            tx.execute("INSERT INTO kinds VALUES ($1, $2, $3, $4, $5, $6, $7)", &nothing)?;
            tx.one("SELECT n, yes, word, at, id, tree, raw FROM kinds", params![], |row| {
                assert_eq!(row.get::<Option<i64>>(0)?, None);
                assert_eq!(row.get::<Option<bool>>(1)?, None);
                assert_eq!(row.get::<Option<String>>(2)?, None);
                assert_eq!(row.get::<Option<Timestamp>>(3)?, None);
                assert_eq!(row.get::<Option<Uuid>>(4)?, None);
                assert_eq!(row.get::<Option<OrderId>>(4)?, None);
                assert_eq!(row.get::<Option<serde_json::Value>>(5)?, None);
                assert_eq!(row.get::<Option<Vec<u8>>>(6)?, None);
                assert!(matches!(row.get::<i64>(0), Err(StoreError::Corrupt { .. })));
                assert!(matches!(row.get::<String>(2), Err(StoreError::Corrupt { .. })));
                assert!(matches!(row.get::<Uuid>(4), Err(StoreError::Corrupt { .. })));
                Ok(())
            })
        });
        assert_eq!(read, Ok(()));
        let absent = db.write(|tx| {
            tx.execute("DELETE FROM kinds", params![])?;
            let (n, word) = (None::<i64>, None::<&str>);
            tx.execute("INSERT INTO kinds (n, word) VALUES ($1, $2)", params![n, word])?;
            tx.one(
                "SELECT COUNT(*) FROM kinds WHERE n IS NULL AND word IS NULL",
                params![],
                |row| row.get::<i64>(0),
            )
        });
        assert_eq!(absent, Ok(1));
    });
}

#[test]
fn a_parameter_of_the_wrong_type_is_our_own_mistake_on_both_engines() {
    on_both(|db| {
        db.raw().run("CREATE TABLE strict_one (n bigint NOT NULL)");
        if !db.store.is_postgres() {
            db.raw()
                .run("DROP TABLE strict_one; CREATE TABLE strict_one (n INTEGER NOT NULL) STRICT");
        }
        // Of eight bytes, too, which is the size of a number on the wire.
        for text in ["seven", "eighteen", "a dozen and more"] {
            let wrong =
                db.write(move |tx| tx.execute("INSERT INTO strict_one VALUES ($1)", params![text]));
            assert!(matches!(wrong, Err(StoreError::Bug(_))), "{text}: {wrong:?}");
        }
        let overflow = db.write(|tx| {
            tx.execute("INSERT INTO strict_one VALUES ($1)", params![i64::MAX])?;
            tx.execute("UPDATE strict_one SET n = n + 1", params![])
        });
        assert!(matches!(overflow, Err(StoreError::Bug(_))), "{overflow:?}");
        assert_eq!(db.raw().ints("SELECT n FROM strict_one"), Vec::<i64>::new());
    });
}

#[test]
fn any_row_of_values_survives_both_engines() {
    on_both(|db| {
        db.raw().run(TABLE);
        // Thousands of rows in few transactions: the rows are random, the round trips few.
        let row = (
            any::<i64>(),
            any::<bool>(),
            "[^\\x00]{0,12}",
            -200_000_000_000_000_000..=250_000_000_000_000_000_i64,
        );
        let rows = prop::collection::vec((row, any::<u128>(), any::<Vec<u8>>()), 300);
        let outcome = cases(8).run(&rows, |rows| {
            let sent = rows.clone();
            let read = db.write(move |tx| {
                tx.execute("DELETE FROM kinds", params![])?;
                let mut back = Vec::new();
                for ((n, yes, word, at), id, raw) in &sent {
                    let values = params![*n, *yes, word, Timestamp::from_micros(*at), Uuid::from_u128(*id), raw];
                    back.extend(tx.query(
                        "INSERT INTO kinds (n, yes, word, at, id, raw) VALUES ($1, $2, $3, $4, $5, $6)
                         RETURNING n, yes, word, at, id, raw",
                        values,
                        |row| {
                            let at: Timestamp = row.get(3)?;
                            let id: Uuid = row.get(4)?;
                            let front = (row.get(0)?, row.get(1)?, row.get(2)?, at.as_micros());
                            Ok((front, id.as_u128(), row.get(5)?))
                        },
                    )?);
                }
                Ok(back)
            });
            prop_assert_eq!(read, Ok(rows));
            Ok(())
        });
        outcome.unwrap();
    });
}

#[test]
fn a_parameter_is_bound_by_its_number_wherever_the_statement_names_it() {
    on_both(|db| {
        db.raw().run("CREATE TABLE pairs (n bigint, word text)");
        let read = db.write(|tx| {
            tx.execute("INSERT INTO pairs (word, n) VALUES ($2, $1)", params![7_i64, "seven"])?;
            tx.execute(
                "UPDATE pairs SET n = $3 WHERE word = $2 AND n = $1 AND n < $3",
                params![7_i64, "seven", 8_i64],
            )?;
            tx.one(
                "SELECT n, word FROM pairs WHERE word = $2 AND n = $1 AND $1 = n",
                params![8_i64, "seven"],
                |row| Ok((row.get::<i64>(0)?, row.get::<String>(1)?)),
            )
        });
        assert_eq!(read, Ok((8, "seven".to_owned())));
        for (sql, count) in [
            ("SELECT n FROM pairs WHERE n = $1", 0),
            ("SELECT n FROM pairs WHERE n = $1", 2),
            ("SELECT n FROM pairs", 1),
        ] {
            let mistake = db.read(move |tx| {
                let numbers = vec![Value::Int(1); count];
                tx.query(sql, &numbers, |row| row.get::<i64>(0))
            });
            assert!(matches!(mistake, Err(StoreError::Bug(_))), "{sql} with {count}: {mistake:?}");
        }
    });
}
