//! The queries: what the engines of the house do to the ledger, one operation each.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::bulk;
use crate::chance::Chance;
use crate::load::{Demand, Reservation, Reserved, lock_levels, reserve, reserve_late};
use crate::schema::{COLOURS, CUSTOMERS, EPOCH, ITEMS, STOCKED, attributes, customer, sku};
use crate::session::{Arg, Session};

/// How the operations of a round are put into transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// All in one, committed once: what is compared is the statements, not the disk.
    Together,
    /// Each refused and undone.
    Refused,
    /// Each a read by itself, one after the other.
    Alone,
}

macro_rules! cases {
    ($($case:ident $shape:ident $operations:literal $name:literal;)*) => {
        /// One query of the proof.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Case { $(#[doc = $name] $case,)* }

        impl Case {
            /// All, in the order in which they run.
            pub const ALL: &[Self] = &[$(Self::$case),*];

            /// What it does, in a few words.
            pub fn name(self) -> &'static str {
                match self { $(Self::$case => $name,)* }
            }

            /// How its operations are put into transactions.
            pub fn shape(self) -> Shape {
                match self { $(Self::$case => Shape::$shape,)* }
            }

            /// Operations in one round.
            pub fn operations(self) -> u64 {
                match self { $(Self::$case => $operations,)* }
            }
        }
    };
}

cases! {
    Insert Together 200 "insert one row";
    InsertOrKeep Together 200 "insert or keep, tell which (idempotency key)";
    Upsert Together 200 "upsert with JSON";
    PointRead Together 200 "point read, 7 columns, JSON parsed";
    LockThree Together 200 "lock 3 rows in key order";
    VersionedUpdate Together 200 "update where the version matches, returning";
    Counter Together 200 "counter with a limit, returning";
    JsonRead Together 200 "read a key of JSON";
    JsonFilter Together 5 "filter 2,000 rows by a key of JSON";
    KeysetPage Together 50 "keyset page of 50";
    Aggregate Together 5 "aggregate 5,000 lines by SKU";
    Join Together 50 "join: a customer's 10 orders with 50 lines";
    Window Together 3 "window: best line of each SKU, top 20";
    NeverSold Together 10 "anti-join: 20 products never sold";
    UpdateFrom Together 4 "update 200 rows from a list";
    BulkInsert200 Together 4 "bulk insert 200 rows";
    BulkInsert2000 Together 1 "bulk insert 2,000 rows";
    BulkKeep200 Together 4 "bulk insert 200 rows, half known already";
    Reserve Together 50 "reserve 3 SKUs, all or nothing";
    Refuse Refused 50 "refusal after writes, undone";
    OutboxClaim Together 5 "outbox: add 20, claim 20, finish 20";
    DeleteOldest Together 10 "delete the 20 oldest";
    ReadAlone Alone 200 "point read, each by itself";
}

/// Runs operation number `n` of a round in the session's transaction. Different salts write
/// different rows.
pub async fn run(session: &mut impl Session, case: Case, salt: u64, n: u64) -> Result<Reserved> {
    let mut chance = Chance::new(salt.wrapping_mul(0x1_0000_0001).wrapping_add(n));
    let order = salt * 10_000 + n;
    match case {
        Case::Insert => insert(session, chance.id(order)).await?,
        // Every second id was there a moment ago.
        Case::InsertOrKeep => {
            insert_or_keep(session, Chance::new(salt ^ (n / 2)).id(order / 2), n % 2 == 1).await?;
        }
        Case::Upsert => upsert(session, &mut chance, n).await?,
        Case::PointRead | Case::ReadAlone => point_read(session, &mut chance).await?,
        Case::LockThree => {
            let first = chance.below(STOCKED - 20);
            let skus = [sku(first), sku(first + 7), sku(first + 13)];
            let levels = lock_levels(session, [&skus[0], &skus[1], &skus[2]]).await?;
            ensure!(levels.len() == 3, "three levels");
        }
        Case::VersionedUpdate => versioned_update(session, &mut chance).await?,
        Case::Counter => counter(session, &mut chance).await?,
        Case::JsonRead => json_read(session, &mut chance).await?,
        Case::JsonFilter => json_filter(session, &mut chance).await?,
        Case::KeysetPage => keyset_page(session, &mut chance).await?,
        Case::Aggregate => aggregate(session).await?,
        Case::Join => join(session, &mut chance).await?,
        Case::Window => window(session).await?,
        Case::NeverSold => never_sold(session).await?,
        Case::UpdateFrom => bulk::update_from(session, &mut chance).await?,
        Case::BulkInsert200 => bulk::insert(session, &mut chance, order, 200).await?,
        Case::BulkInsert2000 => bulk::insert(session, &mut chance, order, 2_000).await?,
        Case::BulkKeep200 => bulk::insert_or_keep(session, salt, n).await?,
        Case::Reserve => return reserve(session, &Reservation::of(Demand::Spread, salt, n)).await,
        Case::Refuse => return reserve_late(session, &Reservation::unfillable(salt, n)).await,
        Case::OutboxClaim => bulk::claim(session, &mut chance, order).await?,
        Case::DeleteOldest => delete_oldest(session).await?,
    }
    Ok(Reserved::All)
}

async fn insert(session: &mut impl Session, id: Uuid) -> Result<()> {
    session
        .execute(
            "INSERT INTO proof_commands (command_id, outcome, at) VALUES ($1, $2, $3)",
            &[Arg::Uuid(id), Arg::Text("accepted"), Arg::Time(EPOCH)],
        )
        .await?;
    Ok(())
}

async fn insert_or_keep(session: &mut impl Session, id: Uuid, known: bool) -> Result<()> {
    let mut new = 0;
    session
        .each(
            "INSERT INTO proof_commands (command_id, outcome, at) VALUES ($1, $2, $3)
             ON CONFLICT (command_id) DO NOTHING RETURNING command_id",
            &[Arg::Uuid(id), Arg::Text("accepted"), Arg::Time(EPOCH)],
            &mut |row| {
                ensure!(row.uuid(0)? == id, "the id comes back");
                new += 1;
                Ok(())
            },
        )
        .await?;
    ensure!(new == i32::from(!known), "only an unknown command is new");
    Ok(())
}

async fn upsert(session: &mut impl Session, chance: &mut Chance, n: u64) -> Result<()> {
    let (key, json) = (sku(chance.below(ITEMS)), attributes(chance));
    session
        .execute(
            "INSERT INTO proof_items (sku, title, category, price_minor, version, attributes, updated_at)
             VALUES ($1, $2, $3, $4, 1, $5, $6)
             ON CONFLICT (sku) DO UPDATE SET title = excluded.title, category = excluded.category,
                price_minor = excluded.price_minor, version = proof_items.version + 1,
                attributes = excluded.attributes, updated_at = excluded.updated_at",
            &[
                Arg::Text(&key),
                Arg::Text("Hand-poured candle, new label"),
                Arg::Text("Home/Candles"),
                Arg::Int(chance.below(9_000)),
                Arg::Json(&json),
                Arg::Time(EPOCH + i64::try_from(n)?),
            ],
        )
        .await?;
    Ok(())
}

async fn point_read(session: &mut impl Session, chance: &mut Chance) -> Result<()> {
    let key = sku(chance.below(ITEMS));
    let mut found = 0;
    session
        .each(
            "SELECT sku, title, category, price_minor, version, attributes, updated_at
             FROM proof_items WHERE sku = $1",
            &[Arg::Text(&key)],
            &mut |row| {
                ensure!(
                    row.text(0)? == key && !row.text(1)?.is_empty() && !row.text(2)?.is_empty()
                );
                ensure!(row.int(3)? >= 0 && row.int(4)? > 0 && row.time(6)? >= EPOCH);
                ensure!(row.json(5)?.get("origin").is_some(), "the document");
                found += 1;
                Ok(())
            },
        )
        .await?;
    ensure!(found == 1, "one product");
    Ok(())
}

async fn versioned_update(session: &mut impl Session, chance: &mut Chance) -> Result<()> {
    let mut found = 0;
    session
        .each(
            "UPDATE proof_items SET version = version + 1, updated_at = $1
             WHERE sku = $2 AND version >= $3 RETURNING version",
            &[Arg::Time(EPOCH), Arg::Text(&sku(chance.below(ITEMS))), Arg::Int(1)],
            &mut |row| {
                found = row.int(0)?;
                Ok(())
            },
        )
        .await?;
    ensure!(found > 1, "the next version");
    Ok(())
}

async fn counter(session: &mut impl Session, chance: &mut Chance) -> Result<()> {
    let mut used = 0;
    session
        .each(
            "UPDATE proof_counters SET used = used + $1 WHERE name = $2 AND used + $1 <= used_max
             RETURNING used",
            &[Arg::Int(1), Arg::Text(&customer(chance.below(CUSTOMERS)))],
            &mut |row| {
                used = row.int(0)?;
                Ok(())
            },
        )
        .await?;
    ensure!(used > 0, "counted");
    Ok(())
}

async fn json_read(session: &mut impl Session, chance: &mut Chance) -> Result<()> {
    let sql = session.dialect().pick(
        "SELECT json_extract(attributes, '$.colour') FROM proof_items WHERE sku = $1",
        "SELECT (attributes ->> 'colour') FROM proof_items WHERE sku = $1",
    );
    let mut colour = String::new();
    session
        .each(sql, &[Arg::Text(&sku(chance.below(ITEMS)))], &mut |row| {
            colour = row.text(0)?;
            Ok(())
        })
        .await?;
    ensure!(COLOURS.contains(&colour.as_str()), "a colour");
    Ok(())
}

async fn json_filter(session: &mut impl Session, chance: &mut Chance) -> Result<()> {
    let sql = session.dialect().pick(
        "SELECT COUNT(*) FROM proof_items WHERE json_extract(attributes, '$.colour') = $1",
        "SELECT COUNT(*) FROM proof_items WHERE (attributes ->> 'colour') = $1",
    );
    let colour = COLOURS[usize::try_from(chance.below(8))?];
    let mut count = 0;
    session
        .each(sql, &[Arg::Text(colour)], &mut |row| {
            count = row.int(0)?;
            Ok(())
        })
        .await?;
    ensure!(count > 0, "some products have the colour");
    Ok(())
}

async fn keyset_page(session: &mut impl Session, chance: &mut Chance) -> Result<()> {
    let after = sku(chance.below(ITEMS - 50));
    let mut length = 0;
    session
        .each(
            "SELECT sku, title, category, price_minor FROM proof_items WHERE sku > $1
             ORDER BY sku LIMIT $2",
            &[Arg::Text(&after), Arg::Int(50)],
            &mut |row| {
                length += row.text(0)?.len().min(1)
                    + row.text(1)?.len().min(1)
                    + row.text(2)?.len().min(1);
                ensure!(row.int(3)? >= 0, "a price");
                Ok(())
            },
        )
        .await?;
    ensure!((147..=150).contains(&length), "a page of 50, not {length}");
    Ok(())
}

async fn aggregate(session: &mut impl Session) -> Result<()> {
    let mut groups = 0;
    session
        .each(
            "SELECT sku, COUNT(*), CAST(SUM(quantity) AS bigint), CAST(SUM(amount_minor) AS bigint)
             FROM proof_lines GROUP BY sku ORDER BY sku",
            &[],
            &mut |row| {
                ensure!(
                    !row.text(0)?.is_empty()
                        && row.int(1)? > 0
                        && row.int(2)? > 0
                        && row.int(3)? > 0
                );
                groups += 1;
                Ok(())
            },
        )
        .await?;
    ensure!(groups > 900, "most SKUs sold");
    Ok(())
}

async fn join(session: &mut impl Session, chance: &mut Chance) -> Result<()> {
    let mut lines = 0;
    session
        .each(
            "SELECT o.order_id, o.placed_at, l.ordinal, l.sku, i.title, l.quantity, l.amount_minor
             FROM proof_orders o JOIN proof_lines l ON l.order_id = o.order_id
             JOIN proof_items i ON i.sku = l.sku
             WHERE o.customer = $1 ORDER BY o.placed_at DESC, l.ordinal",
            &[Arg::Text(&customer(chance.below(CUSTOMERS)))],
            &mut |row| {
                ensure!(!row.uuid(0)?.is_nil() || row.time(1)? >= EPOCH, "an order");
                ensure!(row.int(2)? > 0 && !row.text(3)?.is_empty() && !row.text(4)?.is_empty());
                ensure!(row.int(5)? > 0 && row.int(6)? > 0, "a line");
                lines += 1;
                Ok(())
            },
        )
        .await?;
    ensure!(lines == 50, "ten orders of five lines");
    Ok(())
}

async fn window(session: &mut impl Session) -> Result<()> {
    let mut best = 0;
    session
        .each(
            "SELECT sku, amount_minor FROM (SELECT sku, amount_minor, ROW_NUMBER() OVER
                (PARTITION BY sku ORDER BY amount_minor DESC, order_id, ordinal) AS place
                FROM proof_lines) AS ranked
             WHERE place = 1 ORDER BY amount_minor DESC, sku LIMIT 20",
            &[],
            &mut |row| {
                ensure!(!row.text(0)?.is_empty() && row.int(1)? > 0, "a line");
                best += 1;
                Ok(())
            },
        )
        .await?;
    ensure!(best == 20, "twenty lines");
    Ok(())
}

async fn never_sold(session: &mut impl Session) -> Result<()> {
    let mut found = 0;
    session
        .each(
            "SELECT i.sku, i.title FROM proof_items i WHERE NOT EXISTS
                (SELECT 1 FROM proof_lines l WHERE l.sku = i.sku) ORDER BY i.sku LIMIT 20",
            &[],
            &mut |row| {
                ensure!(!row.text(0)?.is_empty() && !row.text(1)?.is_empty(), "a product");
                found += 1;
                Ok(())
            },
        )
        .await?;
    ensure!(found == 20, "twenty products");
    Ok(())
}

async fn delete_oldest(session: &mut impl Session) -> Result<()> {
    let gone = session
        .execute(
            "DELETE FROM proof_commands WHERE command_id IN
                (SELECT command_id FROM proof_commands ORDER BY command_id LIMIT $1)",
            &[Arg::Int(20)],
        )
        .await?;
    ensure!(gone == 20, "twenty gone, not {gone}");
    Ok(())
}
