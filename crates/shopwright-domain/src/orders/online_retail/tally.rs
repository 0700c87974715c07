//! What a whole file adds up to, so that an owner can check the import against the source.
//!
//! The exact sum, the booked sum and their difference come from the same lines; every line counts
//! in exactly one kind. Holds one entry a distinct invoice, code, customer and country: about
//! 3 MB for the half million lines of the published file.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::super::kinds::{DocumentKind, LineKind};
use super::Line;
use crate::money::{Currency, format_micros};
use crate::time::Timestamp;

/// A running count of booked lines. Add each once, then ask for the [`Reconciliation`].
#[derive(Clone, Debug)]
pub struct Tally {
    currency: Currency,
    invoices: BTreeMap<Box<str>, InvoiceFacts>,
    codes: BTreeSet<Box<str>>,
    customers: BTreeSet<Box<str>>,
    countries: BTreeSet<Box<str>>,
    quantity: i64,
    sums: Sums,
    rounded: Sums,
    rounded_lines: u64,
    kinds: [Counts; LineKind::ALL.len()],
    anonymous_lines: u64,
    span: Option<(Timestamp, Timestamp)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct InvoiceFacts {
    /// Some line of it names a customer.
    named: bool,
    /// Which kinds of document its lines are booked on, by place in `DocumentKind::ALL`.
    documents: [bool; DocumentKind::ALL.len()],
}

/// Exact and booked sums, both in millionths of the major unit.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    exact: i128,
    booked: i128,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    lines: u64,
    quantity: i64,
    amount_minor: i128,
}

/// What the lines added up to. Amounts are decimal texts in the store's currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reconciliation {
    /// The currency of all amounts.
    pub currency: Currency,
    /// Lines booked.
    pub rows: u64,
    /// Distinct invoice numbers.
    pub invoices: u64,
    /// Distinct (invoice number, document) pairs that are orders.
    pub orders: u64,
    /// Distinct (invoice number, document) pairs that are refunds.
    pub refunds: u64,
    /// Distinct (invoice number, document) pairs that are adjustments.
    pub adjustments: u64,
    /// Distinct codes, byte for byte, goods or not.
    pub codes: u64,
    /// Distinct customers.
    pub customers: u64,
    /// Distinct countries.
    pub countries: u64,
    /// Σ quantity.
    pub quantity: i64,
    /// Σ quantity × unit price, exact.
    pub exact: String,
    /// Σ of the booked line amounts.
    pub booked: String,
    /// The same in minor units.
    pub booked_minor: i128,
    /// Booked minus exact.
    pub difference: String,
    /// Lines whose booked amount is not their exact amount.
    pub rounded_lines: u64,
    /// Σ quantity × unit price of those lines.
    pub rounded_exact: String,
    /// Σ of the booked amounts of those lines.
    pub rounded_booked: String,
    /// Lines without a customer.
    pub anonymous_lines: u64,
    /// Invoice numbers none of whose lines names a customer.
    pub anonymous_invoices: u64,
    /// The earliest line.
    pub first_at: Option<Timestamp>,
    /// The latest line.
    pub last_at: Option<Timestamp>,
    /// Totals of the kinds that occur, in the order of [`LineKind::ALL`].
    pub kinds: Vec<KindTotal>,
}

/// What one kind of line adds up to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KindTotal {
    /// The kind.
    pub kind: LineKind,
    /// Lines of it.
    pub lines: u64,
    /// Σ quantity, with the signs of the file.
    pub quantity: i64,
    /// Σ booked amount as a decimal text.
    pub amount: String,
    /// Σ booked amount in minor units.
    pub amount_minor: i128,
}

impl Tally {
    /// Nothing counted yet; amounts are in `currency`, as the lines to come are.
    pub fn new(currency: Currency) -> Self {
        Self {
            currency,
            invoices: BTreeMap::new(),
            codes: BTreeSet::new(),
            customers: BTreeSet::new(),
            countries: BTreeSet::new(),
            quantity: 0,
            sums: Sums::default(),
            rounded: Sums::default(),
            rounded_lines: 0,
            kinds: [Counts::default(); LineKind::ALL.len()],
            anonymous_lines: 0,
            span: None,
        }
    }

    /// Counts one line.
    pub fn add(&mut self, line: &Line) {
        self.note_names(line);
        let sums =
            Sums { exact: line.exact_micros(), booked: self.micros(line.amount_minor.into()) };
        self.sums.add(sums);
        if sums.exact != sums.booked {
            self.rounded.add(sums);
            self.rounded_lines += 1;
        }
        self.quantity += line.quantity;
        let counts = &mut self.kinds[line.kind as usize];
        counts.lines += 1;
        counts.quantity += line.quantity;
        counts.amount_minor += i128::from(line.amount_minor);
        let (first, last) = self.span.unwrap_or((line.at, line.at));
        self.span = Some((first.min(line.at), last.max(line.at)));
    }

    fn note_names(&mut self, line: &Line) {
        keep(&mut self.codes, &line.code);
        keep(&mut self.countries, &line.country);
        match &line.customer {
            Some(customer) => keep(&mut self.customers, customer),
            None => self.anonymous_lines += 1,
        }
        let mut facts = self.invoices.get(&line.invoice).copied().unwrap_or_default();
        let before = facts;
        facts.named |= line.customer.is_some();
        facts.documents[line.document as usize] = true;
        if facts != before {
            self.invoices.insert(line.invoice.clone(), facts);
        }
    }

    /// What has been counted so far.
    pub fn reconciliation(&self) -> Reconciliation {
        let documents = |kind: DocumentKind| {
            count(self.invoices.values().filter(|f| f.documents[kind as usize]))
        };
        Reconciliation {
            currency: self.currency,
            rows: self.kinds.iter().map(|counts| counts.lines).sum(),
            invoices: count(self.invoices.iter()),
            orders: documents(DocumentKind::Order),
            refunds: documents(DocumentKind::Refund),
            adjustments: documents(DocumentKind::Adjustment),
            codes: count(self.codes.iter()),
            customers: count(self.customers.iter()),
            countries: count(self.countries.iter()),
            quantity: self.quantity,
            exact: format_micros(self.sums.exact),
            booked: format_micros(self.sums.booked),
            booked_minor: self.kinds.iter().map(|counts| counts.amount_minor).sum(),
            difference: format_micros(self.sums.booked - self.sums.exact),
            rounded_lines: self.rounded_lines,
            rounded_exact: format_micros(self.rounded.exact),
            rounded_booked: format_micros(self.rounded.booked),
            anonymous_lines: self.anonymous_lines,
            anonymous_invoices: count(self.invoices.values().filter(|facts| !facts.named)),
            first_at: self.span.map(|(first, _)| first),
            last_at: self.span.map(|(_, last)| last),
            kinds: self.kind_totals(),
        }
    }

    fn kind_totals(&self) -> Vec<KindTotal> {
        let occurring = LineKind::ALL.into_iter().zip(self.kinds).filter(|(_, c)| c.lines > 0);
        let total = |(kind, counts): (LineKind, Counts)| KindTotal {
            kind,
            lines: counts.lines,
            quantity: counts.quantity,
            amount: format_micros(self.micros(counts.amount_minor)),
            amount_minor: counts.amount_minor,
        };
        occurring.map(total).collect()
    }

    fn micros(&self, amount_minor: i128) -> i128 {
        amount_minor * i128::from(1_000_000 / self.currency.minor_per_major())
    }
}

impl Sums {
    fn add(&mut self, other: Self) {
        self.exact += other.exact;
        self.booked += other.booked;
    }
}

/// Allocates only for a name not seen before.
fn keep(names: &mut BTreeSet<Box<str>>, name: &str) {
    if !names.contains(name) {
        names.insert(name.into());
    }
}

fn count(items: impl Iterator) -> u64 {
    items.fold(0, |sum, _| sum + 1)
}
