//! How a layer of price settings looks in the API description.
//!
//! The type that is read is the domain's [`PolicyPatch`]; these are its twins for the description,
//! and a test holds the field names of both against each other.
//!
//! [`PolicyPatch`]: shopwright_domain::pricing::PolicyPatch

use serde::Serialize;
use utoipa::ToSchema;

/// Settings of one layer. A field left out or null keeps what broader layers say.
#[derive(Serialize, ToSchema)]
#[schema(as = PolicySettings)]
#[serde(deny_unknown_fields)]
pub struct PolicySettings {
    /// How the price is found.
    strategy: Option<StrategyName>,
    /// Coefficients to start from; the fields below override them.
    preset: Option<PresetName>,
    /// How much of the price full demand adds.
    #[schema(pattern = r"^\d{1,2}(\.\d{1,6})?$", example = "0.5")]
    demand_weight: Option<String>,
    /// What demand is counted in: units sold, views of the product's page, or pieces put into carts.
    /// Prices that follow views or carts move within a second of an event.
    demand_signal: Option<DemandSignalName>,
    /// How many of `demand_signal` a day over seven days count as full demand.
    #[schema(minimum = 1, maximum = 1_000_000)]
    demand_units_per_day_at_full: Option<i64>,
    /// Rows by ratio of the 7-day pace to the 28-day pace, rising.
    #[schema(max_items = 48)]
    velocity: Option<Vec<VelocityRow>>,
    /// Units in 28 days under which velocity says nothing.
    #[schema(minimum = 0, maximum = 1_000_000)]
    velocity_units_min: Option<i64>,
    /// Rows by stock left to sell, rising.
    #[schema(max_items = 48)]
    inventory: Option<Vec<StockRow>>,
    /// Hours of the store's day with a factor of their own; no overlap.
    #[schema(max_items = 24)]
    hours: Option<Vec<HourRow>>,
    /// Weekdays with a factor of their own, each at most once.
    #[schema(max_items = 7)]
    weekdays: Option<Vec<WeekdayRow>>,
    /// What active promotions do to the price.
    promotions: Option<PromotionRuleName>,
    /// How the price follows competitors.
    competitor: Option<CompetitorRuleValue>,
    /// A range around competitors' prices.
    competitor_corridor: Option<CompetitorCorridorValue>,
    /// Hours after which a competitor's price is too old to count.
    #[schema(minimum = 1, maximum = 8_784)]
    competitor_fresh_hours: Option<i64>,
    /// The rules charge at least this times the base price.
    #[schema(pattern = r"^\d{1,2}(\.\d{1,6})?$", example = "0.8")]
    rules_factor_min: Option<String>,
    /// The rules charge at most this times the base price.
    #[schema(pattern = r"^\d{1,2}(\.\d{1,6})?$", example = "2")]
    rules_factor_max: Option<String>,
    /// The highest lawful price.
    legal_cap: Option<LimitValue>,
    /// Minimum margin in basis points of the price.
    #[schema(minimum = 0, maximum = 9_900)]
    margin_min_bps: Option<i64>,
    /// Your lowest price.
    floor: Option<LimitValue>,
    /// Your highest price.
    ceiling: Option<LimitValue>,
    /// Largest move per change, basis points of the current price.
    #[schema(minimum = 1, maximum = 100_000)]
    step_change_bps: Option<i64>,
    /// Largest move per day, basis points of the day's opening price.
    #[schema(minimum = 1, maximum = 100_000)]
    step_day_bps: Option<i64>,
    /// Last digits a price may have.
    #[schema(max_items = 20, example = json!(["99", "95", "00"]))]
    endings: Option<Vec<String>>,
    /// Shortest time between two changes, minutes.
    #[schema(minimum = 0, maximum = 527_040)]
    dwell_minutes: Option<i64>,
    /// Emergency stop for everything this layer covers.
    freeze: Option<bool>,
    /// A price fixed by hand, minor units.
    #[schema(minimum = 1)]
    pin_minor: Option<i64>,
}

/// How a price is found before the guardrails.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only described, never made")]
enum StrategyName {
    /// The base price.
    Fixed,
    /// The base price times factors.
    Rules,
}

/// What demand is counted in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only described, never made")]
enum DemandSignalName {
    /// Net units sold.
    Units,
    /// Views of the product's page.
    Views,
    /// Pieces put into carts.
    CartAdds,
}

/// A named filling of all coefficients.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only described, never made")]
enum PresetName {
    /// Demand and stock only, as in the founding playbook.
    Playbook,
    /// Gentle steps by pace, stock, hour and promotion.
    Standard,
}

/// What active promotions do.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only described, never made")]
enum PromotionRuleName {
    /// They only lock prices.
    Ignore,
    /// The lowest factor counts, once.
    Lowest,
}

/// One end of a price range: relative to the base price, or an amount.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only described, never made")]
enum LimitValue {
    /// Times the base price.
    Factor(String),
    /// Minor units.
    AmountMinor(i64),
}

/// Which of the competitors' prices is looked at.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only described, never made")]
enum CompetitorReferenceName {
    /// The lowest.
    Lowest,
    /// The middle one.
    Median,
}

/// How the price follows competitors: factor = 1 + weight × (target × their price / base − 1).
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CompetitorRuleValue {
    /// Whom to look at.
    against: CompetitorReferenceName,
    /// Where to stand: 0.98 is two per cent below them.
    #[schema(pattern = r"^\d{1,2}(\.\d{1,6})?$", example = "0.98")]
    target: String,
    /// How much of the way to go, 0 to 1.
    #[schema(pattern = r"^\d(\.\d{1,6})?$", example = "0.25")]
    weight: String,
}

/// A range around competitors' prices. One end may be left out.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CompetitorCorridorValue {
    /// Whom to look at.
    against: CompetitorReferenceName,
    /// At least this times their price.
    #[schema(pattern = r"^\d{1,2}(\.\d{1,6})?$", example = "0.95")]
    min: Option<String>,
    /// At most this times their price.
    #[schema(pattern = r"^\d{1,2}(\.\d{1,6})?$", example = "1.05")]
    max: Option<String>,
}

/// A row of the velocity table.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct VelocityRow {
    /// From this ratio upwards,
    at_least: String,
    /// the price is multiplied by this.
    factor: String,
}

/// A row of the stock table.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StockRow {
    /// Under this many pieces,
    below: i64,
    /// the price is multiplied by this.
    factor: String,
}

/// A band of hours.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HourRow {
    /// From this hour, 0 to 23,
    from_hour: i64,
    /// until this one, up to 24,
    until_hour: i64,
    /// the price is multiplied by this.
    factor: String,
}

/// A weekday.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WeekdayRow {
    /// 1 for Monday to 7 for Sunday.
    weekday: i64,
    /// What the price is multiplied by.
    factor: String,
}

#[cfg(test)]
mod tests {
    use shopwright_domain::pricing::PolicyPatch;

    #[test]
    fn the_description_names_the_fields_that_are_read() {
        let described = crate::openapi();
        let schema = &described["components"]["schemas"]["PolicySettings"];
        assert_eq!(schema["additionalProperties"], false);
        let mut names: Vec<_> = schema["properties"].as_object().unwrap().keys().cloned().collect();
        names.sort();
        let error = serde_json::from_str::<PolicyPatch>(r#"{"?": 1}"#).unwrap_err().to_string();
        let mut read: Vec<_> = error
            .split('`')
            .skip(3)
            .step_by(2)
            .map(str::to_owned)
            .filter(|n| !n.is_empty())
            .collect();
        read.sort();
        assert_eq!(names, read);
    }
}
