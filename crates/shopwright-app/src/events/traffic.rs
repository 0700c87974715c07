//! Products whose demand has just moved in this process, for those who follow it.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use shopwright_domain::catalog::Sku;
use tokio::sync::Notify;

/// Products that moved since they were last asked for.
#[derive(Debug, Default)]
pub struct Traffic {
    touched: Mutex<BTreeSet<Sku>>,
    moved: Notify,
}

impl Traffic {
    fn held(&self) -> MutexGuard<'_, BTreeSet<Sku>> {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes products; after the commit that moved them, never before.
    pub fn touch(&self, skus: impl IntoIterator<Item = Sku>) {
        let mut touched = self.held();
        touched.extend(skus);
        if !touched.is_empty() {
            self.moved.notify_one();
        }
    }

    /// Waits until there are some, and takes at most `most` of them.
    pub async fn next(&self, most: usize) -> Vec<Sku> {
        loop {
            let taken: Vec<Sku> = {
                let mut touched = self.held();
                let taken: Vec<Sku> = touched.iter().take(most).cloned().collect();
                for sku in &taken {
                    touched.remove(sku);
                }
                if !touched.is_empty() {
                    self.moved.notify_one();
                }
                taken
            };
            if !taken.is_empty() {
                return taken;
            }
            self.moved.notified().await;
        }
    }
}
