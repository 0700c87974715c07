//! API keys, the change feed and settings.

use serde_json::{Value as Json, json};
use shopwright_domain::ids::{Id, KeyId};
use shopwright_store::identity::{self, ApiKey};
use shopwright_store::{Change, StoreError, feed, settings};
use uuid::Uuid;

use crate::catalog::at;
use crate::harness::{Answer, Db, on_both};

fn id(n: u128) -> KeyId {
    Id::from_uuid(Uuid::from_u128(n))
}

fn key(n: u8) -> ApiKey {
    ApiKey {
        key_id: id(u128::from(n)),
        kind: "secret".to_owned(),
        name: format!("key {n}"),
        shown_prefix: "sk_01ab".to_owned(),
        hash: vec![n; 32],
        created_at: at(i64::from(n) * 10),
        last_used_at: None,
        revoked_at: None,
        scopes: vec!["stock:read".to_owned(); usize::from(n % 2)],
        origins: vec!["https://shop.example".to_owned(); usize::from(n % 3)],
        expires_at: (n > 2).then(|| at(900)),
    }
}

fn insert(db: &Db, key: ApiKey) -> Result<(), StoreError> {
    db.write(move |tx| identity::insert_key(tx, &key))
}

fn version(db: &Db) -> i64 {
    db.read(|tx| feed::version(tx, Change::Keys)).unwrap()
}

#[test]
fn keys_are_listed_newest_first_as_they_were_written() {
    on_both(|db| {
        for n in [2, 1, 3] {
            insert(db, key(n)).unwrap();
        }
        assert_eq!(db.read(identity::list_keys), Ok(vec![key(3), key(2), key(1)]));
        assert_eq!(version(db), 3);
        let twin = ApiKey { key_id: id(99), ..key(1) };
        let taken = StoreError::Conflict { constraint: "api_keys_hash_key".into() };
        assert_eq!(insert(db, twin), Err(taken));
        let taken = StoreError::Conflict { constraint: "api_keys_pkey".into() };
        assert_eq!(insert(db, ApiKey { hash: vec![9], ..key(1) }), Err(taken));
        // What was refused has not moved the feed.
        assert_eq!(version(db), 3);
    });
}

#[test]
fn a_key_revoked_twice_keeps_the_first_time() {
    on_both(|db| {
        insert(db, key(1)).unwrap();
        let mut changes = db.store.changes();
        for (n, now, found) in [(1, 50, true), (1, 60, true), (7, 70, false)] {
            assert_eq!(db.write(move |tx| identity::revoke_key(tx, id(n), at(now))), Ok(found));
        }
        assert_eq!(db.read(identity::list_keys).unwrap()[0].revoked_at, Some(at(50)));
        assert_eq!(changes.try_recv(), Ok(Change::Keys));
    });
}

#[test]
fn the_time_a_key_was_last_used_only_goes_forward() {
    on_both(|db| {
        insert(db, key(1)).unwrap();
        insert(db, key(2)).unwrap();
        for (used, stands) in [(100, 100), (90, 100), (100, 100), (101, 101)] {
            db.write(move |tx| identity::touch_keys(tx, &[(id(1), at(used)), (id(77), at(used))]))
                .unwrap();
            let keys = db.read(identity::list_keys).unwrap();
            assert_eq!((keys[1].last_used_at, keys[0].last_used_at), (Some(at(stands)), None));
        }
        db.write(|tx| identity::touch_keys(tx, &[])).unwrap();
    });
}

#[test]
fn feeds_count_each_kind_of_change_by_itself() {
    on_both(|db| {
        let advance = |change| db.write(move |tx| feed::advance(tx, change)).unwrap();
        assert_eq!(
            [advance(Change::Prices), advance(Change::Prices), advance(Change::Keys)],
            [1, 2, 1]
        );
        let refused: Result<(), _> = db.write(|tx| {
            assert_eq!(feed::advance(tx, Change::Prices), Ok(3));
            Err(StoreError::Busy)
        });
        assert!(refused.is_err());
        assert_eq!(db.read(|tx| feed::version(tx, Change::Prices)), Ok(2));
    });
}

#[test]
fn feeds_advanced_at_once_give_every_version_once() {
    on_both(|db| {
        let answers: Vec<_> =
            (0..64).map(|_| db.start(|tx| feed::advance(tx, Change::Prices))).collect();
        let versions: Result<Vec<i64>, StoreError> =
            answers.into_iter().map(Answer::wait).collect();
        let mut versions = versions.unwrap();
        versions.sort_unstable();
        assert_eq!(versions, (1..=64).collect::<Vec<_>>());
    });
}

#[test]
fn a_setting_is_the_last_value_written_under_its_name() {
    on_both(|db| {
        let find = || db.read(|tx| settings::find::<Json>(tx, "zone")).unwrap();
        assert_eq!(find(), None);
        for value in
            [json!("Europe/Vienna"), json!({ "b": [1, "🧶"], "a": null }), json!(7), json!("")]
        {
            let sent = value.clone();
            db.write(move |tx| settings::set(tx, "zone", &sent)).unwrap();
            assert_eq!(find(), Some(value));
        }
        assert_eq!(db.read(|tx| settings::find::<String>(tx, "zone")), Ok(Some(String::new())));
        let wrong = db.read(|tx| settings::find::<Vec<i64>>(tx, "zone"));
        let Err(StoreError::Corrupt { table, column, .. }) = wrong else { panic!("{wrong:?}") };
        assert_eq!((table.as_str(), column.as_str()), ("settings", "value"));
        assert_eq!(db.read(|tx| settings::find::<Json>(tx, "Zone")), Ok(None));
    });
}
