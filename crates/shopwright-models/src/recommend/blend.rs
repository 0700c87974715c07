//! The blend: weights over channels, chosen on a slice of the data that no channel was fitted on.
//!
//! Each channel's scores are divided by its largest for the query. Weights are found by coordinate
//! ascent from the best single channel (Metzler and Croft 2007), on NDCG and what else the purpose
//! is judged by. A blend may not pay for hits with coverage: popularity is halved until the lists
//! cover at least 0.7 of what the best personal channel's lists cover.

use super::channel::{Data, Model, Scratch, Spec, candidates};
use super::slice::{Cut, FEW, Task, left_out};
use super::{Purpose, RecommendError, personal};

/// The channels that were chosen, with their weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Blend {
    /// Channels and weights above 0.
    pub parts: Vec<(Spec, f32)>,
    /// Days of half-life and exponent by which all scores follow the items' trends.
    pub trend: Option<(f32, f32)>,
    /// What it reached on the slice.
    pub reached: f64,
    /// Each channel alone on the slice.
    pub alone: Vec<(Spec, f64)>,
    /// Tasks it was chosen on.
    pub tasks: usize,
}

/// Items a channel puts forward for a task, where ten places are judged and where a hundred.
const FORWARD: (usize, usize) = (100, 250);
/// Half-lives of trends, in days.
const TRENDS: [f32; 4] = [3.0, 10.0, 30.0, 90.0];
/// A channel that adds less than this share costs more time than it is worth.
const WORTH: f64 = 1.002;

struct Sheet {
    items: Vec<u32>,
    wanted: Vec<bool>,
    truth: usize,
    /// Channel by channel, a score for each item.
    scores: Vec<f32>,
    total: Vec<f32>,
    factor: Vec<f32>,
}

/// Chooses a blend for a purpose.
pub fn choose(
    data: Data<'_>,
    purpose: Purpose,
    mut progress: impl FnMut(&str),
) -> Result<Blend, RecommendError> {
    let cut = Cut { purpose, most: 1_000, last_days: None, seed: data.seed };
    let (kept, tasks) = cut.make(data.events);
    let has_times = data.events.iter().any(|event| event.time > 0);
    let specs = candidates(purpose, data.items, has_times, data.words.is_some());
    if tasks.len() < FEW || kept.is_empty() {
        return Ok(untested(&specs));
    }
    let near = has_times || matches!(purpose, Purpose::Session | Purpose::Together);
    let forward = if near { FORWARD.0 } else { FORWARD.1 };
    let held = Data { events: &kept, ..data };
    let mut lists: Vec<Vec<Vec<(u32, f32)>>> = Vec::with_capacity(specs.len());
    for same in specs.chunk_by(|a, b| a.model == b.model) {
        progress(&format!("{:?}", same[0].model));
        let fitted = same[0].model.fit(held)?;
        let mut scratch = Scratch::new(data.items, fitted.rows());
        for spec in same {
            let mut list = Vec::with_capacity(tasks.len());
            for task in &tasks {
                fitted.score(&task.history, task.now, spec.weigh, &mut scratch);
                let out = left_out(purpose, &task.history);
                let mut best = scratch.one.best(forward, &out);
                let top = best.first().map_or(1.0, |(_, score)| *score);
                for (_, score) in &mut best {
                    *score /= top;
                }
                best.shrink_to_fit();
                list.push(best);
            }
            lists.push(list);
        }
    }
    progress("weights");
    let mut ascent = Ascent::new(&specs, &lists, &tasks, purpose);
    drop(lists);
    if has_times {
        let of = |days| (days, personal::trend(&kept, data.items, days));
        ascent.trends = TRENDS.map(of).to_vec();
    }
    Ok(ascent.climb())
}

/// Too little data to hold any back: neighbours first, then popularity.
fn untested(specs: &[Spec]) -> Blend {
    let part = |spec: &&Spec| match spec.model {
        Model::Near(..) | Model::Counter(_) => Some(1.0),
        Model::Popular(None) => Some(0.1),
        _ => None,
    };
    let parts = specs.iter().filter_map(|spec| Some((*spec, part(&spec)?))).collect();
    Blend { parts, trend: None, reached: 0.0, alone: Vec::new(), tasks: 0 }
}

struct Ascent<'a> {
    specs: &'a [Spec],
    sheets: Vec<Sheet>,
    purpose: Purpose,
    has_times: bool,
    gains: Vec<f64>,
    trends: Vec<(f32, Vec<f32>)>,
    trend: Option<(f32, f32)>,
    weights: Vec<f32>,
}

impl<'a> Ascent<'a> {
    fn new(
        specs: &'a [Spec],
        lists: &[Vec<Vec<(u32, f32)>>],
        tasks: &[Task],
        purpose: Purpose,
    ) -> Self {
        let sheets = (0..tasks.len()).map(|at| Sheet::new(lists, at, &tasks[at].truth)).collect();
        let gains = (0..200).map(|at| 1.0 / (f64::from(at) + 2.0).log2()).collect();
        let has_times = tasks.iter().any(|task| task.now > 0);
        Self {
            specs,
            sheets,
            purpose,
            has_times,
            gains,
            trends: Vec::new(),
            trend: None,
            weights: vec![0.0; specs.len()],
        }
    }

    fn climb(mut self) -> Blend {
        let alone: Vec<f64> = (0..self.specs.len()).map(|at| self.with(at, 1.0)).collect();
        let best = |wanted: &dyn Fn(&Spec) -> bool| {
            let fit = (0..alone.len()).filter(|at| wanted(&self.specs[*at]));
            fit.max_by(|a, b| alone[*a].total_cmp(&alone[*b]).then(b.cmp(a))).unwrap_or(0)
        };
        let start = best(&|_| true);
        let personal = best(&|spec| !matches!(spec.model, Model::Popular(_) | Model::Counter(_)));
        self.set(personal, 1.0);
        let floor = 0.7 * self.covered() as f64;
        self.set(personal, 0.0);
        self.set(start, 1.0);
        let open = self.one_lambda(&alone);
        let mut reached = alone[start];
        for _ in 0..5 {
            reached = self.follow(reached);
            let before = reached;
            for at in (0..self.specs.len()).filter(|at| open[*at]) {
                reached = self.step(at, reached);
            }
            if reached < before * 1.001 {
                break;
            }
        }
        for _ in 0..8 {
            if self.covered() as f64 >= floor {
                break;
            }
            for at in 0..self.specs.len() {
                if matches!(self.specs[at].model, Model::Popular(_)) {
                    self.set(at, self.weights[at] / 2.0);
                }
            }
        }
        let weights = self.specs.iter().zip(&self.weights);
        let parts = weights.filter(|(_, w)| **w > 0.0).map(|(spec, w)| (*spec, *w)).collect();
        let reached = self.value();
        let alone = self.specs.iter().copied().zip(alone).collect();
        Blend { parts, trend: self.trend, reached, alone, tasks: self.sheets.len() }
    }

    /// The best trend and exponent for all scores, with the weights as they are.
    fn follow(&mut self, reached: f64) -> f64 {
        let (mut best, mut chosen) = (reached * WORTH, self.trend);
        for at in 0..self.trends.len() {
            for exponent in [0.15, 0.3, 0.5, 0.75, 1.0] {
                self.bend(Some((self.trends[at].0, exponent)));
                let value = self.value();
                if value > best {
                    (best, chosen) = (value, self.trend);
                }
            }
        }
        self.bend(chosen);
        self.value()
    }

    fn bend(&mut self, trend: Option<(f32, f32)>) {
        self.trend = trend;
        let known = trend.and_then(|(days, exponent)| {
            let same = |trend: &&(f32, Vec<f32>)| trend.0.to_bits() == days.to_bits();
            self.trends.iter().find(same).map(|(_, factors)| (factors, exponent))
        });
        for sheet in &mut self.sheets {
            for (factor, item) in sheet.factor.iter_mut().zip(&sheet.items) {
                *factor = known.map_or(1.0, |(factors, by)| factors[*item as usize].powf(by));
            }
        }
    }

    /// Which channels may be used: of one kind of EASE only the λ that is best alone, as each
    /// more is a matrix more to hold and to read.
    fn one_lambda(&self, alone: &[f64]) -> Vec<bool> {
        let kind = |at: usize| match self.specs[at].model {
            Model::Ease(of, lambda) => Some((of, lambda)),
            _ => None,
        };
        let best = |of| {
            let same = (0..alone.len()).filter(|at| kind(*at).is_some_and(|(mine, _)| mine == of));
            same.max_by(|a, b| alone[*a].total_cmp(&alone[*b])).and_then(kind)
        };
        let open = |at| kind(at).is_none_or(|(of, _)| best(of) == kind(at));
        (0..alone.len()).map(open).collect()
    }

    /// The best weight for one channel with the others as they are.
    fn step(&mut self, at: usize, reached: f64) -> f64 {
        let now = self.weights[at];
        let tries: Vec<f32> = if now > 0.0 {
            [0.0, 0.5, 0.75, 1.3, 1.8].iter().map(|by| now * by).collect()
        } else {
            let top = self.weights.iter().copied().fold(0.0, f32::max);
            [0.03, 0.1, 0.25, 0.6, 1.2].iter().map(|by| top * by).collect()
        };
        let least = if now > 0.0 { 1.0003 } else { WORTH };
        let (mut best, mut chosen) = (reached * least, now);
        for weight in tries {
            // A channel that does not help is better left out.
            let value = self.with(at, weight) * if weight == 0.0 { 1.0005 } else { 1.0 };
            if value > best {
                (best, chosen) = (value, weight);
            }
        }
        self.set(at, chosen);
        if chosen.to_bits() == now.to_bits() { reached } else { self.value() }
    }

    fn set(&mut self, at: usize, weight: f32) {
        let by = weight - self.weights[at];
        self.weights[at] = weight;
        for sheet in &mut self.sheets {
            let count = sheet.items.len();
            let channel = &sheet.scores[at * count..(at + 1) * count];
            for (total, score) in sheet.total.iter_mut().zip(channel) {
                *total += by * score;
            }
        }
    }

    fn with(&self, at: usize, weight: f32) -> f64 {
        self.judge(at, weight - self.weights[at])
    }

    fn value(&self) -> f64 {
        self.judge(0, 0.0)
    }

    /// The mean over tasks if one channel weighed so much more.
    fn judge(&self, at: usize, by: f32) -> f64 {
        let mut totals = Vec::new();
        let mut sum = 0.0;
        for sheet in &self.sheets {
            let count = sheet.items.len();
            let channel = &sheet.scores[at * count..(at + 1) * count];
            totals.clear();
            let old = sheet.total.iter().zip(&sheet.factor).zip(channel);
            totals.extend(old.map(|((total, factor), score)| (total + by * score) * factor));
            sum += self.judge_one(sheet, &totals);
        }
        sum / self.sheets.len().max(1) as f64
    }

    fn judge_one(&self, sheet: &Sheet, totals: &[f32]) -> f64 {
        let (mut near, mut far, mut first, mut recalled) = (0.0, 0.0, usize::MAX, 0.0);
        for (mine, _) in sheet.wanted.iter().enumerate().filter(|(_, wanted)| **wanted) {
            let score = totals[mine];
            if score <= 0.0 {
                continue;
            }
            let above = totals.iter().filter(|other| **other > score).count();
            let ties =
                totals[..mine].iter().filter(|other| other.total_cmp(&score).is_eq()).count();
            let rank = above + ties;
            first = first.min(rank);
            near += if rank < 10 { self.gains[rank] } else { 0.0 };
            far += if rank < 100 { self.gains[rank] } else { 0.0 };
            recalled += f64::from(u8::from(rank < 50));
        }
        let ideal = |k: usize| self.gains[..sheet.truth.min(k)].iter().sum::<f64>();
        let hit = |k| f64::from(u8::from(first < k));
        match self.purpose {
            Purpose::Session if first < 20 => 1.0 / (first as f64 + 1.0) + 0.5 * hit(20),
            Purpose::Session => 0.0,
            Purpose::Discover if self.has_times => near / ideal(10) + 0.15 * hit(10),
            Purpose::Repeat if self.has_times => near / ideal(10),
            Purpose::Together => near / ideal(10),
            _ => far / ideal(100) + 0.5 * recalled / sheet.truth.min(50) as f64,
        }
    }

    /// How many items the first tens show.
    fn covered(&self) -> usize {
        let mut shown = std::collections::BTreeSet::new();
        for sheet in &self.sheets {
            let mut order: Vec<usize> = (0..sheet.items.len()).collect();
            let score = |at: usize| sheet.total[at] * sheet.factor[at];
            order.sort_by(|a, b| score(*b).total_cmp(&score(*a)));
            shown.extend(order.iter().take(10).map(|at| sheet.items[*at]));
        }
        shown.len()
    }
}

impl Sheet {
    fn new(lists: &[Vec<Vec<(u32, f32)>>], task: usize, truth: &[u32]) -> Self {
        let all = lists.iter().flat_map(|list| list[task].iter().map(|(item, _)| *item));
        let mut items: Vec<u32> = all.collect();
        items.sort_unstable();
        items.dedup();
        let mut scores = vec![0.0; items.len() * lists.len()];
        for (channel, list) in lists.iter().enumerate() {
            for (item, score) in &list[task] {
                if let Ok(at) = items.binary_search(item) {
                    scores[channel * items.len() + at] = *score;
                }
            }
        }
        let wanted = items.iter().map(|item| truth.binary_search(item).is_ok()).collect();
        let (total, factor) = (vec![0.0; items.len()], vec![1.0; items.len()]);
        Self { items, wanted, truth: truth.len(), scores, total, factor }
    }
}
