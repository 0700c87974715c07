//! How often one may try to sign in: five times in fifteen minutes, per account and per address.

use crate::time::{SECOND, Timestamp};

/// Tries in one window.
pub const SIGN_IN_TRIES_MAX: i64 = 5;
/// The window, from its first try on, in microseconds.
pub const SIGN_IN_WINDOW: i64 = 15 * 60 * SECOND;

/// Seconds to wait when the try that was just counted, the `tries`-th of the window that began at
/// `first_at`, is one too many. `None` when it may be made.
pub fn retry_after_seconds(now: Timestamp, first_at: Timestamp, tries: i64) -> Option<i64> {
    let left = first_at.plus_micros(SIGN_IN_WINDOW).as_micros().saturating_sub(now.as_micros());
    // A window that begins in the future (a clock set back) is no longer than any other.
    let left = left.clamp(0, SIGN_IN_WINDOW);
    (tries > SIGN_IN_TRIES_MAX && left > 0).then(|| (left + SECOND - 1) / SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_try_waits_until_the_window_is_over() {
        let check = |tries: i64, after: i64, wait: Option<i64>| {
            let first = Timestamp::from_micros(77);
            assert_eq!(
                retry_after_seconds(first.plus_micros(after), first, tries),
                wait,
                "{tries} {after}"
            );
        };
        check(1, 0, None);
        check(5, 0, None);
        check(6, 0, Some(900));
        check(9, SECOND, Some(899));
        check(6, SIGN_IN_WINDOW - 1, Some(1));
        check(6, SIGN_IN_WINDOW, None);
        check(6, -60 * SECOND, Some(900));
    }
}
