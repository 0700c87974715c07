//! The outside world as the configuration names it: the guard, the mail, and the seal with its keys,
//! which lie in a file of their own, readable by the owner alone.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use shopwright_app::effects::{CALL_TIME_MAX, Outside};
use shopwright_gateways::guard::Guard;
use shopwright_gateways::mail::Mail;
use shopwright_gateways::resolver::Resolver;
use shopwright_gateways::seal::{KEY_BYTES, Seal};
use shopwright_store::{Page, Store, StoreError, webhooks};

use crate::config::Settings;
use crate::failure::Failure;
use crate::key_file::write_new;
use crate::real::{self, RealEntropy};

/// A larger file is not a key file of ours.
const KEY_FILE_BYTES_MAX: usize = 65_536;

/// Everything performers need, as configured.
pub async fn open(settings: &Settings, store: &Store) -> Result<Outside, Failure> {
    let mail = match &settings.smtp_url {
        Some(url) => Mail::smtp(url, CALL_TIME_MAX)
            .map_err(|error| Failure::new("config", format!("smtp_url: {error}")))?,
        None => Mail::Folder(settings.mail_dir.clone()),
    };
    Ok(Outside {
        guard: Guard::new(settings.outbound_allow.clone(), Resolver::System),
        mail,
        mail_from: settings.mail_from.clone(),
        operator: settings.mail_to_operator.clone(),
        seal: read_or_make_seal(settings, store).await?,
        random: Arc::new(RealEntropy),
    })
}

/// Reads the seal's keys, or makes the first when nothing was ever sealed.
async fn read_or_make_seal(settings: &Settings, store: &Store) -> Result<Seal, Failure> {
    let path = &settings.seal_key_file;
    if let Some(seal) = read_seal(path)? {
        return Ok(seal);
    }
    let sealed = |tx: &mut shopwright_store::Tx<'_>| {
        Ok::<_, StoreError>(!webhooks::list_endpoints(tx, &Page::first(1))?.is_empty())
    };
    if store.read(sealed).await? {
        let shown = path.display();
        return Err(Failure::new(
            "seal_key",
            format!(
                "the seal key file {shown} is missing, and webhook secrets were sealed under it; \
                 restore it, or name another with seal_key_file"
            ),
        ));
    }
    let line = Seal::line(&real::random::<KEY_BYTES>());
    write_new(path, line.as_bytes()).map_err(|error| cannot("write", path, &error))?;
    // Another process may have been first; what lies there now is what holds.
    read_seal(path)?.ok_or_else(|| cannot("read", path, &io::ErrorKind::NotFound.into()))
}

fn read_seal(path: &Path) -> Result<Option<Seal>, Failure> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(cannot("read", path, &error)),
    };
    let refused = |why: String| {
        let shown = path.display();
        let does = "restore it, or name another with seal_key_file";
        Failure::new("seal_key", format!("{shown} is not a seal key file: {why}; {does}"))
    };
    if bytes.len() > KEY_FILE_BYTES_MAX {
        return Err(refused("it is too large".into()));
    }
    let text = String::from_utf8(bytes).map_err(|_| refused("it is not text".into()))?;
    Seal::read(&text).map(Some).map_err(|error| refused(error.to_string()))
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Failure {
    let shown = path.display();
    let does = "check its folder and permissions, or name another with seal_key_file";
    Failure::new("seal_key", format!("cannot {what} the seal key file {shown}: {error}; {does}"))
}
