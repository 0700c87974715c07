//! Rows of a table on their way into the ledger: neighbours that belong together are read together, a
//! few groups at a time, so that memory does not grow with the file.

use std::sync::Arc;

use shopwright_domain::platforms::cells::{Header, Row};
use shopwright_domain::platforms::layout::{Item, Layout, ReadWith};
use shopwright_domain::platforms::mapped_csv::Mapping;
use tokio::sync::mpsc;

use crate::orders::{FileError, open_separated};

/// Things booked in one write; with a handful of statements each this stays under the 50 ms that a
/// group may take.
const CHUNK_ITEMS: usize = 20;
/// Rows that one chunk holds at most, headings and refused rows among them.
const CHUNK_ROWS: usize = 2_000;
/// Rows of one order or product at most; more are refused.
pub(super) const GROUP_ROWS_MAX: usize = 2_000;

/// A row as the file has it.
#[derive(Clone, Debug)]
pub(super) struct FileRow {
    /// Line number in the file, from 1.
    pub(super) line: u64,
    pub(super) fields: Vec<String>,
    /// How many of the fields are the file's own; a mapping's constants stand behind them.
    pub(super) own: usize,
    /// Whether it was UTF-8 text with a field for every column.
    pub(super) problem: Option<String>,
}

/// Rows with what they say.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) rows: Vec<FileRow>,
    pub(super) says: Result<Option<Arc<Item>>, String>,
}

/// What is booked together.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) all: Vec<Read>,
    /// Rows of the file up to the end of this chunk.
    pub(super) rows_end: u64,
}

impl Chunk {
    fn is_full(&self) -> bool {
        let items = self.all.iter().filter(|read| matches!(read.says, Ok(Some(_)))).count();
        let rows: usize = self.all.iter().map(|read| read.rows.len()).sum();
        items >= CHUNK_ITEMS || rows >= CHUNK_ROWS
    }
}

/// What a file is read by.
pub(super) struct Source {
    pub(super) path: std::path::PathBuf,
    pub(super) separator: u8,
    pub(super) header: Header,
    pub(super) columns: usize,
    pub(super) layout: Layout,
    pub(super) mapping: Option<Mapping>,
    pub(super) with: ReadWith,
}

/// Reads the file and hands chunks over, until it ends or nobody takes them.
pub(super) fn read_chunks(from: &Source, to: &mpsc::Sender<Chunk>) -> Result<(), FileError> {
    let failed = |error: csv::Error| FileError::Read {
        path: from.path.clone(),
        source: std::io::Error::other(error),
    };
    let mut reader = open_separated(&from.path, from.separator)?;
    reader.byte_headers().map_err(failed)?;
    let constants: Vec<String> =
        from.mapping.iter().flat_map(Mapping::constant_fields).map(ToOwned::to_owned).collect();
    let mut record = csv::ByteRecord::new();
    let (mut chunk, mut group, mut rows) = (Chunk::default(), Group::default(), 0_u64);
    while reader.read_byte_record(&mut record).map_err(failed)? {
        let row = file_row(&record, from.columns, &constants);
        let key = match &row.problem {
            None => from.layout.group_key(&Row::new(&from.header, &row.fields)).map(str::to_owned),
            Some(_) => None,
        };
        if !group.takes(key.as_deref()) {
            group.finish(from, &mut chunk);
            if chunk.is_full() {
                chunk.rows_end = rows;
                if to.blocking_send(std::mem::take(&mut chunk)).is_err() {
                    // The booking side has stopped with an error of its own.
                    return Ok(());
                }
            }
        }
        group.add(key, row);
        rows += 1;
    }
    group.finish(from, &mut chunk);
    chunk.rows_end = rows;
    let _ = to.blocking_send(chunk);
    Ok(())
}

fn file_row(record: &csv::ByteRecord, columns: usize, constants: &[String]) -> FileRow {
    let line = record.position().map_or(0, csv::Position::line);
    let mut fields: Vec<String> =
        record.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect();
    let own = fields.len();
    let problem = if record.iter().any(|field| std::str::from_utf8(field).is_err()) {
        Some("the row is not UTF-8 text".to_owned())
    } else if fields.iter().any(|field| field.contains('\0')) {
        Some("the row contains a NUL character".to_owned())
    } else if fields.len() != columns {
        Some(format!("{} fields where {columns} are expected", fields.len()))
    } else {
        fields.extend(constants.iter().cloned());
        None
    };
    FileRow { line, fields, own, problem }
}

/// Neighbours that share a key.
#[derive(Default)]
struct Group {
    key: Option<String>,
    rows: Vec<FileRow>,
    /// Rows past the limit are counted and dropped, so that a file of one endless order is no danger.
    is_over: bool,
}

impl Group {
    fn takes(&self, key: Option<&str>) -> bool {
        !self.rows.is_empty() && key.is_some() && self.key.as_deref() == key && !self.is_over
    }

    fn add(&mut self, key: Option<String>, row: FileRow) {
        self.key = key;
        self.rows.push(row);
        self.is_over = self.rows.len() > GROUP_ROWS_MAX;
    }

    fn finish(&mut self, from: &Source, chunk: &mut Chunk) {
        let group = std::mem::take(self);
        if group.rows.is_empty() {
            return;
        }
        let refuse = |rows: Vec<FileRow>, reason: String| Read { rows, says: Err(reason) };
        if group.is_over {
            let reason = format!("more than {GROUP_ROWS_MAX} rows belong together");
            chunk.all.push(refuse(group.rows, reason));
            return;
        }
        if group.rows.iter().all(|row| row.fields[..row.own].iter().all(|f| f.trim().is_empty())) {
            chunk.all.push(Read { rows: group.rows, says: Ok(None) });
            return;
        }
        if let Some(problem) = group.rows.iter().find_map(|row| row.problem.clone()) {
            chunk.all.push(refuse(group.rows, problem));
            return;
        }
        let rows: Vec<Row<'_>> =
            group.rows.iter().map(|row| Row::new(&from.header, &row.fields)).collect();
        for reading in from.layout.read(&rows, &from.with) {
            let rows = reading.rows.iter().map(|place| group.rows[*place].clone()).collect();
            chunk.all.push(Read { rows, says: reading.says.map(|item| item.map(Arc::new)) });
        }
    }
}
