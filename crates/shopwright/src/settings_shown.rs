//! `config` and `config --explain`: what holds and where it came from; what every key does.

use serde_json::{Value as Json, json};

use crate::config::{KEYS, Key, Setting, Settings};
use crate::output::{Align, Answer, Page};

/// Shown in place of a secret.
const HIDDEN: &str = "(set, not shown)";
const NONE: &str = "(none)";

/// `config`.
pub fn effective(settings: &Settings) -> Answer {
    let one = |setting: &Setting| {
        let shown = setting.value.as_deref().map(|value| shown(setting.key, value));
        (setting.key.name.to_owned(), json!({ "value": shown, "from": setting.origin.text() }))
    };
    let json: Json = settings.all.iter().map(one).collect::<serde_json::Map<_, _>>().into();
    let rows = settings.all.iter().map(|setting| {
        let value = setting.value.as_deref().map_or(NONE, |value| shown(setting.key, value));
        vec![setting.key.name.to_owned(), value.to_owned(), setting.origin.text()]
    });
    let head = [("key", Align::Left), ("value", Align::Left), ("from", Align::Left)];
    let mut page = Page::new("Settings that hold");
    page.table(&head, rows.collect());
    page.gap().line("Next: `shopwright config --explain` says what every key does.");
    Answer::new(json, page)
}

fn shown<'a>(key: &Key, value: &'a str) -> &'a str {
    if key.secret { HIDDEN } else { value }
}

/// `config --explain`.
pub fn explain() -> Answer {
    let one = |key: &Key| {
        json!({
            "name": key.name,
            "variable": key.variable(),
            "flag": key.flag,
            "default": Some(key.default).filter(|text| !text.is_empty()),
            "value": key.kind.describe(),
            "secret": key.secret,
            "reloads": key.reloads(),
            "says": key.says,
        })
    };
    let mut page = Page::new("Settings");
    page.line(
        "Each is read from shopwright.toml, then its variable, then its flag; the last one wins.",
    );
    for key in KEYS {
        page.section(key.name).line(&format!("  {}", key.says));
        let default = if key.default.is_empty() { NONE } else { key.default };
        let mut pairs = vec![
            ("  value", key.kind.describe()),
            ("  default", default.to_owned()),
            ("  variable", key.variable()),
        ];
        if key.secret {
            pairs.push(("  or a file", format!("{}_FILE names it; never printed", key.variable())));
        }
        if key.reloads() {
            pairs.push(("  change", "SIGHUP, without a restart".into()));
        }
        pairs.extend(key.flag.map(|flag| ("  flag", flag.to_owned())));
        page.pairs(&pairs);
    }
    Answer::new(KEYS.iter().map(one).collect(), page)
}
