//! Reads the file and the variables, lays flags over them, and checks every value and name.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::keys::{self, KEYS, Key};
use super::{Origin, Setting, Settings, nearest};
use crate::failure::Failure;

const FILE: &str = "shopwright.toml";
const PREFIX: &str = "SHOPWRIGHT_";
/// Names the file itself; not a key.
const CONFIG_VARIABLE: &str = "SHOPWRIGHT_CONFIG";
/// The largest configuration file or secret file that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;
const EXPLAIN: &str = "`shopwright config --explain` lists every key";

/// What the command line and the process were given.
#[derive(Debug, Default)]
pub struct Given {
    /// `--config`.
    pub file: Option<PathBuf>,
    /// Flags by key name.
    pub flags: Vec<(&'static str, Option<String>)>,
    /// The variables of the process.
    pub variables: Vec<(OsString, OsString)>,
}

/// The effective configuration.
pub fn read(given: &Given) -> Result<Settings, Failure> {
    let start = KEYS.iter().map(|key| Setting {
        key,
        value: Some(key.default.to_owned()).filter(|text| !text.is_empty()),
        origin: Origin::Default,
    });
    let mut all: Vec<Setting> = start.collect();
    let variables = our_variables(&given.variables)?;
    let named = variables.iter().find(|(name, _)| name == CONFIG_VARIABLE);
    let named = given.file.clone().or(named.map(|(_, path)| path.into()));
    for (key, value, origin) in from_file(named.as_deref())? {
        set(&mut all, key, value, origin)?;
    }
    for (name, value) in variables.iter().filter(|(name, _)| name != CONFIG_VARIABLE) {
        let (key, value) = from_variable(name, value, &variables)?;
        set(&mut all, key, value, Origin::Variable(name.clone()))?;
    }
    for (name, value) in &given.flags {
        if let (Some(key), Some(value)) = (keys::find(name), value) {
            set(&mut all, key, value.clone(), Origin::Flag(key.flag.unwrap_or(key.name)))?;
        }
    }
    Settings::from_checked(all)
}

fn set(
    all: &mut [Setting],
    key: &'static Key,
    value: String,
    origin: Origin,
) -> Result<(), Failure> {
    if let Err(hint) = key.kind.check(&value) {
        let shown = if key.secret { "the value given".to_owned() } else { format!("`{value}`") };
        let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        let from = origin.text();
        return Err(Failure::new(
            "config",
            format!("{} from {from}: {shown} is not {}{hint}", key.name, key.kind.describe()),
        ));
    }
    if let Some(setting) = all.iter_mut().find(|s| s.key.name == key.name) {
        (setting.value, setting.origin) = (Some(value), origin);
    }
    Ok(())
}

fn unknown(what: &str, name: &str, close: Option<String>) -> Failure {
    let hint = close.map(|close| format!(" (did you mean {close}?)")).unwrap_or_default();
    Failure::new("config", format!("{what} {name} is not known{hint}; {EXPLAIN}"))
}

type Found = (&'static Key, String, Origin);

fn from_file(named: Option<&Path>) -> Result<Vec<Found>, Failure> {
    let path = match named {
        Some(path) => path,
        None if Path::new(FILE).exists() => Path::new(FILE),
        None => return Ok(Vec::new()),
    };
    let shown = path.display();
    let text = read_small(path, "configuration file")?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let what = error.message().lines().next().unwrap_or("it is not TOML");
        Failure::new("config", format!("{shown} line {line} cannot be read: {what}"))
    })?;
    let read_one = |(name, value): (&String, &toml::Value)| {
        let close = || nearest(name, KEYS.iter().map(|k| k.name)).map(ToOwned::to_owned);
        let key =
            keys::find(name).ok_or_else(|| unknown(&format!("{shown}: the key"), name, close()))?;
        let value = match value {
            toml::Value::String(text) => text.clone(),
            toml::Value::Integer(number) => number.to_string(),
            _ => {
                let wanted = key.kind.describe();
                return Err(Failure::new("config", format!("{shown}: {name} is not {wanted}")));
            }
        };
        Ok((key, value, Origin::File(path.to_owned())))
    };
    table.iter().map(read_one).collect()
}

/// Our variables that are not empty; an empty one counts as not set, as compose files leave them.
fn our_variables(all: &[(OsString, OsString)]) -> Result<Vec<(String, String)>, Failure> {
    let mut ours = Vec::new();
    for (name, value) in all {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        let value = value.to_str().ok_or_else(|| {
            Failure::new("config", format!("{name} is not UTF-8 text; set it again"))
        })?;
        if !value.is_empty() && !is_foreign(name, value) {
            ours.push((name.to_owned(), value.to_owned()));
        }
    }
    ours.sort();
    Ok(ours)
}

/// Variables under our prefix that are not configuration: those of the test suite, and those that
/// Kubernetes puts into every container beside a service called `shopwright`.
fn is_foreign(name: &str, value: &str) -> bool {
    let rest = name.strip_prefix(PREFIX).unwrap_or_default();
    let of_tests = rest.starts_with("TEST_") || rest.starts_with("REQUIRE_") || rest == "ARTEFACTS";
    let of_service = rest == "SERVICE_HOST"
        || rest.starts_with("SERVICE_PORT")
        || rest.starts_with("PORT_")
        || (rest == "PORT" && value.contains("://"));
    of_tests || of_service
}

fn from_variable(
    name: &str,
    value: &str,
    all: &[(String, String)],
) -> Result<(&'static Key, String), Failure> {
    if let Some(key) = KEYS.iter().find(|key| key.variable() == name) {
        return Ok((key, value.to_owned()));
    }
    let of_file = |key: &&Key| key.secret && format!("{}_FILE", key.variable()) == name;
    let Some(key) = KEYS.iter().find(of_file) else {
        let names: Vec<String> = KEYS.iter().map(Key::variable).collect();
        let close = nearest(name, names.iter().map(String::as_str)).map(ToOwned::to_owned);
        return Err(unknown("the variable", name, close));
    };
    let direct = key.variable();
    if all.iter().any(|(name, _)| *name == direct) {
        return Err(Failure::new("config", format!("{direct} and {name} are both set; keep one")));
    }
    Ok((key, read_small(Path::new(value), &format!("file that {name} names,"))?.trim().to_owned()))
}

fn read_small(path: &Path, what: &str) -> Result<String, Failure> {
    let shown = path.display();
    let failed = |problem: String| {
        let does = "check the path and its permissions";
        Failure::new("config", format!("cannot read the {what} {shown}: {problem}; {does}"))
    };
    let size = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
    if size > FILE_BYTES_MAX {
        return Err(failed("it is larger than 1 MiB".into()));
    }
    std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(
        variables: &[(&str, &str)],
        flags: Vec<(&'static str, Option<String>)>,
    ) -> Result<Settings, Failure> {
        let variables = variables.iter().map(|(n, v)| (n.into(), v.into())).collect();
        read(&Given { file: None, flags, variables })
    }

    #[test]
    fn a_flag_wins_over_a_variable_and_both_over_the_default() {
        let settings = of(
            &[("SHOPWRIGHT_LOG", "debug"), ("SHOPWRIGHT_ZONE", "Europe/Berlin")],
            vec![("log", Some("warn".into()))],
        )
        .unwrap();
        assert_eq!((settings.log.as_str(), settings.currency.code()), ("warn", "EUR"));
        assert!(settings.is_set("zone") && !settings.is_set("currency"));
    }

    #[test]
    fn unknown_variables_are_refused_with_the_nearest_and_foreign_ones_are_not() {
        let check = |name: &str, value: &str, refused: Option<&str>| {
            let error = of(&[(name, value)], Vec::new()).err().map(|e| e.message);
            assert_eq!(error.is_some(), refused.is_some(), "{name}: {error:?}");
            assert!(refused.is_none_or(|part| error.unwrap_or_default().contains(part)), "{name}");
        };
        check("SHOPWRIGHT_DATA_DRI", "x", Some("did you mean SHOPWRIGHT_DATA_DIR?"));
        check("SHOPWRIGHT_PORT", "9000", Some("not known"));
        check("SHOPWRIGHT_PORT", "tcp://10.0.0.1:8080", None);
        check("SHOPWRIGHT_SERVICE_HOST", "10.0.0.1", None);
        check("SHOPWRIGHT_TEST_POSTGRES_URL", "x", None);
        check("SHOPWRIGHT_CURRENCY", "", None);
        check("SHOPWRIGHT_LISTEN_FILE", "x", Some("not known"));
        check("OTHER_SHOPWRIGHT_X", "x", None);
    }

    #[test]
    fn a_wrong_secret_is_refused_without_being_repeated() {
        let error =
            of(&[("SHOPWRIGHT_DATABASE_URL", "mysql://u:hunter2@h/d")], Vec::new()).unwrap_err();
        assert!(!error.message.contains("hunter2"), "{error}");
    }
}
