//! A CSV file to import, plain or gzip: opened, and read through once before anything is booked.
//!
//! The survey finds a truncated archive or a wrong header while the ledger is still untouched, and
//! gives the row count for the progress bar and the digest that names the file.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

/// The largest content read from one file, after decompression. A gzip bomb stops here.
pub const CONTENT_BYTES_MAX: u64 = 8 << 30;
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

/// A CSV reader over the content of `path`, whatever its name says about compression.
pub(crate) fn open(path: &Path) -> Result<csv::Reader<Box<dyn Read + Send>>, FileError> {
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
    Ok(csv::ReaderBuilder::new()
        .flexible(true)
        .buffer_capacity(BUFFER_BYTES)
        .from_reader(Box::new(content.take(CONTENT_BYTES_MAX + 1))))
}

/// The header and the number of rows of a file whose columns are found by name.
pub(crate) struct Header {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: u64,
}

/// Reads the whole file once: digest, exactly this header, row count.
pub(crate) fn survey(path: &Path, columns: &[&str]) -> Result<FileFacts, FileError> {
    let sha256 = digest(path)?;
    let header = scan(path, |found| found == columns, columns)?;
    Ok(FileFacts { rows: header.rows, sha256 })
}

/// Reads the whole file once: a header that has at least the `needed` columns, row count.
pub(crate) fn survey_flexible(path: &Path, needed: &[&str]) -> Result<Header, FileError> {
    scan(path, |found| needed.iter().all(|n| found.iter().any(|f| f == n)), needed)
}

fn scan(
    path: &Path,
    fits: impl Fn(&[String]) -> bool,
    columns: &[&str],
) -> Result<Header, FileError> {
    let mut reader = open(path)?;
    let rows_error = |error: csv::Error, rows| match error.into_kind() {
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
    let mut record = csv::ByteRecord::new();
    let mut rows = 0;
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(true) => rows += 1,
            Ok(false) => break,
            Err(error) => return Err(rows_error(error, rows)),
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

fn wrong_columns(path: &Path, found: &[String], columns: &[&str]) -> FileError {
    let missing: Vec<_> =
        columns.iter().filter(|c| !found.iter().any(|f| f == *c)).copied().collect();
    let problem = if missing.is_empty() {
        let shown: Vec<_> = found.iter().take(20).map(String::as_str).collect();
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
