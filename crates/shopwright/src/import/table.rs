//! `import` of the layouts with columns by name: what the flags ask for, and the run.

use std::path::Path;
use std::sync::Arc;

use shopwright_app::imports::{
    ImportTable, TableError, TableProgress, TableSummary, import_table, is_workbook, sheet_to_csv,
};
use shopwright_domain::ids::IdSource;
use shopwright_domain::platforms::cells::{DateOrder, DecimalSign, Formats};
use shopwright_domain::platforms::layout::{Layout, TaxIn};
use shopwright_domain::platforms::mapped_csv::Mapping;
use shopwright_store::Store;
use tempfile::NamedTempFile;

use super::sql::kept_rows;
use super::{currency_of, look_at_prices, rejects_file, table_summary, until_stopped, zone_named};
use crate::cli_import::{ImportCommand, TableArgs};
use crate::config::Settings;
use crate::failure::Failure;
use crate::output::Answer;
use crate::progress::Progress;
use crate::real::{RealClock, RealIds};

/// The largest mapping file, bytes.
const MAPPING_BYTES_MAX: u64 = 1 << 16;

/// Every import of a file with columns by name.
pub async fn table(
    settings: &Settings,
    store: Store,
    command: ImportCommand,
    json: bool,
) -> Result<Answer, Failure> {
    let (layout, mapping, mut args) = layout_of(command)?;
    // Kept until the import is through.
    let _sheet = unpack(settings, &mut args)?;
    import(settings, &store, asked_for(settings, layout, mapping, args)?, json).await
}

/// A workbook becomes a CSV file of the data folder, which is read in its stead.
pub(super) fn unpack(
    settings: &Settings,
    args: &mut TableArgs,
) -> Result<Option<NamedTempFile>, Failure> {
    if !is_workbook(&args.file) {
        return Ok(None);
    }
    args.rejects.get_or_insert_with(|| rejects_file(settings, &args.file));
    let kept = kept_rows(settings, "sheet-")?;
    sheet_to_csv(&args.file, args.sheet.as_deref(), kept.as_file())
        .map_err(|error| Failure::new("file", error.to_string()))?;
    kept.path().clone_into(&mut args.file);
    Ok(Some(kept))
}

/// Runs an import to its summary, and has every price looked at.
pub(super) async fn import(
    settings: &Settings,
    store: &Store,
    command: ImportTable,
    json: bool,
) -> Result<Answer, Failure> {
    let dry_run = command.dry_run;
    let progress = Arc::new(Progress::new(json));
    progress.begin("reading the file", None);
    let outcome = until_stopped(&progress, run(store, command, &progress)).await;
    progress.finish();
    let summary = outcome?;
    let refreshed = if dry_run { None } else { Some(look_at_prices(settings, store).await?) };
    Ok(table_summary::answer(&summary, refreshed))
}

async fn run(
    store: &Store,
    command: ImportTable,
    progress: &Arc<Progress>,
) -> Result<TableSummary, Failure> {
    let ids: Arc<dyn IdSource> = Arc::new(RealIds::new());
    let told = Arc::clone(progress);
    let tell = move |now: TableProgress| {
        if told.done() == 0 {
            told.begin("booking rows", Some(now.total));
        }
        told.at("rows", now.rows, now.total);
    };
    import_table(store, command, Arc::new(RealClock), ids, tell).await.map_err(|error| {
        let code = match &error {
            TableError::File(_) => "file",
            TableError::Mapping(_) => "mapping",
            TableError::Ledger(_) => "ledger",
            TableError::Rejects { .. } => "rejects",
        };
        Failure::new(code, error.to_string())
    })
}

fn layout_of(command: ImportCommand) -> Result<(Layout, Option<Mapping>, TableArgs), Failure> {
    Ok(match command {
        ImportCommand::ShopifyProducts(args) => (Layout::ShopifyProducts, None, args),
        ImportCommand::ShopifyOrders(args) => (Layout::ShopifyOrders, None, args),
        ImportCommand::ShopifyCustomers(args) => (Layout::ShopifyCustomers, None, args),
        ImportCommand::ShopifyInventory(args) => (Layout::ShopifyInventory, None, args),
        ImportCommand::WoocommerceProducts(args) => (Layout::WoocommerceProducts, None, args),
        ImportCommand::StripePayments(args) => (Layout::StripePayments, None, args),
        ImportCommand::Csv(args) => {
            let file = args.mapping.unwrap_or_default();
            let mapping = read_mapping(&file)?;
            let tax_in = TaxIn(mapping.formats.tax_included);
            (Layout::Mapped(mapping.kind, tax_in), Some(mapping), args.table)
        }
        ImportCommand::OnlineRetail(_)
        | ImportCommand::Catalog(_)
        | ImportCommand::CompetitorPrices(_)
        | ImportCommand::Events(_)
        | ImportCommand::Sql(_) => {
            unreachable!("these have imports of their own")
        }
    })
}

pub(super) fn read_mapping(file: &Path) -> Result<Mapping, Failure> {
    let shown = file.display();
    let failed =
        |problem: String| Failure::new("mapping", format!("cannot read {shown}: {problem}"));
    let size = std::fs::metadata(file).map_err(|error| failed(error.to_string()))?.len();
    if size > MAPPING_BYTES_MAX {
        return Err(failed(format!("a mapping has at most {MAPPING_BYTES_MAX} bytes")));
    }
    let text = std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
    toml::from_str(&text).map_err(|error| failed(error.to_string()))
}

pub(super) fn asked_for(
    settings: &Settings,
    layout: Layout,
    mapping: Option<Mapping>,
    args: TableArgs,
) -> Result<ImportTable, Failure> {
    let formats = mapping.as_ref().map(|mapping| mapping.formats.clone()).unwrap_or_default();
    let currency = args.currency.as_deref().or(formats.currency.as_deref());
    let zone = match args.zone.as_deref().or(formats.zone.as_deref()) {
        Some(name) => zone_named(name)?,
        None => settings.zone.clone(),
    };
    let source = args.source.unwrap_or_else(|| layout.source().to_owned());
    if source.is_empty() || source.len() > 100 || source.contains(char::is_control) {
        return Err(Failure::new("source", "the source must be a name of 1 to 100 bytes"));
    }
    Ok(ImportTable {
        rejects: args.rejects.unwrap_or_else(|| rejects_file(settings, &args.file)),
        path: args.file,
        layout,
        mapping,
        source,
        formats: Formats {
            currency: currency_of(currency, settings, None)?,
            zone,
            decimal: formats.decimal,
            dates: formats.dates,
        },
        dry_run: args.dry_run,
    })
}

/// How cells are read where nobody has said it.
pub(super) fn plain_formats(settings: &Settings) -> Formats {
    Formats {
        currency: settings.currency,
        zone: settings.zone.clone(),
        decimal: DecimalSign::default(),
        dates: DateOrder::default(),
    }
}
