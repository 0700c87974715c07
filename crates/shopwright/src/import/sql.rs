//! `import sql`: the rows of one query of the shop's own database, taken in like a table file.
//!
//! The rows are written to a file of the data folder first and the shop's database is let go; so a
//! long import holds nothing open there, and the file goes away with the command.

use std::io;

use shopwright_domain::platforms::layout::{Layout, TaxIn};
use shopwright_domain::platforms::mapped_csv::TableKind;
use shopwright_gateways::shop_database::read_rows;
use shopwright_store::Store;
use tempfile::NamedTempFile;

use super::table::{asked_for, import, read_mapping};
use crate::cli_import::{RowsOf, SqlArgs, TableArgs};
use crate::config::Settings;
use crate::failure::Failure;
use crate::output::Answer;

/// Runs the query and keeps its rows.
pub fn fetch(settings: &Settings, args: SqlArgs) -> Result<(NamedTempFile, SqlArgs), Failure> {
    let failed = |error: &io::Error| not_kept(settings, error);
    let kept = kept_rows(settings, "query-")?;
    let writer = std::cell::RefCell::new(csv::Writer::from_writer(kept.as_file()));
    read_rows(
        &args.url,
        &args.query,
        |names| writer.borrow_mut().write_record(names).map_err(io::Error::other),
        |row| writer.borrow_mut().write_record(&row).map_err(io::Error::other),
    )
    .map_err(|error| Failure::new("shop_database", error.to_string()))?;
    let mut writer = writer.into_inner();
    writer.flush().map_err(|error| failed(&error))?;
    drop(writer);
    Ok((kept, args))
}

/// A file of the data folder that goes away with the command.
pub(super) fn kept_rows(settings: &Settings, prefix: &str) -> Result<NamedTempFile, Failure> {
    std::fs::create_dir_all(&settings.data_dir).map_err(|error| not_kept(settings, &error))?;
    tempfile::Builder::new()
        .prefix(prefix)
        .suffix(".csv")
        .tempfile_in(&settings.data_dir)
        .map_err(|error| not_kept(settings, &error))
}

fn not_kept(settings: &Settings, error: &io::Error) -> Failure {
    let folder = settings.data_dir.display();
    Failure::new("file", format!("cannot keep the rows in {folder}: {error}; free the disk"))
}

/// Imports the rows that were kept.
pub async fn fetched(
    settings: &Settings,
    store: Store,
    rows: &NamedTempFile,
    args: SqlArgs,
    json: bool,
) -> Result<Answer, Failure> {
    let kind = match args.kind {
        RowsOf::Sales => TableKind::Orders,
        RowsOf::Inventory => TableKind::Inventory,
        RowsOf::Products => TableKind::Products,
        RowsOf::Customers => TableKind::Customers,
    };
    let mapping = args.mapping.as_deref().map(read_mapping).transpose()?;
    let layout = match &mapping {
        Some(mapping) => Layout::Mapped(mapping.kind, TaxIn(mapping.formats.tax_included)),
        None => Layout::Mapped(kind, TaxIn(false)),
    };
    let rejects = settings.data_dir.join("rejects").join(format!("{}.csv", args.source));
    let table = TableArgs {
        file: rows.path().to_owned(),
        sheet: None,
        rejects: Some(args.rejects.unwrap_or(rejects)),
        source: Some(args.source),
        currency: args.currency,
        zone: args.zone,
        dry_run: args.dry_run,
    };
    let command = asked_for(settings, layout, mapping, table)?;
    import(settings, &store, command, json).await
}
