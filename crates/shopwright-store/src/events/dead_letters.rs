//! Messages that could not be read: kept sealed with their reason, until they are sent through again
//! or their time is over.

use shopwright_domain::events::EventForm;
use shopwright_domain::ids::DeadLetterId;
use shopwright_domain::time::Timestamp;

use crate::conditions::Conditions;
use crate::{Page, Row, StoreError, Tx, params};

/// A message that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its id.
    pub letter_id: DeadLetterId,
    /// Where it came from.
    pub source: String,
    /// How it is written.
    pub form: EventForm,
    /// Why it could not be taken.
    pub reason: String,
    /// The field it is about, a JSON pointer.
    pub pointer: String,
    /// What was sent, sealed.
    pub raw: Vec<u8>,
    /// Hashes of ids and addresses of people in it, between spaces, so that erasing a person finds it.
    pub people: String,
    /// When it was received.
    pub received_at: Timestamp,
    /// Whether a shopper's browser sent it, who may say less than a server.
    pub is_browser: bool,
    /// How often it was sent through again without success.
    pub attempts: i64,
    /// When it was taken after all.
    pub replayed_at: Option<Timestamp>,
}

const COLUMNS: &str = "SELECT letter_id, source, form, reason, pointer, raw, people, received_at, is_browser, attempts, replayed_at \
     FROM dead_letters";

fn letter(row: &Row<'_>) -> Result<DeadLetter, StoreError> {
    Ok(DeadLetter {
        letter_id: row.get(0)?,
        source: row.get(1)?,
        form: row.parse(2, |text: String| match text.as_str() {
            "own" => Ok(EventForm::Own),
            "segment" => Ok(EventForm::Segment),
            _ => Err(format!("`{text}` is no form of events")),
        })?,
        reason: row.get(3)?,
        pointer: row.get(4)?,
        raw: row.get(5)?,
        people: row.get(6)?,
        received_at: row.get(7)?,
        is_browser: row.get(8)?,
        attempts: row.get(9)?,
        replayed_at: row.get(10)?,
    })
}

/// Keeps a letter.
pub fn insert(tx: &mut Tx<'_>, letter: &DeadLetter) -> Result<(), StoreError> {
    let form = match letter.form {
        EventForm::Own => "own",
        EventForm::Segment => "segment",
    };
    tx.execute(
        "INSERT INTO dead_letters (letter_id, source, form, reason, pointer, raw, people, received_at, is_browser, attempts, replayed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        params![
            letter.letter_id,
            &letter.source,
            form,
            &letter.reason,
            &letter.pointer,
            &letter.raw,
            &letter.people,
            letter.received_at,
            letter.is_browser,
            letter.attempts,
            letter.replayed_at
        ],
    )?;
    Ok(())
}

/// Which letters a list shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LetterFilter {
    /// Of this source.
    pub source: Option<String>,
    /// Only those that wait.
    pub is_waiting: bool,
}

/// A page of letters, newest first.
pub fn list(
    tx: &mut Tx<'_>,
    filter: &LetterFilter,
    page: &Page<DeadLetterId>,
) -> Result<Vec<DeadLetter>, StoreError> {
    let mut conditions = Conditions::default();
    if let Some(source) = &filter.source {
        let bound = conditions.bind(source.as_str());
        conditions.add(format!("source = {bound}"));
    }
    if filter.is_waiting {
        conditions.add("replayed_at IS NULL");
    }
    conditions.add("true");
    let select = format!("{COLUMNS} {}", conditions.clause());
    page.newest_first(tx, (&select, "letter_id"), conditions.values().to_vec(), letter)
}

/// One letter, locked until the end of the transaction.
pub fn lock(tx: &mut Tx<'_>, id: DeadLetterId) -> Result<Option<DeadLetter>, StoreError> {
    let lock = tx.for_update();
    tx.find(&format!("{COLUMNS} WHERE letter_id = $1{lock}"), params![id], letter)
}

/// One letter.
pub fn find(tx: &mut Tx<'_>, id: DeadLetterId) -> Result<Option<DeadLetter>, StoreError> {
    tx.find(&format!("{COLUMNS} WHERE letter_id = $1"), params![id], letter)
}

/// How many letters wait.
pub fn waiting(tx: &mut Tx<'_>) -> Result<i64, StoreError> {
    let sql = "SELECT COUNT(*) FROM dead_letters WHERE replayed_at IS NULL";
    tx.one(sql, params![], |row| row.get(0))
}

/// Notes that a letter was taken after all.
pub fn settle(tx: &mut Tx<'_>, id: DeadLetterId, at: Timestamp) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE dead_letters SET replayed_at = $2, attempts = attempts + 1 WHERE letter_id = $1",
        params![id, at],
    )?;
    Ok(())
}

/// Notes why a letter could not be taken again.
pub fn refuse(
    tx: &mut Tx<'_>,
    id: DeadLetterId,
    (reason, pointer): (&str, &str),
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE dead_letters SET reason = $2, pointer = $3, attempts = attempts + 1 WHERE letter_id = $1",
        params![id, reason, pointer],
    )?;
    Ok(())
}

/// Throws a letter away. Gives whether it was there.
pub fn delete(tx: &mut Tx<'_>, id: DeadLetterId) -> Result<bool, StoreError> {
    let gone = tx.execute("DELETE FROM dead_letters WHERE letter_id = $1", params![id])?;
    Ok(gone > 0)
}

/// Throws away the letters that name a person by one of these hashes.
pub fn forget_people(tx: &mut Tx<'_>, hashes: &[String]) -> Result<(), StoreError> {
    for hash in hashes {
        let pattern = format!("% {hash} %");
        tx.execute("DELETE FROM dead_letters WHERE people LIKE $1", params![&pattern])?;
    }
    Ok(())
}

/// Forgets letters that were received before a time, `limit` at most. Gives how many.
pub fn sweep(tx: &mut Tx<'_>, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    tx.execute(
        "DELETE FROM dead_letters WHERE letter_id IN
             (SELECT letter_id FROM dead_letters WHERE received_at < $1 ORDER BY received_at LIMIT $2)",
        params![before, limit],
    )
}
