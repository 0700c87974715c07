//! Events from a file: one JSON object a line, in our own form or Segment's, plain or gzip.
//!
//! The file is read through once before anything is taken, so that a damaged archive changes nothing.
//! A line without an id gets one from the file's digest and its number: the same file again, after an
//! interruption or whole, changes nothing. Lines that do not fit go to the rejects file.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};
use shopwright_domain::events::check::check;
use shopwright_domain::events::segment::EVENT_BYTES_MAX;
use shopwright_domain::events::{EventForm, Incoming, formed, read_message};
use shopwright_domain::ids::IdSource;
use shopwright_domain::time::Timestamp;
use shopwright_store::{Store, StoreError};

use super::prepare::{Batch, Message, Trust};
use super::take::take;
use crate::effects::Outside;
use crate::orders::RejectsFile;

/// Lines that are taken in one write.
const CHUNK: u64 = 1_000;
/// The longest line that is looked at, its end included.
const LINE_BYTES_MAX: u64 = 1 << 20;
/// The largest content of one file, unpacked.
const CONTENT_BYTES_MAX: u64 = 8 << 30;

/// Why a file was not taken to its end.
#[derive(Debug, thiserror::Error)]
pub enum EventsImportError {
    /// It cannot be opened or read.
    #[error("cannot read {path} at line {line}: {source}; check the file, or export it again")]
    File {
        /// The file.
        path: PathBuf,
        /// The line that was to be read.
        line: u64,
        /// What the system or the decompressor said.
        source: io::Error,
    },
    /// It is larger than what is read of one file.
    #[error("{path} has more than 8 GiB unpacked; split it")]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The rejects file cannot be written.
    #[error("cannot write the rejects file {path}: {source}")]
    Rejects {
        /// The rejects file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] StoreError),
}

/// What an import of events did.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct EventsSummary {
    /// Lines that are not empty.
    pub read: u64,
    /// New events.
    pub written: u64,
    /// Events that were there.
    pub unchanged: u64,
    /// Lines that do not fit.
    pub rejected: u64,
    /// Where those are.
    pub rejects_file: Option<PathBuf>,
}

/// Lines of a file, each cut at the longest that is looked at.
struct Lines {
    path: PathBuf,
    reader: Box<dyn BufRead + Send>,
    number: u64,
    bytes: u64,
}

impl Lines {
    fn open(path: &Path) -> Result<Self, EventsImportError> {
        let file = |source| EventsImportError::File { path: path.to_owned(), line: 1, source };
        let mut reader = BufReader::new(File::open(path).map_err(file)?);
        let is_gzip = reader.fill_buf().map_err(file)?.starts_with(&[0x1f, 0x8b]);
        let reader: Box<dyn BufRead + Send> = if is_gzip {
            Box::new(BufReader::new(MultiGzDecoder::new(reader)))
        } else {
            Box::new(reader)
        };
        Ok(Self { path: path.to_owned(), reader, number: 0, bytes: 0 })
    }

    /// The next line with whether it was cut; `None` at the end.
    fn next(&mut self, line: &mut Vec<u8>) -> Result<Option<bool>, EventsImportError> {
        line.clear();
        self.number += 1;
        let (path, number) = (&self.path, self.number);
        let failed = |source| EventsImportError::File { path: path.clone(), line: number, source };
        let mut taken = self.reader.by_ref().take(LINE_BYTES_MAX);
        let mut read = taken.read_until(b'\n', line).map_err(failed)?;
        let is_cut = read as u64 == LINE_BYTES_MAX && line.last() != Some(&b'\n');
        // The rest of a line that is too long is passed over.
        let mut is_over = !is_cut;
        while !is_over {
            let mut rest = Vec::new();
            let more = self.reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut rest);
            read += more.map_err(failed)?;
            is_over = rest.is_empty() || rest.last() == Some(&b'\n');
            if self.bytes + read as u64 > CONTENT_BYTES_MAX {
                return Err(EventsImportError::TooLarge { path: self.path.clone() });
            }
        }
        self.bytes += read as u64;
        if self.bytes > CONTENT_BYTES_MAX {
            return Err(EventsImportError::TooLarge { path: self.path.clone() });
        }
        Ok((read > 0).then_some(is_cut))
    }
}

/// Reads a file through: the digest of its content, and its lines.
fn survey(path: &Path) -> Result<(String, u64), EventsImportError> {
    let mut lines = Lines::open(path)?;
    let (mut line, mut hash) = (Vec::new(), Sha256::new());
    while lines.next(&mut line)?.is_some() {
        hash.update(&line);
    }
    let mut digest = String::with_capacity(32);
    for byte in &hash.finalize()[..16] {
        // Writing to a string cannot fail.
        let _ = write!(digest, "{byte:02x}");
    }
    Ok((digest, lines.number - 1))
}

/// One line as a message, or why it is none.
fn read_line(
    line: &[u8],
    is_cut: bool,
    id: &str,
    now: Timestamp,
) -> Result<(EventForm, Vec<Incoming>), String> {
    if is_cut || line.len() > EVENT_BYTES_MAX {
        return Err("the line has more than the 32 kB that an event may have".to_owned());
    }
    let (form, text) = formed(line, id);
    let told = |pointer: String, reason: String| {
        if pointer.is_empty() { reason } else { format!("{pointer} {reason}") }
    };
    let read = read_message(&text, form, now).map_err(|no| told(no.pointer, no.reason))?;
    for incoming in &read {
        check(incoming, false, now).map_err(|no| told(no.pointer, no.reason))?;
    }
    Ok((form, read))
}

/// Takes the events of a file. `tell` hears lines done and lines there are.
pub async fn import_events(
    store: &Store,
    (path, rejects): (&Path, PathBuf),
    (outside, ids): (&Outside, &Arc<dyn IdSource>),
    now: Timestamp,
    tell: impl Fn(u64, u64),
) -> Result<EventsSummary, EventsImportError> {
    let (digest, total) = survey(path)?;
    let rejects_failed = |source| EventsImportError::Rejects { path: rejects.clone(), source };
    let mut refused = RejectsFile::new(rejects.clone(), &["event"]).map_err(rejects_failed)?;
    let mut lines = Lines::open(path)?;
    let mut summary = EventsSummary::default();
    let (mut own, mut segment, mut line) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(is_cut) = lines.next(&mut line)? {
        let text = line.trim_ascii();
        if !text.is_empty() {
            summary.read += 1;
            match read_line(text, is_cut, &format!("{digest}/{}", lines.number), now) {
                Ok((form, read)) => {
                    let messages = if form == EventForm::Own { &mut own } else { &mut segment };
                    // What can be read and said becomes no dead letter: its text is not needed.
                    let message = |incoming| Message { index: 0, incoming, raw: Vec::new() };
                    messages.extend(read.into_iter().map(message));
                }
                Err(reason) => {
                    // A NUL would end the text for many a program that reads the rejects.
                    let shown = String::from_utf8_lossy(text).replace('\0', "\u{fffd}");
                    let shown: String = shown.chars().take(32_000).collect();
                    refused.add(lines.number, &reason, &[shown]).map_err(rejects_failed)?;
                }
            }
        }
        if lines.number % CHUNK == 0 {
            for (form, messages) in [(EventForm::Own, &mut own), (EventForm::Segment, &mut segment)]
            {
                let batch = batch(form, std::mem::take(messages));
                add(&mut summary, take(store, batch, outside, ids, now).await?);
            }
            tell(lines.number, total);
        }
    }
    for (form, messages) in [(EventForm::Own, own), (EventForm::Segment, segment)] {
        add(&mut summary, take(store, batch(form, messages), outside, ids, now).await?);
    }
    tell(total, total);
    (summary.rejected, summary.rejects_file) = refused.finish().map_err(rejects_failed)?;
    Ok(summary)
}

fn batch(form: EventForm, messages: Vec<Message>) -> Batch {
    let source = "file".to_owned();
    Batch { source, trust: Trust::Server, form, messages, unreadable: Vec::new() }
}

fn add(summary: &mut EventsSummary, taken: super::Taken) {
    summary.written += taken.accepted;
    summary.unchanged += taken.duplicates;
}
