//! Channels: one way of scoring each, under one roof so that a blend can weigh them.

use super::als::{Als, Factors};
use super::ease::Ease;
use super::linear::Linear;
use super::neighbours::{Neighbours, Similarity, followers};
use super::row_knn::{NearRows, RowKnn};
use super::rows::{Rows, RowsOf};
use super::scores::Scores;
use super::{Event, HISTORY, Past, Purpose, RecommendError, VISIT_GAP_SECONDS, personal};

/// How the items of a history are weighed against each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Weigh {
    /// All alike.
    Flat,
    /// By this factor less for each visit further back.
    Visits(f32),
    /// By this factor less for each step further back.
    Steps(f32),
}

/// What is fitted for a channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Model {
    /// EASE^R with this λ.
    Ease(RowsOf, f32),
    /// Item neighbours; half-life in days; whether long rows count less.
    Near(RowsOf, Similarity, Option<f32>, bool),
    /// What follows; half-life in days.
    Followers(Option<f32>),
    /// Factors: how many, λ, α.
    Als(usize, f32, f32),
    /// Rows like this one: how many, how many are looked at an item, half-life, in order.
    Rows(RowsOf, usize, usize, Option<f32>, bool),
    /// The personal counter; half-life in days.
    Counter(Option<f32>),
    /// Personal cycles.
    Cycle,
    /// What everybody takes; half-life in days.
    Popular(Option<f32>),
    /// What is like it by its words.
    Content,
}

/// A channel: a model and how it reads a history.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spec {
    /// The model.
    pub model: Model,
    /// How the history is weighed.
    pub weigh: Weigh,
}

/// What models are fitted from.
#[derive(Clone, Copy, Debug)]
pub struct Data<'a> {
    /// Ordered by user and time.
    pub events: &'a [Event],
    /// How many items there are.
    pub items: usize,
    /// The items of each word, if words are known.
    pub words: Option<&'a Rows>,
    /// Threads.
    pub threads: usize,
    /// For chance.
    pub seed: u64,
}

/// A fitted model.
#[derive(Debug)]
pub enum Fitted {
    /// Item to item.
    Linear(Linear),
    /// Factors.
    Factors(Factors),
    /// Rows.
    Rows(Box<NearRows>),
    /// The personal counter.
    Counter(Option<f32>),
    /// Personal cycles.
    Cycle,
    /// The same for everybody.
    Fixed(Vec<(u32, f32)>),
}

/// Neighbours an item keeps.
const KEPT: usize = 200;
/// Items a popularity list keeps.
const POPULAR: usize = 2_000;
/// A catalogue up to this is solved whole by EASE; a larger one for its most frequent items.
const EASE_WHOLE: usize = 20_000;
const EASE_HEAD: usize = 8_000;

impl Model {
    /// Fits it.
    pub fn fit(self, data: Data<'_>) -> Result<Fitted, RecommendError> {
        let Data { events, items, threads, .. } = data;
        let rows = |of| Rows::of(events, items, of);
        Ok(match self {
            Self::Ease(of, lambda) => {
                let most_items = if items <= EASE_WHOLE { items } else { EASE_HEAD };
                Fitted::Linear(Ease { lambda, most_items, threads }.fit(&rows(of))?)
            }
            Self::Near(of, similarity, half_life, by_length) => {
                let near = Neighbours { similarity, half_life, by_length, most: KEPT, threads };
                Fitted::Linear(near.fit(&rows(of)))
            }
            Self::Followers(half_life) => Fitted::Linear(followers(events, items, KEPT, half_life)),
            Self::Als(factors, lambda, alpha) => {
                let als = Als { factors, lambda, alpha, rounds: 8, threads, seed: data.seed };
                Fitted::Factors(als.fit(&rows(RowsOf::Users)))
            }
            Self::Rows(of, nearest, per_item, half_life, in_order) => {
                let knn = RowKnn { nearest, per_item, half_life, in_order };
                Fitted::Rows(Box::new(knn.fit(rows(of))))
            }
            Self::Counter(half_life) => Fitted::Counter(half_life),
            Self::Cycle => Fitted::Cycle,
            Self::Popular(half_life) => {
                Fitted::Fixed(personal::popular(events, items, half_life, POPULAR))
            }
            Self::Content => {
                let similarity = Similarity::Cosine { shrink: 0.1 };
                let near =
                    Neighbours { similarity, half_life: None, by_length: true, most: 50, threads };
                let none = Rows { starts: vec![0], columns: items, ..Rows::default() };
                Fitted::Linear(near.fit(data.words.unwrap_or(&none)))
            }
        })
    }
}

/// The last items of a history, each once, with its weight, by item.
pub fn weighted(history: &[Past], weigh: Weigh) -> Vec<(u32, f32)> {
    let mut found: Vec<(u32, f32)> = Vec::new();
    let mut weight = 1.0_f32;
    let mut later: Option<i64> = None;
    for past in history.iter().rev().take(HISTORY) {
        match (weigh, later) {
            (Weigh::Visits(factor), Some(time)) if time - past.time > VISIT_GAP_SECONDS => {
                weight *= factor;
            }
            (Weigh::Steps(factor), Some(_)) => weight *= factor,
            _ => {}
        }
        later = Some(past.time);
        if weight > 0.01 {
            found.push((past.item, weight * past.deed.weight() / 2.0));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
    found.dedup_by_key(|(item, _)| *item);
    found
}

/// Scratch that is used from query to query.
#[derive(Debug)]
pub struct Scratch {
    /// One channel's scores.
    pub one: Scores,
    /// Rows near the query.
    pub near: Scores,
}

impl Scratch {
    /// For so many items and rows.
    pub fn new(items: usize, rows: usize) -> Self {
        Self { one: Scores::new(items), near: Scores::new(rows) }
    }
}

impl Fitted {
    /// Writes the channel's scores of a history at `now` into the scratch.
    pub fn score(&self, history: &[Past], now: i64, weigh: Weigh, scratch: &mut Scratch) {
        scratch.one.clear();
        match self {
            Self::Linear(linear) => linear.score(&weighted(history, weigh), &mut scratch.one),
            Self::Factors(factors) => {
                let items = weighted(history, weigh);
                if !items.is_empty() {
                    factors.score(&items, &mut scratch.one);
                }
            }
            Self::Rows(rows) => {
                rows.score(&weighted(history, weigh), &mut scratch.near, &mut scratch.one);
            }
            Self::Counter(half_life) => {
                personal::counter(history, now, *half_life, &mut scratch.one);
            }
            Self::Cycle => personal::cycle(history, now, &mut scratch.one),
            Self::Fixed(list) => {
                for (item, score) in list {
                    scratch.one.add(*item, *score);
                }
            }
        }
    }

    /// Rows its scratch needs.
    pub fn rows(&self) -> usize {
        if let Self::Rows(rows) = self { rows.len() } else { 0 }
    }
}

/// The channels that are tried for a purpose, grouped by model so that each is fitted once.
pub fn candidates(purpose: Purpose, items: usize, has_times: bool, has_words: bool) -> Vec<Spec> {
    let mut found = Vec::new();
    let mut try_all = |models: &[Model], weighs: &[Weigh]| {
        for &model in models {
            found.extend(weighs.iter().map(|&weigh| Spec { model, weigh }));
        }
    };
    let cosine = Similarity::Cosine { shrink: 5.0 };
    let rule = Similarity::Rule { shrink: 5.0, damp: 0.3 };
    let lambdas: &[f32] = if items <= 6_000 { &[50.0, 200.0, 600.0, 1500.0] } else { &[200.0] };
    let ease = |of| lambdas.iter().map(|l| Model::Ease(of, *l)).collect::<Vec<_>>();
    let recent: &[Weigh] = &[Weigh::Flat, Weigh::Visits(0.8)];
    let (users, baskets) = (RowsOf::Users, RowsOf::Baskets);
    let halves: &[Option<f32>] =
        if has_times { &[None, Some(60.0), Some(20.0), Some(7.0), Some(2.0)] } else { &[None] };
    let popular: Vec<Model> = halves.iter().map(|half| Model::Popular(*half)).collect();
    match purpose {
        Purpose::Discover | Purpose::Repeat => {
            let weighs = if has_times { recent } else { &recent[..1] };
            try_all(&ease(users), weighs);
            let near = [cosine, rule].map(|like| Model::Near(users, like, None, true));
            try_all(&near, weighs);
            try_all(&[Model::Rows(users, 100, 5_000, None, false)], weighs);
            if items <= EASE_WHOLE {
                try_all(&[Model::Als(64, 10.0, 10.0)], weighs);
            }
            if has_times {
                let late = Model::Near(users, cosine, Some(60.0), true);
                let basket = Model::Near(baskets, cosine, Some(90.0), true);
                let next = [Weigh::Visits(0.6)];
                try_all(&[late, basket, Model::Followers(Some(60.0))], &next);
                try_all(&[Model::Rows(users, 300, 1_000, Some(60.0), false)], &next);
            }
            if purpose == Purpose::Repeat {
                let halves = [None, Some(120.0), Some(30.0), Some(7.0)];
                try_all(&halves.map(Model::Counter), &[Weigh::Flat]);
                try_all(&[Model::Cycle], &[Weigh::Flat]);
            }
        }
        Purpose::Session => {
            let steps = [Weigh::Steps(0.8), Weigh::Steps(0.4), Weigh::Steps(0.15)];
            let knn = |half| Model::Rows(baskets, 200, 1_000, half, true);
            let late: &[Option<f32>] = if has_times { &[None, Some(14.0)] } else { &[None] };
            try_all(&late.iter().map(|half| knn(*half)).collect::<Vec<_>>(), &steps);
            try_all(&late.iter().map(|half| Model::Followers(*half)).collect::<Vec<_>>(), &steps);
            try_all(&[Model::Near(baskets, cosine, None, true)], &steps);
            try_all(&[Model::Near(baskets, rule, halves.get(1).copied().flatten(), true)], &steps);
            try_all(&[Model::Counter(None)], &[Weigh::Flat]);
        }
        Purpose::Together => {
            let flat = &[Weigh::Flat];
            try_all(&ease(baskets), flat);
            let damped = [0.0, 0.3, 0.6].map(|damp| Similarity::Rule { shrink: 5.0, damp });
            try_all(&damped.map(|like| Model::Near(baskets, like, None, true)), flat);
            try_all(&[Model::Near(baskets, cosine, None, true)], flat);
            try_all(&[Model::Near(users, cosine, None, true)], flat);
            if has_times {
                try_all(&[60.0, 15.0].map(|d| Model::Near(baskets, rule, Some(d), true)), flat);
            }
        }
    }
    try_all(&popular, &[Weigh::Flat]);
    if has_words {
        try_all(&[Model::Content], &[Weigh::Flat]);
    }
    found
}
