//! The house's floors, read from the manifests: a crate uses floors below its own, never a
//! neighbour, never one above; only the store knows a database; the lowest floor does no I/O.

use toml::{Table, Value};

use super::source::Source;
use super::tree::{File, Tree};
use super::{Finding, Rule};

/// Every crate of the house with its floor.
const FLOORS: [(&str, u8); 7] = [
    ("shopwright", 5),
    ("shopwright-web", 4),
    ("shopwright-app", 3),
    ("shopwright-store", 2),
    ("shopwright-gateways", 2),
    ("shopwright-domain", 1),
    ("shopwright-models", 1),
];

const PURE_FLOOR: u8 = 1;
/// Who speaks to databases: the store to the ledger, the gateways to a shop's own.
const SPEAK_SQL: [&str; 2] = ["shopwright-store", "shopwright-gateways"];

/// Database drivers and mappers: of the two floors that speak to databases.
const DATABASES: [&str; 8] = [
    "diesel",
    "libsqlite3-sys",
    "postgres",
    "rusqlite",
    "sea-orm",
    "sqlx",
    "tokio-postgres",
    "tokio-rusqlite",
];

/// Crates that reach the network, the disk, the clock or a source of chance.
const IMPURE: [&str; 18] = [
    "async-std",
    "axum",
    "fs-err",
    "getrandom",
    "hyper",
    "lettre",
    "mio",
    "notify",
    "redis",
    "reqwest",
    "rustix",
    "smol",
    "tempfile",
    "tokio",
    "tower-http",
    "tracing-subscriber",
    "ureq",
    "walkdir",
];

const SECTIONS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// Findings in every manifest of the house.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let shared = tree.find("Cargo.toml").and_then(|file| file.text.parse::<Table>().ok());
    let is_manifest = |file: &&File| {
        let parts: Vec<&str> = file.parts().collect();
        matches!(parts.as_slice(), ["crates", _, "Cargo.toml"])
    };
    for file in tree.files().iter().filter(is_manifest) {
        match file.text.parse::<Table>() {
            Ok(manifest) => findings.extend(check_manifest(file, &manifest, shared.as_ref())),
            Err(error) => {
                let message = format!("is not readable as TOML: {}", error.message());
                findings.push(Finding::new(&file.path, 0, Rule::Unreadable, message));
            }
        }
    }
    findings
}

fn check_manifest(file: &File, manifest: &Table, shared: Option<&Table>) -> Vec<Finding> {
    let package = manifest.get("package").and_then(|package| package.get("name"));
    let name = package.and_then(Value::as_str).unwrap_or_default();
    let Some(floor) = floor_of(name) else {
        let message = format!("`{name}` is on no floor of the house");
        return vec![Finding::new(&file.path, 0, Rule::Floors, message)];
    };
    let mut findings = Vec::new();
    for (key, dependency) in dependencies(manifest, shared) {
        let line = line_of_key(file, &key);
        let mut found = |rule: Rule, message: String| {
            findings.push(Finding::new(&file.path, line, rule, message));
        };
        let ours = dependency.starts_with("shopwright") || dependency == "xtask";
        if ours && floor_of(&dependency).is_none_or(|below| below >= floor) {
            found(Rule::Floors, format!("`{name}` may not use `{dependency}`: it is not below"));
        }
        if !SPEAK_SQL.contains(&name) && DATABASES.contains(&dependency.as_str()) {
            found(Rule::Databases, format!("only {} may use `{dependency}`", SPEAK_SQL.join(", ")));
        }
        if floor == PURE_FLOOR && IMPURE.contains(&dependency.as_str()) {
            found(Rule::PureFloor, format!("`{dependency}` does I/O, and `{name}` does none"));
        }
    }
    findings
}

/// Where a dependency stands: `key = ..`, `key.workspace = ..` or `[dependencies.key]`.
fn line_of_key(file: &File, key: &str) -> usize {
    let header = format!(".{key}]");
    let names = |line: &str| {
        let rest = line.trim_start().strip_prefix(key).unwrap_or_default();
        rest.starts_with([' ', '=', '.']) || line.trim_end().ends_with(&header)
    };
    file.text.lines().position(names).map_or(0, |at| at + 1)
}

fn floor_of(name: &str) -> Option<u8> {
    FLOORS.iter().find(|(known, _)| *known == name).map(|(_, floor)| *floor)
}

/// The key and real package name of every dependency, whatever its section or target.
fn dependencies(manifest: &Table, shared: Option<&Table>) -> Vec<(String, String)> {
    let targets = manifest.get("target").and_then(Value::as_table);
    let per_target = targets.into_iter().flat_map(|targets| targets.values());
    let scopes = std::iter::once(manifest).chain(per_target.filter_map(Value::as_table));
    let tables = scopes.flat_map(|scope| SECTIONS.iter().filter_map(|name| scope.get(*name)));
    tables
        .filter_map(Value::as_table)
        .flatten()
        .map(|(key, value)| (key.clone(), package_name(key, value, shared)))
        .collect()
}

/// A dependency may be renamed here or, when inherited, in the workspace's manifest.
fn package_name(key: &str, value: &Value, shared: Option<&Table>) -> String {
    let renamed = |value: &Value| value.get("package").and_then(Value::as_str).map(str::to_owned);
    let inherited = || {
        let workspace = shared?.get("workspace")?;
        renamed(workspace.get("dependencies")?.get(key)?)
    };
    renamed(value).or_else(inherited).unwrap_or_else(|| key.to_owned())
}

/// Paths into a database driver outside the store, such as one reached through a re-export.
pub fn check_database_paths(source: &Source<'_>) -> Vec<Finding> {
    let in_house = source.path.starts_with("crates/");
    let speaks = |name: &&str| source.path.starts_with(&format!("crates/{name}/"));
    if !in_house || SPEAK_SQL.iter().any(speaks) {
        return Vec::new();
    }
    let tokens = source.tokens.iter().enumerate();
    tokens
        .filter(|(at, token)| {
            DATABASES.contains(&token.text.replace('_', "-").as_str())
                && source.reads(at + 1, &[":", ":"])
        })
        .map(|(_, token)| {
            let message = format!("only {} may name `{}`", SPEAK_SQL.join(", "), token.text);
            Finding::new(source.path, token.line, Rule::Databases, message)
        })
        .collect()
}
