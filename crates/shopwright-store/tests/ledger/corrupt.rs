//! A stored row that does not hold what its table promises is named by table, column and id.

use shopwright_domain::catalog::Sku;
use shopwright_domain::time::Timestamp;
use shopwright_store::{Page, StoreError, Tx, catalog, identity, imports, inventory, params};
use uuid::Uuid;

use crate::harness::{Db, on_both, on_sqlite};

fn check<T: std::fmt::Debug + Send + 'static>(
    db: &Db,
    (table, column, id): (&str, &str, &str),
    read: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
) {
    let failed = db.read(read);
    let Err(StoreError::Corrupt { table: in_table, column: in_column, id: of_row, problem }) =
        &failed
    else {
        panic!("{table}.{column}: {failed:?}")
    };
    assert_eq!((in_table.as_str(), in_column.as_str(), of_row.as_str()), (table, column, id));
    assert!(!problem.is_empty());
    let told = failed.unwrap_err().to_string();
    assert!(told.contains(&format!("{table}.{column} of row {id}")), "{told}");
}

/// A product and whatever `damage` does to it with raw SQL.
fn damaged(db: &Db, damage: &str) {
    let patch = catalog::ProductPatch {
        sku: Sku::parse("tea").unwrap(),
        title: None,
        category: None,
        currency: "EUR".parse().unwrap(),
        base_price_minor: Some(100),
        cost_minor: None,
        map_minor: None,
        attributes: serde_json::json!({}),
    };
    let at = Timestamp::from_micros(7);
    db.write(move |tx| catalog::upsert(tx, &patch, at)).unwrap();
    db.write(|tx| {
        inventory::open_level(tx, &Sku::parse("tea").unwrap(), 5, Timestamp::from_micros(7))
    })
    .unwrap();
    db.raw().run(damage);
}

fn list(tx: &mut Tx<'_>) -> Result<usize, StoreError> {
    Ok(catalog::list(tx, &catalog::ProductFilter::default(), &Page::first(10))?.len())
}

#[test]
fn a_text_that_is_no_currency_names_its_row() {
    on_both(|db| {
        damaged(db, "UPDATE products SET currency = 'EURO'");
        check(db, ("products", "currency", "tea"), list);
        // What is wrong stays so until it is repaired; then reading goes on.
        check(db, ("products", "currency", "tea"), |tx| {
            catalog::find(tx, &Sku::parse("tea").unwrap())
        });
        db.raw().run("UPDATE products SET currency = 'EUR'");
        assert_eq!(db.read(list), Ok(1));
    });
}

#[test]
fn a_sku_that_cannot_be_one_names_its_row() {
    on_both(|db| {
        damaged(db, "");
        db.raw().run("INSERT INTO products (sku, title, kind, currency, status, attributes, created_at, updated_at)
             SELECT 'a' || CHR(10), title, kind, currency, status, attributes, created_at, updated_at FROM products"
            .replace("CHR(10)", if db.store.is_postgres() { "CHR(10)" } else { "CHAR(10)" })
            .as_str());
        check(db, ("products", "sku", "a\n"), list);
    });
}

#[test]
fn a_null_where_a_value_is_promised_names_its_row() {
    on_both(|db| {
        db.raw()
            .run("CREATE TABLE jars (id bigint, size bigint); INSERT INTO jars VALUES (42, NULL)");
        check(db, ("jars", "size", "42"), |tx| {
            tx.query("SELECT id, size FROM jars", params![], |row| row.get::<i64>(1))
        });
    });
}

#[test]
fn rows_that_were_joined_name_the_table_and_not_the_statement() {
    on_both(|db| {
        let at = if db.store.is_postgres() { "NULL" } else { "'noon'" };
        damaged(db, "");
        db.raw().run("CREATE TABLE pots (sku text, at timestamptz)");
        db.raw().run(&format!("INSERT INTO pots VALUES ('tea', {at})"));
        check(db, ("pots", "at", "tea"), |tx| {
            let skus = [("sku", shopwright_store::Column::Text(vec!["tea"]))];
            tx.query_rows(
                "SELECT p.sku, p.at FROM {rows} AS r JOIN pots p ON p.sku = r.sku",
                &skus,
                |row| row.get::<Timestamp>(1),
            )
        });
    });
}

#[test]
fn values_sqlite_lets_in_and_postgresql_does_not_name_their_row() {
    on_sqlite(|db| {
        damaged(db, "UPDATE products SET attributes = '{not json'");
        check(db, ("products", "attributes", "tea"), list);

        let id = Uuid::from_u128(0x1234);
        db.raw().run(&format!(
            "INSERT INTO api_keys (key_id, kind, name, shown_prefix, hash, created_at)
                 VALUES (x'{}', 'secret', 'n', 'p', x'00', 1);
             INSERT INTO imports VALUES (x'0102', 'l', 's', 'f', 0, 1, NULL)",
            id.simple()
        ));
        assert_eq!(db.read(|tx| Ok(identity::list_keys(tx)?.len())), Ok(1));
        // An id of two bytes has no text of its own.
        let begun = db.write(|tx| {
            let import_id = shopwright_domain::ids::Id::from_uuid(Uuid::from_u128(1));
            imports::begin(tx, import_id, "l", "s", "f", Timestamp::from_micros(1))
        });
        let Err(StoreError::Corrupt { table, column, problem, .. }) = begun else {
            panic!("{begun:?}")
        };
        assert_eq!((table.as_str(), column.as_str()), ("imports", "import_id"));
        assert!(problem.contains("16-byte"), "{problem}");

        // Affinity would turn a number into text, so the column has no type at all.
        db.raw()
            .run("CREATE TABLE odd (id TEXT, yes, word); INSERT INTO odd VALUES ('o', 2, x'ff')");
        check(db, ("odd", "yes", "o"), |tx| {
            tx.query("SELECT id, yes FROM odd", params![], |row| row.get::<bool>(1))
        });
        check(db, ("odd", "word", "o"), |tx| {
            tx.query("SELECT id, word FROM odd", params![], |row| row.get::<String>(1))
        });
        check(db, ("odd", "word", "o"), |tx| {
            tx.query("SELECT id, CAST(word AS TEXT) AS word FROM odd", params![], |row| {
                row.get::<String>(1)
            })
        });
    });
}

#[test]
fn a_corrupt_row_in_a_write_keeps_nothing_of_it() {
    on_both(|db| {
        damaged(db, "UPDATE products SET currency = 'EURO'");
        let failed = db.write(|tx| {
            tx.execute(
                "INSERT INTO settings (name, value) VALUES ('x', $1)",
                params![&serde_json::json!(1)],
            )?;
            list(tx)
        });
        assert!(matches!(failed, Err(StoreError::Corrupt { .. })), "{failed:?}");
        assert_eq!(db.raw().int("SELECT COUNT(*) FROM settings WHERE name = 'x'"), 0);
    });
}
