//! The memory of the rate limits: bounded, however many addresses come.
//!
//! Callers that are known keep a place of their own. When all places of a shard are taken, those who
//! come new share one until the next sweep: an attacker with many addresses slows down strangers,
//! not the shoppers who are already there.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::ShrinkableKeyedStateStore;

/// Locks among which callers are spread.
const SHARDS: usize = 64;

/// Whose requests are counted together: a key, an address or both; 0 for what does not matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Who {
    /// The key's id.
    pub key: u128,
    /// The address as it is counted.
    pub address: u128,
}

#[derive(Debug, Default)]
struct Shard {
    states: HashMap<Who, Nanos>,
    crowd: Option<Nanos>,
}

/// States of callers, so many at most.
#[derive(Debug)]
pub struct BoundedStore {
    shards: Vec<Mutex<Shard>>,
    shard_max: usize,
    hasher: RandomState,
}

impl BoundedStore {
    /// Room for this many callers.
    pub fn new(callers_max: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, shard_max: callers_max.div_ceil(SHARDS), hasher: RandomState::new() }
    }

    fn shard(&self, who: &Who) -> &Mutex<Shard> {
        let hash = usize::try_from(self.hasher.hash_one(who) % SHARDS as u64).unwrap_or(0);
        &self.shards[hash]
    }
}

impl StateStore for BoundedStore {
    type Key = Who;

    fn measure_and_replace<T, F, E>(&self, who: &Who, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        // Nothing in here panics half-way: a poisoned shard is as good as any.
        let mut shard = self.shard(who).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = shard.states.get_mut(who) {
            let (outcome, next) = measure(Some(*state))?;
            *state = next;
            return Ok(outcome);
        }
        if shard.states.len() < self.shard_max {
            let (outcome, next) = measure(None)?;
            shard.states.insert(*who, next);
            return Ok(outcome);
        }
        let (outcome, next) = measure(shard.crowd)?;
        shard.crowd = Some(next);
        Ok(outcome)
    }
}

impl ShrinkableKeyedStateStore<Who> for BoundedStore {
    fn retain_recent(&self, drop_below: Nanos) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.states.retain(|_, state| *state > drop_below);
            if shard.states.len() < shard.states.capacity() / 4 {
                shard.states.shrink_to_fit();
            }
        }
    }

    fn len(&self) -> usize {
        let len = |shard: &Mutex<Shard>| {
            shard.lock().unwrap_or_else(PoisonError::into_inner).states.len()
        };
        self.shards.iter().map(len).sum()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
