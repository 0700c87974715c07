//! A sheet of an Excel workbook (`.xlsx`) as CSV text: dates as dates, numbers with the digits they show.
//!
//! The archive is unpacked once into nothing first, so that one that grows without end is refused
//! before anything of it is kept.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use calamine::{DataRef, Reader, Xlsx};
use zip::ZipArchive;

/// The largest part of a workbook, unpacked, but for its sheets: the texts of all cells are held in
/// memory.
const PART_BYTES_MAX: u64 = 128 << 20;
/// The largest sheet, unpacked. Sheets are read as a stream.
const SHEET_BYTES_MAX: u64 = 2 << 30;
/// Parts of a workbook at most.
const PARTS_MAX: usize = 10_000;
/// Columns of a sheet at most.
const COLUMNS_MAX: usize = 200;
/// How a zip archive begins.
const ZIP_MAGIC: [u8; 4] = *b"PK\x03\x04";

/// Why a workbook was not read.
#[derive(Debug, thiserror::Error)]
pub enum SheetError {
    /// It cannot be opened or is no workbook.
    #[error(
        "cannot read {path}: {problem}; save it again as .xlsx, or as .csv (nothing was imported)"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// There is no such sheet.
    #[error("the workbook has no sheet {wanted}; it has {known}")]
    NoSheet {
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: String,
    },
    /// Larger than what is read.
    #[error("{0} of the workbook is larger than is read from one; save the sheet as .csv")]
    TooLarge(String),
    /// The text cannot be kept.
    #[error("cannot keep the sheet: {0}")]
    Kept(#[from] io::Error),
}

/// Whether a file is a workbook, by what it begins with.
pub fn is_workbook(path: &Path) -> bool {
    let mut start = [0; 4];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start == ZIP_MAGIC
}

/// Writes a sheet, the first one when none is named, as CSV; gives its number of rows.
pub fn sheet_to_csv(path: &Path, sheet: Option<&str>, to: impl Write) -> Result<u64, SheetError> {
    let failed = |problem: String| SheetError::Read { path: path.to_owned(), problem };
    check_sizes(path)?;
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    let mut book: Xlsx<_> =
        Xlsx::new(BufReader::new(file)).map_err(|error| failed(error.to_string()))?;
    let names = book.sheet_names();
    let known = || names.join(", ");
    let name = match sheet {
        None => names.first().cloned().ok_or_else(|| failed("it has no sheet".to_owned()))?,
        Some(wanted) => names
            .iter()
            .find(|name| *name == wanted)
            .cloned()
            .ok_or_else(|| SheetError::NoSheet { wanted: wanted.to_owned(), known: known() })?,
    };
    let mut cells =
        book.worksheet_cells_reader(&name).map_err(|error| failed(error.to_string()))?;
    let mut writer = csv::WriterBuilder::new().flexible(false).from_writer(to);
    let (mut row, mut fields, mut width) = (0_u32, Vec::<String>::new(), None);
    let mut rows = 0;
    while let Some(cell) = cells.next_cell().map_err(|error| failed(error.to_string()))? {
        let (at, column) = cell.get_position();
        while row < at {
            rows += 1;
            write_row(&mut writer, &mut fields, &mut width)?;
            row += 1;
        }
        let column = usize::try_from(column).unwrap_or(usize::MAX);
        if column >= COLUMNS_MAX {
            return Err(SheetError::TooLarge(format!("row {}", at + 1)));
        }
        if fields.len() <= column {
            fields.resize(column + 1, String::new());
        }
        fields[column] = text_of(cell.get_value());
    }
    write_row(&mut writer, &mut fields, &mut width)?;
    writer.flush()?;
    Ok(rows + 1)
}

/// Every row has as many fields as the first one has names; cells beyond have no name and are left.
fn write_row(
    writer: &mut csv::Writer<impl Write>,
    fields: &mut Vec<String>,
    width: &mut Option<usize>,
) -> io::Result<()> {
    let width = *width.get_or_insert(fields.len().max(1));
    fields.resize(width, String::new());
    writer.write_record(&*fields).map_err(io::Error::other)?;
    fields.clear();
    Ok(())
}

fn text_of(value: &DataRef<'_>) -> String {
    // A row stays one line of the text, so that its line number is the sheet's row.
    let one_line = |text: &str| text.replace(['\r', '\n'], " ");
    match value {
        DataRef::Empty => String::new(),
        DataRef::Int(number) => number.to_string(),
        // The shortest text that is this number again, as the sheet shows it: 9.95 is `9.95`.
        DataRef::Float(number) => number.to_string(),
        DataRef::Bool(yes) => yes.to_string(),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            one_line(text)
        }
        DataRef::SharedString(text) => one_line(text),
        DataRef::DateTime(at) => {
            let (year, month, day, hour, minute, second, _) = at.to_ymd_hms_milli();
            format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
        }
        DataRef::Error(error) => error.to_string(),
    }
}

/// Unpacks every part into nothing and counts: what an archive says of its sizes need not be so.
fn check_sizes(path: &Path) -> Result<(), SheetError> {
    let failed = |problem: String| SheetError::Read { path: path.to_owned(), problem };
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    let mut archive =
        ZipArchive::new(BufReader::new(file)).map_err(|error| failed(error.to_string()))?;
    if archive.len() > PARTS_MAX {
        return Err(SheetError::TooLarge("the number of parts".to_owned()));
    }
    for place in 0..archive.len() {
        let part = archive.by_index(place).map_err(|error| failed(error.to_string()))?;
        let name = part.name().map_err(|error| failed(error.to_string()))?.into_owned();
        let is_sheet = name.starts_with("xl/worksheets/");
        let most = if is_sheet { SHEET_BYTES_MAX } else { PART_BYTES_MAX };
        let size = io::copy(&mut part.take(most + 1), &mut io::sink())
            .map_err(|error| failed(error.to_string()))?;
        if size > most {
            return Err(SheetError::TooLarge(name));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rust_xlsxwriter::{ExcelDateTime, Format, Workbook};
    use zip::write::SimpleFileOptions;

    use super::*;

    fn text(path: &Path, sheet: Option<&str>) -> Result<String, SheetError> {
        let mut csv = Vec::new();
        sheet_to_csv(path, sheet, &mut csv).map(|_| String::from_utf8(csv).unwrap())
    }

    #[test]
    fn a_sheet_is_read_with_dates_as_dates_and_numbers_as_they_show() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("book.xlsx");
        let mut book = Workbook::new();
        let sheet = book.add_worksheet();
        for (place, name) in (0..).zip(["sku", "at", "price", "note"]) {
            sheet.write(0, place, name).unwrap();
        }
        let at = ExcelDateTime::parse_from_str("2026-03-15T10:14:00").unwrap();
        let format = Format::new().set_num_format("yyyy-mm-dd hh:mm");
        sheet.write(1, 0, "007").unwrap();
        sheet.write_datetime_with_format(1, 1, &at, &format).unwrap();
        sheet.write(1, 2, 9.95).unwrap();
        sheet.write(1, 3, "two\nlines, \"quoted\"").unwrap();
        sheet.write(3, 2, 12).unwrap();
        book.add_worksheet().set_name("Other").unwrap().write(0, 0, "only").unwrap();
        book.save(&path).unwrap();
        assert!(is_workbook(&path));
        let want = "sku,at,price,note\n\
                    007,2026-03-15 10:14:00,9.95,\"two lines, \"\"quoted\"\"\"\n,,,\n,,12,\n";
        assert_eq!(text(&path, None).unwrap(), want);
        assert_eq!(text(&path, Some("Other")).unwrap(), "only\n");
        let error = text(&path, Some("Third")).unwrap_err().to_string();
        assert!(error.contains("no sheet Third; it has Sheet1, Other"), "{error}");
    }

    #[test]
    fn an_archive_that_grows_without_end_or_is_no_workbook_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bomb.xlsx");
        let mut archive = zip::ZipWriter::new(File::create(&path).unwrap());
        archive.start_file("xl/sharedStrings.xml", SimpleFileOptions::default()).unwrap();
        let zeros = vec![0; 1 << 20];
        for _ in 0..=(PART_BYTES_MAX >> 20) {
            archive.write_all(&zeros).unwrap();
        }
        archive.finish().unwrap();
        assert!(std::fs::metadata(&path).unwrap().len() < 1 << 20, "it is small on the disk");
        let error = text(&path, None).unwrap_err();
        assert!(matches!(error, SheetError::TooLarge(ref part) if part.contains("sharedStrings")));
        let other = folder.path().join("other.xlsx");
        std::fs::write(&other, b"PK\x03\x04 and nothing").unwrap();
        assert!(matches!(text(&other, None), Err(SheetError::Read { .. })));
    }
}
