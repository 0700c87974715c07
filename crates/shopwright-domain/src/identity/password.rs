//! What a password must be: long enough, not the account's own name, not among the commonest. No
//! rules about which characters (NIST SP 800-63B, 5.1.1.2): they make passwords worse.

use super::email::Email;

/// The fewest characters.
pub const PASSWORD_CHARS_MIN: usize = 12;
/// The most characters; more would only make us hash what nobody types.
pub const PASSWORD_CHARS_MAX: usize = 128;

/// Why a password was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Fewer than twelve characters.
    #[error("use at least {PASSWORD_CHARS_MIN} characters; a few words in a row are good")]
    TooShort,
    /// More than 128 characters.
    #[error("use at most {PASSWORD_CHARS_MAX} characters")]
    TooLong,
    /// It is the email or its first part, perhaps with digits behind.
    #[error("do not use your email address as the password")]
    IsEmail,
    /// It is one of the passwords that are tried first.
    #[error("this password is among those that are guessed first; choose another")]
    Common,
}

/// The commonest passwords of twelve characters and more, and the words most of the rest are made
/// of: a password that is one of these, repeated or with digits around it, is guessed first.
/// After the public lists in SecLists (`danielmiessler/SecLists: Passwords/Common-Credentials`).
const COMMON: &[&str] = &[
    "password",
    "passwort",
    "passw0rd",
    "p@ssw0rd",
    "p@ssword",
    "qwerty",
    "qwertz",
    "azerty",
    "qwertyuiop",
    "qwertyuiopasdfghjkl",
    "asdfghjkl",
    "zxcvbnm",
    "qazwsxedc",
    "1qaz2wsx3edc",
    "1q2w3e4r5t6y",
    "1q2w3e4r",
    "q1w2e3r4t5y6",
    "abcdefghijkl",
    "abcdefghijklm",
    "abc",
    "abcd",
    "letmein",
    "iloveyou",
    "welcome",
    "admin",
    "administrator",
    "changeme",
    "changeit",
    "default",
    "secret",
    "football",
    "baseball",
    "basketball",
    "sunshine",
    "princess",
    "dragon",
    "monkey",
    "superman",
    "batman",
    "pokemon",
    "starwars",
    "trustno",
    "master",
    "shadow",
    "michael",
    "jennifer",
    "jordan",
    "hunter",
    "charlie",
    "computer",
    "internet",
    "whatever",
    "shopwright",
    "shop",
    "store",
    "correcthorsebatterystaple",
    "unknown",
    "test",
    "testtest",
    "guest",
    "login",
    "passwordpassword",
    "adminadmin",
    "qwertyqwerty",
    "iloveyouforever",
    "letmeinplease",
];

/// Checks a password that is being chosen for the account of `email`.
pub fn check_password(password: &str, email: &Email) -> Result<(), PasswordError> {
    let chars = password.chars().count();
    if chars < PASSWORD_CHARS_MIN {
        return Err(PasswordError::TooShort);
    }
    if chars > PASSWORD_CHARS_MAX {
        return Err(PasswordError::TooLong);
    }
    let lower = password.to_lowercase();
    let core = core_of(&lower);
    if lower == email.as_str() || core == core_of(email.as_str()) || core == email.local_part() {
        return Err(PasswordError::IsEmail);
    }
    if core.is_empty()
        || is_one_character(&lower)
        || COMMON.iter().any(|word| is_made_of(core, word))
    {
        return Err(PasswordError::Common);
    }
    Ok(())
}

/// The text without digits and marks around it: `password2026!` is `password`.
fn core_of(lower: &str) -> &str {
    lower.trim_matches(|c: char| !c.is_alphabetic())
}

fn is_one_character(text: &str) -> bool {
    let mut chars = text.chars();
    let first = chars.next();
    chars.all(|c| Some(c) == first)
}

/// Whether a text is a word once or several times in a row.
fn is_made_of(text: &str, word: &str) -> bool {
    let core = core_of(word);
    let word = if core.is_empty() { word } else { core };
    !text.is_empty() && text.len().is_multiple_of(word.len()) && text.replace(word, "").is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_passwords_pass_and_guessable_ones_do_not() {
        use PasswordError::{Common, IsEmail, TooLong, TooShort};
        let email = Email::parse("margaret.h@shop.example").unwrap();
        let check = |password: &str, refused: Option<PasswordError>| {
            assert_eq!(check_password(password, &email).err(), refused, "{password}");
        };
        check("violet kettle sings", None);
        check("12 apples and 7 pears", None);
        check("пароль из слов", None);
        check("            x y", None);
        check("elevenchars", Some(TooShort));
        check("äöüäöüäöüäö", Some(TooShort));
        check(&"ab c".repeat(32), None);
        check(&format!("{}x", "ab c".repeat(32)), Some(TooLong));
        check("Margaret.H@shop.example", Some(IsEmail));
        check("margaret.h@shop.example1", Some(IsEmail));
        check("margaret.h2026", Some(IsEmail));
        for common in [
            "123456789012",
            "aaaaaaaaaaaa",
            "Password1234",
            "passwordpassword",
            "QWERTYuiop123",
            "1qaz2wsx3edc",
            "correcthorsebatterystaple",
            "abcabcabcabc",
            "letmein!!!!!!",
            "!!!!!!!!!!!!",
            "shopshopshop",
            "Passw0rd2026!!",
        ] {
            check(common, Some(Common));
        }
    }
}
