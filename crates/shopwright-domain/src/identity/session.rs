//! How long a session and a one-time link live.

use crate::time::{DAY, HOUR, SECOND, Timestamp};

/// A session that was not used for this long is over, in microseconds.
pub const SESSION_IDLE_MAX: i64 = 12 * HOUR;
/// A session ends this long after it began, used or not, in microseconds.
pub const SESSION_LIFE_MAX: i64 = 30 * DAY;
/// When a session was last used is written down at most this often, in microseconds.
pub const SEEN_EVERY: i64 = 60 * SECOND;
/// A one-time link opens for this long, in microseconds.
pub const LINK_LIFE: i64 = HOUR;

/// Whether a session that was last seen at `last_seen_at` and ends at `expires_at` opens at `now`.
/// A clock that was set back a little ends nothing.
pub fn session_is_live(now: Timestamp, last_seen_at: Timestamp, expires_at: Timestamp) -> bool {
    now < expires_at && now.as_micros().saturating_sub(last_seen_at.as_micros()) < SESSION_IDLE_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_when_it_is_idle_and_when_it_is_old() {
        let end = Timestamp::from_micros(SESSION_LIFE_MAX);
        let check = |seen: i64, now: i64, live: bool| {
            let (seen, now) = (Timestamp::from_micros(seen), Timestamp::from_micros(now));
            assert_eq!(session_is_live(now, seen, end), live, "{seen} {now}");
        };
        check(0, 0, true);
        check(0, SESSION_IDLE_MAX - 1, true);
        check(0, SESSION_IDLE_MAX, false);
        check(SESSION_LIFE_MAX - 2, SESSION_LIFE_MAX - 1, true);
        check(SESSION_LIFE_MAX - 1, SESSION_LIFE_MAX, false);
        check(5 * SECOND, 0, true);
    }
}
