//! The real clock, real ids and real randomness: the only place of the house that makes them.
//!
//! Ids are UUIDv7 (RFC 9562) and rise within one source, also within one millisecond and when the
//! system clock is set back.

use std::sync::{Mutex, PoisonError};

use shopwright_domain::ids::{Entropy, IdSource};
use shopwright_domain::time::{Clock, Timestamp};
use uuid::Uuid;

/// Random bits of a UUIDv7 beside its version and variant.
const TAIL_BITS: u32 = 74;
const POOL_BYTES: usize = 4_096;

/// The system clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealClock;

impl Clock for RealClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
    fn now(&self) -> Timestamp {
        Timestamp::from_jiff(jiff::Timestamp::now())
    }
}

/// A clock that starts at another time and runs as fast as the system clock.
#[derive(Clone, Copy, Debug)]
pub struct ShiftedClock {
    shift_micros: i64,
    not_before: Timestamp,
}

impl ShiftedClock {
    /// Shows `starts_at` when the system clock shows `real_start`, and never an earlier time.
    pub fn new(starts_at: Timestamp, real_start: Timestamp) -> Self {
        let shift_micros = starts_at.as_micros() - real_start.as_micros();
        Self { shift_micros, not_before: starts_at }
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> Timestamp {
        RealClock.now().plus_micros(self.shift_micros).max(self.not_before)
    }
}

/// The operating system's randomness. Panics when it has none to give: no key may be made then.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealEntropy;

impl Entropy for RealEntropy {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads real randomness")]
    fn fill(&self, bytes: &mut [u8]) {
        if let Err(error) = getrandom::fill(bytes) {
            panic!("the operating system gives no random bytes: {error}");
        }
    }
}

/// An array of real randomness.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    RealEntropy.fill(&mut bytes);
    bytes
}

/// UUIDv7 from the system clock.
pub struct RealIds {
    state: Mutex<IdState>,
}

struct IdState {
    millis: u64,
    tail: u128,
    /// Fetched ahead: an import asks for half a million ids.
    pool: Box<[u8; POOL_BYTES]>,
    used: usize,
}

impl RealIds {
    /// A source of its own; two sources never meet but by 2⁻⁷³ in one millisecond.
    pub fn new() -> Self {
        let pool = Box::new([0; POOL_BYTES]);
        Self { state: Mutex::new(IdState { millis: 0, tail: 0, pool, used: POOL_BYTES }) }
    }
}

impl Default for RealIds {
    fn default() -> Self {
        Self::new()
    }
}

impl IdSource for RealIds {
    fn next_uuid(&self) -> Uuid {
        let millis = RealClock.now().as_micros().max(0).unsigned_abs() / 1_000;
        // A panic elsewhere leaves the state as whole as it was: every step below is one store.
        self.state.lock().unwrap_or_else(PoisonError::into_inner).next(millis)
    }
}

impl IdState {
    fn next(&mut self, now_millis: u64) -> Uuid {
        let raised = self.tail + 1 + u128::from(u32::from_be_bytes(self.take()));
        if now_millis > self.millis {
            (self.millis, self.tail) = (now_millis, self.fresh_tail());
        } else if raised >> TAIL_BITS == 0 {
            self.tail = raised;
        } else {
            (self.millis, self.tail) = (self.millis + 1, self.fresh_tail());
        }
        let high = u16::try_from(self.tail >> 62).unwrap_or(u16::MAX).to_be_bytes();
        let low = u64::try_from(self.tail & ((1 << 62) - 1)).unwrap_or(u64::MAX).to_be_bytes();
        let mut bytes = [0; 10];
        bytes[..2].copy_from_slice(&high);
        bytes[2..].copy_from_slice(&low);
        uuid::Builder::from_unix_timestamp_millis(self.millis, &bytes).into_uuid()
    }

    /// The top bit stays clear, so that a millisecond has room for what follows.
    fn fresh_tail(&mut self) -> u128 {
        u128::from_be_bytes(self.take()) >> (128 - TAIL_BITS + 1)
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        if self.used + N > POOL_BYTES {
            *self.pool = random();
            self.used = 0;
        }
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.pool[self.used..self.used + N]);
        // What was given out is not kept.
        self.pool[self.used..self.used + N].fill(0);
        self.used += N;
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise_even_when_the_clock_stands_or_goes_back() {
        let ids = RealIds::new();
        let mut state = ids.state.lock().unwrap();
        let mut before = state.next(1_000);
        for round in 0..20_000_u64 {
            let next = state.next(1_000 - round % 3);
            assert!(next > before, "{next} after {before}");
            assert_eq!((next.get_version_num(), next.get_variant()), (7, uuid::Variant::RFC4122));
            before = next;
        }
        assert_eq!(before.as_u128() >> 80, 1_000);
        assert!(state.next(1_001).as_u128() >> 80 == 1_001);
    }

    #[test]
    fn a_full_millisecond_runs_into_the_next_one() {
        let ids = RealIds::new();
        let mut state = ids.state.lock().unwrap();
        state.millis = 5;
        state.tail = (1 << TAIL_BITS) - 1;
        assert_eq!(state.next(5).as_u128() >> 80, 6);
    }

    #[test]
    fn a_shifted_clock_never_shows_a_time_before_its_start() {
        let start = Timestamp::from_micros(1_321_000_000_000_000);
        let real = RealClock.now();
        assert!(ShiftedClock::new(start, real).now() >= start);
        let ahead = real.plus_micros(3_600_000_000);
        assert_eq!(ShiftedClock::new(start, ahead).now(), start);
    }
}
