//! The catalogue: products edited by their owner, files of costs and counts, and base prices from
//! history.

mod base_prices;
mod import_catalog;
mod product_events;
mod products;

pub use base_prices::{BasePricesFound, find_base_prices};
pub use import_catalog::{
    CATALOG_COLUMNS, CatalogImportError, CatalogSummary, ImportCatalog, import_catalog,
};
pub use products::{
    ProductRow, Put, PutProductError, RowOutcome, fields_of, put_product, put_products,
};
pub(crate) use products::{by_platform, put_product_by};
