//! The secret under which API keys are hashed: 32 random bytes in a file of their own, readable by
//! the owner alone, outside the database and its backups.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use shopwright_app::identity::KeySecret;
use shopwright_store::{Store, StoreError, identity};

use crate::config::Settings;
use crate::failure::Failure;
use crate::real;

const SECRET_BYTES: usize = 32;
/// A larger file is not a secret of ours.
const SECRET_BYTES_MAX: usize = 4_096;

/// Reads the secret, or makes it when no key was ever hashed under one.
pub async fn read_or_make(settings: &Settings, store: &Store) -> Result<KeySecret, Failure> {
    let path = &settings.key_secret_file;
    if let Some(secret) = read(path)? {
        return Ok(secret);
    }
    let keys = store.read(|tx| Ok::<_, StoreError>(identity::list_keys(tx)?.len())).await?;
    if keys > 0 {
        let shown = path.display();
        return Err(Failure::new(
            "key_secret",
            format!(
                "the key secret {shown} is missing, and {keys} API keys were made under it; restore \
                 the file, or put 32 new random bytes there and make new keys"
            ),
        ));
    }
    write_new(path, &real::random::<SECRET_BYTES>())
        .map_err(|error| cannot("write", path, &error))?;
    // Another process may have been first; what lies there now is what holds.
    read(path)?.ok_or_else(|| cannot("read", path, &io::ErrorKind::NotFound.into()))
}

fn read(path: &Path) -> Result<Option<KeySecret>, Failure> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(cannot("read", path, &error)),
    };
    let secret = Some(bytes).filter(|b| b.len() <= SECRET_BYTES_MAX).and_then(KeySecret::new);
    secret.map(Some).ok_or_else(|| {
        let shown = path.display();
        let does = "restore it, or name another with key_secret_file";
        Failure::new(
            "key_secret",
            format!("{shown} is not a key secret of 16 to 4096 bytes; {does}"),
        )
    })
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Failure {
    let shown = path.display();
    let does = "check its folder and permissions, or name another with key_secret_file";
    Failure::new("key_secret", format!("cannot {what} the key secret {shown}: {error}; {does}"))
}

/// Writes a file that only its owner can read, whole or not at all, and never over one that is
/// there.
pub fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        fs::create_dir_all(folder)?;
    }
    let unique = u64::from_be_bytes(real::random());
    let draft = path.with_extension(format!("{unique:016x}.new"));
    let mut file = create_private(&draft)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    // A link, unlike a rename, refuses to replace what another process wrote meanwhile.
    let linked = written.and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// Makes a file that only its owner can read; fails when there is one.
pub fn create_private(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
