//! Plays a shop with a policy, and works out what somebody who knew the demand would have made.

use shopwright_models::chance::Chance;
use shopwright_models::pricing::policy::{Conduct, Policy, Refused};
use shopwright_models::pricing::protocol::{ItemStep, Last, Step};

use super::shops::{Curve, Shop, demand};

/// Who sets the prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seller {
    /// Shopwright's policy.
    Optimise,
    /// Shopwright's policy with one change a week and steps of a tenth at most.
    Gentle,
    /// The reference price, always.
    Incumbent,
    /// The one price that is best for the shop, known beforehand.
    BestFixed,
}

/// The multiplier of demand in a period.
fn season(shop: &Shop, t: u32) -> f64 {
    if !shop.season {
        return 1.0;
    }
    let (hour, day) = clock(shop, t);
    let hourly = if shop.start.period_hours < 24.0 {
        1.0 + 0.6 * (std::f64::consts::TAU * (f64::from(hour) - 8.0) / 24.0).sin()
    } else {
        1.0
    };
    hourly * if day >= 5 { 1.4 } else { 0.85 }
}

fn clock(shop: &Shop, t: u32) -> (u32, u32) {
    if shop.start.period_hours < 24.0 { (t % 24, t / 24 % 7) } else { (0, t % 7) }
}

/// A competitor's price, over its first one: slow waves.
fn rival(shop: &Shop, t: u32) -> f64 {
    if shop.rival.is_none() {
        return 1.0;
    }
    1.0 + 0.25 * (f64::from(t) / 17.0).sin()
}

fn mean(shop: &Shop, at: usize, t: u32, x: f64, slot: usize, memory: f64) -> f64 {
    let curve = shop.products[at].curves[usize::from(t >= shop.shift)];
    let felt = x * rival(shop, t).powf(-shop.rival.unwrap_or(0.0));
    let remembered = (shop.memory * (memory - x)).exp();
    demand(curve, felt, slot) * season(shop, t) * remembered
}

fn poisson(chance: &mut Chance, mean: f64) -> f64 {
    if mean > 50.0 {
        return (mean + mean.sqrt() * chance.normal()).round().max(0.0);
    }
    let (limit, mut product, mut count) = ((-mean).exp(), chance.uniform(), 0.0);
    while product > limit {
        product *= chance.uniform();
        count += 1.0;
    }
    count
}

fn slot_of(shop: &Shop, at: usize, price: f64) -> (f64, usize) {
    let item = &shop.start.items[at];
    let Some(menu) = &item.prices else {
        return (price.clamp(item.price_min, item.price_max), 0);
    };
    let mut best = 0;
    for slot in 1..menu.len() {
        if (menu[slot] - price).abs() < (menu[best] - price).abs() {
            best = slot;
        }
    }
    (menu[best], best)
}

fn cost(shop: &Shop, at: usize, t: u32) -> f64 {
    shop.products[at].costs[usize::from(t >= shop.shift)]
}

/// What was made, and in how many periods a price changed.
///
/// # Errors
/// Fails when the policy refuses a shop or a period, which would be a defect.
pub fn play(shop: &Shop, seller: Seller, seed: u64, fixed: f64) -> Result<(f64, f64), Refused> {
    let conduct = match seller {
        Seller::Gentle => Conduct { changes_per_week: Some(1), step: Some(0.1) },
        _ => Conduct::default(),
    };
    let mut policy = Policy::start(shop.start.clone(), conduct)?;
    let mut chance = Chance::new(seed, 901);
    let count = shop.start.items.len();
    let mut stock = vec![shop.stock; count];
    let mut last: Vec<Option<Last>> = vec![None; count];
    let mut memory = vec![1.0; count];
    let (mut made, mut changes) = (0.0, 0.0);
    for t in 0..shop.start.horizon {
        let every = shop.start.restock_every;
        if every > 0 && t % every == 0 {
            stock.fill(shop.stock);
        }
        let (hour, dow) = clock(shop, t);
        let items = (0..count)
            .map(|at| ItemStep {
                cost: cost(shop, at, t),
                inventory: stock[at],
                competitor: shop.rival.map(|_| shop.start.items[at].ref_price * rival(shop, t)),
                last: last[at],
            })
            .collect();
        let prices = match seller {
            Seller::Optimise | Seller::Gentle => policy.step(&Step { t, hour, dow, items })?,
            Seller::Incumbent => shop.start.items.iter().map(|item| item.ref_price).collect(),
            Seller::BestFixed => shop.start.items.iter().map(|i| i.ref_price * fixed).collect(),
        };
        for at in 0..count {
            let (price, slot) = slot_of(shop, at, prices[at]);
            let x = price / shop.start.items[at].ref_price;
            let mean = mean(shop, at, t, x, slot, memory[at]);
            let wanted = match (shop.noise, shop.products[at].curves[0]) {
                (Some(noise), _) => (mean + noise * chance.normal()).max(0.0),
                (None, Curve::Table(_)) => f64::from(u8::from(chance.uniform() < mean)),
                (None, _) => poisson(&mut chance, mean),
            };
            let sales = stock[at].map_or(wanted, |stock| wanted.min(stock));
            let counted = if stock[at].is_some() { sales } else { mean };
            made += (price - cost(shop, at, t)) * counted;
            if let Some(stock) = &mut stock[at] {
                *stock -= sales;
            }
            let stockout = stock[at] == Some(0.0);
            let changed = last[at].is_some_and(|last| (last.price - price).abs() > 1e-9);
            changes += f64::from(u8::from(changed));
            last[at] = Some(Last { price, sales, stockout, visits: None });
            memory[at] = 0.8 * memory[at] + 0.2 * x;
        }
    }
    let periods = f64::from(shop.start.horizon) * items_of(shop);
    Ok((made, changes / periods))
}

fn items_of(shop: &Shop) -> f64 {
    f64::from(u32::try_from(shop.start.items.len()).unwrap_or(1))
}

fn grid(shop: &Shop, at: usize) -> Vec<(f64, usize)> {
    let item = &shop.start.items[at];
    if let Some(menu) = &item.prices {
        return menu.iter().copied().enumerate().map(|(slot, price)| (price, slot)).collect();
    }
    let part = (item.price_max - item.price_min) / 59.0;
    (0..60_u32).map(|n| (item.price_min + part * f64::from(n), 0)).collect()
}

/// The expected profit of somebody who knows the demand: exact by dynamic programming with stock,
/// price by price without; with memory the best of all constant prices and of looking ahead.
pub fn clairvoyant(shop: &Shop) -> f64 {
    if let Some(stock) = shop.stock {
        let every = shop.start.restock_every;
        if let Some(whole) = shop.start.horizon.checked_div(every) {
            return f64::from(whole) * with_stock(shop, stock, every)
                + with_stock(shop, stock, shop.start.horizon % every);
        }
        return with_stock(shop, stock, shop.start.horizon);
    }
    if shop.memory > 0.0 {
        return with_memory(shop);
    }
    let mut all = 0.0;
    for at in 0..shop.products.len() {
        let prices = grid(shop, at);
        let reference = shop.start.items[at].ref_price;
        for t in 0..shop.start.horizon {
            let worth = |(price, slot): &(f64, usize)| {
                (price - cost(shop, at, t)) * mean(shop, at, t, price / reference, *slot, 1.0)
            };
            all += prices.iter().map(worth).fold(f64::MIN, f64::max);
        }
    }
    all
}

fn with_stock(shop: &Shop, stock: f64, periods: u32) -> f64 {
    let mut most = 0_usize;
    while f64::from(u32::try_from(most).unwrap_or(u32::MAX)) < stock {
        most += 1;
    }
    let reference = shop.start.items[0].ref_price;
    let mut plans: Vec<(f64, Vec<f64>)> = Vec::new();
    for (price, slot) in grid(shop, 0) {
        let mean = mean(shop, 0, 0, price / reference, slot, 1.0);
        let chances = if matches!(shop.products[0].curves[0], Curve::Table(_)) {
            vec![1.0 - mean, mean]
        } else {
            let mut row = vec![(-mean).exp()];
            let mut count = 1.0;
            while count < mean + 5.0 * mean.sqrt() + 6.0 {
                let before = row[row.len() - 1];
                row.push(before * mean / count);
                count += 1.0;
            }
            row
        };
        plans.push((price - cost(shop, 0, 0), chances));
    }
    let mut value = vec![0.0; most + 1];
    for _ in 0..periods {
        let best = |have| plans.iter().map(|plan| ahead(plan, have, &value)).fold(0.0, f64::max);
        value = (0..=most).map(best).collect();
    }
    value[most]
}

fn ahead((margin, chances): &(f64, Vec<f64>), have: usize, value: &[f64]) -> f64 {
    let (mut worth, mut rest, mut units) = (0.0, 1.0, 0.0);
    for (sold, chance) in chances.iter().enumerate().take(have) {
        worth += chance * (margin * units + value[have - sold]);
        rest -= chance;
        units += 1.0;
    }
    if chances.len() > have { worth + rest.max(0.0) * margin * units } else { worth }
}

fn with_memory(shop: &Shop) -> f64 {
    let prices = grid(shop, 0);
    let reference = shop.start.items[0].ref_price;
    let point = |n: u32| 0.6 + 1.2 * f64::from(n) / 80.0;
    let mut value = vec![0.0; 81];
    for t in (0..shop.start.horizon).rev() {
        let next: Vec<f64> = (0..81_u32)
            .map(|n| {
                let now = point(n);
                let worth = |(price, slot): &(f64, usize)| {
                    let x = price / reference;
                    let later = (0.8 * now + 0.2 * x - 0.6) / 1.2 * 80.0;
                    let low = (0..80).rev().find(|n| f64::from(*n) <= later).unwrap_or(0);
                    let part = later - f64::from(u32::try_from(low).unwrap_or(0));
                    let low = usize::try_from(low).unwrap_or(0);
                    let then = value[low] * (1.0 - part) + value[low + 1] * part;
                    (price - cost(shop, 0, t)) * mean(shop, 0, t, x, *slot, now) + then
                };
                prices.iter().map(worth).fold(f64::MIN, f64::max)
            })
            .collect();
        value = next;
    }
    let start = (0.4_f64 / 1.2 * 80.0, 26);
    let part = start.0 - 26.0;
    value[start.1] * (1.0 - part) + value[start.1 + 1] * part
}
