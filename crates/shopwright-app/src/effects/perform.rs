//! What a performer is: it does one effect outside and says what came of it.

use shopwright_domain::retry::back_off;
use shopwright_domain::time::Timestamp;
use shopwright_store::effects::{Effect, Outcome};
use shopwright_store::{StoreError, Tx};

/// Written in the transaction that settles the effect, if the lease still holds then; may run again.
pub type Record = Box<dyn FnMut(&mut Tx<'_>) -> Result<(), StoreError> + Send>;

/// What came of an effect, and what is to be written with it.
pub struct Performed {
    /// What becomes of the effect.
    pub outcome: Outcome,
    /// What else is written, in the same transaction.
    pub record: Option<Record>,
}

impl Performed {
    /// An outcome and nothing else to write.
    pub fn bare(outcome: Outcome) -> Self {
        Self { outcome, record: None }
    }

    /// Done, with something to write.
    pub fn done(
        record: impl FnMut(&mut Tx<'_>) -> Result<(), StoreError> + Send + 'static,
    ) -> Self {
        Self { outcome: Outcome::Done, record: Some(Box::new(record)) }
    }

    /// A failed attempt: tried again after a growing delay, given up after `tries_max`.
    pub fn failed(effect: &Effect, tries_max: u32, now: Timestamp, error: String) -> Self {
        let attempts = u32::try_from(effect.attempts).unwrap_or(u32::MAX);
        if attempts >= tries_max {
            return Self::bare(Outcome::GivenUp { error });
        }
        let delay = back_off(effect.effect_id.uuid(), attempts);
        Self::bare(Outcome::Again { at: now.plus_micros(delay), error })
    }
}

/// Does effects of some kinds. Doing one twice, late or on two nodes does no harm: what it does
/// outside carries the effect's id, what it writes is written under the lease.
pub trait Perform: Send + Sync + 'static {
    /// The kinds it does.
    fn kinds(&self) -> &'static [&'static str];

    /// How often an effect of this kind may be begun before it is given up; one that ends the process
    /// or panics each time ends here too.
    fn tries_max(&self, kind: &str) -> u32;

    /// What is written beside an effect that is given up when its performer said nothing: it panicked,
    /// ended the process too often, or never came to its work.
    fn given_up(&self, _effect: &Effect, _error: &str) -> Option<Record> {
        None
    }

    /// Does one. Every call outside ends within a third of the lease.
    fn perform(&self, effect: Effect) -> impl Future<Output = Performed> + Send;
}
