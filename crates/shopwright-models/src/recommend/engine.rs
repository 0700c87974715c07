//! A fitted recommender: the channels of a blend on all data, and the answer to a history.
//!
//! An answer has exactly as many items as asked for when the catalogue has them, none twice, and
//! none that its purpose leaves out; what no channel scores is filled up by popularity.

use super::blend::Blend;
use super::channel::{Data, Fitted, Model, Scratch, Spec};
use super::personal::{popular, trend};
use super::scores::Scores;
use super::slice::left_out;
use super::{Past, Purpose, RecommendError};

/// Channels with weights, fitted.
#[derive(Debug)]
pub struct Recommender {
    models: Vec<Fitted>,
    parts: Vec<(usize, Spec, f32)>,
    purpose: Purpose,
    items: usize,
    fill: Vec<u32>,
    /// A factor for each item; none when trends are not followed.
    trend: Option<Vec<f32>>,
    now: i64,
}

/// Scratch of one thread.
#[derive(Debug)]
pub struct Work {
    scratch: Scratch,
    total: Scores,
}

impl Recommender {
    /// Fits a blend's channels on all data.
    pub fn fit(data: Data<'_>, purpose: Purpose, blend: &Blend) -> Result<Self, RecommendError> {
        if data.events.is_empty() {
            return Err(RecommendError::NoEvents);
        }
        let mut known: Vec<Model> = Vec::new();
        let (mut models, mut parts) = (Vec::new(), Vec::new());
        for (spec, weight) in &blend.parts {
            let at = known.iter().position(|model| *model == spec.model).unwrap_or(known.len());
            if at == known.len() {
                known.push(spec.model);
                models.push(spec.model.fit(data)?);
            }
            parts.push((at, *spec, *weight));
        }
        let mut fill: Vec<u32> = popular(data.events, data.items, None, data.items)
            .iter()
            .map(|(item, _)| *item)
            .collect();
        let mut listed = vec![false; data.items];
        for item in &fill {
            listed[*item as usize] = true;
        }
        fill.extend((0..data.items as u32).filter(|item| !listed[*item as usize]));
        let now = data.events.iter().map(|event| event.time).max().unwrap_or(0);
        let trend = blend.trend.map(|(days, exponent)| {
            let factors = trend(data.events, data.items, days);
            factors.into_iter().map(|factor| factor.powf(exponent)).collect()
        });
        Ok(Self { models, parts, purpose, items: data.items, fill, trend, now })
    }

    /// Scratch for one thread.
    pub fn work(&self) -> Work {
        let rows = self.models.iter().map(Fitted::rows).max().unwrap_or(0);
        Work { scratch: Scratch::new(self.items, rows), total: Scores::new(self.items) }
    }

    /// The best items for a history, best first, with their scores; 0 for those filled up.
    pub fn recommend(
        &self,
        history: &[Past],
        at: Option<i64>,
        most: usize,
        work: &mut Work,
    ) -> Vec<(u32, f32)> {
        let out = left_out(self.purpose, history);
        let last = history.last().map_or(0, |past| past.time);
        let now =
            at.unwrap_or(if self.purpose == Purpose::Session { last } else { last.max(self.now) });
        work.total.clear();
        for (model, spec, weight) in &self.parts {
            self.models[*model].score(history, now, spec.weigh, &mut work.scratch);
            work.scratch.one.silence(&out);
            let top = work.scratch.one.largest();
            if top > 0.0 {
                work.total.add_all(&work.scratch.one, weight / top);
            }
        }
        if let Some(trend) = &self.trend {
            work.total.scale(trend);
        }
        let mut found = work.total.best(most, &out);
        if found.len() < most {
            let mut listed: Vec<u32> = found.iter().map(|(item, _)| *item).collect();
            listed.sort_unstable();
            let free = |item: &&u32| {
                out.binary_search(item).is_err() && listed.binary_search(item).is_err()
            };
            let missing = most - found.len();
            found.extend(self.fill.iter().filter(free).take(missing).map(|item| (*item, 0.0)));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::recommend::blend::choose;
    use crate::recommend::rows::ordered;
    use crate::recommend::{Deed, Event};

    const PURPOSES: [Purpose; 4] =
        [Purpose::Discover, Purpose::Repeat, Purpose::Session, Purpose::Together];

    fn data(events: &[Event], items: usize) -> Data<'_> {
        Data { events, items, words: None, threads: 2, seed: 3 }
    }

    fn event(user: u32, item: u32, day: i64) -> Event {
        Event { user, item, deed: Deed::Purchase, time: day * 86_400 }
    }

    /// Two tastes: users of one take items of one half, and come every few days.
    fn two_tastes(users: u32) -> Vec<Event> {
        let mut chance = crate::chance::Chance::new(9, 0);
        let mut events = Vec::new();
        for user in 0..users {
            for visit in 0..6 {
                let day = 100 + visit * 15 + chance.below(5) as i64;
                for _ in 0..4 {
                    let item = chance.below(20) as u32 + 20 * (user % 2);
                    events.push(event(user, item, day));
                }
            }
        }
        ordered(events)
    }

    #[test]
    fn a_taste_is_recommended_its_own_items() {
        let events = two_tastes(120);
        for purpose in PURPOSES {
            let blend = choose(data(&events, 40), purpose, |_| ()).unwrap();
            assert!(blend.tasks >= 20 && !blend.parts.is_empty(), "{purpose:?}");
            let model = Recommender::fit(data(&events, 40), purpose, &blend).unwrap();
            let past = |item| Past { item, deed: Deed::Purchase, time: 190 * 86_400 };
            let found = model.recommend(&[past(21), past(22)], None, 10, &mut model.work());
            let own = found.iter().filter(|(item, _)| *item >= 20).count();
            assert!(own >= 9, "{purpose:?} {found:?}");
        }
    }

    #[test]
    fn nothing_to_learn_from_is_said() {
        let blend =
            Blend { parts: Vec::new(), trend: None, reached: 0.0, alone: Vec::new(), tasks: 0 };
        let found = Recommender::fit(data(&[], 3), Purpose::Discover, &blend).err();
        assert_eq!(found, Some(RecommendError::NoEvents));
    }

    fn some_events() -> impl Strategy<Value = Vec<Event>> {
        let one = (0..8_u32, 0..12_u32, 0..40_i64).prop_map(|(u, i, day)| event(u, i, day));
        proptest::collection::vec(one, 1..120)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn exactly_as_many_as_there_are_none_twice_none_seen_whatever_the_order(
            events in some_events(),
            history in proptest::collection::vec((0..12_u32, 0..40_i64), 0..10),
            most in 1..15_usize,
            which in 0..4_usize,
        ) {
            let purpose = PURPOSES[which];
            let mut history: Vec<Past> = history
                .into_iter()
                .map(|(item, day)| Past { item, deed: Deed::View, time: day * 86_400 })
                .collect();
            history.sort_by_key(|past| past.time);
            let ask = |events: Vec<Event>| {
                let events = ordered(events);
                let blend = choose(data(&events, 12), purpose, |_| ()).unwrap();
                let model = Recommender::fit(data(&events, 12), purpose, &blend).unwrap();
                let mut work = model.work();
                let first = model.recommend(&history, None, most, &mut work);
                // Scratch that was used before changes nothing.
                assert_eq!(first, model.recommend(&history, None, most, &mut work));
                first
            };
            let found = ask(events.clone());
            let out = left_out(purpose, &history);
            prop_assert_eq!(found.len(), most.min(12 - out.len()));
            let mut items: Vec<u32> = found.iter().map(|(item, _)| *item).collect();
            prop_assert!(items.iter().all(|item| out.binary_search(item).is_err()));
            items.sort_unstable();
            items.dedup();
            prop_assert_eq!(items.len(), found.len());
            let backwards = ask(events.into_iter().rev().collect());
            prop_assert_eq!(found, backwards);
        }
    }
}
