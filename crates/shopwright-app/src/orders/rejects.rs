//! The rejects file: every row that could not be booked, with its line number and the reason.
//!
//! The original fields follow the reason, so that a corrected copy can be imported again. A field that
//! a spreadsheet would run as a formula gets an apostrophe in front; numbers stay as they are.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// A cell that spreadsheets take for text, whatever it begins with (OWASP, "CSV Injection").
fn as_text(cell: &str) -> CellText<'_> {
    let is_number = || {
        let digits = cell.trim_start_matches(['+', '-']);
        cell.len() - digits.len() <= 1
            && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b',')
    };
    let starts_formula = |first: char| "=+-@\t\r\n＝＋－＠".contains(first);
    if cell.starts_with(starts_formula) && !is_number() {
        CellText(Cow::Owned(format!("'{cell}")))
    } else {
        CellText(Cow::Borrowed(cell))
    }
}

struct CellText<'a>(Cow<'a, str>);

impl AsRef<[u8]> for CellText<'_> {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Made when the first row is rejected; an import without rejects leaves no file.
#[derive(Debug)]
pub(crate) struct RejectsFile {
    path: PathBuf,
    columns: Vec<String>,
    writer: Option<csv::Writer<File>>,
    count: u64,
}

impl RejectsFile {
    /// Rejects of an earlier run of the same import are replaced.
    pub(crate) fn new(path: PathBuf, columns: &[&str]) -> io::Result<Self> {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let columns = columns.iter().map(ToString::to_string).collect();
        Ok(Self { path, columns, writer: None, count: 0 })
    }

    /// Goes on with the rejects of a run that died: the rows before are not looked at again.
    pub(crate) fn go_on(path: PathBuf, columns: &[&str]) -> io::Result<Self> {
        let columns: Vec<String> = columns.iter().map(ToString::to_string).collect();
        let mut reader = match csv::ReaderBuilder::new().flexible(true).from_path(&path) {
            Ok(reader) => reader,
            Err(error) => {
                return match error.into_kind() {
                    csv::ErrorKind::Io(error) if error.kind() == io::ErrorKind::NotFound => {
                        Ok(Self { path, columns, writer: None, count: 0 })
                    }
                    csv::ErrorKind::Io(error) => Err(error),
                    other => Err(io::Error::other(format!("{other:?}"))),
                };
            }
        };
        let mut count = 0;
        for row in reader.byte_records() {
            row.map_err(io::Error::other)?;
            count += 1;
        }
        let file = File::options().append(true).open(&path)?;
        let writer = csv::WriterBuilder::new().flexible(true).from_writer(file);
        Ok(Self { path, columns, writer: Some(writer), count })
    }

    /// Puts what was added on the disk, before the ledger says that these rows are done.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.writer.as_mut().map_or(Ok(()), csv::Writer::flush)
    }

    pub(crate) fn add(&mut self, line: u64, reason: &str, fields: &[String]) -> io::Result<()> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                if let Some(folder) = self.path.parent() {
                    std::fs::create_dir_all(folder)?;
                }
                // Rows may have more or fewer fields than the header; that may be why they are here.
                let mut writer = csv::WriterBuilder::new().flexible(true).from_path(&self.path)?;
                let columns = self.columns.iter().map(String::as_str);
                writer.write_record(["line", "reason"].into_iter().chain(columns).map(as_text))?;
                none.insert(writer)
            }
        };
        let line = line.to_string();
        let row = [line.as_str(), reason].into_iter().chain(fields.iter().map(String::as_str));
        writer.write_record(row.map(as_text))?;
        self.count += 1;
        Ok(())
    }

    /// Writes everything out. Gives the number of rejects and, when there are any, the file.
    pub(crate) fn finish(mut self) -> io::Result<(u64, Option<PathBuf>)> {
        if let Some(writer) = &mut self.writer {
            writer.flush()?;
        }
        Ok((self.count, self.writer.map(|_| self.path)))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_a_spreadsheet_would_run_is_text_and_a_number_stays_one() {
        let check = |cell: &str, kept: &str| assert_eq!(as_text(cell).0, kept, "{cell:?}");
        check(
            "=HYPERLINK(\"http://evil.example\",\"ok\")",
            "'=HYPERLINK(\"http://evil.example\",\"ok\")",
        );
        check("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0");
        check("-2+3", "'-2+3");
        check("@SUM(1)", "'@SUM(1)");
        check("\t=1", "'\t=1");
        check("\r=1", "'\r=1");
        check("\n=1", "'\n=1");
        check("＝1", "'＝1");
        check("--1", "'--1");
        for same in ["", "-2", "+3.50", "-1,000.00", "2.95", "a=b", "WHITE HEART", "'=1", "é@"] {
            check(same, same);
        }
    }
}
