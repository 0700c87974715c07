//! Messages of streams go the way of all events: read, prepared, taken in the transaction that moves
//! the position.

use std::sync::Arc;

use shopwright_domain::catalog::Sku;
use shopwright_domain::events::{EventForm, Unreadable, formed, read_message};
use shopwright_domain::ids::IdSource;
use shopwright_domain::time::Timestamp;
use shopwright_store::{StoreError, Tx};

use super::intake::{Intake, StreamBatch, TakenChunk};
use crate::effects::Outside;
use crate::events::{Batch, Message, Prepared, Traffic, Trust, prepare, take_in};

/// Takes the messages of streams as events of the shop's own servers.
pub struct EventIntake {
    outside: Arc<Outside>,
    ids: Arc<dyn IdSource>,
    traffic: Arc<Traffic>,
}

impl EventIntake {
    /// Seals letters with `outside`, and tells `traffic` what moved.
    pub fn new(outside: Arc<Outside>, ids: Arc<dyn IdSource>, traffic: Arc<Traffic>) -> Self {
        Self { outside, ids, traffic }
    }
}

impl Intake for EventIntake {
    type Prepared = Vec<Prepared>;

    fn prepare(&self, batch: StreamBatch, now: Timestamp) -> Vec<Prepared> {
        let of = |form| Batch {
            source: batch.source.clone(),
            trust: Trust::Server,
            form,
            messages: Vec::new(),
            unreadable: Vec::new(),
        };
        let (mut own, mut segment) = (of(EventForm::Own), of(EventForm::Segment));
        for (index, received) in batch.messages.into_iter().enumerate() {
            if let Some(reason) = received.unfit {
                let (pointer, raw) = (String::new(), received.raw);
                own.unreadable.push(Unreadable { index, reason, pointer, raw });
                continue;
            }
            let (form, text) = formed(&received.raw, &received.fallback_id);
            let to = if form == EventForm::Own { &mut own } else { &mut segment };
            match read_message(&text, form, now) {
                Ok(all) => to.messages.extend(all.into_iter().map(|incoming| Message {
                    index,
                    incoming,
                    raw: text.to_vec(),
                })),
                Err(unreadable) => to.unreadable.push(Unreadable { index, ..unreadable }),
            }
        }
        [own, segment]
            .into_iter()
            .filter(|batch| !(batch.messages.is_empty() && batch.unreadable.is_empty()))
            .map(|batch| prepare(batch, &self.outside, self.ids.as_ref(), now))
            .collect()
    }

    fn take_in(
        &self,
        tx: &mut Tx<'_>,
        batch: &Vec<Prepared>,
        now: Timestamp,
    ) -> Result<TakenChunk, StoreError> {
        let mut chunk = TakenChunk::default();
        for prepared in batch {
            let taken = take_in(tx, prepared, now)?;
            chunk.dead += i64::try_from(taken.dead.len()).unwrap_or(i64::MAX);
            chunk.touched.extend(taken.touched);
        }
        Ok(chunk)
    }

    fn committed(&self, touched: Vec<Sku>) {
        self.traffic.touch(touched);
    }
}
