//! The audit log: appended in order by any number at once, listed by pages, and never changed
//! unnoticed: corruptions planted with raw SQL are found.

use serde_json::json;
use shopwright_domain::ids::{Id, KeyId};
use shopwright_store::audit::{self, Actor, AuditEntry, AuditFilter, AuditPage, Stamp};
use shopwright_store::{StoreError, verify};
use uuid::Uuid;

use crate::catalog::at;
use crate::harness::{Answer, Db, on_both};

fn key(n: u128) -> KeyId {
    Id::from_uuid(Uuid::from_u128(n))
}

fn entry(object: &str, n: i64) -> AuditEntry {
    let actor = if n % 2 == 0 { Actor::Cli } else { Actor::Key(key(7)) };
    let action = if n % 3 == 0 { "key.created" } else { "promotion.started" };
    Stamp::new(actor, at(n)).entry(action, object.to_owned(), None, Some(json!({ "n": n })))
}

fn fill(db: &Db) {
    for n in 1..=6 {
        let object = if n < 4 { "key_a" } else { "key_b" };
        assert_eq!(db.write(move |tx| audit::record(tx, &entry(object, n))), Ok(n));
    }
    assert_eq!(broken(db), Vec::<String>::new());
}

fn broken(db: &Db) -> Vec<String> {
    let rules = db.read(verify::verify).unwrap();
    let of = |name: &str| {
        let found = rules.iter().find(|rule| rule.rule == name).unwrap();
        found.broken.iter().map(|line| format!("{name} {line}")).collect::<Vec<_>>()
    };
    [of("audit_chain"), of("audit_versions")].concat()
}

#[test]
fn entries_recorded_at_once_make_one_chain_without_gaps() {
    on_both(|db| {
        let answers: Vec<_> =
            (0..40).map(|n| db.start(move |tx| audit::record(tx, &entry("key_a", n)))).collect();
        let places: Result<Vec<i64>, StoreError> = answers.into_iter().map(Answer::wait).collect();
        let mut places = places.unwrap();
        places.sort_unstable();
        assert_eq!(places, (1..=40).collect::<Vec<_>>());
        assert_eq!(broken(db), Vec::<String>::new());
        let all = AuditFilter::default();
        let rows = db.read(move |tx| audit::list(tx, &all, AuditPage::Newest, 100)).unwrap();
        let versions: Vec<i64> = rows.iter().rev().map(|row| row.object_version).collect();
        assert_eq!(versions, (1..=40).collect::<Vec<_>>());
    });
}

#[test]
fn a_refused_change_leaves_no_entry() {
    on_both(|db| {
        fill(db);
        let refused: Result<(), _> = db.write(|tx| {
            audit::record(tx, &entry("key_a", 9))?;
            Err(StoreError::Busy)
        });
        assert!(refused.is_err());
        assert_eq!(db.write(|tx| audit::record(tx, &entry("key_a", 9))), Ok(7));
    });
}

#[test]
fn entries_are_listed_by_filter_and_page_newest_first() {
    on_both(|db| {
        fill(db);
        let check = |filter: &AuditFilter, page: AuditPage, limit: i64, seqs: &[i64]| {
            let filter = filter.clone();
            let rows = db.read(move |tx| audit::list(tx, &filter, page, limit)).unwrap();
            let found: Vec<i64> = rows.iter().map(|row| row.seq).collect();
            assert_eq!(found, seqs);
        };
        let all = AuditFilter::default();
        check(&all, AuditPage::Newest, 2, &[6, 5]);
        check(&all, AuditPage::OlderThan(5), 2, &[4, 3]);
        check(&all, AuditPage::NewerThan(1), 2, &[3, 2]);
        check(
            &AuditFilter { action: "key.created".into(), ..all.clone() },
            AuditPage::Newest,
            9,
            &[6, 3],
        );
        check(
            &AuditFilter { action: "key.".into(), ..all.clone() },
            AuditPage::OlderThan(6),
            9,
            &[3],
        );
        check(&AuditFilter { action: "key".into(), ..all.clone() }, AuditPage::Newest, 9, &[]);
        check(
            &AuditFilter { object: "key_b".into(), ..all.clone() },
            AuditPage::Newest,
            9,
            &[6, 5, 4],
        );
        check(
            &AuditFilter { actor_kind: "cli".into(), ..all.clone() },
            AuditPage::Newest,
            9,
            &[6, 4, 2],
        );
        let by_key = AuditFilter { actor_id: key(7).to_string(), ..all.clone() };
        check(&by_key, AuditPage::Newest, 2, &[5, 3]);
        let both = AuditFilter { object: "key_a".into(), ..by_key };
        check(&both, AuditPage::Newest, 9, &[3, 1]);
    });
}

fn check(rule: &str, sql: &'static str, finds: &[&str]) {
    on_both(|db| {
        fill(db);
        db.raw().run(sql);
        let found = broken(db);
        for part in finds {
            let named = |line: &String| line.starts_with(rule) && line.contains(part);
            assert!(found.iter().any(named), "{rule}: {part} after {sql}: {found:?}");
        }
    });
}

#[test]
fn planted_corruptions_of_the_chain_are_found() {
    check(
        "audit_chain",
        "UPDATE audit_log SET actor_kind = 'system' WHERE seq = 3",
        &[" 3: expected the entry that was hashed"],
    );
    check(
        "audit_chain",
        "UPDATE audit_log SET after_json = '{\"n\": 2}' WHERE seq = 2",
        &[" 2: expected the entry that was hashed"],
    );
    check(
        "audit_chain",
        "DELETE FROM audit_log WHERE seq = 4",
        &[" 5: expected entry 4, found 5", "5: expected the hash of the entry before"],
    );
    check("audit_chain", "DELETE FROM audit_log WHERE seq = 1", &[" 2: expected entry 1"]);
    check(
        "audit_chain",
        "DELETE FROM audit_log WHERE seq > 4",
        &["end: expected entry 6 to be the last, found 4"],
    );
    check(
        "audit_chain",
        "DELETE FROM audit_log",
        &["end: expected entry 6 to be the last, found 0"],
    );
    check(
        "audit_chain",
        "UPDATE audit_head SET seq = 5",
        &["end: expected entry 5 to be the last, found 6"],
    );
    check("audit_chain", "DELETE FROM audit_head", &["expected to know the last entry"]);
}

#[test]
fn planted_gaps_in_an_objects_versions_are_found() {
    check(
        "audit_versions",
        "DELETE FROM audit_log WHERE seq = 2",
        &[" 3 key_a: expected version 2"],
    );
    check(
        "audit_versions",
        "UPDATE audit_log SET object_version = 9 WHERE seq = 6",
        &[" 6 key_b: expected version 3, found 9"],
    );
}
