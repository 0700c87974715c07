//! The catalogue: files of costs and counts, and base prices from history.

mod base_prices;
mod import_catalog;

pub use base_prices::{BasePricesFound, find_base_prices};
pub use import_catalog::{
    CATALOG_COLUMNS, CatalogImportError, CatalogSummary, ImportCatalog, import_catalog,
};
