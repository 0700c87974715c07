//! What the readable rows of a file say, added up, for the owner to check against the source.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Serialize;
use shopwright_domain::money::format_minor;
use shopwright_domain::platforms::layout::Item;
use shopwright_domain::platforms::{PlatformCustomer, PlatformOrder};

/// Sums over a file.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TakenFrom {
    /// Orders.
    pub invoices: u64,
    /// Products that were sold, by code.
    pub codes: u64,
    /// Buyers, by id or mail address.
    pub customers: u64,
    /// Pieces of goods sold.
    pub quantity: i64,
    /// What the orders come to, by currency, decimal.
    pub amount: BTreeMap<String, String>,
    /// What went back, by currency, decimal.
    pub refunded: BTreeMap<String, String>,
    /// Lines by kind of booking.
    pub kinds: BTreeMap<&'static str, KindSum>,
    /// Products.
    pub products: u64,
    /// Counts of stock.
    pub counts: u64,
    /// People, where the file is of people.
    pub people: u64,
    /// Payments that the buyer's bank disputes.
    pub disputed: u64,
    #[serde(skip)]
    sums: BTreeMap<String, (i128, i128)>,
    #[serde(skip)]
    seen_codes: HashSet<u64>,
    #[serde(skip)]
    seen_customers: HashSet<u64>,
}

/// Lines of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KindSum {
    /// Lines.
    pub lines: u64,
    /// Pieces.
    pub quantity: i64,
}

/// A file's codes and buyers are told apart by 64 bits, so that memory stays small.
fn hash_of(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

impl TakenFrom {
    /// Adds what some rows say.
    pub(super) fn add(&mut self, item: &Item) {
        match item {
            Item::Order(order) => self.add_order(order),
            Item::Payment(payment) => {
                self.disputed += u64::from(payment.is_disputed);
                self.add_order(&payment.order);
            }
            Item::Variant(_) => self.products += 1,
            Item::Stock(_) => self.counts += 1,
            Item::Customer(_) => self.people += 1,
        }
    }

    fn add_order(&mut self, order: &PlatformOrder) {
        self.invoices += 1;
        for line in &order.lines {
            if let Some(sku) = &line.sku {
                self.seen_codes.insert(hash_of(sku.as_str()));
                self.quantity = self.quantity.saturating_add(line.quantity);
            }
            let sum = self.kinds.entry(line.kind.as_str()).or_default();
            sum.lines += 1;
            sum.quantity = sum.quantity.saturating_add(line.quantity);
        }
        if let Some(who) = order.customer.as_ref().and_then(name_of) {
            self.seen_customers.insert(hash_of(&who));
        }
        self.codes = self.seen_codes.len() as u64;
        self.customers = self.seen_customers.len() as u64;
        let currency = order.currency;
        let sums = self.sums.entry(currency.code().to_owned()).or_default();
        sums.0 += i128::from(order.total_minor);
        sums.1 += order.refunds.iter().map(|r| i128::from(r.amount_minor)).sum::<i128>();
        let text = |sum: i128| format_minor(i64::try_from(sum).unwrap_or(i64::MAX), currency);
        self.amount.insert(currency.code().to_owned(), text(sums.0));
        if sums.1 > 0 {
            self.refunded.insert(currency.code().to_owned(), text(sums.1));
        }
    }
}

fn name_of(customer: &PlatformCustomer) -> Option<String> {
    let email = customer.email.as_ref().map(|email| email.to_lowercase());
    customer.external_id.clone().or(email)
}
