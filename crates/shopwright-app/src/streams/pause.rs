//! A pause that grows from failure to failure and ends when the node stops.

use std::time::Duration;

use tokio::sync::watch;

const FIRST: Duration = Duration::from_millis(100);
/// The longest: a broker or ledger that is back is noticed within this time.
const LONGEST: Duration = Duration::from_secs(5);

/// The pause after the next failure.
#[derive(Debug)]
pub(super) struct Pause(Duration);

impl Pause {
    pub(super) const fn new() -> Self {
        Self(FIRST)
    }

    /// What follows went well.
    pub(super) fn reset(&mut self) {
        self.0 = FIRST;
    }

    /// Waits, longer every time. `false`: the node stops meanwhile.
    pub(super) async fn wait(&mut self, stop: &mut watch::Receiver<bool>) -> bool {
        let time = self.0;
        self.0 = (time * 2).min(LONGEST);
        tokio::select! {
            () = tokio::time::sleep(time) => true,
            _ = stop.wait_for(|told| *told) => false,
        }
    }
}
