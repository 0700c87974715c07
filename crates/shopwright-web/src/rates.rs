//! Rate limits: a bucket per secret key, per address of a publishable key, and per address whose
//! keys are refused. Each node counts for itself.
//!
//! Buckets leak evenly (GCRA, as in ATM traffic management, ITU-T I.371): a caller may take `burst`
//! at once and then goes on at the rate per minute. The clock is monotonic, so that setting the
//! machine's time locks nobody out.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use governor::clock::{Clock, MonotonicClock};
use governor::middleware::{NoOpMiddleware, StateInformationMiddleware};
use governor::{Quota, RateLimiter};
use shopwright_app::identity::{KeyKind, KnownKey};

use crate::limits::{Rate, Rates};
use crate::rate_store::{BoundedStore, Who};

static LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
static REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
static RESET: HeaderName = HeaderName::from_static("ratelimit-reset");
/// Callers of one kind that are told apart: some 100 bytes each.
const CALLERS_MAX: usize = 100_000;
/// How often those are forgotten whose buckets are full again.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// What a caller has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    limit: u32,
    remaining: u32,
    reset_seconds: u64,
    retry_after_seconds: Option<u64>,
}

impl Spent {
    /// The headers that say so.
    pub fn write(self, headers: &mut HeaderMap) {
        headers.insert(LIMIT.clone(), number(self.limit.into()));
        headers.insert(REMAINING.clone(), number(self.remaining.into()));
        headers.insert(RESET.clone(), number(self.reset_seconds));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
    }

    /// What a refused caller is told.
    pub fn detail(self) -> String {
        format!(
            "more than {} requests came at once; go on in {} s, and slower: RateLimit-Remaining says what is left",
            self.limit,
            self.retry_after_seconds.unwrap_or(1)
        )
    }
}

/// A number as a header. Single digits, which most of these are, cost nothing.
fn number(number: u64) -> HeaderValue {
    const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    let digit = usize::try_from(number).ok().and_then(|number| DIGITS.get(number));
    digit.map_or_else(|| HeaderValue::from(number), |digit| HeaderValue::from_static(digit))
}

/// What an address counts as: one IPv6 household has a whole /64 to choose from.
fn counted(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits() >> 64 << 64,
    }
}

/// The outcome of asking for one request more.
pub type Asked = Result<Option<Spent>, Spent>;

struct Buckets {
    limiter: RateLimiter<Who, BoundedStore, MonotonicClock, StateInformationMiddleware>,
    rate: Rate,
}

impl Buckets {
    fn new(rate: Rate, callers_max: usize) -> Option<Self> {
        let per_minute = NonZeroU32::new(rate.per_minute)?;
        let burst = NonZeroU32::new(rate.burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_minute(per_minute).allow_burst(burst);
        let store = BoundedStore::new(callers_max);
        let limiter =
            RateLimiter::<_, _, _, NoOpMiddleware<Instant>>::new(quota, store, MonotonicClock)
                .with_middleware();
        Some(Self { limiter, rate: Rate { burst: burst.get(), ..rate } })
    }

    fn take(&self, who: Who) -> Result<Spent, Spent> {
        match self.limiter.check_key(&who) {
            Ok(state) => Ok(self.spent(state.remaining_burst_capacity(), None)),
            Err(early) => {
                let wait = early.wait_time_from(MonotonicClock.now());
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                Err(self.spent(0, Some(seconds.max(1))))
            }
        }
    }

    fn spent(&self, remaining: u32, retry_after_seconds: Option<u64>) -> Spent {
        let Rate { per_minute, burst } = self.rate;
        let taken = u64::from(burst.saturating_sub(remaining));
        let reset_seconds = (taken * 60).div_ceil(u64::from(per_minute));
        Spent { limit: burst, remaining, reset_seconds, retry_after_seconds }
    }
}

/// The limits of one process.
pub struct RateLimits {
    secret: Option<Buckets>,
    publishable: Option<Buckets>,
    unauthenticated: Option<Buckets>,
}

impl RateLimits {
    /// Full buckets for everybody.
    pub fn new(rates: &Rates) -> Arc<Self> {
        Arc::new(Self {
            secret: Buckets::new(rates.secret, CALLERS_MAX),
            publishable: Buckets::new(rates.publishable, CALLERS_MAX),
            unauthenticated: Buckets::new(rates.unauthenticated, CALLERS_MAX),
        })
    }

    /// One request of a key that is known.
    pub fn take(&self, key: &KnownKey, address: IpAddr) -> Asked {
        let id = key.key_id.uuid().as_u128();
        let (buckets, address) = match key.kind {
            KeyKind::Publishable => (&self.publishable, counted(address)),
            KeyKind::Secret | KeyKind::Restricted => (&self.secret, 0),
        };
        buckets.as_ref().map(|buckets| buckets.take(Who { key: id, address })).transpose()
    }

    /// One request that was refused for its key, or for having none.
    pub fn take_refused(&self, address: IpAddr) -> Asked {
        let who = Who { key: 0, address: counted(address) };
        self.unauthenticated.as_ref().map(|buckets| buckets.take(who)).transpose()
    }

    /// Forgets those who have not come for a while, until the limits are dropped.
    pub fn keep_swept(self: &Arc<Self>) {
        let limits = Arc::downgrade(self);
        tokio::spawn(async move {
            let mut due = tokio::time::interval(SWEEP_EVERY);
            loop {
                due.tick().await;
                let Some(limits) = limits.upgrade() else { return };
                let all = [&limits.secret, &limits.publishable, &limits.unauthenticated];
                for buckets in all.into_iter().flatten() {
                    buckets.limiter.retain_recent();
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So slow that nothing comes back while a test runs.
    const SLOW: Rate = Rate { per_minute: 1, burst: 3 };

    fn who(address: u128) -> Who {
        Who { key: 7, address }
    }

    #[test]
    fn a_caller_takes_the_burst_and_is_then_told_when_to_come_again() {
        let buckets = Buckets::new(SLOW, 1_000).unwrap();
        let left = |outcome: Result<Spent, Spent>| outcome.unwrap().remaining;
        assert_eq!([2, 1, 0], [(); 3].map(|()| left(buckets.take(who(1)))));
        let refused = buckets.take(who(1)).unwrap_err();
        assert_eq!((refused.limit, refused.remaining, refused.reset_seconds), (3, 0, 180));
        assert!((55..=60).contains(&refused.retry_after_seconds.unwrap()), "{refused:?}");
        assert_eq!(left(buckets.take(who(2))), 2);
    }

    #[test]
    fn addresses_of_one_household_count_as_one() {
        let of = |text: &str| counted(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_ne!(of("198.51.100.1"), of("198.51.100.2"));
    }

    #[test]
    fn a_rate_of_nothing_is_no_limit() {
        assert!(Buckets::new(Rate::OFF, 1_000).is_none());
        let limits = RateLimits::new(&Rates::OFF);
        assert_eq!(limits.take_refused("198.51.100.1".parse().unwrap()), Ok(None));
    }

    #[test]
    fn many_addresses_take_no_more_memory_and_nothing_from_those_who_are_known() {
        let buckets = Buckets::new(SLOW, 640).unwrap();
        buckets.take(who(0)).unwrap();
        for stranger in 1..20_000 {
            let _ = buckets.take(who(stranger));
        }
        assert!((500..=640).contains(&buckets.limiter.len()), "{}", buckets.limiter.len());
        assert_eq!(buckets.take(who(0)).unwrap().remaining, 1);
        // Who comes new while all places are taken shares one that was used up long ago.
        assert!(buckets.take(who(99_999)).is_err());
    }

    #[test]
    fn those_whose_buckets_are_full_again_are_forgotten() {
        let quick = Buckets::new(Rate { per_minute: 60_000, burst: 1 }, 640).unwrap();
        for caller in 0..300 {
            // Some may meet in a shared bucket: where they fall differs from run to run.
            let _ = quick.take(who(caller));
        }
        assert!(quick.limiter.len() > 100);
        let slow = Buckets::new(SLOW, 640).unwrap();
        slow.take(who(1)).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        for buckets in [&quick, &slow] {
            buckets.limiter.retain_recent();
        }
        assert_eq!((quick.limiter.len(), slow.limiter.len()), (0, 1));
    }
}
