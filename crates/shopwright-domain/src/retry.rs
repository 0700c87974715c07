//! When failed work is tried again: delays that grow, spread by a jitter that follows from the work's
//! id, so that what failed together does not come back together, and a test knows the moment.

use uuid::Uuid;

use crate::ids::derived_uuid;
use crate::time::SECOND;

/// The longest delay of the exponential back-off.
const BACK_OFF_SECONDS_MAX: i64 = 3_600;
/// A delay grows by up to this part of itself, in thousandths.
const JITTER_PERMILLE: i64 = 100;

/// `delay` microseconds and up to a tenth more, by the work's id and the number of the try.
pub fn with_jitter(delay: i64, id: Uuid, attempt: u32) -> i64 {
    let chance = derived_uuid(id, u128::from(attempt)).as_u128() & 0xffff_ffff;
    let chance = i64::try_from(chance).unwrap_or(0);
    let spread = delay.max(0) / 1_000 * JITTER_PERMILLE;
    let part = i128::from(spread) * i128::from(chance) / i128::from(u32::MAX);
    delay.saturating_add(i64::try_from(part).unwrap_or(0))
}

/// The delay in microseconds after failed try number `attempt` (the first is 1): 2, 4, 8 … seconds
/// and at most an hour, with jitter.
pub fn back_off(id: Uuid, attempt: u32) -> i64 {
    let seconds =
        1_i64.checked_shl(attempt.max(1)).filter(|s| (1..BACK_OFF_SECONDS_MAX).contains(s));
    with_jitter(seconds.unwrap_or(BACK_OFF_SECONDS_MAX) * SECOND, id, attempt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn delays_double_up_to_an_hour() {
        let check = |attempt: u32, seconds: i64| {
            let delay = back_off(Uuid::from_u128(7), attempt);
            let (low, high) = (seconds * SECOND, seconds * SECOND * 11 / 10);
            assert!((low..=high).contains(&delay), "{attempt}: {delay}");
        };
        check(0, 2);
        check(1, 2);
        check(2, 4);
        check(5, 32);
        check(11, 2_048);
        check(12, 3_600);
        check(400, 3_600);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        #[test]
        fn jitter_adds_at_most_a_tenth_and_repeats(
            delay in 0..100_000_i64 * SECOND, id in any::<u128>(), attempt in any::<u32>()
        ) {
            let id = Uuid::from_u128(id);
            let moved = with_jitter(delay, id, attempt);
            prop_assert!(moved >= delay && moved <= delay + delay / 10);
            prop_assert_eq!(moved, with_jitter(delay, id, attempt));
        }
    }
}
