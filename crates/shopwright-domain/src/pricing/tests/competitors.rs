//! Competitors: which of their prices count, what the corridor and the rule make of them, and that no
//! race to the bottom gets past floor and cost.

use crate::pricing::{
    CompetitorFact, CompetitorPrice, CurrentPrice, PriceFacts, PricePolicy, Verdict, decide,
    is_far_off, judge_prices,
};
use crate::time::{HOUR, Timestamp};

use super::{NOON, facts, facts_at, reasons, rules_policy};

/// Somebody's price, seen an hour ago.
fn price(competitor: &str, price_minor: i64) -> CompetitorPrice {
    CompetitorPrice {
        competitor: competitor.to_owned(),
        observed_at: NOON.plus_micros(-HOUR),
        price_minor,
        shipping_minor: None,
        currency: "GBP".parse().unwrap(),
        in_stock: true,
        is_forced: false,
        confidence_bps: 10_000,
        is_confirmed: false,
    }
}

fn judged(prices: &[CompetitorPrice]) -> (Vec<Verdict>, Option<CompetitorFact>) {
    let gbp = "GBP".parse().unwrap();
    let (judged, fact) = judge_prices(prices, (Some(1_000), gbp), 48, NOON);
    (judged.into_iter().map(|judged| judged.verdict).collect(), fact)
}

fn with_competitors(facts: PriceFacts, prices: &[i64]) -> PriceFacts {
    let prices: Vec<_> = prices.iter().map(|minor| price("rival", *minor)).collect();
    PriceFacts { competitor: judged(&prices).1, ..facts }
}

#[test]
fn only_fresh_sure_prices_of_goods_in_stock_count() {
    let stale = CompetitorPrice { observed_at: NOON.plus_micros(-49 * HOUR), ..price("b", 950) };
    let sold_out = CompetitorPrice { in_stock: false, ..price("c", 940) };
    let unsure = CompetitorPrice { confidence_bps: 7_999, ..price("d", 930) };
    let dollars = CompetitorPrice { currency: "USD".parse().unwrap(), ..price("e", 920) };
    let mistake = price("f", 10_000);
    let prices = [price("a", 990), stale, sold_out, unsure.clone(), dollars, mistake.clone()];
    let (verdicts, fact) = judged(&prices);
    let want = [
        Verdict::Used,
        Verdict::Stale,
        Verdict::OutOfStock,
        Verdict::Unconfirmed,
        Verdict::OtherCurrency,
        Verdict::Outlier,
    ];
    assert_eq!(verdicts, want);
    let fact = fact.unwrap();
    assert_eq!((fact.lowest_minor, fact.median_minor), (Some(990), Some(990)));
    assert_eq!((fact.used, fact.stale, fact.ignored), (1, 1, 4));

    let confirmed = CompetitorPrice { is_confirmed: true, ..unsure };
    let forced = CompetitorPrice { is_forced: true, ..mistake };
    assert_eq!(judged(&[confirmed, forced]).0, [Verdict::Used, Verdict::Used]);
    assert_eq!(judged(&[]), (vec![], None));
}

#[test]
fn a_price_ten_times_or_a_tenth_of_the_base_is_far_off_and_one_just_inside_is_not() {
    let far = |minor| is_far_off(minor, 1_000);
    assert_eq!([far(10_000), far(9_999), far(100), far(101)], [true, false, true, false]);
    assert!(!is_far_off(i64::MAX, i64::MAX));
}

#[test]
fn a_price_far_from_at_least_three_others_is_an_outlier() {
    let of = |minors: &[i64]| {
        let prices: Vec<_> = minors.iter().map(|minor| price("r", *minor)).collect();
        judged(&prices).0.iter().map(|verdict| *verdict == Verdict::Outlier).collect::<Vec<_>>()
    };
    // The middle of 980, 1000 and 1010 is 1000; their deviations are 20, 0, 10: three times 10 is less
    // than a twentieth of 1000, so 950 just counts and 949 does not.
    assert_eq!(of(&[980, 1_000, 1_010, 950]), [false; 4]);
    assert_eq!(of(&[980, 1_000, 1_010, 949]), [false, false, false, true]);
    assert_eq!(of(&[1_000, 1_000, 400]), [false; 3], "two others are too few to tell");
    assert_eq!(of(&[1_000, 1_000, 1_000, 990]), [false; 4], "equal prices forgive a little");
}

#[test]
fn the_corridor_ranks_between_the_ceiling_and_the_steps() {
    let corridor =
        r#"{"competitor_corridor": {"against": "lowest", "min": "0.95", "max": "1.05"}}"#;
    let policy = rules_policy(corridor);
    let decided = |facts: &PriceFacts| {
        let decision = decide(facts, &policy).unwrap();
        (decision.price_minor, reasons(&decision))
    };
    let check = |standing: i64, theirs: &[i64], want: i64, because: &str| {
        let (price, why) = decided(&with_competitors(facts_at(standing), theirs));
        assert_eq!(price, want, "{why:?}");
        assert!(because.is_empty() || why.contains(&because.to_owned()), "{why:?}");
    };
    check(1_000, &[940, 990], 987, "competitor_corridor -13");
    check(1_000, &[1_100], 1_045, "competitor_corridor 45");
    // Floor 800 and ceiling 2000 come first; a step is at most 10 %.
    check(820, &[300, 310], 800, "competitor_corridor -200 broken by floor");
    check(1_000, &[500], 900, "competitor_corridor -100");
    check(1_000, &[1_000], 1_000, "");
}

#[test]
fn cost_and_map_come_before_any_competitor() {
    let policy = rules_policy(
        r#"{"competitor_corridor": {"against": "lowest", "max": "1"}, "floor": {"factor": "0.1"}}"#,
    );
    let cheap = with_competitors(facts_at(430), &[200]);
    assert_eq!(decide(&cheap, &policy).unwrap().price_minor, 400, "the cost");
    let advertised = PriceFacts { map_minor: Some(420), ..cheap };
    assert_eq!(decide(&advertised, &policy).unwrap().price_minor, 420, "the advertised price");
}

#[test]
fn the_rule_goes_a_part_of_the_way_and_is_off_in_the_playbook() {
    let rule = r#"{"competitor": {"against": "median", "target": "0.98", "weight": "0.5"}}"#;
    let facts =
        with_competitors(PriceFacts { units_7d: Some(0), ..facts_at(1_000) }, &[900, 950, 1_200]);
    // 0.98 × 950 / 1000 = 0.931, half of the way there is 0.9655.
    let decision = decide(&facts, &rules_policy(rule)).unwrap();
    assert_eq!(decision.price_minor, 966, "{:?}", reasons(&decision));
    assert!(reasons(&decision).contains(&"competitor -34".to_owned()), "{:?}", reasons(&decision));
    assert_eq!(decide(&facts, &rules_policy("{}")).unwrap().price_minor, 1_000);
}

#[test]
fn old_prices_move_nothing_and_are_named() {
    let old = CompetitorPrice { observed_at: NOON.plus_micros(-49 * HOUR), ..price("a", 700) };
    let facts = PriceFacts { competitor: judged(&[old]).1, ..facts_at(1_000) };
    let policy = rules_policy(r#"{"competitor_corridor": {"against": "lowest", "max": "1"}}"#);
    let decision = decide(&facts, &policy).unwrap();
    assert_eq!(decision.price_minor, 1_000);
    assert!(
        reasons(&decision).contains(&"stale_competitor 0".to_owned()),
        "{:?}",
        reasons(&decision)
    );
}

#[test]
fn settings_that_cannot_hold_are_refused_by_field() {
    let refused = |json: &str| {
        let gbp = "GBP".parse().unwrap();
        let errors = super::patch(json).validate(gbp).unwrap_err();
        errors.into_iter().map(|error| error.field).collect::<Vec<_>>()
    };
    let corridor =
        |ends: &str| format!(r#"{{"competitor_corridor": {{"against": "lowest"{ends}}}}}"#);
    assert_eq!(refused(&corridor("")), ["/competitor_corridor"]);
    assert_eq!(refused(&corridor(r#", "min": "1.1", "max": "1""#)), ["/competitor_corridor/min"]);
    assert_eq!(refused(&corridor(r#", "max": "11""#)), ["/competitor_corridor/max"]);
    assert_eq!(refused(r#"{"competitor_fresh_hours": 0}"#), ["/competitor_fresh_hours"]);
    let rule = r#"{"competitor": {"against": "lowest", "target": "1", "weight": "1.5"}}"#;
    assert_eq!(refused(rule), ["/competitor/weight"]);
}

#[test]
fn decisions_kept_before_competitors_counted_read_as_they_were_written() {
    let policy = PricePolicy::resolve([]);
    let written = serde_json::to_string(&(facts(), &policy)).unwrap();
    assert!(!written.contains("competitor"), "{written}");
    let (_, read): (PriceFacts, PricePolicy) = serde_json::from_str(&written).unwrap();
    assert_eq!(read, policy);
}

/// One shop of two that watch each other.
struct Rival {
    price: i64,
    changed_at: Timestamp,
    cost: i64,
}

impl Rival {
    fn follow(&mut self, theirs: i64, policy: &PricePolicy, now: Timestamp) {
        let current = CurrentPrice {
            amount_minor: self.price,
            changed_at: self.changed_at,
            day_open_minor: self.price,
        };
        let seen = CompetitorPrice { observed_at: now, ..price("other", theirs) };
        let gbp = "GBP".parse().unwrap();
        let (_, competitor) = judge_prices(&[seen], (Some(1_000), gbp), 48, now);
        let facts = PriceFacts {
            cost_minor: Some(self.cost),
            current: Some(current),
            competitor,
            now,
            ..facts()
        };
        let decided = decide(&facts, policy).unwrap().price_minor;
        let step = self.price / 10 + 1;
        assert!((self.price - decided).abs() <= step, "{} to {decided}", self.price);
        if decided != self.price {
            (self.price, self.changed_at) = (decided, now);
        }
    }
}

#[test]
fn two_shops_that_undercut_each_other_end_at_floor_or_cost_and_not_below() {
    let undercut = |floor: &str| {
        rules_policy(&format!(
            r#"{{"floor": {{"factor": "{floor}"}},
                "competitor": {{"against": "lowest", "target": "0.9", "weight": "1"}},
                "competitor_corridor": {{"against": "lowest", "max": "0.98"}},
                "rules_factor_min": "0.01"}}"#
        ))
    };
    let end = |floor: &str, costs: (i64, i64)| {
        let policy = undercut(floor);
        let shop = |cost| Rival { price: 1_000, changed_at: NOON.plus_micros(-24 * HOUR), cost };
        let (mut a, mut b) = (shop(costs.0), shop(costs.1));
        for hour in 0..500 {
            let now = NOON.plus_micros(hour * HOUR);
            a.follow(b.price, &policy, now);
            b.follow(a.price, &policy, now);
        }
        (a.price, b.price)
    };
    assert_eq!(end("0.01", (400, 390)), (400, 390), "each ends at its cost");
    assert_eq!(end("0.8", (400, 390)), (800, 800), "the floor ends it before");
}
