//! What a busy shop asks for. A new kind of write is one line in [`LOAD`] and two functions: one that
//! does it and writes down what was promised, one that looks at what is there.

mod records;
mod sales;
mod settings;
mod shelf;

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::chance::Chance;
use crate::client::{Client, Lost};
use crate::journal::Journal;

/// One kind of write.
pub struct Operation {
    /// Its keys in the journal begin with this and a space.
    pub name: &'static str,
    /// Does it once.
    pub act: fn(&mut Worker<'_>) -> Result<(), Lost>,
    /// Everything of this kind that is there, by journal key.
    pub seen: fn(&Client<'_>) -> BTreeMap<String, Json>,
    /// How often it is chosen.
    pub weight: u64,
}

/// Everything that is done while servers are killed.
pub const LOAD: &[Operation] = &[
    of("promotion", settings::promotion, settings::promotions, 8),
    of("policy", settings::policy, settings::policies, 8),
    of("freeze", settings::freeze, settings::frozen, 2),
    of("key", settings::key, settings::keys, 1),
    of("import", settings::import, settings::imports, 1),
    of("reservation", sales::reservation, sales::reservations, 14),
    of("order", sales::order, sales::orders, 18),
    of("movement", shelf::movement, shelf::movements, 4),
    of("count", shelf::count, shelf::counts, 2),
    of("delivery", shelf::delivery, shelf::deliveries, 4),
    of("product", records::product, records::products, 4),
    of("customer", records::customer, records::customers, 6),
    of("api_key", records::api_key, records::api_keys, 3),
    of("endpoint", records::endpoint, records::endpoints, 3),
];

const fn of(
    name: &'static str,
    act: fn(&mut Worker<'_>) -> Result<(), Lost>,
    seen: fn(&Client<'_>) -> BTreeMap<String, Json>,
    weight: u64,
) -> Operation {
    Operation { name, act, seen, weight }
}

/// Products of the shop under load.
pub const SKUS: &[&str] =
    &["85123A", "22633", "71053", "84406B", "84029G", "22752", "21730", "84879"];

/// A POST that was not answered. Sent again with its key, it must be done once in all.
#[derive(Clone, Debug)]
pub struct Unanswered {
    once: String,
    key: String,
    value: Json,
    path: String,
    body: Json,
}

impl Unanswered {
    /// Sends it twice more; both answers must be the one of a single effect. One that showed a secret
    /// is not shown again.
    pub fn repeat(&self, client: &Client<'_>, journal: &mut Journal) {
        journal.asked(&self.key, self.value.clone());
        let send = || client.exchange_as(Some(&self.once), "POST", &self.path, &self.body).unwrap();
        let ((first, told), (second, told_again)) = (send(), send());
        let good = |status: u16| (200..300).contains(&status);
        if second == 409 && told_again["type"] == "/docs/errors#secret_shown_already" {
            assert!(good(first) || first == 409, "{}: {first} {told}", self.once);
        } else {
            assert!(good(first), "{}: {first} {told}", self.once);
            assert_eq!((first, told), (second, told_again), "{} was done twice", self.once);
        }
        journal.acknowledged(&self.key);
    }
}

/// One of several that work at once. What it changes is its own, so that it knows what must hold.
pub struct Worker<'s> {
    pub client: Client<'s>,
    pub journal: Journal,
    pub chance: Chance,
    /// From 0.
    pub number: usize,
    /// Workers beside it, and itself.
    pub of: usize,
    /// No two things made in one run have the same.
    pub serial: u64,
    /// Journal keys and ids of what it made and whose state it knows.
    pub made: Vec<(String, String)>,
    /// To be sent again to the next server.
    pub unanswered: Vec<Unanswered>,
}

impl Worker<'_> {
    /// Does something by chance.
    pub fn act(&mut self) -> Result<(), Lost> {
        let total: u64 = LOAD.iter().map(|operation| operation.weight).sum();
        let mut left = self.chance.below(total);
        for operation in LOAD {
            if left < operation.weight {
                return (operation.act)(self);
            }
            left -= operation.weight;
        }
        unreachable!("the weights add up")
    }

    /// Asks for `value` under `key`, and writes down the promise when it is given.
    pub fn write(
        &mut self,
        (key, value): (&str, Json),
        method: &str,
        path: &str,
        body: &Json,
    ) -> Result<Json, Lost> {
        self.journal.asked(key, value.clone());
        self.serial += 1;
        let once = format!("{key}:{path}:{}:{}", self.number, self.serial).replace(' ', "-");
        let once = (method == "POST").then_some(once);
        let sent = self.client.send_as(once.as_deref(), method, path, body);
        if let (Err(Lost), Some(once)) = (&sent, once) {
            let (key, path, body) = (key.to_owned(), path.to_owned(), body.clone());
            self.unanswered.push(Unanswered { once, key, value, path, body });
        }
        let answer = sent?;
        self.journal.acknowledged(key);
        Ok(answer)
    }

    /// Takes something of a kind out of what it made, by chance one time in `often`. Who does something
    /// to it puts it back once that was answered: without an answer its state is unknown.
    fn take(&mut self, kind: &str, often: u64) -> Option<(String, String)> {
        let of_kind = |(_, (key, _)): &(usize, &(String, String))| key.starts_with(kind);
        let places: Vec<usize> =
            self.made.iter().enumerate().filter(of_kind).map(|(place, _)| place).collect();
        if places.is_empty() || self.chance.below(often) > 0 {
            return None;
        }
        let place = *self.chance.pick(&places);
        Some(self.made.swap_remove(place))
    }

    /// Writes down that it made something.
    fn keep(&mut self, key: String, answer: &Json) {
        self.made.push((key, answer["id"].as_str().unwrap().to_owned()));
    }

    /// A name nobody had before.
    fn name(&mut self) -> String {
        self.serial += 1;
        format!("w{}n{}", self.number, self.serial)
    }

    /// One of the products that are this worker's.
    fn sku(&mut self) -> &'static str {
        let own: Vec<&'static str> =
            SKUS.iter().skip(self.number).step_by(self.of).copied().collect();
        let picked: &&'static str = self.chance.pick(&own);
        picked
    }
}
