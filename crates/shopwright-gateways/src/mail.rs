//! Mail out: SMTP, a folder of `.eml` files, or memory. A message cannot be made with a line break in
//! a header, so nothing a shopper wrote can add one.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use shopwright_domain::time::Timestamp;
use tokio::io::AsyncWriteExt;
use url::Url;

/// Bytes of a subject.
const SUBJECT_BYTES_MAX: usize = 300;
/// Bytes of a text.
const TEXT_BYTES_MAX: usize = 256 * 1_024;

/// Why a mail was not made or not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// The message cannot be a mail, however often it is tried.
    #[error("the mail cannot be made: {0}")]
    Unfit(String),
    /// Sending failed; it may succeed later.
    #[error("the mail was not taken: {0}")]
    NotTaken(String),
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MailSettingError(pub String);

/// A mail in plain text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The same for every attempt at the same mail; becomes its `Message-ID`, so that a mail that
    /// was sent twice is shown once.
    pub id: String,
    /// When it was written.
    pub at: Timestamp,
    /// The sender, like `Shop <shop@example.com>`.
    pub from: String,
    /// The receiver.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The text.
    pub text: String,
}

/// How mail leaves.
#[derive(Debug)]
pub enum Mail {
    /// To a mail server.
    Smtp(Box<AsyncSmtpTransport<Tokio1Executor>>),
    /// Into a folder, one file each.
    Folder(PathBuf),
    /// Into memory, for tests.
    Memory(Mutex<Vec<(String, String)>>),
}

/// Whether this is an address like `shop@example.com` or `Shop <shop@example.com>`.
pub fn is_address(text: &str) -> bool {
    !text.chars().any(char::is_control) && text.parse::<Mailbox>().is_ok()
}

impl Mail {
    /// The server of `smtp://user:password@host:port` (TLS when the server offers it, and always
    /// before a password leaves this machine) or `smtps://…` (TLS from the first byte).
    pub fn smtp(url: &str, time_max: Duration) -> Result<Self, MailSettingError> {
        // Never repeats the URL, which may hold a password.
        let wrong = |why: &str| {
            MailSettingError(format!(
                "{why}; write it like smtp://user:password@host:587 or smtps://host"
            ))
        };
        let url = Url::parse(url).map_err(|_| wrong("the mail server's URL cannot be read"))?;
        let host = url.host_str().filter(|host| !host.is_empty());
        let host =
            host.ok_or_else(|| wrong("the URL names no mail server"))?.trim_matches(['[', ']']);
        let local = host == "localhost"
            || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        let with_password = !url.username().is_empty();
        let tls = || {
            TlsParameters::new(host.to_owned())
                .map_err(|error| MailSettingError(format!("TLS to the mail server: {error}")))
        };
        let (tls, port) = match url.scheme() {
            "smtps" => (Tls::Wrapper(tls()?), 465),
            "smtp" if with_password && !local => (Tls::Required(tls()?), 587),
            "smtp" => (Tls::Opportunistic(tls()?), 25),
            _ => {
                return Err(wrong(
                    "the mail server's URL begins with neither smtp:// nor smtps://",
                ));
            }
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(url.port().unwrap_or(port))
            .tls(tls)
            .timeout(Some(time_max));
        if with_password {
            let plain = |text: &str| {
                let bytes = percent(text);
                String::from_utf8(bytes).map_err(|_| wrong("the user or password is not UTF-8"))
            };
            builder = builder.credentials(Credentials::new(
                plain(url.username())?,
                plain(url.password().unwrap_or_default())?,
            ));
        }
        Ok(Self::Smtp(Box::new(builder.build())))
    }

    /// Memory, empty.
    pub fn memory() -> Self {
        Self::Memory(Mutex::new(Vec::new()))
    }

    /// What memory holds, as (Message-ID, whole mail).
    pub fn kept(&self) -> Vec<(String, String)> {
        match self {
            Self::Memory(kept) => kept.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            _ => Vec::new(),
        }
    }

    /// Sends a letter. Sending the same one again makes no second mail in a folder or in memory; a
    /// mail server may show it twice under one `Message-ID`.
    pub async fn send(&self, letter: &Letter) -> Result<(), MailError> {
        let message = message_of(letter)?;
        let taken = |error: &dyn std::fmt::Display| MailError::NotTaken(error.to_string());
        match self {
            Self::Smtp(transport) => transport.send(message).await.map(|_| ()).map_err(|error| {
                if error.is_permanent() {
                    MailError::Unfit(error.to_string())
                } else {
                    taken(&error)
                }
            }),
            Self::Folder(folder) => {
                write_whole(folder, &letter.id, &message.formatted()).await.map_err(|e| taken(&e))
            }
            Self::Memory(kept) => {
                let text = String::from_utf8_lossy(&message.formatted()).into_owned();
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                if !kept.iter().any(|(id, _)| *id == letter.id) {
                    kept.push((letter.id.clone(), text));
                }
                Ok(())
            }
        }
    }
}

/// A file with the whole mail, or none. The draft's name is that of the mail: two that write the same
/// one write the same bytes.
async fn write_whole(folder: &Path, id: &str, content: &[u8]) -> std::io::Result<()> {
    tokio::fs::create_dir_all(folder).await?;
    let target = folder.join(format!("{id}.eml"));
    let draft = folder.join(format!(".{id}.draft"));
    let mut file = tokio::fs::File::create(&draft).await?;
    file.write_all(content).await?;
    file.sync_all().await?;
    drop(file);
    tokio::fs::rename(&draft, &target).await
}

fn message_of(letter: &Letter) -> Result<Message, MailError> {
    let unfit = |why: String| MailError::Unfit(why);
    let plain_id = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if letter.id.is_empty() || !letter.id.bytes().all(plain_id) {
        return Err(unfit("its id is not a plain word".into()));
    }
    if letter.subject.len() > SUBJECT_BYTES_MAX || letter.subject.chars().any(char::is_control) {
        return Err(unfit("the subject is too long or has control characters in it".into()));
    }
    if letter.text.len() > TEXT_BYTES_MAX {
        return Err(unfit("the text is too long".into()));
    }
    let mailbox = |what: &str, text: &str| {
        if text.chars().any(char::is_control) {
            return Err(unfit(format!("the {what} has control characters in it")));
        }
        text.parse::<Mailbox>().map_err(|error| unfit(format!("the {what}: {error}")))
    };
    let from = mailbox("sender", &letter.from)?;
    let domain = from.email.domain().to_owned();
    let micros = letter.at.as_micros().max(0).unsigned_abs();
    Message::builder()
        .from(from)
        .to(mailbox("receiver", &letter.to)?)
        .subject(&letter.subject)
        .message_id(Some(format!("<{}@{domain}>", letter.id)))
        .date(SystemTime::UNIX_EPOCH + Duration::from_micros(micros))
        .header(ContentType::TEXT_PLAIN)
        .body(letter.text.clone())
        .map_err(|error| unfit(error.to_string()))
}

/// Percent-decoded bytes.
fn percent(text: &str) -> Vec<u8> {
    percent_encoding::percent_decode_str(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> Letter {
        Letter {
            id: "eff_1".into(),
            at: Timestamp::from_micros(1_764_000_000_000_000),
            from: "Tea & Co <shop@example.com>".into(),
            to: "owner@example.com".into(),
            subject: "Grüße".into(),
            text: "Eine Zeile.\n.\nNoch eine.".into(),
        }
    }

    #[tokio::test]
    async fn a_letter_sent_twice_is_one_mail_with_one_message_id() {
        let folder = tempfile::tempdir().unwrap();
        let (memory, files) = (Mail::memory(), Mail::Folder(folder.path().join("mail")));
        for mail in [&memory, &files] {
            mail.send(&letter()).await.unwrap();
            mail.send(&letter()).await.unwrap();
        }
        let kept = memory.kept();
        assert_eq!(kept.len(), 1);
        assert!(kept[0].1.contains("Message-ID: <eff_1@example.com>\r\n"), "{}", kept[0].1);
        assert!(kept[0].1.contains("Date: Mon, 24 Nov 2025 16:00:00 +0000\r\n"), "{}", kept[0].1);
        let names: Vec<_> = std::fs::read_dir(folder.path().join("mail"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(names, ["eff_1.eml"]);
        let file = std::fs::read_to_string(folder.path().join("mail/eff_1.eml")).unwrap();
        assert_eq!(file, kept[0].1);
    }

    #[tokio::test]
    async fn no_part_of_a_letter_can_add_a_header() {
        let check = |change: fn(&mut Letter)| {
            let mut letter = letter();
            change(&mut letter);
            assert!(matches!(message_of(&letter), Err(MailError::Unfit(_))), "{letter:?}");
        };
        check(|l| l.subject = "a\r\nBcc: x@example.com".into());
        check(|l| l.subject = "a\nBcc: x@example.com".into());
        check(|l| l.to = "a@example.com\r\nBcc: x@example.com".into());
        check(|l| l.to = "a@example.com, b@example.com".into());
        check(|l| l.to = String::new());
        check(|l| l.from = "x\n <a@example.com>".into());
        check(|l| l.id = "a>\r\nBcc: x".into());
        check(|l| l.subject = "x".repeat(301));
        let mut letter = letter();
        letter.text = "a\r\n\r\nBcc: x@example.com".into();
        let text = String::from_utf8(message_of(&letter).unwrap().formatted()).unwrap();
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        assert!(!head.contains("Bcc"), "{head}");
    }

    #[test]
    fn a_mail_server_is_named_by_a_url_that_errors_do_not_repeat() {
        let read = |url: &str| Mail::smtp(url, Duration::from_secs(1));
        for good in [
            "smtp://localhost:2525",
            "smtp://u:p%40@mail.example.com",
            "smtps://mail.example.com",
            "smtp://[::1]:25",
        ] {
            assert!(read(good).is_ok(), "{good}");
        }
        for wrong in ["http://u:hunter2@a", "u:hunter2@mail", "smtp://", "smtp:hunter2"] {
            let error = read(wrong).unwrap_err().to_string();
            assert!(!error.contains("hunter2") && error.contains("smtp://"), "{error}");
        }
        assert!(is_address("Shop <a@example.com>") && is_address("a@example.com"));
        assert!(!is_address("a") && !is_address("a@b\nc") && !is_address(""));
    }
}
