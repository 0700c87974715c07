//! The command line of `import`: layouts and what each takes.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// What can be imported.
#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    /// An order history in the UCI Online Retail layout, .csv or .csv.gz
    #[command(after_help = "Examples:
  shopwright import online-retail orders.csv.gz
  shopwright import online-retail orders.csv --source shop-2 --currency EUR --zone Europe/Berlin

Columns: InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
Running it twice changes nothing; after an interruption the same command goes on.")]
    OnlineRetail(OnlineRetailArgs),
    /// Products with titles, costs, minimum prices and opening counts, .csv or .csv.gz
    #[command(after_help = "Examples:
  shopwright import catalog products.csv
  shopwright import catalog costs.csv --currency GBP

Columns by name, only sku is needed: sku,title,category,currency,base_price,cost,map,
opening_stock,counted_at. An empty field leaves what is there; other columns become attributes.")]
    Catalog(CatalogArgs),
    /// Products exported from Shopify
    #[command(after_help = "Example:
  shopwright import shopify-products products_export.csv --currency EUR

In Shopify: Products, Export, all products, plain CSV file.")]
    ShopifyProducts(TableArgs),
    /// Orders exported from Shopify
    #[command(after_help = "Examples:
  shopwright import shopify-orders orders_export.csv
  shopwright import shopify-orders orders_export.csv --dry-run

In Shopify: Orders, Export, plain CSV file. Orders that webhooks bring later are the same orders.")]
    ShopifyOrders(TableArgs),
    /// Customers exported from Shopify
    #[command(after_help = "Example:
  shopwright import shopify-customers customers_export.csv")]
    ShopifyCustomers(TableArgs),
    /// Stock exported from Shopify
    #[command(after_help = "Example:
  shopwright import shopify-inventory inventory_export.csv

Import the products first. A location that is not there yet is made.")]
    ShopifyInventory(TableArgs),
    /// Products exported from WooCommerce
    #[command(after_help = "Example:
  shopwright import woocommerce-products wc-product-export.csv --currency EUR

In WooCommerce: Products, Export, all columns.")]
    WoocommerceProducts(TableArgs),
    /// Payments exported from Stripe
    #[command(after_help = "Example:
  shopwright import stripe-payments unified_payments.csv

In Stripe: Payments, Export, all columns. A payment becomes an order of its own, unless its metadata
names an order that is there.")]
    StripePayments(TableArgs),
    /// Any table, by a mapping that says which column is what
    #[command(after_help = "Examples:
  shopwright import csv sales.csv --guess                  look at it and write a mapping
  shopwright import csv sales.csv --mapping sales.csv.mapping.toml

docs/imports.md has the words of a mapping.")]
    Csv(CsvArgs),
    /// What a query of the shop's own database gives
    #[command(after_help = "Examples:
  shopwright import sql --url sqlite:shop.db --query \"SELECT order_id, at, sku, quantity, unit_price FROM sales ORDER BY order_id\"
  shopwright import sql --url postgres://reader@db/shop --kind inventory --query \"SELECT sku, quantity FROM stock\"

The database is only read. Columns are named as in docs/imports.md, or by a mapping.")]
    Sql(SqlArgs),
    /// What shoppers did, one JSON object a line in our own form or Segment's, plain or .gz
    #[command(after_help = "Examples:
  shopwright import events events.ndjson
  shopwright import events segment-export.json.gz --rejects refused.csv

Running it twice changes nothing; after an interruption the same command goes on.
Lines that do not fit go to the rejects file with their number and the reason.")]
    Events(EventsArgs),
    /// What competitors charge: one row for each competitor and product
    #[command(after_long_help = "\
Columns by name: competitor, sku and price are needed; currency, shipping, in_stock, observed_at, url
and confidence may be there. A row without observed_at was seen now.")]
    CompetitorPrices(CatalogArgs),
}

/// Flags of `import sql`.
#[derive(Args, Debug)]
pub struct SqlArgs {
    /// The shop's database: postgres://user@host/name or sqlite:path
    #[arg(long, value_name = "URL")]
    pub url: String,
    /// The query; rows of one order stand together, as ORDER BY order_id puts them
    #[arg(long, value_name = "SQL")]
    pub query: String,
    /// What the rows are about
    #[arg(long, default_value = "sales", conflicts_with = "mapping")]
    pub kind: RowsOf,
    /// Which column is what, TOML
    #[arg(long, value_name = "FILE")]
    pub mapping: Option<PathBuf>,
    /// The name under which its orders and people are unique
    #[arg(long, default_value = "sql", value_name = "NAME")]
    pub source: String,
    /// The currency of amounts that name none [default: the configured one]
    #[arg(long, value_name = "CODE")]
    pub currency: Option<String>,
    /// The zone of times that name none [default: the configured one]
    #[arg(long, value_name = "ZONE")]
    pub zone: Option<String>,
    /// Where refused rows go [default: rejects/ in the data folder]
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// Read everything and book nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// What rows of a query are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RowsOf {
    /// Lines of orders
    Sales,
    /// What lies where
    Inventory,
    /// Products
    Products,
    /// People
    Customers,
}

/// Flags of the imports that have a layout of their own.
#[derive(Args, Debug)]
pub struct TableArgs {
    /// The file, .csv, .csv.gz or .xlsx
    pub file: PathBuf,
    /// The sheet of a workbook [default: the first]
    #[arg(long, value_name = "NAME")]
    pub sheet: Option<String>,
    /// The name under which its orders and people are unique [default: that of the layout]
    #[arg(long, value_name = "NAME")]
    pub source: Option<String>,
    /// The currency of amounts that name none [default: the configured one]
    #[arg(long, value_name = "CODE")]
    pub currency: Option<String>,
    /// The zone of times that name none [default: the configured one]
    #[arg(long, value_name = "ZONE")]
    pub zone: Option<String>,
    /// Where refused rows go [default: rejects/ in the data folder]
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// Read everything and book nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Flags of `import csv`.
#[derive(Args, Debug)]
pub struct CsvArgs {
    /// What every import takes
    #[command(flatten)]
    pub table: TableArgs,
    /// Which column is what, TOML
    #[arg(long, value_name = "FILE", required_unless_present = "guess")]
    pub mapping: Option<PathBuf>,
    /// Guess the mapping from the names and the first rows, and write it beside the file
    #[arg(long, conflicts_with = "mapping")]
    pub guess: bool,
}

/// Flags of `import online-retail`.
#[derive(Args, Debug)]
pub struct OnlineRetailArgs {
    /// The file
    pub file: PathBuf,
    /// The name under which its invoice numbers are unique
    #[arg(long, default_value = "online-retail", value_name = "NAME")]
    pub source: String,
    /// The currency of its prices [default: the configured one, else GBP as in this layout]
    #[arg(long, value_name = "CODE")]
    pub currency: Option<String>,
    /// The zone of its local times [default: the configured one, else Europe/London as in this layout]
    #[arg(long, value_name = "ZONE")]
    pub zone: Option<String>,
    /// Where refused rows go [default: rejects/ in the data folder]
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
}

/// Flags of `import catalog`.
#[derive(Args, Debug)]
pub struct CatalogArgs {
    /// The file
    pub file: PathBuf,
    /// The currency of rows that name none [default: the configured one]
    #[arg(long, value_name = "CODE")]
    pub currency: Option<String>,
    /// Where refused rows go [default: rejects/ in the data folder]
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
}

/// Flags of `import events`.
#[derive(Args, Debug)]
pub struct EventsArgs {
    /// The file
    pub file: PathBuf,
    /// Where refused lines go [default: rejects/ in the data folder]
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
}
