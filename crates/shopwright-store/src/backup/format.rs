//! The stream: gzip around lines of JSON: a header, for each table a head and its rows, and an end
//! with the number of rows and a SHA-256 of all before it.
//!
//! A file that was cut has no end; one that was changed has another checksum, twice over (gzip's own
//! and ours). Neither is a signature: whoever can write the file can write a good one.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};

use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::cell::Cell;
use super::{BackupError, Header, Manifest};

pub(super) const NAME: &str = "shopwright-backup";
pub(super) const VERSION: u32 = 1;
/// What every backup starts with, whatever its version.
const START: &[u8] = b"{\"format\":\"shopwright-backup\"";
/// The longest line that is read: one row, far more than the ledger keeps in one.
const LINE_BYTES_MAX: u64 = 256 << 20;

/// Announces the rows of one table.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TableHead {
    pub(super) table: String,
    pub(super) columns: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    rows: BTreeMap<String, u64>,
    sha256: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Row(Vec<Cell>),
    Table(TableHead),
    End { end: End },
}

/// Writes the lines in their order.
pub(super) struct Writer<'o> {
    out: GzEncoder<&'o mut dyn Write>,
    hash: Sha256,
    header: Header,
    rows: BTreeMap<String, u64>,
    table: String,
    line: Vec<u8>,
}

impl<'o> Writer<'o> {
    pub(super) fn new(out: &'o mut dyn Write, header: Header) -> Result<Self, BackupError> {
        let out = GzEncoder::new(out, Compression::fast());
        let (hash, rows, table) = (Sha256::new(), BTreeMap::new(), String::new());
        let mut writer = Self { out, hash, header, rows, table, line: Vec::new() };
        let header = writer.header.clone();
        writer.line(&header)?;
        Ok(writer)
    }

    pub(super) fn table(&mut self, table: &str, columns: Vec<String>) -> Result<(), BackupError> {
        table.clone_into(&mut self.table);
        self.rows.insert(table.to_owned(), 0);
        self.line(&TableHead { table: table.to_owned(), columns })
    }

    pub(super) fn row(&mut self, cells: &[Cell]) -> Result<(), BackupError> {
        if let Some(rows) = self.rows.get_mut(&self.table) {
            *rows += 1;
        }
        self.line(&cells)
    }

    pub(super) fn end(mut self) -> Result<Manifest, BackupError> {
        let sha256 = hexadecimal(&self.hash.clone().finalize());
        let end = End { rows: self.rows.clone(), sha256: sha256.clone() };
        self.line(&serde_json::json!({ "end": end }))?;
        self.out.finish()?.flush()?;
        Ok(Manifest { header: self.header, rows: self.rows, sha256 })
    }

    fn line(&mut self, value: &impl Serialize) -> Result<(), BackupError> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, value).map_err(std::io::Error::from)?;
        self.line.push(b'\n');
        self.hash.update(&self.line);
        Ok(self.out.write_all(&self.line)?)
    }
}

/// Reads the lines in their order and counts and sums what it read.
pub(super) struct Reader<'i> {
    lines: BufReader<GzDecoder<BufReader<&'i mut dyn Read>>>,
    hash: Sha256,
    header: Header,
    rows: BTreeMap<String, u64>,
    table: String,
    line: Vec<u8>,
    /// Read while looking for a row, and no row.
    next: Option<Line>,
    end: Option<End>,
}

impl<'i> Reader<'i> {
    /// Reads the header, and refuses what is no backup or one this program cannot know all of.
    pub(super) fn new(from: &'i mut dyn Read) -> Result<Self, BackupError> {
        let mut lines = BufReader::new(GzDecoder::new(BufReader::new(from)));
        let mut first = Vec::new();
        let read = lines.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut first);
        let ours = first.starts_with(START);
        match read {
            Err(error) if ours => return Err(stream_error(error)),
            Ok(_) if ours && first.last() != Some(&b'\n') => {
                return Err(BackupError::Cut("it ends in its first line".to_owned()));
            }
            Ok(_) if ours => {}
            _ => return Err(BackupError::Foreign),
        }
        let header: Option<serde_json::Value> = serde_json::from_slice(&first).ok();
        let told = |name: &str| header.as_ref().and_then(|h| h.get(name)).cloned();
        let product = told("product").and_then(|p| p.as_str().map(ToOwned::to_owned));
        let (product, schema) = (product.unwrap_or_default(), told("schema"));
        let schema = schema.and_then(|s| s.as_i64()).unwrap_or_default();
        if told("format_version") != Some(VERSION.into()) || schema > crate::migrate::latest() {
            return Err(BackupError::Newer { product, schema });
        }
        let header: Header = serde_json::from_slice(&first)
            .map_err(|_| BackupError::Damaged("its first line is incomplete".to_owned()))?;
        if crate::migrate::version_of_names(&header.migrations) != Some(schema) {
            return Err(BackupError::Newer { product, schema });
        }
        let mut hash = Sha256::new();
        hash.update(&first);
        let (rows, table) = (BTreeMap::new(), String::new());
        Ok(Self { lines, hash, header, rows, table, line: first, next: None, end: None })
    }

    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    /// The next table; `None` at the end of the last one.
    pub(super) fn table(&mut self) -> Result<Option<TableHead>, BackupError> {
        let line = match self.next.take() {
            Some(line) => line,
            None => self.read()?,
        };
        match line {
            Line::Table(head) => {
                if self.rows.insert(head.table.clone(), 0).is_some() {
                    return Err(BackupError::Damaged(format!("{} is there twice", head.table)));
                }
                head.table.clone_into(&mut self.table);
                Ok(Some(head))
            }
            Line::End { end } => {
                self.end = Some(end);
                Ok(None)
            }
            Line::Row(_) => Err(BackupError::Damaged("a row stands outside a table".to_owned())),
        }
    }

    /// The next row of this table; `None` after its last one.
    pub(super) fn row(&mut self) -> Result<Option<Vec<Cell>>, BackupError> {
        if self.next.is_some() {
            return Ok(None);
        }
        match self.read()? {
            Line::Row(cells) => {
                if let Some(rows) = self.rows.get_mut(&self.table) {
                    *rows += 1;
                }
                Ok(Some(cells))
            }
            other => {
                self.next = Some(other);
                Ok(None)
            }
        }
    }

    /// Compares what was read with what the end says, once [`Reader::table`] gave `None`.
    pub(super) fn finish(mut self) -> Result<Manifest, BackupError> {
        let end = self.end.take();
        let end = end.ok_or_else(|| BackupError::Cut("it has no end".to_owned()))?;
        let mut rest = [0];
        // Reading on makes the decoder compare its own checksum.
        let more = self.lines.read(&mut rest).map_err(stream_error)?;
        let after = self.lines.into_inner().into_inner().read(&mut rest)?;
        if more + after > 0 {
            return Err(BackupError::Damaged("something follows its end".to_owned()));
        }
        // The end is not part of what it sums up, and `line` leaves it out.
        let sha256 = hexadecimal(&self.hash.finalize());
        if sha256 != end.sha256 || self.rows != end.rows {
            return Err(BackupError::Damaged("its checksum does not fit its content".to_owned()));
        }
        Ok(Manifest { header: self.header, rows: self.rows, sha256 })
    }

    fn read(&mut self) -> Result<Line, BackupError> {
        self.line.clear();
        let mut limited = self.lines.by_ref().take(LINE_BYTES_MAX);
        let read = limited.read_until(b'\n', &mut self.line).map_err(stream_error)?;
        if read == 0 || self.line.last() != Some(&b'\n') {
            return Err(BackupError::Cut("it ends in the middle".to_owned()));
        }
        let line: Line = serde_json::from_slice(&self.line)
            .map_err(|_| BackupError::Damaged(format!("a line of {}", self.place())))?;
        if !matches!(line, Line::End { .. }) {
            self.hash.update(&self.line);
        }
        Ok(line)
    }

    /// Where the reader is, for a message.
    pub(super) fn place(&self) -> String {
        let rows = self.rows.get(&self.table).copied().unwrap_or_default();
        format!("table {} after row {rows} cannot be read", self.table)
    }
}

/// Reads a whole backup and compares its checksums, without a ledger.
pub fn read_through(from: &mut dyn Read) -> Result<Manifest, BackupError> {
    let mut reader = Reader::new(from)?;
    while let Some(head) = reader.table()? {
        while let Some(cells) = reader.row()? {
            if cells.len() != head.columns.len() {
                return Err(BackupError::Damaged(reader.place()));
            }
        }
    }
    reader.finish()
}

/// What the decoder says when the file ends early or was changed.
fn stream_error(error: std::io::Error) -> BackupError {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => BackupError::Cut("it ends in the middle".to_owned()),
        std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput => {
            BackupError::Damaged(error.to_string())
        }
        _ => BackupError::Io(error),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
