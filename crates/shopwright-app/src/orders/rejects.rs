//! The rejects file: every row that could not be booked, with its line number and the reason.
//!
//! The original fields follow the reason, so that a corrected copy can be imported again.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

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

    pub(crate) fn add(&mut self, line: u64, reason: &str, fields: &[String]) -> io::Result<()> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                if let Some(folder) = self.path.parent() {
                    std::fs::create_dir_all(folder)?;
                }
                // Rows may have more or fewer fields than the header; that may be why they are here.
                let mut writer = csv::WriterBuilder::new().flexible(true).from_path(&self.path)?;
                let header =
                    ["line", "reason"].into_iter().chain(self.columns.iter().map(String::as_str));
                writer.write_record(header)?;
                none.insert(writer)
            }
        };
        let line = line.to_string();
        let row = [line.as_str(), reason].into_iter().chain(fields.iter().map(String::as_str));
        writer.write_record(row)?;
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
