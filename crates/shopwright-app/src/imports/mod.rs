//! Files of other shops and tables of any origin: read by their layout, booked in small steps that a
//! kill cannot tear, and reported row by row.

mod applying;
mod applying_orders;
mod import_table;
mod row_groups;
mod sheet;
mod table_file;
mod taken_from;

pub use import_table::{ImportTable, TableError, TableProgress, TableSummary, import_table};
pub use sheet::{SheetError, is_workbook, sheet_to_csv};
pub use table_file::{Preview, preview};
pub use taken_from::{KindSum, TakenFrom};
