//! Rows of an order history on their way into the ledger: parsed, numbered, tallied, in chunks.

use std::cmp::Reverse;
use std::collections::HashMap;

use shopwright_domain::orders::LineKind;
use shopwright_domain::orders::online_retail::{COLUMNS, Line, RawLine, Tally, read_line};
use shopwright_domain::time::Timestamp;
use tokio::sync::mpsc;

use super::{FileError, ImportOnlineRetail, open};

/// Lines booked in one write; on two cores this stays under the 50 ms a group may take.
const CHUNK_LINES: usize = 2_500;

/// A line with its place: in its invoice, and in the file.
#[derive(Debug)]
pub(super) struct PlacedLine {
    pub(super) line: Line,
    /// Place in the invoice, from 0.
    pub(super) ordinal: i64,
    /// Line number in the file, from 1.
    pub(super) file_line: u64,
}

/// A row that could not be read.
#[derive(Debug)]
pub(super) struct Reject {
    pub(super) file_line: u64,
    pub(super) reason: String,
    pub(super) fields: Vec<String>,
}

/// Rows booked together.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) lines: Vec<PlacedLine>,
    pub(super) rejects: Vec<Reject>,
    /// Rows of the file up to the end of this chunk.
    pub(super) rows_end: u64,
}

/// What the whole file says.
pub(super) struct FileRead {
    pub(super) tally: Tally,
    pub(super) titles: Titles,
}

/// How often each code is called what, by its sales: descriptions vary over a history.
#[derive(Debug, Default)]
pub(super) struct Titles(HashMap<Box<str>, TitleCounts>);

/// By description: sales under it, and the latest of them.
type TitleCounts = HashMap<Box<str>, (u64, Timestamp)>;

impl Titles {
    fn add(&mut self, line: &Line) {
        if line.kind != LineKind::Sale || line.description.is_empty() {
            return;
        }
        if !self.0.contains_key(&line.code) {
            self.0.insert(line.code.clone(), HashMap::new());
        }
        let Some(of_code) = self.0.get_mut(&line.code) else { return };
        match of_code.get_mut(&line.description) {
            Some((count, last)) => {
                *count += 1;
                *last = line.at.max(*last);
            }
            None => drop(of_code.insert(line.description.clone(), (1, line.at))),
        }
    }

    /// The most frequent description of each code; among equals the latest, then the first by text.
    pub(super) fn best(self) -> Vec<(Box<str>, Box<str>)> {
        let best = |titles: TitleCounts| {
            let ranked = titles
                .into_iter()
                .max_by_key(|(title, (count, last))| (*count, *last, Reverse(title.clone())));
            ranked.map(|(title, _)| title)
        };
        let mut all: Vec<_> =
            self.0.into_iter().filter_map(|(code, titles)| Some((code, best(titles)?))).collect();
        all.sort();
        all
    }
}

/// Parses the file and hands chunks over; gives what everything that was read says.
pub(super) fn read_chunks(
    command: &ImportOnlineRetail,
    to: &mpsc::Sender<Chunk>,
) -> Result<FileRead, FileError> {
    let mut reader = open(&command.path)?;
    let read_error = |error: csv::Error| FileError::Read {
        path: command.path.clone(),
        source: std::io::Error::other(error),
    };
    reader.byte_headers().map_err(read_error)?;
    let mut read = FileRead { tally: Tally::new(command.currency), titles: Titles::default() };
    let mut ordinals: HashMap<Box<str>, i64> = HashMap::new();
    let mut record = csv::ByteRecord::new();
    let mut chunk = Chunk::default();
    let mut rows = 0;
    while reader.read_byte_record(&mut record).map_err(read_error)? {
        rows += 1;
        let file_line = record.position().map_or(0, csv::Position::line);
        // A rejected row keeps its place, so that the lines after it keep theirs once it is mended.
        let ordinal = next_ordinal(&mut ordinals, record.get(0).unwrap_or_default());
        match read_record(&record, command) {
            Ok(line) => {
                read.tally.add(&line);
                read.titles.add(&line);
                chunk.lines.push(PlacedLine { line, ordinal, file_line });
            }
            Err(reason) => {
                let fields =
                    record.iter().map(|f| String::from_utf8_lossy(f).into_owned()).collect();
                chunk.rejects.push(Reject { file_line, reason, fields });
            }
        }
        if chunk.lines.len() + chunk.rejects.len() >= CHUNK_LINES {
            chunk.rows_end = rows;
            if to.blocking_send(std::mem::take(&mut chunk)).is_err() {
                // The booking side has stopped with an error of its own.
                return Ok(read);
            }
        }
    }
    chunk.rows_end = rows;
    let _ = to.blocking_send(chunk);
    Ok(read)
}

fn next_ordinal(ordinals: &mut HashMap<Box<str>, i64>, invoice: &[u8]) -> i64 {
    let invoice = String::from_utf8_lossy(invoice);
    if let Some(last) = ordinals.get_mut(invoice.as_ref()) {
        *last += 1;
        return *last;
    }
    ordinals.insert(invoice.as_ref().into(), 0);
    0
}

fn read_record(record: &csv::ByteRecord, command: &ImportOnlineRetail) -> Result<Line, String> {
    if record.len() != COLUMNS.len() {
        return Err(format!("{} fields where {} are expected", record.len(), COLUMNS.len()));
    }
    let mut fields = [""; COLUMNS.len()];
    for (field, bytes) in fields.iter_mut().zip(record) {
        *field = std::str::from_utf8(bytes).map_err(|_| "the row is not UTF-8 text".to_owned())?;
    }
    read_line(&RawLine::from_fields(fields), &command.zone, command.currency)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

/// A line as the fields of its row, for the rejects file.
pub(super) fn line_fields(line: &Line) -> Vec<String> {
    vec![
        line.invoice.to_string(),
        line.code.to_string(),
        line.description.to_string(),
        line.quantity.to_string(),
        line.at.to_string(),
        line.unit_price.to_string(),
        line.customer.as_deref().unwrap_or_default().to_owned(),
        line.country.to_string(),
    ]
}
