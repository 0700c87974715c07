//! The command line: what can be asked for, with examples.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Shopwright: prices for your shop, from your own orders, with a reason for every change.
#[derive(Debug, Parser)]
#[command(
    name = "shopwright",
    version,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Examples:
  shopwright demo                                  look around in a sample shop
  shopwright import online-retail orders.csv.gz    bring in an order history
  shopwright price show 85123A                     one price, and why
  shopwright keys create --kind secret --name api  make an API key
  shopwright serve                                 answer on 127.0.0.1:8080

Exit codes: 0 done, 1 what was asked for is not so, 2 bad input or a failure."
)]
pub struct Cli {
    /// Settings for every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Settings for every command.
#[derive(Args, Debug)]
pub struct Global {
    /// The configuration file [default: shopwright.toml in the working folder, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The data folder [default: ./data]
    #[arg(long, global = true, value_name = "FOLDER")]
    pub data_dir: Option<String>,
    /// PostgreSQL instead of the embedded database; better kept in a variable or a file
    #[arg(long, global = true, value_name = "URL")]
    pub database_url: Option<String>,
    /// What is logged: off, error, warn, info, debug, trace
    #[arg(long, global = true, value_name = "LEVEL")]
    pub log: Option<String>,
    /// Answer in JSON
    #[arg(long, global = true)]
    pub json: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Answer the API and the dashboard
    #[command(after_help = "Examples:
  shopwright serve
  shopwright serve --listen 0.0.0.0:8080 --data-dir ./data
  SHOPWRIGHT_DATABASE_URL_FILE=secrets/url shopwright serve

Stops on Ctrl-C or SIGTERM after the requests that are running, within 30 seconds; a second one stops
it at once. SIGHUP reads the configuration again; `shopwright config --explain` says which settings
change without a restart.")]
    Serve(ServeArgs),
    /// Look around in a sample shop with real orders and invented costs
    #[command(after_help = "Examples:
  shopwright demo
  shopwright demo --listen 127.0.0.1:9000
  shopwright demo --fresh                 forget everything and begin again

The demo keeps its own ledger in the folder `demo` of the data folder.")]
    Demo(DemoArgs),
    /// Bring in orders or a catalogue
    #[command(subcommand)]
    Import(ImportCommand),
    /// Prices and why they are what they are
    #[command(subcommand)]
    Price(PriceCommand),
    /// API keys
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Who may sign in
    #[command(subcommand)]
    Operators(OperatorsCommand),
    /// Check that the books hold
    #[command(after_help = "Examples:
  shopwright verify
  shopwright verify --json

Exits with 1 and the offending rows when a rule is broken.")]
    Verify,
    /// Bring the database schema up to date
    Migrate,
    /// Write the whole ledger into one file, while it is in use
    #[command(after_help = "Examples:
  shopwright backup backups/2026-11-24.swbackup
  shopwright backup --force latest.swbackup

One consistent moment of the ledger, from either database. The key files key.secret and seal.key are
not in it: keep copies of them in another place. `shopwright doctor --backup FILE` proves that it
restores.")]
    Backup(BackupArgs),
    /// Make a ledger from a backup
    #[command(after_help = "Examples:
  shopwright restore backups/2026-11-24.swbackup
  shopwright restore backups/2026-11-24.swbackup --into ./restored
  SHOPWRIGHT_DATABASE_URL_FILE=secrets/url shopwright restore backups/2026-11-24.swbackup

The ledger must be empty. It is brought to this program's schema and its books are checked before it
is put in place; a restore that fails or is killed leaves everything as it was.")]
    Restore(RestoreArgs),
    /// Look at everything that should be so, and say what to do where it is not
    #[command(after_help = "Examples:
  shopwright doctor
  shopwright doctor --json
  shopwright doctor --backup backups/2026-11-24.swbackup

Exit codes: 0 no problem, 1 problems, 2 something could not be looked at.")]
    Doctor(DoctorArgs),
    /// Show the settings that hold and where they come from
    #[command(after_help = "Examples:
  shopwright config
  shopwright config --explain

Settings come from shopwright.toml, then SHOPWRIGHT_ variables, then flags; the last one wins.")]
    Config {
        /// Say what every key does
        #[arg(long)]
        explain: bool,
    },
    /// Print the OpenAPI description of the API
    Openapi,
    /// Print a completion script for a shell
    #[command(after_help = "Example:
  shopwright completions bash > ~/.local/share/bash-completion/completions/shopwright")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Flags of `serve`.
#[derive(Args, Debug)]
pub struct ServeArgs {
    /// Where to answer [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
}

/// Flags of `demo`.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// Where to answer [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Forget the demo's data and begin again
    #[arg(long)]
    pub fresh: bool,
}

/// Flags of `backup`.
#[derive(Args, Debug)]
pub struct BackupArgs {
    /// The file to write
    pub file: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    pub force: bool,
}

/// Flags of `restore`.
#[derive(Args, Debug)]
pub struct RestoreArgs {
    /// The backup
    pub file: PathBuf,
    /// Restore into the embedded database of this folder, whatever is configured
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["database_url", "data_dir"])]
    pub into: Option<PathBuf>,
    /// Keep the ledger even if its books do not hold
    #[arg(long)]
    pub accept_broken: bool,
}

/// Flags of `doctor`.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// Restore this backup in a scratch folder and check it
    #[arg(long, value_name = "FILE")]
    pub backup: Option<PathBuf>,
}

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
    /// What shoppers did, one JSON object a line in our own form or Segment's, plain or .gz
    #[command(after_help = "Examples:
  shopwright import events events.ndjson
  shopwright import events segment-export.json.gz --rejects refused.csv

Running it twice changes nothing; after an interruption the same command goes on.
Lines that do not fit go to the rejects file with their number and the reason.")]
    Events(EventsArgs),
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

/// What can be asked about prices.
#[derive(Debug, Subcommand)]
pub enum PriceCommand {
    /// One product's price, the reasons, and its last changes
    #[command(after_help = "Example:\n  shopwright price show 85123A")]
    Show {
        /// The shop's own code of the product
        sku: String,
    },
    /// One decision with everything it was made from
    #[command(after_help = "Example:
  shopwright price explain dec_01h455vb4pex5vsknk084sn02q --replay

With --replay the decision is made once more from what was kept; exits with 1 if it differs.")]
    Explain {
        /// The decision's id, as `price show` lists it
        decision_id: String,
        /// Decide once more and compare
        #[arg(long)]
        replay: bool,
    },
}

/// What can be done with API keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a key; its text is shown once
    #[command(after_help = "Examples:
  shopwright keys create --kind secret --name api
  shopwright keys create --kind restricted --name counter --scope stock:read --scope stock:write
  shopwright keys create --kind publishable --name web --origin https://shop.example")]
    Create(CreateKeyArgs),
    /// All keys, newest first
    List,
    /// The secret with which your server signs customer tokens
    #[command(after_help = "Examples:
  shopwright keys customer-secret
  shopwright keys customer-secret --rotate    a new secret; tokens of the old one run out

docs/customer-tokens.md shows how to sign.")]
    CustomerSecret {
        /// Replace the secret; tokens signed before hold until they expire, an hour at most
        #[arg(long)]
        rotate: bool,
    },
    /// Revoke a key at once on every node
    Revoke {
        /// The key's id, as `keys list` shows it
        key_id: String,
    },
}

/// What can be done with operators.
#[derive(Debug, Subcommand)]
pub enum OperatorsCommand {
    /// Make the one-time link that makes the first owner
    #[command(
        name = "setup-link",
        after_help = "Example:
  shopwright operators setup-link

Works while the shop has no owner. The link opens once, within an hour."
    )]
    SetupLink,
    /// All operators, the first one made first
    List,
    /// Make a one-time link by which somebody becomes an operator
    #[command(after_help = "Example:
  shopwright operators invite ada@shop.example --role staff")]
    Invite {
        /// The email they will sign in with
        email: String,
        /// What they may do
        #[arg(long)]
        role: RoleName,
    },
    /// Sign an operator out everywhere and let it sign in no more
    Disable {
        /// The operator's email
        email: String,
    },
    /// Let a disabled operator sign in again
    Enable {
        /// The operator's email
        email: String,
    },
    /// Make a one-time link that sets a new password
    #[command(name = "reset-password")]
    ResetPassword {
        /// The operator's email
        email: String,
    },
}

/// The role of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RoleName {
    /// Everything, operators, keys and settings among it
    Owner,
    /// Changes prices, stock and orders
    Staff,
    /// Only looks
    ReadOnly,
}

/// Flags of `keys create`.
#[derive(Args, Debug)]
pub struct CreateKeyArgs {
    /// What it may be used for
    #[arg(long)]
    pub kind: Kind,
    /// What you call it
    #[arg(long)]
    pub name: String,
    /// What a restricted key may do, like stock:read; may be given more than once
    #[arg(long, value_name = "SCOPE")]
    pub scope: Vec<String>,
    /// A web origin a browser may use it from; may be given more than once [default: any]
    #[arg(long, value_name = "ORIGIN")]
    pub origin: Vec<String>,
    /// From this moment on it opens nothing, like 2027-01-01T00:00:00Z [default: never]
    #[arg(long, value_name = "TIME")]
    pub expires_at: Option<String>,
}

/// The kind of an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// For servers: reads and writes everything
    Secret,
    /// For servers that need only part of it: does what its scopes name
    Restricted,
    /// For browsers: reads prices
    Publishable,
}
