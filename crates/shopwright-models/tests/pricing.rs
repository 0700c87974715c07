//! The policy under any messages: inside its limits, finite, repeatable, and as gentle as asked.

// A helper may unwrap too: a panic is how a test fails. Prices held still are equal to the bit.
#![allow(clippy::unwrap_used, clippy::float_cmp)]

use proptest::prelude::*;
use shopwright_models::pricing::policy::{Conduct, Policy, Refused};
use shopwright_models::pricing::protocol::{ItemStart, ItemStep, Last, Objective, Start, Step};

fn start(low: f64, width: f64, at: f64, menu: Option<Vec<f64>>) -> Start {
    Start {
        horizon: 20,
        period_hours: 24.0,
        objective: Objective::Profit,
        visits_seen: false,
        salvage: 0.0,
        restock_every: 0,
        items: vec![ItemStart {
            id: "i".to_owned(),
            category: "c".to_owned(),
            price_min: low,
            price_max: low * width,
            ref_price: low * (1.0 + (width - 1.0) * at),
            prices: menu,
        }],
    }
}

/// Plays with any sales, and gives the prices.
fn play(start: &Start, conduct: Conduct, sales: &[u32], stock: Option<f64>) -> Vec<f64> {
    let mut policy = Policy::start(start.clone(), conduct).unwrap();
    let mut last = None;
    let mut prices = Vec::new();
    for (t, sold) in (0..).zip(sales) {
        let item = ItemStep { cost: 0.4, inventory: stock, competitor: None, last };
        let step = Step { t, hour: 0, dow: t % 7, items: vec![item] };
        let price = policy.step(&step).unwrap()[0];
        let stockout = sold % 5 == 4;
        last = Some(Last { price, sales: f64::from(*sold), stockout, visits: None });
        prices.push(price);
    }
    prices
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn prices_are_inside_the_limits_and_the_same_every_time(
        low in 0.01_f64..1000.0,
        width in 1.0_f64..6.0,
        at in 0.0_f64..1.0,
        sales in prop::collection::vec(0_u32..200, 10),
        stock in prop::option::of(0.0_f64..500.0),
    ) {
        let start = start(low, width, at, None);
        let prices = play(&start, Conduct::default(), &sales, stock);
        for price in &prices {
            prop_assert!(price.is_finite());
            prop_assert!(*price >= low * (1.0 - 1e-9) && *price <= low * width * (1.0 + 1e-9));
        }
        prop_assert_eq!(prices, play(&start, Conduct::default(), &sales, stock));
    }

    #[test]
    fn prices_come_from_the_menu(
        menu in prop::collection::vec(1.0_f64..4.0, 1..8),
        sales in prop::collection::vec(0_u32..50, 10),
        stock in prop::option::of(0.0_f64..500.0),
    ) {
        let start = start(1.0, 4.0, 0.4, Some(menu.clone()));
        for price in play(&start, Conduct::default(), &sales, stock) {
            prop_assert!(menu.contains(&price));
        }
    }

    #[test]
    fn steps_and_changes_stay_within_what_was_asked(
        percent in 1.0_f64..30.0,
        most in 0_u32..4,
        sales in prop::collection::vec(0_u32..100, 20),
    ) {
        let conduct = Conduct { changes_per_week: Some(most), step: Some(percent / 100.0) };
        let prices = play(&start(5.0, 3.0, 0.4, None), conduct, &sales, None);
        let moves: Vec<bool> = prices.windows(2).map(|pair| pair[0] != pair[1]).collect();
        for pair in prices.windows(2) {
            prop_assert!((pair[1] / pair[0] - 1.0).abs() <= percent / 100.0 + 1e-9);
        }
        for week in moves.windows(7) {
            prop_assert!(week.iter().filter(|moved| **moved).count() <= most as usize);
        }
    }
}

#[test]
fn a_steady_shop_is_led_to_its_best_price_and_left_there() {
    // Demand 20·exp(−2.5 (x − 1)) at cost 0.4: the best price is 0.4 + 1/2.5 = 0.8.
    let mut begun = start(0.6, 3.0, 1.0 / 3.0, None);
    begun.horizon = 200;
    let mut policy = Policy::start(begun, Conduct::default()).unwrap();
    let (mut last, mut late) = (None, Vec::new());
    for t in 0..200 {
        let item = ItemStep { cost: 0.4, inventory: None, competitor: None, last };
        let step = Step { t, hour: 0, dow: t % 7, items: vec![item] };
        let price = policy.step(&step).unwrap()[0];
        let sales = (20.0 * (-2.5 * (price - 1.0)).exp()).round();
        last = Some(Last { price, sales, stockout: false, visits: None });
        if t >= 150 {
            late.push(price);
        }
    }
    assert!(late.iter().all(|price| (0.7..0.92).contains(price)), "{late:?}");
}

#[test]
fn an_episode_that_makes_no_sense_is_refused_with_the_item() {
    let mut wrong = start(2.0, 2.0, 0.5, None);
    wrong.items[0].price_min = 9.0;
    assert_eq!(Policy::start(wrong, Conduct::default()).err(), Some(Refused::Limits(0)));
    let mut policy = Policy::start(start(2.0, 2.0, 0.5, None), Conduct::default()).unwrap();
    let empty = Step { t: 0, hour: 0, dow: 0, items: Vec::new() };
    assert_eq!(policy.step(&empty), Err(Refused::Items(0, 1)));
    let negative = ItemStep { cost: -1.0, ..ItemStep::default() };
    let step = Step { t: 0, hour: 0, dow: 0, items: vec![negative] };
    assert_eq!(policy.step(&step), Err(Refused::Numbers(0)));
}
