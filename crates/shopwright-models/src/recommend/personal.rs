//! What one person takes again, and what everybody takes now.
//!
//! The decayed counter sums 2^(−age / half-life) over a person's visits with the item (the measure
//! no general library beat where repeats count). The cycle compares the time since the last visit
//! with the item to the person's own gaps between such visits (Bhagat et al. 2018).

use super::neighbours::decay;
use super::scores::Scores;
use super::{DAY, Event, Past, VISIT_GAP_SECONDS};

/// Adds the decayed count of each item of a history that ends at `now`.
pub fn counter(history: &[Past], now: i64, half_life: Option<f32>, into: &mut Scores) {
    for visit in history.chunk_by(|a, b| b.time - a.time <= VISIT_GAP_SECONDS && a.time != 0) {
        for past in visit {
            into.add(past.item, decay(now - past.time, half_life) * past.deed.weight() / 2.0);
        }
    }
}

/// Adds, for items taken at least twice, how due they are: e^(−|age − gap| / gap) · (1 − 1/visits).
pub fn cycle(history: &[Past], now: i64, into: &mut Scores) {
    let mut taken: Vec<(u32, i64)> = history.iter().map(|past| (past.item, past.time)).collect();
    taken.sort_unstable();
    for item in taken.chunk_by(|a, b| a.0 == b.0) {
        let mut visits: Vec<i64> = item.iter().map(|(_, time)| *time).collect();
        visits.dedup_by(|later, earlier| *later - *earlier <= VISIT_GAP_SECONDS);
        let (Some(first), Some(last)) = (visits.first(), visits.last()) else { continue };
        if visits.len() > 1 {
            let gap = ((last - first) as f32 / DAY / (visits.len() - 1) as f32).max(0.5);
            let age = (now - last).max(0) as f32 / DAY;
            let sure = 1.0 - 1.0 / visits.len() as f32;
            into.add(item[0].0, (-(age - gap).abs() / gap).exp() * sure);
        }
    }
}

/// How much more an item is taken of late than over all time: the ratio of its shares, held
/// towards 1 by two deeds' worth of doubt, from a fiftieth to twenty.
pub fn trend(events: &[Event], items: usize, half_life: f32) -> Vec<f32> {
    let now = events.iter().map(|event| event.time).max().unwrap_or(0);
    let (mut late, mut all) = (vec![0.0_f32; items], vec![0.0_f32; items]);
    let mut total = 0.0_f64;
    for event in events {
        let weight = decay(now - event.time, Some(half_life));
        late[event.item as usize] += weight;
        all[event.item as usize] += 1.0;
        total += f64::from(weight);
    }
    let ratio = (total / events.len().max(1) as f64) as f32;
    let of = |(late, all): (&f32, &f32)| ((late + 2.0) / (all * ratio + 2.0)).clamp(0.02, 20.0);
    late.iter().zip(&all).map(of).collect()
}

/// The items taken most, each user once a visit, with decay; the largest is 1. Ties by item.
pub fn popular(
    events: &[Event],
    items: usize,
    half_life: Option<f32>,
    most: usize,
) -> Vec<(u32, f32)> {
    let now = events.iter().map(|event| event.time).max().unwrap_or(0);
    let mut sums = vec![0.0_f64; items];
    let mut last: Option<(u32, u32, i64)> = None;
    for event in events {
        let again = last == Some((event.user, event.item, event.time));
        if !again {
            sums[event.item as usize] += f64::from(decay(now - event.time, half_life));
        }
        last = Some((event.user, event.item, event.time));
    }
    let top = sums.iter().copied().fold(1e-12, f64::max);
    let rows = sums.iter().enumerate().map(|(item, sum)| (item as u32, (sum / top) as f32));
    super::linear::loudest(rows.filter(|(_, sum)| *sum > 0.0).collect(), most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recommend::Deed;

    const A_DAY: i64 = 86_400;

    fn bought(item: u32, day: i64) -> Past {
        Past { item, deed: Deed::Purchase, time: day * A_DAY }
    }

    #[test]
    fn a_half_life_halves_and_visits_add() {
        let mut scores = Scores::new(3);
        let history = [bought(1, 10), bought(2, 10), bought(1, 20)];
        counter(&history, 20 * A_DAY, Some(10.0), &mut scores);
        assert!((scores.of(1) - 1.5).abs() < 1e-6 && (scores.of(2) - 0.5).abs() < 1e-6);
    }

    #[test]
    fn what_is_taken_of_late_has_a_trend_above_one() {
        let event = |item, day| Event { user: 0, item, deed: Deed::Purchase, time: day * A_DAY };
        let events: Vec<Event> =
            (0..100).map(|day| event(u32::from(day >= 80) + u32::from(day >= 90), day)).collect();
        let found = trend(&events, 4, 7.0);
        assert!(found[0] < 0.5 && found[2] > 2.0, "{found:?}");
        assert!((found[3] - 1.0).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn what_is_due_by_its_own_gap_scores_highest() {
        let mut scores = Scores::new(3);
        let history = [bought(1, 0), bought(2, 8), bought(1, 10), bought(2, 18), bought(1, 20)];
        cycle(&history, 30 * A_DAY, &mut scores);
        assert!((scores.of(1) - 2.0 / 3.0).abs() < 1e-5, "{}", scores.of(1));
        assert!((scores.of(2) - 0.5 * (-0.2_f32).exp()).abs() < 1e-5, "{}", scores.of(2));
    }
}
