//! A CSV file to import, plain or gzip: opened, and read through once before anything is booked.
//!
//! The survey finds a truncated archive or a wrong header while the ledger is still untouched, and
//! gives the row count for the progress bar and the digest that names the file.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

/// The largest content read from one file, after decompression. A gzip bomb stops here.
pub const CONTENT_BYTES_MAX: u64 = 8 << 30;
/// The longest row, its line breaks within quotes included.
pub const ROW_BYTES_MAX: u64 = 1 << 20;
/// Columns of a file at most, and the longest name of one in bytes.
const COLUMNS_MAX: usize = 200;
const COLUMN_BYTES_MAX: usize = 200;
/// How far the first line is looked at for the sign that separates fields.
const HEADER_BYTES_LOOKED_AT: u64 = 1 << 16;
const BUFFER_BYTES: usize = 1 << 18;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Why a file cannot be imported at all; nothing was booked.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be opened or read.
    #[error("cannot read {path}: {source}; check the path and its permissions")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The archive ends early or is damaged.
    #[error(
        "{path} is not a whole gzip file: {problem} after {rows} rows; \
         fetch or export it again (nothing was imported)"
    )]
    Gzip {
        /// The file.
        path: PathBuf,
        /// What the decompressor said.
        problem: String,
        /// Rows that could be read.
        rows: u64,
    },
    /// The header is not that of the layout.
    #[error(
        "{path} does not have the columns of this layout: {problem}; \
         the first line must read {expected} (nothing was imported)"
    )]
    Columns {
        /// The file.
        path: PathBuf,
        /// What is missing or unexpected.
        problem: String,
        /// The header that is expected.
        expected: String,
    },
    /// There is no row under the header, or no header.
    #[error("{path} has no rows; export it again with its data (nothing was imported)")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A row that is no row, such as one with a quote that is never closed.
    #[error(
        "row {row} of {path} is longer than {} MiB; is a quote left open? (nothing was imported)",
        ROW_BYTES_MAX >> 20
    )]
    RowTooLong {
        /// The file.
        path: PathBuf,
        /// The row under the header, from 1; 0 is the header.
        row: u64,
    },
    /// More content than is read from one file.
    #[error("{path} holds more than {} GiB; split it (nothing was imported)", CONTENT_BYTES_MAX >> 30)]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
}

/// What the survey found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// Rows under the header.
    pub rows: u64,
    /// SHA-256 of the file as it lies on the disk, hexadecimal.
    pub sha256: String,
}

/// A CSV reader over the content of a file.
pub(crate) type Rows = csv::Reader<Box<dyn Read + Send>>;

/// A CSV reader over the content of `path`, whatever its name says about compression.
pub(crate) fn open(path: &Path) -> Result<Rows, FileError> {
    open_separated(path, b',')
}

/// The same, with fields that another sign separates.
pub(crate) fn open_separated(path: &Path, separator: u8) -> Result<Rows, FileError> {
    content(path).map(|content| rows(content, separator))
}

fn rows(content: Box<dyn Read + Send>, separator: u8) -> Rows {
    csv::ReaderBuilder::new()
        .flexible(true)
        .delimiter(separator)
        .buffer_capacity(BUFFER_BYTES)
        .from_reader(content)
}

/// The sign that separates fields: that which stands most often in the first line, outside quotes.
pub(crate) fn separator_of(path: &Path) -> Result<u8, FileError> {
    let failed = |source| FileError::Read { path: path.to_owned(), source };
    let mut start = Vec::new();
    // A damaged archive is the survey's to report, with the rows it could read.
    let _ = content(path)?.take(HEADER_BYTES_LOOKED_AT).read_to_end(&mut start).map_err(failed);
    let (mut quoted, mut counts) = (false, [(b',', 0_u64), (b';', 0), (b'\t', 0)]);
    for byte in start {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            byte if !quoted => {
                for (_, count) in counts.iter_mut().filter(|(sign, _)| *sign == byte) {
                    *count += 1;
                }
            }
            _ => {}
        }
    }
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
    Ok(counts.iter().find(|(_, count)| *count == most).map_or(b',', |(sign, _)| *sign))
}

/// Ends with an error when one row takes too much: the survey sets the count back after each row.
struct RowGuard {
    content: Box<dyn Read + Send>,
    of_row: Arc<AtomicU64>,
}

impl Read for RowGuard {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.of_row.load(Ordering::Relaxed) > ROW_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let read = self.content.read(buffer)?;
        self.of_row.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

fn content(path: &Path) -> Result<Box<dyn Read + Send>, FileError> {
    let failed = |source| FileError::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let mut magic = [0; 2];
    let start = file.read(&mut magic).map_err(failed)?;
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    let raw = BufReader::with_capacity(BUFFER_BYTES, file);
    let content: Box<dyn Read + Send> = if start == 2 && magic == GZIP_MAGIC {
        Box::new(MultiGzDecoder::new(raw))
    } else {
        Box::new(raw)
    };
    Ok(Box::new(content.take(CONTENT_BYTES_MAX + 1)))
}

/// The header and the number of rows of a file whose columns are found by name.
pub(crate) struct Header {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: u64,
}

/// Reads the whole file once: digest, exactly this header, row count.
pub(crate) fn survey(path: &Path, columns: &[&str]) -> Result<FileFacts, FileError> {
    let sha256 = digest(path)?;
    let header = scan(path, b',', |found| found == columns, columns)?;
    Ok(FileFacts { rows: header.rows, sha256 })
}

/// Reads the whole file once: a header that has at least the `needed` columns, row count.
pub(crate) fn survey_flexible(path: &Path, needed: &[&str]) -> Result<Header, FileError> {
    scan(path, b',', |found| needed.iter().all(|n| found.iter().any(|f| f == n)), needed)
}

/// Reads the whole file once: digest, any header, row count.
pub(crate) fn survey_any(path: &Path, separator: u8) -> Result<(FileFacts, Header), FileError> {
    let sha256 = digest(path)?;
    let header = scan(path, separator, |_| true, &[])?;
    Ok((FileFacts { rows: header.rows, sha256 }, header))
}

fn scan(
    path: &Path,
    separator: u8,
    fits: impl Fn(&[String]) -> bool,
    columns: &[&str],
) -> Result<Header, FileError> {
    let of_row = Arc::new(AtomicU64::new(0));
    let guard = RowGuard { content: content(path)?, of_row: Arc::clone(&of_row) };
    let mut reader = rows(Box::new(guard), separator);
    let rows_error = |error: csv::Error, rows| match error.into_kind() {
        csv::ErrorKind::Io(_) if of_row.load(Ordering::Relaxed) > ROW_BYTES_MAX => {
            FileError::RowTooLong { path: path.to_owned(), row: rows }
        }
        csv::ErrorKind::Io(source) if source.kind() == io::ErrorKind::NotFound => {
            FileError::Read { path: path.to_owned(), source }
        }
        kind => FileError::Gzip { path: path.to_owned(), problem: problem_text(&kind), rows },
    };
    let header = reader.byte_headers().map_err(|error| rows_error(error, 0))?;
    let found = column_names(path, header)?;
    if !fits(&found) {
        return Err(wrong_columns(path, &found, columns));
    }
    check_names(path, &found, columns)?;
    let mut record = csv::ByteRecord::new();
    let mut rows = 0;
    loop {
        of_row.store(0, Ordering::Relaxed);
        match reader.read_byte_record(&mut record) {
            Ok(true) => rows += 1,
            Ok(false) => break,
            Err(error) => {
                let is_too_long = of_row.load(Ordering::Relaxed) > ROW_BYTES_MAX;
                return Err(rows_error(error, rows + u64::from(is_too_long)));
            }
        }
    }
    if reader.position().byte() > CONTENT_BYTES_MAX {
        return Err(FileError::TooLarge { path: path.to_owned() });
    }
    if rows == 0 {
        return Err(FileError::Empty { path: path.to_owned() });
    }
    Ok(Header { columns: found, rows })
}

fn problem_text(kind: &csv::ErrorKind) -> String {
    match kind {
        csv::ErrorKind::Io(source) if source.kind() == io::ErrorKind::UnexpectedEof => {
            "it ends in the middle".to_owned()
        }
        csv::ErrorKind::Io(source) => source.to_string(),
        other => format!("{other:?}"),
    }
}

fn column_names(path: &Path, header: &csv::ByteRecord) -> Result<Vec<String>, FileError> {
    if header.iter().all(<[u8]>::is_empty) {
        return Err(FileError::Empty { path: path.to_owned() });
    }
    Ok(header
        .iter()
        .map(|name| String::from_utf8_lossy(name).trim_start_matches('\u{feff}').trim().to_owned())
        .collect())
}

/// Names of columns become names of attributes: short ones, and none that a database cannot hold.
fn check_names(path: &Path, found: &[String], columns: &[&str]) -> Result<(), FileError> {
    let problem = if found.len() > COLUMNS_MAX {
        format!("{} columns, {COLUMNS_MAX} at most are read", found.len())
    } else if let Some(at) = found.iter().position(|name| name.len() > COLUMN_BYTES_MAX) {
        format!("the name of column {} is longer than {COLUMN_BYTES_MAX} bytes", at + 1)
    } else if let Some(at) = found.iter().position(|name| name.contains(char::is_control)) {
        format!("the name of column {} has a control character in it", at + 1)
    } else {
        return Ok(());
    };
    Err(FileError::Columns { path: path.to_owned(), problem, expected: columns.join(",") })
}

fn wrong_columns(path: &Path, found: &[String], columns: &[&str]) -> FileError {
    let missing: Vec<_> =
        columns.iter().filter(|c| !found.iter().any(|f| f == *c)).copied().collect();
    let problem = if missing.is_empty() {
        let start = |name: &String| name.chars().take(40).collect::<String>();
        let shown: Vec<_> = found.iter().take(20).map(start).collect();
        format!("found {}", shown.join(","))
    } else {
        format!("missing {}", missing.join(", "))
    };
    FileError::Columns { path: path.to_owned(), problem, expected: columns.join(",") }
}

fn digest(path: &Path) -> Result<String, FileError> {
    let failed = |source| FileError::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match file.read(&mut buffer).map_err(failed)? {
            0 => break,
            read => hasher.update(&buffer[..read]),
        }
    }
    let mut text = String::with_capacity(64);
    for byte in hasher.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}
