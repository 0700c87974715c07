//! The policy: one episode, every product's price in every period.
//!
//! It begins at the shop's own price, learns every period, and moves when the move is worth it:
//! profit and what the price teaches must exceed those of holding still by a margin. Prices are
//! always inside the product's limits, from its menu when it has one, and within the steps and
//! changes that are allowed.

use std::collections::BTreeMap;

use super::belief::{Belief, Seen};
use super::plan::{self, Setting};
use super::pool;
use super::protocol::{ItemStart, ItemStep, Last, Objective, Start, Step};

/// Prices that are weighed when there is no menu.
const POINTS: u32 = 40;
/// A move must gain this share of the profit.
const STILL: f64 = 0.002;
/// How far a price may go only to learn, in logarithms.
const TRY: f64 = 0.25;
/// A menu this short is learnt price by price too.
const SHORT: usize = 12;

/// What shoppers are spared.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Conduct {
    /// Changes of one price within seven days.
    pub changes_per_week: Option<u32>,
    /// The largest step, as a share of the price before.
    pub step: Option<f64>,
}

/// Why an episode or a period cannot be played.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A product's prices make no sense.
    #[error("item {0}: price_min, price_max and ref_price must be above 0, min not over max")]
    Limits(usize),
    /// A period has another number of products than the episode.
    #[error("the step has {0} items but the episode began with {1}: send every item in order")]
    Items(usize, usize),
    /// A length of time that is none.
    #[error("period_hours must be above 0 and horizon at least 1")]
    Time,
    /// A number of a period that no shop can have.
    #[error("item {0}: costs, inventory, prices, sales and visits must be 0 or more")]
    Numbers(usize),
}

/// One episode.
#[derive(Clone, Debug)]
pub struct Policy {
    start: Start,
    conduct: Conduct,
    items: Vec<Item>,
    groups: Vec<Vec<usize>>,
    season: Season,
    before: (u32, u32),
}

#[derive(Clone, Debug)]
struct Item {
    belief: Option<Belief>,
    prices: Vec<f64>,
    relative: Vec<f64>,
    tried: Vec<(f64, f64)>,
    menu: bool,
    rival: Option<f64>,
    rival_now: f64,
    visits: f64,
    at: Option<f64>,
    changed: Vec<u32>,
}

/// How demand goes with the hour and the weekday, against the mean.
#[derive(Clone, Debug)]
struct Season {
    hours: Vec<(f64, f64)>,
    days: Vec<(f64, f64)>,
    hourly: bool,
    daily: bool,
}

impl Season {
    fn new(period_hours: f64) -> Self {
        let (hourly, daily) = (period_hours < 24.0, period_hours <= 24.0);
        Self { hours: vec![(0.0, 0.0); 24], days: vec![(0.0, 0.0); 7], hourly, daily }
    }

    /// Shrunk towards 1 by what thirty units of sales would say.
    fn factor(&self, (hour, day): (u32, u32)) -> f64 {
        let ratio = |cells: &[(f64, f64)], at: u32| {
            let all = cells.iter().fold((0.0, 0.0), |sum, c| (sum.0 + c.0, sum.1 + c.1));
            let mean = if all.1 > 0.0 { all.0 / all.1 } else { 1.0 };
            let cell = cells.get(at as usize).copied().unwrap_or_default();
            ((cell.0 + 30.0) / (cell.1 * mean + 30.0)).clamp(0.05, 20.0)
        };
        let hours = if self.hourly { ratio(&self.hours, hour) } else { 1.0 };
        hours * if self.daily { ratio(&self.days, day) } else { 1.0 }
    }

    fn learn(&mut self, (hour, day): (u32, u32), sold: f64, expected: f64) {
        let hours = self.factor_of_hour(hour);
        let days = self.factor((hour, day)) / hours;
        if let Some(cell) = self.hours.get_mut(hour as usize) {
            *cell = (cell.0 + sold, cell.1 + expected * days);
        }
        if let Some(cell) = self.days.get_mut(day as usize) {
            *cell = (cell.0 + sold, cell.1 + expected * hours);
        }
    }

    fn factor_of_hour(&self, hour: u32) -> f64 {
        let alone = Self { daily: false, ..self.clone() };
        alone.factor((hour, 0))
    }
}

impl Item {
    fn new(start: &ItemStart) -> Self {
        let (low, high) = (start.price_min, start.price_max);
        let menu = start.prices.as_ref().is_some_and(|prices| !prices.is_empty());
        let mut prices: Vec<f64> = match &start.prices {
            Some(prices) if menu => {
                let inside = |p: &&f64| **p >= low - 1e-9 && **p <= high + 1e-9 && **p > 0.0;
                prices.iter().filter(inside).copied().collect()
            }
            _ => Vec::new(),
        };
        if prices.is_empty() {
            let ratio = (high / low).ln() / f64::from(POINTS - 1);
            prices = (0..POINTS).map(|n| (low * (ratio * f64::from(n)).exp()).min(high)).collect();
            prices.push(start.ref_price.clamp(low, high));
        }
        prices.sort_by(f64::total_cmp);
        prices.dedup();
        let relative = prices.iter().map(|price| price / start.ref_price).collect();
        Self {
            belief: None,
            tried: vec![(0.0, 0.0); prices.len()],
            prices,
            relative,
            menu,
            rival: None,
            rival_now: 1.0,
            visits: 0.0,
            at: None,
            changed: Vec::new(),
        }
    }

    fn nearest(&self, price: f64) -> usize {
        let far = |at: usize| (self.prices[at] / price.max(1e-9)).ln().abs();
        (0..self.prices.len()).min_by(|a, b| far(*a).total_cmp(&far(*b))).unwrap_or(0)
    }

    /// What sales at each price say beyond the shapes, shrunk towards nothing.
    fn trusted(&self, belief: &Belief) -> Vec<f64> {
        let short = self.menu && self.prices.len() <= SHORT;
        let (doubt, width) = if short { (15.0, 0.0) } else { (40.0, 0.05) };
        let doubt = doubt * belief.dispersion;
        let mut known = Vec::new();
        for (at, (sold, exposed)) in self.tried.iter().enumerate() {
            if *exposed > 0.0 {
                let expected = belief.expected(self.relative[at], 1.0) * exposed;
                known.push((at, *sold, expected));
            }
        }
        let near = |a: usize, b: usize| {
            if a == b {
                return 1.0;
            }
            let far: f64 = (self.prices[a] / self.prices[b]).ln();
            if width > 0.0 { (-0.5 * (far / width).powi(2)).exp() } else { 0.0 }
        };
        let factor = |at: usize| {
            let (mut sold, mut expected) = (doubt, doubt);
            for (other, units, mean) in &known {
                let weight = near(at, *other);
                sold += weight * units;
                expected += weight * mean;
            }
            sold / expected
        };
        (0..self.prices.len()).map(factor).collect()
    }
}

impl Policy {
    /// Begins an episode, knowing nothing.
    pub fn start(start: Start, conduct: Conduct) -> Result<Self, Refused> {
        if start.horizon == 0 || !start.period_hours.is_finite() || start.period_hours <= 0.0 {
            return Err(Refused::Time);
        }
        let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, item) in start.items.iter().enumerate() {
            let numbers = [item.price_min, item.price_max, item.ref_price];
            let fair = numbers.iter().all(|price| price.is_finite() && *price > 0.0);
            if !fair || item.price_min > item.price_max {
                return Err(Refused::Limits(at));
            }
            groups.entry(&item.category).or_default().push(at);
        }
        let groups = groups.into_values().collect();
        let items = start.items.iter().map(Item::new).collect();
        let season = Season::new(start.period_hours);
        Ok(Self { start, conduct, items, groups, season, before: (0, 0) })
    }

    /// The prices of a period, in the order of the products.
    pub fn step(&mut self, step: &Step) -> Result<Vec<f64>, Refused> {
        if step.items.len() != self.items.len() {
            return Err(Refused::Items(step.items.len(), self.items.len()));
        }
        if let Some(at) = step.items.iter().position(|item| !fair(item)) {
            return Err(Refused::Numbers(at));
        }
        for (at, item) in step.items.iter().enumerate() {
            self.meet(at, item);
            if let Some(last) = item.last {
                self.learn(at, last);
            }
        }
        self.weigh(step);
        self.before = (step.hour, step.dow);
        let prices: Vec<f64> =
            step.items.iter().enumerate().map(|(at, item)| self.price(at, item, step)).collect();
        for (item, price) in self.items.iter_mut().zip(&prices) {
            if item.at.is_some_and(|before| (before - price).abs() > 1e-9) {
                item.changed.push(step.t);
            }
            item.at = Some(*price);
        }
        Ok(prices)
    }

    fn meet(&mut self, at: usize, now: &ItemStep) {
        let thin = if self.start.visits_seen { 1.0 } else { 0.01 };
        let item = &mut self.items[at];
        item.belief.get_or_insert_with(|| Belief::new(now.competitor.is_some(), thin));
    }

    fn learn(&mut self, at: usize, last: Last) {
        let season = self.season.factor(self.before);
        let item = &mut self.items[at];
        let reference = self.start.items[at].ref_price;
        let visits = last.visits.filter(|_| self.start.visits_seen);
        let exposure = visits.unwrap_or(1.0);
        item.visits = match visits {
            Some(visits) if item.visits > 0.0 => 0.95 * item.visits + 0.05 * visits,
            Some(visits) => visits,
            None => 1.0,
        };
        let Some(belief) = &mut item.belief else { return };
        let seen = Seen {
            x: last.price.max(1e-9) / reference,
            rival: item.rival_now,
            exposure: exposure * season,
            sales: last.sales.max(0.0),
            stockout: last.stockout,
        };
        let expected = belief.expected(seen.x, seen.rival) * exposure;
        let warm = belief.sold > 5.0;
        if belief.learn(seen) {
            item.tried.iter_mut().for_each(|cell| *cell = (0.0, 0.0));
        }
        if !last.stockout {
            let slot = item.nearest(last.price);
            item.tried[slot].0 += last.sales.max(0.0);
            item.tried[slot].1 += seen.exposure;
            if warm {
                self.season.learn(self.before, last.sales.max(0.0), expected);
            }
        }
    }

    fn weigh(&mut self, step: &Step) {
        for group in &self.groups {
            let Some(first) = group.first() else { continue };
            let start = &self.start.items[*first];
            let cost = self.cost(&step.items[*first]);
            let centre = pool::centre(start.ref_price, cost);
            let mut beliefs: Vec<&mut Belief> = Vec::new();
            for (at, item) in self.items.iter_mut().enumerate() {
                if let (true, Some(belief)) = (group.binary_search(&at).is_ok(), &mut item.belief) {
                    beliefs.push(belief);
                }
            }
            pool::weigh(&mut beliefs, centre);
        }
    }

    fn cost(&self, now: &ItemStep) -> f64 {
        if self.start.objective == Objective::Profit { now.cost } else { 0.0 }
    }

    fn setting(&self, at: usize, now: &ItemStep, step: &Step) -> Setting {
        let left = f64::from(self.start.horizon.saturating_sub(step.t).max(1));
        let every = self.start.restock_every;
        let (until, salvage) = if every > 0 {
            (f64::from(every - step.t % every).min(left), 0.0)
        } else {
            (left, if now.inventory.is_some() { self.start.salvage } else { 0.0 })
        };
        let alike = self.groups.iter().find(|group| group.binary_search(&at).is_ok());
        let alike = alike.map_or(1, Vec::len);
        Setting {
            cost: self.cost(now) + salvage,
            exposure: self.items[at].visits.max(1e-6),
            stock: now.inventory,
            until,
            left: left.min(200.0),
            rival: self.items[at].rival_now,
            alike: f64::from(u32::try_from(alike).unwrap_or(u32::MAX)),
        }
    }

    fn price(&mut self, at: usize, now: &ItemStep, step: &Step) -> f64 {
        if let Some(competitor) = now.competitor.filter(|price| *price > 0.0) {
            let item = &mut self.items[at];
            item.rival_now = competitor / *item.rival.get_or_insert(competitor);
        }
        let setting = self.setting(at, now, step);
        let item = &self.items[at];
        let held = item.at.unwrap_or(self.start.items[at].ref_price);
        let slot = item.nearest(held);
        let Some(belief) = item.belief.as_ref().filter(|_| now.last.is_some()) else {
            return item.prices[slot];
        };
        // Hours differ more than prices do: a day at one price tells them apart.
        let hours = f64::from(step.t) * self.start.period_hours;
        let day = 24.0_f64.min(f64::from(self.start.horizon) * self.start.period_hours / 8.0);
        if self.season.hourly && hours < day {
            return item.prices[slot];
        }
        let trusted = item.trusted(belief);
        let worths = plan::worth(belief, (&item.prices, &item.relative), &trusted, &setting);
        let allowed = self.allowed(at, held, step.t);
        let mut best = slot;
        let surest = plan::best_of(&worths, |worth| worth.profit);
        for choice in allowed {
            // Trying goes in moderate steps; what is known to be better is gone to at once.
            let far = (item.prices[choice] / held).ln().abs();
            if worths[choice].score > worths[best].score && (far <= TRY || choice == surest) {
                best = choice;
            }
        }
        if let Some(stock) = setting.stock
            && item.menu
            && item.prices.len() <= SHORT
            && setting.until > 20.0
            && worths[best].score <= worths[best].profit * 1.01
            && self.conduct == Conduct::default()
        {
            let rate = stock / setting.until;
            return item.prices[plan::mixed(&worths, &item.prices, setting.cost, rate)];
        }
        let gain = worths[best].score - worths[slot].score;
        if gain <= STILL * worths[slot].profit.abs() {
            item.prices[slot]
        } else {
            item.prices[best]
        }
    }

    /// The places in the list of prices where this product may go.
    fn allowed(&self, at: usize, held: f64, t: u32) -> Vec<usize> {
        let item = &self.items[at];
        let weekly = (168.0 / self.start.period_hours).max(1.0);
        let recent =
            item.changed.iter().filter(|when| f64::from(t.saturating_sub(**when)) < weekly);
        let recent = u32::try_from(recent.count()).unwrap_or(u32::MAX);
        if self.conduct.changes_per_week.is_some_and(|most| recent >= most) {
            return Vec::new();
        }
        let step = self.conduct.step.unwrap_or(f64::INFINITY);
        let near = |slot: &usize| (item.prices[*slot] / held - 1.0).abs() <= step + 1e-12;
        (0..item.prices.len()).filter(near).collect()
    }
}

fn fair(item: &ItemStep) -> bool {
    let fine = |number: f64| number.is_finite() && number >= 0.0;
    let last = item.last.is_none_or(|last| {
        last.price.is_finite() && last.sales.is_finite() && last.visits.is_none_or(fine)
    });
    fine(item.cost) && item.inventory.is_none_or(fine) && item.competitor.is_none_or(fine) && last
}
