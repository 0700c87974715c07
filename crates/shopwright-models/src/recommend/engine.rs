//! A fitted recommender: the channels of a blend on all data, and the answer to a history.
//!
//! An answer has exactly as many items as asked for when the catalogue has them, none twice, and
//! none that its purpose leaves out; what no channel scores is filled up by popularity.

use super::blend::Blend;
use super::channel::{Data, Fitted, Model, Scratch, Spec};
use super::personal::popular;
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
            let at = match known.iter().position(|model| *model == spec.model) {
                Some(at) => at,
                None => {
                    known.push(spec.model);
                    models.push(spec.model.fit(data)?);
                    known.len() - 1
                }
            };
            parts.push((at, *spec, *weight));
        }
        let mut fill: Vec<u32> = popular(data.events, data.items, None, data.items)
            .iter()
            .map(|(item, _)| *item)
            .collect();
        let mut listed = vec![false; data.items];
        fill.iter().for_each(|item| listed[*item as usize] = true);
        fill.extend((0..data.items as u32).filter(|item| !listed[*item as usize]));
        let now = data.events.iter().map(|event| event.time).max().unwrap_or(0);
        Ok(Self { models, parts, purpose, items: data.items, fill, now })
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
