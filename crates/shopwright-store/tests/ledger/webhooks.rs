//! Events, endpoints and deliveries in the ledger.

use serde_json::json;
use shopwright_domain::ids::{EffectId, EventId, Id, WebhookDeliveryId, WebhookEndpointId};
use shopwright_store::effects::{self, EffectState, Outcome};
use shopwright_store::params;
use shopwright_store::webhook_deliveries::{self, Attempt, DELIVER, DeliveryState};
use shopwright_store::webhooks::{self, Endpoint, NewEvent};
use shopwright_store::{Page, Place};
use uuid::Uuid;

use crate::catalog::at;
use crate::harness::{Db, on_both};

fn endpoint_id(n: u128) -> WebhookEndpointId {
    Id::from_uuid(Uuid::from_u128(n))
}

fn event_id(n: u128) -> EventId {
    Id::from_uuid(Uuid::from_u128(n))
}

fn endpoint(n: u128, filters: &[&str], enabled: bool) -> Endpoint {
    Endpoint {
        endpoint_id: endpoint_id(n),
        url: format!("https://example.com/{n}"),
        description: "Order desk".to_owned(),
        filters: filters.iter().map(|filter| filter.parse().unwrap()).collect(),
        enabled,
        disabled_reason: None,
        secret: vec![1, 2, 3],
        old_secret: None,
        old_secret_until: None,
        failing_since: None,
        throttled_until: None,
        asks_since: at(1),
        created_at: at(1),
        updated_at: at(1),
    }
}

fn add(db: &Db, endpoint: Endpoint) {
    db.write(move |tx| webhooks::insert_endpoint(tx, &endpoint)).unwrap();
}

fn tell(db: &Db, n: u128, kind: &'static str) -> bool {
    db.write(move |tx| {
        let data = json!({ "n": 1 });
        let event = NewEvent { event_id: event_id(n), kind, data, at: at(10) };
        webhooks::record_event(tx, &event)
    })
    .unwrap()
}

fn deliveries(db: &Db, endpoint: u128) -> Vec<webhook_deliveries::Delivery> {
    db.read(move |tx| webhook_deliveries::list(tx, endpoint_id(endpoint), None, &Page::first(100)))
        .unwrap()
}

/// Claims the only delivery that waits and writes an attempt that made this of it.
fn attempt(db: &Db, state: DeliveryState) -> WebhookDeliveryId {
    db.write(move |tx| {
        let claimed = effects::claim(tx, &[DELIVER], at(20), std::time::Duration::from_mins(1), 1)?;
        let (effect, lease) = claimed.into_iter().next().unwrap();
        let id = WebhookDeliveryId::from_uuid(effect.effect_id.uuid());
        let outcome = match state {
            DeliveryState::Delivered => Outcome::Done,
            _ => Outcome::GivenUp { error: "it answered 500".into() },
        };
        assert!(effects::settle(tx, lease, &outcome, at(21))?);
        let attempt = Attempt {
            at: at(20),
            took_ms: 3,
            status: Some(500),
            error: Some("it answered 500".into()),
            answer: "no\n".into(),
        };
        webhook_deliveries::record_attempt(tx, id, (state, 1), &attempt, at(21))?;
        Ok(id)
    })
    .unwrap()
}

#[test]
fn an_event_goes_to_every_enabled_endpoint_that_asks_for_it_once() {
    on_both(|db| {
        add(db, endpoint(1, &["*"], true));
        add(db, endpoint(2, &["order.*", "price.changed"], true));
        add(db, endpoint(3, &["order.*"], true));
        add(db, endpoint(4, &["*"], false));
        assert!(tell(db, 7, "price.changed"));
        assert!(!tell(db, 7, "price.changed"), "told twice");
        let count = |n: u128| deliveries(db, n).len();
        assert_eq!([count(1), count(2), count(3), count(4)], [1, 1, 0, 0]);
        let delivery = deliveries(db, 1).remove(0);
        assert_eq!((delivery.state, delivery.tries), (DeliveryState::Waiting, 0));
        assert_eq!((delivery.event.event_id, delivery.event.at), (event_id(7), at(10)));
        assert_eq!(delivery.event.data, json!({ "n": 1 }));
        let effect = EffectId::from_uuid(delivery.delivery_id.uuid());
        let effect = db.read(move |tx| effects::find(tx, effect)).unwrap().unwrap();
        assert_eq!((effect.kind.as_str(), effect.state), (DELIVER, EffectState::Waiting));
        assert_ne!(delivery.delivery_id, deliveries(db, 2)[0].delivery_id);
    });
}

#[test]
fn an_endpoint_is_read_back_as_it_was_written_and_changed() {
    on_both(|db| {
        add(db, endpoint(1, &["*", "a.*"], true));
        add(db, endpoint(2, &["b.c"], true));
        let read =
            |n: u128| db.read(move |tx| webhooks::find_endpoint(tx, endpoint_id(n))).unwrap();
        assert_eq!(read(1), Some(endpoint(1, &["*", "a.*"], true)));
        let changed = Endpoint {
            disabled_reason: Some("410".into()),
            old_secret: Some(vec![9]),
            old_secret_until: Some(at(99)),
            failing_since: Some(at(50)),
            throttled_until: Some(at(60)),
            asks_since: at(3),
            updated_at: at(2),
            ..endpoint(1, &["x.y"], false)
        };
        let kept = changed.clone();
        assert_eq!(db.write(move |tx| webhooks::update_endpoint(tx, &kept)), Ok(true));
        assert_eq!(read(1), Some(changed));
        let list = |after: Option<u128>| {
            let place = after.map_or(Place::First, |n| Place::After(endpoint_id(n)));
            let page = Page { place, limit: 10 };
            let rows = db.read(move |tx| webhooks::list_endpoints(tx, &page)).unwrap();
            rows.into_iter().map(|row| row.endpoint_id).collect::<Vec<_>>()
        };
        assert_eq!(
            (list(None), list(Some(2))),
            (vec![endpoint_id(2), endpoint_id(1)], vec![endpoint_id(1)])
        );
    });
}

#[test]
fn a_removed_endpoint_takes_its_deliveries_with_it_and_leaves_the_events() {
    on_both(|db| {
        add(db, endpoint(1, &["*"], true));
        add(db, endpoint(2, &["*"], true));
        tell(db, 7, "price.changed");
        attempt(db, DeliveryState::Failed);
        let delete =
            || db.write(|tx| webhooks::delete_endpoint(tx, endpoint_id(1), at(25))).unwrap();
        assert_eq!((delete(), delete()), (true, false));
        let rows = |sql: &'static str| {
            db.read(move |tx| tx.one(sql, params![], |row| row.get::<i64>(0))).unwrap()
        };
        let sealed =
            "SELECT SUM(LENGTH(secret)) FROM webhook_endpoints WHERE deleted_at IS NOT NULL";
        assert_eq!(rows(sealed), 0, "its secret is gone at once");
        assert_eq!(db.read(|tx| webhooks::find_endpoint(tx, endpoint_id(1))), Ok(None));
        let sweep = || db.write(|tx| webhooks::delete_removed(tx, 10)).unwrap();
        assert_eq!((sweep(), sweep()), (1, 0));
        assert_eq!(rows("SELECT COUNT(*) FROM webhook_endpoints"), 1);
        assert_eq!(rows("SELECT COUNT(*) FROM effects"), 1, "the effect of the other one");
        assert_eq!((deliveries(db, 1).len(), deliveries(db, 2).len()), (0, 1));
        assert_eq!(db.read(|tx| webhooks::list_events(tx, "", &Page::first(10))).unwrap().len(), 1);
    });
}

#[test]
fn a_delivery_keeps_its_attempts_and_can_be_sent_again_whatever_came_of_it() {
    on_both(|db| {
        add(db, endpoint(1, &["*"], true));
        tell(db, 7, "price.changed");
        for (round, state) in
            [DeliveryState::Failed, DeliveryState::Delivered].into_iter().enumerate()
        {
            let id = attempt(db, state);
            let delivery = deliveries(db, 1).remove(0);
            assert_eq!((delivery.state, delivery.tries), (state, 1));
            assert_eq!((delivery.finished_at, delivery.last_error.is_some()), (Some(at(21)), true));
            let log = db.read(move |tx| webhook_deliveries::attempts(tx, id)).unwrap();
            assert_eq!(
                (log.len(), log[0].answer.as_str(), log[0].status),
                (round + 1, "no\n", Some(500))
            );
            for _ in 0..2 {
                assert_eq!(
                    db.write(move |tx| webhook_deliveries::replay(tx, id, at(15))),
                    Ok(true)
                );
            }
            let delivery = deliveries(db, 1).remove(0);
            assert_eq!((delivery.state, delivery.tries), (DeliveryState::Waiting, 0));
        }
        let none = WebhookDeliveryId::from_uuid(Uuid::from_u128(99));
        assert_eq!(db.write(move |tx| webhook_deliveries::replay(tx, none, at(15))), Ok(false));
        // Its effect is kept as long as it is.
        let id = attempt(db, DeliveryState::Delivered);
        assert_eq!(db.write(|tx| effects::delete_finished(tx, at(30), 10)), Ok(0));
        assert_eq!(db.write(move |tx| webhook_deliveries::replay(tx, id, at(15))), Ok(true));
        assert_eq!(attempt(db, DeliveryState::Delivered), id);
    });
}

#[test]
fn failed_deliveries_are_found_by_time_and_old_events_are_forgotten() {
    on_both(|db| {
        add(db, endpoint(1, &["*"], true));
        tell(db, 7, "price.changed");
        let replayed = |since: i64| {
            db.write(move |tx| {
                webhook_deliveries::replay_failed(tx, endpoint_id(1), (at(since), at(20)), 10)
            })
            .unwrap()
        };
        assert_eq!(replayed(0), 0, "it waits");
        let forget = || db.write(|tx| webhooks::delete_events(tx, at(11), 10)).unwrap();
        assert_eq!(forget(), 0, "what is on its way stays");
        attempt(db, DeliveryState::Failed);
        assert_eq!((replayed(11), replayed(10), replayed(10)), (0, 1, 0));
        assert_eq!(forget(), 0, "what is on its way again stays");
        attempt(db, DeliveryState::Failed);
        assert_eq!((forget(), forget()), (1, 0));
        assert_eq!(deliveries(db, 1), []);
        let left =
            "SELECT (SELECT COUNT(*) FROM effects) + (SELECT COUNT(*) FROM webhook_attempts)";
        let left = db.read(move |tx| tx.one(left, params![], |row| row.get::<i64>(0)));
        assert_eq!(left, Ok(0));
    });
}
