//! The binary: reads the command line and the configuration, wires the floors below, and turns
//! every outcome into an answer and an exit code: 0 done, 1 not so, 2 bad input or failure.

mod api_keys;
mod backup;
mod cli;
mod cli_import;
mod config;
mod demo;
mod doctor;
mod failure;
mod import;
mod key_file;
mod ledger;
mod log_lines;
mod operators;
mod output;
mod outside;
mod price;
mod price_policy;
mod progress;
mod real;
mod recommend;
mod reload;
mod serve;
mod settings_shown;
mod signals;

use std::future::Future;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use serde_json::json;

use cli::{
    Cli, Command, EvaluateCommand, KeysCommand, OperatorsCommand, PriceCommand, RecommendCommand,
};
use cli_import::ImportCommand;
use config::{Given, Settings};
use failure::Failure;
use output::Answer;
use reload::{Reload, Relog};

/// Gives memory back after an import or a start, which the system's allocator keeps.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return misread(&error),
    };
    let json = cli.global.json;
    match run(cli) {
        Ok(None) => ExitCode::SUCCESS,
        Ok(Some(answer)) => {
            answer.print(json);
            ExitCode::from(u8::from(!answer.holds))
        }
        Err(failure) => {
            report(&failure, json);
            ExitCode::from(failure.exit)
        }
    }
}

fn report(failure: &Failure, json: bool) {
    if json {
        eprintln!("{}", failure.json());
    } else {
        eprintln!("error: {failure}");
    }
}

/// Help and version are answers; anything else is bad input.
fn misread(error: &clap::Error) -> ExitCode {
    let as_json = std::env::args_os().any(|argument| argument == "--json");
    if error.use_stderr() && as_json {
        let text = error.render().to_string();
        let first = text.lines().next().unwrap_or_default();
        let message = first.strip_prefix("error: ").unwrap_or(first);
        report(&Failure::new("usage", message), true);
    } else {
        // A reader that went away is no error.
        let _ = error.print();
    }
    ExitCode::from(if error.use_stderr() { 2 } else { 0 })
}

/// Runs a command to its answer; one that served has no more to say.
fn run(cli: Cli) -> Result<Option<Answer>, Failure> {
    let json = cli.global.json;
    let listen = match &cli.command {
        Command::Completions { shell } => return Ok(Some(completions(*shell))),
        Command::Openapi => return Ok(Some(openapi())),
        Command::Price(PriceCommand::Policy(args)) => {
            return price_policy::run(args).map(|()| None);
        }
        // These need no settings, no ledger and no folder.
        Command::Recommend(RecommendCommand::Batch(args)) => {
            return recommend::batch(args).map(|()| None);
        }
        Command::Evaluate(EvaluateCommand::Recommend(args)) => {
            return recommend::evaluate(args).map(Some);
        }
        Command::Serve(args) => args.listen.clone(),
        Command::Demo(args) => args.listen.clone(),
        _ => None,
    };
    let given = Given {
        file: cli.global.config,
        flags: vec![
            ("listen", listen),
            ("data_dir", cli.global.data_dir),
            ("database_url", cli.global.database_url),
            ("log", cli.global.log),
        ],
        variables: std::env::vars_os().collect(),
    };
    let settings = config::read(&given)?;
    match cli.command {
        Command::Serve(_) => {
            let relog = start_log(&settings, true)?;
            let listener = serve::listen(&settings)?;
            let store = ledger::open_or_make(&settings)?;
            let reload = Reload { given, relog };
            wait_for(serve::serve(&settings, store, listener, reload, json)).map(|()| None)
        }
        Command::Demo(args) => {
            start_log(&settings, false)?;
            let settings = demo::settings_of(&settings)?;
            let listener = serve::listen(&settings)?;
            let _occupied = demo::occupy(&settings, args.fresh)?;
            let store = ledger::open_or_make(&settings)?;
            wait_for(demo::run(&settings, store, listener, json)).map(|()| None)
        }
        command => answer(command, &settings, json).map(Some),
    }
}

/// The commands that end by themselves.
fn answer(command: Command, settings: &Settings, json: bool) -> Result<Answer, Failure> {
    start_log(settings, false)?;
    match command {
        Command::Config { explain: true } => Ok(settings_shown::explain()),
        Command::Config { explain: false } => Ok(settings_shown::effective(settings)),
        Command::Migrate => ledger::migrate(settings),
        Command::Backup(args) => backup::make(settings, &args),
        Command::Restore(args) => backup::restore(settings.clone(), &args),
        Command::Doctor(args) => doctor::examine(settings, &args, json),
        Command::Verify => {
            let store = ledger::open(settings)?;
            wait_for(ledger::check(&store))
        }
        Command::Import(ImportCommand::OnlineRetail(args)) => {
            let store = ledger::open_or_make(settings)?;
            wait_for(import::online_retail(settings, store, args, json))
        }
        Command::Import(ImportCommand::Catalog(args)) => {
            let store = ledger::open_or_make(settings)?;
            wait_for(import::catalog(settings, store, args, json))
        }
        Command::Import(ImportCommand::Events(args)) => {
            let store = ledger::open_or_make(settings)?;
            wait_for(import::events(settings, store, args, json))
        }
        Command::Import(ImportCommand::Csv(args)) if args.guess => {
            import::guess(settings, args.table)
        }
        Command::Import(ImportCommand::Sql(args)) => {
            let (rows, args) = import::fetch(settings, args)?;
            let store = ledger::open_or_make(settings)?;
            wait_for(import::fetched(settings, store, &rows, args, json))
        }
        Command::Import(ImportCommand::CompetitorPrices(args)) => {
            let store = ledger::open_or_make(settings)?;
            wait_for(import::competitor_prices(settings, store, args, json))
        }
        Command::Import(command) => {
            let store = ledger::open_or_make(settings)?;
            wait_for(import::table(settings, store, command, json))
        }
        Command::Price(PriceCommand::Show { sku }) => {
            let store = ledger::open(settings)?;
            wait_for(price::show(&store, &sku, &settings.zone))
        }
        Command::Price(PriceCommand::Explain { decision_id, replay }) => {
            let store = ledger::open(settings)?;
            wait_for(price::explain(&store, &decision_id, replay, &settings.zone))
        }
        Command::Keys(command) => keys(settings, command),
        Command::Operators(command) => people(settings, command),
        Command::Serve(_)
        | Command::Demo(_)
        | Command::Openapi
        | Command::Recommend(_)
        | Command::Evaluate(_)
        | Command::Completions { .. }
        | Command::Price(PriceCommand::Policy(_)) => unreachable!("these have run before"),
    }
}

fn keys(settings: &Settings, command: KeysCommand) -> Result<Answer, Failure> {
    let store = match command {
        KeysCommand::Create(_) | KeysCommand::CustomerSecret { .. } => {
            ledger::open_or_make(settings)?
        }
        _ => ledger::open(settings)?,
    };
    match command {
        KeysCommand::Create(args) => wait_for(api_keys::create(settings, &store, &args)),
        KeysCommand::List => wait_for(api_keys::list(&store, &settings.zone)),
        KeysCommand::CustomerSecret { rotate } => {
            wait_for(api_keys::customer_secret(settings, &store, rotate))
        }
        KeysCommand::Revoke { key_id } => wait_for(api_keys::revoke(&store, &key_id)),
    }
}

fn people(settings: &Settings, command: OperatorsCommand) -> Result<Answer, Failure> {
    let store = match command {
        OperatorsCommand::SetupLink | OperatorsCommand::Invite { .. } => {
            ledger::open_or_make(settings)?
        }
        _ => ledger::open(settings)?,
    };
    match command {
        OperatorsCommand::SetupLink => wait_for(operators::setup_link(settings, &store)),
        OperatorsCommand::List => wait_for(operators::list(&store, &settings.zone)),
        OperatorsCommand::Invite { email, role } => {
            wait_for(operators::invite(settings, &store, &email, role))
        }
        OperatorsCommand::Disable { email } => wait_for(operators::disable(&store, &email)),
        OperatorsCommand::Enable { email } => wait_for(operators::enable(&store, &email)),
        OperatorsCommand::ResetPassword { email } => {
            wait_for(operators::reset_password(settings, &store, &email))
        }
    }
}

/// Runs a command's asynchronous part. The ledger is opened before and closed after.
fn wait_for<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new("system", format!("cannot start threads: {error}")))?;
    runtime.block_on(work)
}

/// Logs go to the error output. A command that ends by itself logs warnings only, unless asked.
/// Gives what changes the level later.
fn start_log(settings: &Settings, runs_on: bool) -> Result<Relog, Failure> {
    let level = if runs_on || settings.is_set("log") { settings.log.as_str() } else { "warn" };
    let builder = tracing_subscriber::fmt()
        .event_format(log_lines::WithRequest::on_this_terminal())
        .with_writer(std::io::stderr)
        .with_env_filter(log_filter(level)?)
        .with_filter_reloading();
    let handle = builder.reload_handle();
    builder.init();
    Ok(Relog(Box::new(move |level| {
        let changed = handle.reload(log_filter(level)?);
        changed.map_err(|error| Failure::new("config", format!("log: {error}")))
    })))
}

fn log_filter(level: &str) -> Result<tracing_subscriber::EnvFilter, Failure> {
    tracing_subscriber::EnvFilter::try_new(level)
        .map_err(|error| Failure::new("config", format!("log: {error}")))
}

fn openapi() -> Answer {
    let json = shopwright_web::openapi();
    Answer { text: format!("{json:#}\n"), json, holds: true }
}

fn completions(shell: clap_complete::Shell) -> Answer {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "shopwright", &mut script);
    let text = String::from_utf8_lossy(&script).into_owned();
    Answer { json: json!({ "script": text }), text, holds: true }
}
