//! Orders from elsewhere: imports of whole histories.

mod book_lines;
mod history_rows;
mod import_file;
mod import_online_retail;
mod rejects;

pub use import_file::{FileError, FileFacts};
pub(crate) use import_file::{open, survey, survey_flexible};
pub use import_online_retail::{
    ImportError, ImportOnlineRetail, ImportPhase, ImportProgress, ImportSummary, RowCounts,
    import_online_retail,
};
pub(crate) use rejects::RejectsFile;
