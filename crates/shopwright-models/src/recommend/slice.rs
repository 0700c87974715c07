//! A slice of the data that was held back: what is fitted on, and what is asked and expected.
//!
//! With times the slice is the last days; without, some users (or baskets) drawn by the seed, of
//! whom a part is shown. The slice is asked exactly as the caller will ask.

use super::{DAY, Event, Past, Purpose, VISIT_GAP_SECONDS};
use crate::chance::Chance;

/// One question with its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// What is known, oldest first.
    pub history: Vec<Past>,
    /// When it is asked.
    pub now: i64,
    /// What was taken, sorted.
    pub truth: Vec<u32>,
}

/// What to hold back.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// What will be asked.
    pub purpose: Purpose,
    /// The most tasks.
    pub most: usize,
    /// The days held back; none: a tenth of the time the data spans, at most 30 days.
    pub last_days: Option<f32>,
    /// For draws.
    pub seed: u64,
}

/// Fewer tasks than this say nothing.
pub const FEW: usize = 20;

/// Items a purpose leaves out of its answer, sorted.
pub fn left_out(purpose: Purpose, history: &[Past]) -> Vec<u32> {
    let mut items: Vec<u32> = match purpose {
        Purpose::Repeat => Vec::new(),
        Purpose::Session => history.last().iter().map(|past| past.item).collect(),
        Purpose::Discover | Purpose::Together => history.iter().map(|past| past.item).collect(),
    };
    items.sort_unstable();
    items.dedup();
    items
}

fn past(event: &Event) -> Past {
    Past { item: event.item, deed: event.deed, time: event.time }
}

fn sorted(mut items: Vec<u32>) -> Vec<u32> {
    items.sort_unstable();
    items.dedup();
    items
}

impl Cut {
    /// Splits events that are ordered by user and time.
    pub fn make(&self, events: &[Event]) -> (Vec<Event>, Vec<Task>) {
        let last = events.iter().map(|event| event.time).max().unwrap_or(0);
        let timed = events.iter().map(|event| event.time).filter(|time| *time > 0);
        let first = timed.min().unwrap_or(0);
        let span = (last - first) as f32 / DAY;
        let days = self.last_days.unwrap_or((span * 0.1).min(30.0)).min(span * 0.5);
        let from = last - (days * DAY) as i64;
        let has_times = last > first;
        let (mut kept, mut tasks) = match self.purpose {
            Purpose::Discover | Purpose::Repeat if has_times => self.next_visit(events, from),
            Purpose::Discover | Purpose::Repeat => self.folded_in(events),
            Purpose::Session | Purpose::Together => self.visits(events, has_times.then_some(from)),
        };
        // Where hardly anybody comes back, new users are what will be asked about.
        if tasks.len() < FEW
            && events.len() > FEW
            && matches!(self.purpose, Purpose::Discover | Purpose::Repeat)
        {
            (kept, tasks) = self.folded_in(events);
        }
        let mut chance = Chance::new(self.seed, 0x511CE);
        for at in (1..tasks.len()).rev() {
            tasks.swap(at, chance.below(at as u64 + 1) as usize);
        }
        tasks.truncate(self.most);
        (kept, tasks)
    }

    /// Each known user's first visit after the cut.
    fn next_visit(&self, events: &[Event], from: i64) -> (Vec<Event>, Vec<Task>) {
        let (mut kept, mut tasks) = (Vec::new(), Vec::new());
        for user in events.chunk_by(|a, b| a.user == b.user) {
            let (before, after) = user.split_at(user.partition_point(|event| event.time < from));
            kept.extend_from_slice(before);
            let visit = after.chunk_by(|a, b| b.time - a.time <= VISIT_GAP_SECONDS).next();
            if let (Some(visit), false) = (visit, before.is_empty()) {
                let history: Vec<Past> = before.iter().map(past).collect();
                let truth = visit.iter().map(|event| event.item).collect();
                self.ask(history, from, truth, &mut tasks);
            }
        }
        (kept, tasks)
    }

    /// A tenth of the users, four fifths of whose items are shown: the first, where times are known.
    fn folded_in(&self, events: &[Event]) -> (Vec<Event>, Vec<Task>) {
        let (mut kept, mut tasks) = (Vec::new(), Vec::new());
        let mut chance = Chance::new(self.seed, 0xF01D);
        for user in events.chunk_by(|a, b| a.user == b.user) {
            if user.len() < 5 || chance.below(10) > 0 || tasks.len() >= self.most {
                kept.extend_from_slice(user);
                continue;
            }
            let mut order = user.to_vec();
            let timed = order.iter().any(|event| event.time > 0);
            for at in (1..if timed { 0 } else { order.len() }).rev() {
                order.swap(at, chance.below(at as u64 + 1) as usize);
            }
            let (shown, hidden) = order.split_at(order.len() * 4 / 5);
            let truth = hidden.iter().map(|event| event.item).collect();
            let now = shown.last().map_or(0, |event| event.time);
            self.ask(shown.iter().map(past).collect(), now, truth, &mut tasks);
        }
        (kept, tasks)
    }

    /// Whole visits: those after the cut, or a tenth of them.
    fn visits(&self, events: &[Event], from: Option<i64>) -> (Vec<Event>, Vec<Task>) {
        let (mut kept, mut tasks) = (Vec::new(), Vec::new());
        let mut chance = Chance::new(self.seed, 0x5E55);
        let together =
            |a: &Event, b: &Event| a.user == b.user && b.time - a.time <= VISIT_GAP_SECONDS;
        for visit in events.chunk_by(together) {
            let held = from.map_or_else(|| chance.below(10) == 0, |from| visit[0].time >= from);
            if !held {
                kept.extend_from_slice(visit);
            } else if visit.len() > 1 {
                let at = chance.below(visit.len() as u64 - 1) as usize;
                if self.purpose == Purpose::Session {
                    let history = visit[..=at].iter().map(past).collect();
                    self.ask(history, visit[at].time, vec![visit[at + 1].item], &mut tasks);
                } else {
                    let given = visit[chance.below(visit.len() as u64) as usize];
                    let truth = visit.iter().map(|event| event.item).collect();
                    self.ask(vec![past(&given)], visit[0].time, truth, &mut tasks);
                }
            }
        }
        (kept, tasks)
    }

    fn ask(&self, history: Vec<Past>, now: i64, truth: Vec<u32>, tasks: &mut Vec<Task>) {
        let out = left_out(self.purpose, &history);
        let mut truth = sorted(truth);
        truth.retain(|item| out.binary_search(item).is_err());
        if !truth.is_empty() {
            tasks.push(Task { history, now, truth });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recommend::Deed;
    use crate::recommend::rows::ordered;

    #[test]
    fn nothing_after_the_cut_is_fitted_on_and_seen_items_are_not_expected() {
        let day = 86_400;
        let event =
            |user, item, at: i64| Event { user, item, deed: Deed::Purchase, time: at * day };
        let events = ordered(vec![
            event(0, 0, 1),
            event(0, 1, 95),
            event(0, 0, 95),
            event(0, 2, 97),
            event(1, 3, 50),
            event(2, 0, 101),
        ]);
        let cut = Cut { purpose: Purpose::Discover, most: 9, last_days: Some(10.0), seed: 1 };
        let (kept, tasks) = cut.make(&events);
        assert_eq!(kept.len(), 2);
        assert_eq!(tasks.len(), 1);
        assert_eq!((tasks[0].history.len(), &tasks[0].truth), (1, &vec![1]));
        let (_, tasks) = Cut { purpose: Purpose::Repeat, ..cut }.make(&events);
        assert_eq!(tasks[0].truth, [0, 1]);
    }

    #[test]
    fn where_nobody_comes_back_the_last_of_some_users_is_asked_for() {
        let deed = Deed::View;
        let visits = (0..600_u32).flat_map(|user| {
            (0..10).map(move |at| {
                let time = i64::from(user) * 100_000 + i64::from(at) * 60 + 1_000_000;
                Event { user, item: (user + at) % 50, deed, time }
            })
        });
        let events = ordered(visits.collect());
        let cut = Cut { purpose: Purpose::Discover, most: 100, last_days: None, seed: 1 };
        let (kept, tasks) = cut.make(&events);
        assert!((FEW..=100).contains(&tasks.len()) && kept.len() + tasks.len() * 10 == 6_000);
        for task in &tasks {
            assert_eq!((task.history.len(), task.truth.len()), (8, 2));
            assert_eq!(task.now, task.history[7].time);
        }
    }
}
