//! What was asked for and what was acknowledged, kept outside the server.
//!
//! Everything a request can change has a key here. After a crash it must hold the value of the last
//! acknowledged request, or that of one asked for since and not answered, and never anything else:
//! not an older value, not half of one.

use std::collections::BTreeMap;

use serde_json::Value as Json;

/// What may be seen under each key; a key that was never asked for may not be there at all.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    things: BTreeMap<String, Thing>,
    /// Answers that promised something.
    pub acknowledged: u64,
}

#[derive(Clone, Debug, Default)]
struct Thing {
    /// Acknowledged; `null` while there is none.
    kept: Json,
    /// Asked for since.
    open: Vec<Json>,
}

impl Journal {
    /// To be called before the request is sent.
    pub fn asked(&mut self, key: &str, value: Json) {
        self.things.entry(key.to_owned()).or_default().open.push(value);
    }

    /// To be called after all of the answer was read.
    pub fn acknowledged(&mut self, key: &str) {
        let thing = self.things.get_mut(key).expect("asked before");
        thing.kept = thing.open.pop().expect("asked before");
        thing.open.clear();
        self.acknowledged += 1;
    }

    /// What is promised under this key.
    pub fn kept(&self, key: &str) -> &Json {
        self.things.get(key).map_or(&Json::Null, |thing| &thing.kept)
    }

    /// Keys that begin so.
    pub fn keys<'j>(&'j self, prefix: &'j str) -> impl Iterator<Item = &'j String> {
        self.things.keys().filter(move |key| key.starts_with(prefix))
    }

    /// Compares what is there under a prefix with what was promised; gives every broken promise, and
    /// takes what is there for kept from now on.
    pub fn settle(&mut self, prefix: &str, seen: &BTreeMap<String, Json>) -> Vec<String> {
        let mut broken = Vec::new();
        for (key, thing) in self.things.iter_mut().filter(|(key, _)| key.starts_with(prefix)) {
            let there = seen.get(key).cloned().unwrap_or(Json::Null);
            if there != thing.kept && !thing.open.contains(&there) {
                let (kept, open) = (&thing.kept, &thing.open);
                broken.push(format!("{key}: promised {kept}, open {open:?}, found {there}"));
            }
            *thing = Thing { kept: there, open: Vec::new() };
        }
        let unasked = seen.keys().filter(|key| !self.things.contains_key(*key));
        broken.extend(unasked.map(|key| format!("{key}: nobody asked for it")));
        broken
    }

    /// Takes in what another worker wrote down; their keys never meet.
    pub fn absorb(&mut self, other: Self) {
        self.things.extend(other.things);
        self.acknowledged += other.acknowledged;
    }

    /// A journal of the same promises that counts anew.
    pub fn split(&self) -> Self {
        Self { things: self.things.clone(), acknowledged: 0 }
    }
}

#[test]
fn a_promise_is_broken_by_anything_but_the_last_answer_and_what_was_asked_for_since() {
    let check = |steps: &[(&str, i64)], seen: Json, broken: bool| {
        let mut journal = Journal::default();
        for (what, value) in steps {
            match *what {
                "ask" => journal.asked("a x", (*value).into()),
                _ => journal.acknowledged("a x"),
            }
        }
        let seen: BTreeMap<String, Json> =
            Some(seen).filter(|v| !v.is_null()).map(|v| ("a x".into(), v)).into_iter().collect();
        assert_eq!(!journal.settle("a ", &seen).is_empty(), broken, "{steps:?} {seen:?}");
        assert_eq!(journal.settle("a ", &seen), [""; 0], "what is there is kept from now on");
    };
    check(&[("ask", 1)], Json::Null, false);
    check(&[("ask", 1)], 1.into(), false);
    check(&[("ask", 1)], 2.into(), true);
    check(&[("ask", 1), ("ok", 0)], 1.into(), false);
    check(&[("ask", 1), ("ok", 0)], Json::Null, true);
    check(&[("ask", 1), ("ok", 0), ("ask", 2)], 1.into(), false);
    check(&[("ask", 1), ("ok", 0), ("ask", 2)], 2.into(), false);
    check(&[("ask", 1), ("ok", 0), ("ask", 2), ("ok", 0)], 1.into(), true);
    let unasked = BTreeMap::from([("a y".to_owned(), Json::from(1))]);
    assert_eq!(Journal::default().settle("a ", &unasked).len(), 1);
}
