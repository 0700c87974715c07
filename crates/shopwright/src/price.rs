//! `price show` and `price explain`: one price, the reasons for it, and whether a kept decision
//! still comes out the same from what was kept with it.

use jiff::tz::TimeZone;
use serde_json::{Value as Json, json};
use shopwright_app::pricing::replay;
use shopwright_domain::catalog::Sku;
use shopwright_domain::ids::DecisionId;
use shopwright_domain::money::{Currency, Money, format_minor};
use shopwright_domain::pricing::{PriceDecision, Reason};
use shopwright_store::catalog::Product;
use shopwright_store::pricing::{CurrentPrice, Decision};
use shopwright_store::{Store, StoreError, catalog, inventory, pricing};

use crate::config::nearest;
use crate::failure::Failure;
use crate::output::{Align, Answer, Page, grouped, local};

/// Changes that `price show` lists.
const HISTORY: i64 = 10;

struct Shown {
    product: Product,
    current: Option<CurrentPrice>,
    on_hand: Option<i64>,
    history: Vec<Decision>,
}

/// `price show`.
pub async fn show(store: &Store, sku: &str, zone: &TimeZone) -> Result<Answer, Failure> {
    let wanted = Sku::parse(sku).map_err(|error| Failure::new("sku", error.to_string()))?;
    let found = store
        .read(move |tx| {
            let Some(product) = catalog::find(tx, &wanted)? else { return Ok(None) };
            let current = pricing::find_current(tx, &wanted)?;
            let levels = inventory::levels_of(tx, &wanted)?;
            let on_hand = (!levels.is_empty()).then(|| levels.iter().map(|l| l.on_hand).sum());
            let history = pricing::list_decisions(tx, &wanted, None, None, HISTORY)?;
            Ok::<_, StoreError>(Some(Shown { product, current, on_hand, history }))
        })
        .await?;
    let Some(shown) = found else { return Err(unknown_sku(store, sku).await?) };
    let Some(current) = &shown.current else {
        let why = if shown.product.base_price_minor.is_some() {
            "no refresh has seen it yet: run `shopwright serve`"
        } else {
            "it has no base price: give it one with `shopwright import catalog`"
        };
        return Err(Failure::not_so("no_price", format!("{sku} has no price yet; {why}")));
    };
    let decision = read_decision(&current.decision)?;
    let page = show_page(&shown, current, &decision, zone);
    Ok(Answer::new(show_json(&shown, current, &decision), page))
}

async fn unknown_sku(store: &Store, sku: &str) -> Result<Failure, Failure> {
    let all = store.read(catalog::currencies).await?;
    let hint = match nearest(sku, all.keys().map(String::as_str)) {
        Some(close) => format!(", did you mean {close}?"),
        None if all.is_empty() => {
            "; the catalogue is empty, import orders or products first".into()
        }
        None => "; codes are compared letter by letter".into(),
    };
    Ok(Failure::not_so("unknown_sku", format!("there is no product {sku}{hint}")))
}

fn read_decision(kept: &Json) -> Result<PriceDecision, Failure> {
    serde_json::from_value(kept.clone()).map_err(|error| {
        let does = "the next refresh writes it again: run `shopwright serve`";
        Failure::new("ledger", format!("the kept evaluation cannot be read: {error}; {does}"))
    })
}

fn money(amount_minor: i64, currency: Currency) -> Json {
    json!(Money { amount: amount_minor, currency })
}

fn show_json(shown: &Shown, current: &CurrentPrice, decision: &PriceDecision) -> Json {
    let in_currency = |amount: i64| money(amount, current.currency);
    let history = shown.history.iter().map(|kept| {
        json!({
            "decision_id": kept.decision_id,
            "decided_at": kept.decided_at,
            "from": kept.from_minor.map(in_currency),
            "to": in_currency(kept.to_minor),
            "strategy": kept.strategy,
        })
    });
    json!({
        "sku": shown.product.sku,
        "title": shown.product.title,
        "price": in_currency(current.amount_minor),
        "base_price": in_currency(current.base_minor),
        "base_price_from": shown.product.base_price_from,
        "playbook_price": decision.playbook_price_minor.map(in_currency),
        "cost": shown.product.cost_minor.map(in_currency),
        "on_hand": shown.on_hand,
        "strategy": current.strategy,
        "reasons": decision.reasons,
        "allowed": decision.allowed.map(|a| json!({
            "min": in_currency(a.min_minor), "max": in_currency(a.max_minor),
        })),
        "held": decision.held,
        "lowest_30d": current.lowest_30d_minor.map(in_currency),
        "since": current.changed_at,
        "decision_id": current.decision_id,
        "history": history.collect::<Json>(),
    })
}

fn show_page(
    shown: &Shown,
    current: &CurrentPrice,
    decision: &PriceDecision,
    zone: &TimeZone,
) -> Page {
    let text = |amount: i64| format_minor(amount, current.currency);
    let with_code = |amount: i64| format!("{} {}", text(amount), current.currency);
    let product = &shown.product;
    let mut page = Page::new(&format!("{}  {}", product.sku, product.title));
    let mut pairs = vec![
        (
            "price",
            format!(
                "{} since {}",
                with_code(current.amount_minor),
                local(current.changed_at, zone)
            ),
        ),
        ("base price", with_code(current.base_minor)),
    ];
    if let Some(amount) = decision.playbook_price_minor {
        pairs.push(("rules alone", with_code(amount)));
    }
    if let Some(amount) = current.lowest_30d_minor {
        pairs.push(("lowest in 30 days before", with_code(amount)));
    }
    pairs.push(("strategy", current.strategy.clone()));
    pairs.push((
        "allowed",
        match decision.allowed {
            Some(a) => format!("{} to {}", with_code(a.min_minor), with_code(a.max_minor)),
            None => "may not move now".into(),
        },
    ));
    pairs.push(("cost", product.cost_minor.map_or("not known".into(), with_code)));
    pairs.push(("on hand", shown.on_hand.map_or("not tracked".into(), grouped)));
    page.pairs(&pairs);
    reasons_part(&mut page, &decision.reasons, current.currency);
    let rows = shown.history.iter().map(|kept| {
        let from = kept.from_minor.map_or("none".into(), text);
        let id = kept.decision_id.to_string();
        vec![local(kept.decided_at, zone), from, text(kept.to_minor), kept.strategy.clone(), id]
    });
    let head = [
        ("when", Align::Left),
        ("from", Align::Right),
        ("to", Align::Right),
        ("strategy", Align::Left),
        ("decision", Align::Left),
    ];
    page.section("Last changes").table(&head, rows.collect());
    page.gap().line(&format!("Next: `shopwright price explain {} --replay`", current.decision_id));
    page
}

fn reasons_part(page: &mut Page, reasons: &[Reason], currency: Currency) {
    let rows = reasons.iter().map(|reason| {
        let sign = if reason.effect_minor > 0 { "+" } else { "" };
        let effect = format!("{sign}{}", format_minor(reason.effect_minor, currency));
        vec![reason.factor.clone(), effect, reason.sentence.clone()]
    });
    let head = [("reason", Align::Left), ("effect", Align::Right), ("why", Align::Left)];
    page.section("Why").table(&head, rows.collect());
}

/// `price explain`.
pub async fn explain(
    store: &Store,
    decision_id: &str,
    again: bool,
    zone: &TimeZone,
) -> Result<Answer, Failure> {
    let id: DecisionId =
        decision_id.parse().map_err(|error| Failure::new("decision_id", format!("{error}")))?;
    let found = store.read(move |tx| pricing::find_decision(tx, id)).await?;
    let kept = found.ok_or_else(|| {
        let does = "`shopwright price show SKU` lists the decisions of a product";
        Failure::not_so("unknown_decision", format!("there is no decision {id}; {does}"))
    })?;
    let decision = read_decision(&kept.decision)?;
    let replayed = again.then(|| compare(&kept));
    let holds = replayed.as_ref().is_none_or(|r| r.equal);
    let page = explain_page(&kept, &decision, replayed.as_ref(), zone);
    let mut json = json!({
        "decision_id": kept.decision_id,
        "sku": kept.sku,
        "decided_at": kept.decided_at,
        "from": kept.from_minor.map(|amount| money(amount, kept.currency)),
        "to": money(kept.to_minor, kept.currency),
        "strategy": kept.strategy,
        "facts": kept.facts,
        "policy": kept.policy,
        "decision": kept.decision,
    });
    if let Some(replayed) = replayed {
        json["replay"] = json!({ "equal": replayed.equal, "decision": replayed.decision });
    }
    Ok(Answer { holds, ..Answer::new(json, page) })
}

struct Replayed {
    equal: bool,
    decision: Json,
    says: String,
}

/// Compares the bytes of both decisions in one form: object keys in order, no blanks.
fn compare(kept: &Decision) -> Replayed {
    let bytes = |decision: &Json| decision.to_string().into_bytes();
    match replay(kept).and_then(|d| serde_json::to_value(d).map_err(|e| e.to_string())) {
        Ok(decision) => {
            let equal = bytes(&decision) == bytes(&kept.decision);
            let length = grouped(bytes(&decision).len() as u64);
            let says = if equal {
                format!("The replay gives the same decision, byte for byte ({length} bytes).")
            } else {
                "The replay gives another decision: the record or the rules have changed.".into()
            };
            Replayed { equal, decision, says }
        }
        Err(error) => Replayed {
            equal: false,
            decision: Json::Null,
            says: format!("The replay gives no decision: {error}."),
        },
    }
}

fn explain_page(
    kept: &Decision,
    decision: &PriceDecision,
    replayed: Option<&Replayed>,
    zone: &TimeZone,
) -> Page {
    let text = |amount: i64| format!("{} {}", format_minor(amount, kept.currency), kept.currency);
    let mut page = Page::new(&format!("{}  {}", kept.decision_id, kept.sku));
    page.pairs(&[
        ("decided", local(kept.decided_at, zone)),
        ("from", kept.from_minor.map_or("no price".into(), text)),
        ("to", text(kept.to_minor)),
        ("base price", text(decision.base_minor)),
        ("strategy", kept.strategy.clone()),
    ]);
    reasons_part(&mut page, &decision.reasons, kept.currency);
    page.section("Decided from").line(&kept.facts.to_string());
    page.section("Under the settings").line(&kept.policy.to_string());
    page.gap();
    match replayed {
        Some(replayed) => page.line(&replayed.says),
        None => page.line("Next: the same with --replay decides once more and compares."),
    };
    page
}
