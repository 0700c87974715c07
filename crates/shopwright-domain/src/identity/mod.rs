//! Who runs the shop: roles, what an email and a password must be, how long a session lives, how
//! often one may try to sign in.

use crate::ids::Entropy;

mod email;
mod password;
mod role;
mod session;
mod throttle;

pub use email::{EMAIL_BYTES_MAX, Email, EmailError};
pub use password::{PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN, PasswordError, check_password};
pub use role::Role;
pub use session::{LINK_LIFE, SEEN_EVERY, SESSION_IDLE_MAX, SESSION_LIFE_MAX, session_is_live};
pub use throttle::{SIGN_IN_TRIES_MAX, SIGN_IN_WINDOW, retry_after_seconds};

/// The longest name of an operator, in bytes.
pub const NAME_BYTES_MAX: usize = 100;

/// Thirty-two bytes nobody can guess.
pub fn random_32(entropy: &dyn Entropy) -> [u8; 32] {
    let mut bytes = [0; 32];
    entropy.fill(&mut bytes);
    bytes
}

/// A person's name as it is kept: trimmed. `None` when it is empty, too long, or holds control
/// characters.
pub fn person_name(text: &str) -> Option<String> {
    let name = text.trim();
    let fits = !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.contains(char::is_control);
    fits.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_trimmed_and_holds_no_control_characters() {
        let check = |text: &str, kept: Option<&str>| assert_eq!(person_name(text).as_deref(), kept);
        check("  Zoë Müller ", Some("Zoë Müller"));
        check("مرحبا", Some("مرحبا"));
        check("  ", None);
        check("a\0b", None);
        check("a\u{1b}[31m", None);
        check(&"n".repeat(101), None);
    }
}
