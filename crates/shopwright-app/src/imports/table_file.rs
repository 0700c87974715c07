//! A table file: found out what it is, read through once before anything is booked.

use std::path::Path;

use shopwright_domain::platforms::cells::Header;
use shopwright_domain::platforms::layout::Layout;
use shopwright_domain::platforms::mapped_csv::{Mapping, MappingError};

use super::TableError;
use crate::orders::{FileError, FileFacts, open_separated, separator_of, survey_any};

/// A file whose header fits its layout.
pub(super) struct TableFile {
    pub(super) facts: FileFacts,
    pub(super) separator: u8,
    /// As the file writes it.
    pub(super) columns: Vec<String>,
    /// In the layout's words.
    pub(super) header: Header,
    /// Columns that nothing is taken from.
    pub(super) ignored: Vec<String>,
}

/// Reads the whole file once and fits its header to the layout.
pub(super) fn look_at(
    path: &Path,
    layout: Layout,
    mapping: Option<&Mapping>,
) -> Result<TableFile, TableError> {
    let separator = separator_of(path)?;
    let (facts, found) = survey_any(path, separator)?;
    let own = Header::new(found.columns.clone());
    let header = match mapping {
        None => own,
        Some(mapping) => mapping.apply(&own).map_err(|error| misfit(path, &error))?,
    };
    let missing = layout.missing(&header);
    if !missing.is_empty() {
        let expected = layout.read_columns().join(",");
        let problem = format!("missing {}", missing.join(", "));
        return Err(FileError::Columns { path: path.to_owned(), problem, expected }.into());
    }
    let is_read = |name: &String| {
        layout.read_columns().iter().any(|read| read.eq_ignore_ascii_case(name.trim()))
    };
    let ignored = found
        .columns
        .iter()
        .zip(header.names())
        .filter(|(_, ours)| !is_read(ours))
        .map(|(theirs, _)| theirs.clone())
        .collect();
    Ok(TableFile { facts, separator, columns: found.columns, header, ignored })
}

fn misfit(path: &Path, error: &MappingError) -> TableError {
    TableError::Mapping(format!("{}: {error}", path.display()))
}

/// The first rows of a file, before anybody has said what its columns are.
#[derive(Clone, Debug)]
pub struct Preview {
    /// The names over the columns.
    pub columns: Vec<String>,
    /// The first rows.
    pub rows: Vec<Vec<String>>,
}

/// Reads the header and at most `count` rows.
pub fn preview(path: &Path, count: usize) -> Result<Preview, FileError> {
    let failed = |error: csv::Error| FileError::Read {
        path: path.to_owned(),
        source: std::io::Error::other(error),
    };
    let mut reader = open_separated(path, separator_of(path)?)?;
    let text = |record: &csv::ByteRecord| -> Vec<String> {
        record.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect()
    };
    let mut columns = text(reader.byte_headers().map_err(failed)?);
    for name in &mut columns {
        *name = name.trim_start_matches('\u{feff}').trim().to_owned();
    }
    let mut rows = Vec::new();
    for record in reader.byte_records().take(count) {
        rows.push(text(&record.map_err(failed)?));
    }
    Ok(Preview { columns, rows })
}
