//! `cargo xtask simulate prices`: plays invented shops and says what share of the profit of somebody
//! who knew the demand each seller makes.

pub mod play;
pub mod shops;

use anyhow::Result;
use clap::{Args, Subcommand};
use shopwright_models::chance::Chance;

use play::{Seller, clairvoyant, play};
use shops::{FAMILIES, Shop, shop};

/// What is simulated.
#[derive(Debug, Subcommand)]
pub enum Simulate {
    /// Prices in invented shops.
    Prices(PricesArgs),
}

/// Flags of `simulate prices`.
#[derive(Debug, Args)]
pub struct PricesArgs {
    /// Shops in each family.
    #[arg(long, default_value_t = 20)]
    pub shops: u32,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Only this family.
    #[arg(long)]
    pub family: Option<String>,
}

/// Runs what is asked for and prints the table.
///
/// # Errors
/// Fails when the policy refuses a shop.
pub fn run(task: &Simulate) -> Result<bool> {
    let Simulate::Prices(args) = task;
    println!("{}", table(args)?);
    Ok(true)
}

/// Shares of the clairvoyant's profit in percent, a row a family.
///
/// # Errors
/// Fails when the policy refuses a shop.
pub fn table(args: &PricesArgs) -> Result<String> {
    let mut rows = vec![
        "| family | optimise | 90 % interval | worst shop | changes | gentle | incumbent | best fixed |"
            .to_owned(),
        "|---|---|---|---|---|---|---|---|".to_owned(),
    ];
    let mut means = Vec::new();
    for family in FAMILIES {
        if args.family.as_ref().is_none_or(|only| only == family) {
            let (mean, row) = row(family, args)?;
            means.push(mean);
            rows.push(row);
        }
    }
    let mean =
        |column: usize| 100.0 * average(&means.iter().map(|m| m[column]).collect::<Vec<_>>());
    let all = [0, 1, 2, 3].map(mean);
    rows.push(format!(
        "| mean | {:.1} | | | | {:.1} | {:.1} | {:.1} |",
        all[0], all[1], all[2], all[3]
    ));
    Ok(rows.join("\n"))
}

/// The section of the results: shops whose seeds were not used while the engine was made.
///
/// # Errors
/// Fails when the policy refuses a shop.
pub fn section() -> Result<String> {
    let args = PricesArgs { shops: 20, seed: 7_000, family: None };
    Ok(format!(
        "Share of a clairvoyant's profit in percent, {} shops a family from seed {}; the interval is a bootstrap's \
         over shops. `changes` is the share of periods in which a price changed. Gentle: one change a week and steps \
         of 10 % at most, against the clairvoyant without such limits. Best fixed: the best of 25 constant prices, \
         chosen afterwards; it has no meaning for menus of four, where it is snapped.\n\n{}",
        args.shops,
        args.seed,
        table(&args)?
    ))
}

fn row(family: &str, args: &PricesArgs) -> Result<([f64; 4], String)> {
    let mut shares: [Vec<f64>; 4] = Default::default();
    let mut moved = Vec::new();
    for number in 0..args.shops {
        let seed = args.seed + u64::from(number);
        let shop = shop(family, seed);
        let best = clairvoyant(&shop);
        let sellers = [Seller::Optimise, Seller::Gentle, Seller::Incumbent];
        for (seller, shares) in sellers.into_iter().zip(&mut shares) {
            let (made, changes) = play(&shop, seller, seed, 1.0)?;
            shares.push(made / best);
            if seller == Seller::Optimise {
                moved.push(changes);
            }
        }
        shares[3].push(best_fixed(&shop, seed)? / best);
    }
    let means = [0, 1, 2, 3].map(|column| average(&shares[column]));
    let worst = shares[0].iter().copied().fold(f64::INFINITY, f64::min);
    let (low, high) = interval(&shares[0]);
    let row = format!(
        "| {family} | {:.1} | {:.1}–{:.1} | {:.1} | {:.1} % | {:.1} | {:.1} | {:.1} |",
        100.0 * means[0],
        100.0 * low,
        100.0 * high,
        100.0 * worst,
        100.0 * average(&moved),
        100.0 * means[1],
        100.0 * means[2],
        100.0 * means[3],
    );
    Ok((means, row))
}

fn best_fixed(shop: &Shop, seed: u64) -> Result<f64> {
    let mut best = f64::MIN;
    for n in 0..25_u32 {
        best = best.max(play(shop, Seller::BestFixed, seed, 0.6 + 0.05 * f64::from(n))?.0);
    }
    Ok(best)
}

fn average(values: &[f64]) -> f64 {
    let count = f64::from(u32::try_from(values.len()).unwrap_or(1).max(1));
    values.iter().sum::<f64>() / count
}

/// The 5th and 95th percentile of means of shops drawn again with replacement.
fn interval(values: &[f64]) -> (f64, f64) {
    let mut chance = Chance::new(1, 902);
    let below = u64::try_from(values.len()).unwrap_or(1);
    let mut means: Vec<f64> = (0..1000)
        .map(|_| {
            let draw = |_| values[usize::try_from(chance.below(below)).unwrap_or(0)];
            average(&(0..values.len()).map(draw).collect::<Vec<_>>())
        })
        .collect();
    means.sort_by(f64::total_cmp);
    (means[50], means[949])
}
