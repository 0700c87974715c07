//! An operation on its way to a database thread, and its answer on the way back.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::{broadcast, oneshot};

use crate::error::StoreError;
use crate::tx::{Change, Doom, Tx};

/// What the database thread does with a transaction after running an operation in it.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Keep what it wrote.
    Keep,
    /// Undo what it wrote; the answer stands.
    Undo,
    /// Undo it and run the operation again.
    Again,
    /// The connection or the disk failed; nothing in this transaction can be kept.
    Broken(StoreError),
}

/// An operation with its place to answer, with the types of its outcome forgotten.
pub(crate) trait Job: Send {
    /// Runs the operation once; may be called again after [`Verdict::Again`].
    fn run(&mut self, tx: &mut Tx<'_>) -> Verdict;
    /// Sends the outcome of the last run, or `error` in its stead.
    fn answer(self: Box<Self>, error: Option<StoreError>);
    /// What to tell this process's followers once the run is committed.
    fn changes(&self) -> &[Change];
}

pub(crate) struct Operation<F, T, E> {
    run: F,
    outcome: Option<Result<T, E>>,
    changes: Vec<Change>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Operation<F, T, E> {
    pub(crate) fn new(run: F, reply: oneshot::Sender<Result<T, E>>) -> Self {
        Self { run, outcome: None, changes: Vec::new(), reply }
    }
}

impl<F, T, E> Job for Operation<F, T, E>
where
    F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> Verdict {
        self.changes.clear();
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.run)(tx)));
        self.changes = std::mem::take(&mut tx.changes);
        match (outcome, tx.doom.take()) {
            (_, Some(Doom { retry: true, .. })) => Verdict::Again,
            (_, Some(Doom { fatal: true, error, .. })) => Verdict::Broken(error),
            (Err(_), _) => {
                // The panic hook has logged where; the caller learns that it was our fault.
                self.outcome = Some(Err(StoreError::Bug("an operation panicked".into()).into()));
                Verdict::Undo
            }
            (Ok(Ok(_)), Some(doom)) => {
                self.outcome = Some(Err(doom.error.into()));
                Verdict::Undo
            }
            (Ok(outcome), _) => {
                let keep = outcome.is_ok();
                self.outcome = Some(outcome);
                if keep { Verdict::Keep } else { Verdict::Undo }
            }
        }
    }

    fn answer(self: Box<Self>, error: Option<StoreError>) {
        let outcome = match error {
            Some(error) => Err(error.into()),
            None => match self.outcome {
                Some(outcome) => outcome,
                None => Err(StoreError::Busy.into()),
            },
        };
        // A caller that went away does not matter: the write stands or falls by itself.
        let _ = self.reply.send(outcome);
    }

    fn changes(&self) -> &[Change] {
        &self.changes
    }
}

/// Tells followers in this process what a commit changed.
pub(crate) fn announce(to: &broadcast::Sender<Change>, changes: &[Change]) {
    for change in changes {
        // No follower is a valid state: command-line runs have none.
        let _ = to.send(*change);
    }
}
