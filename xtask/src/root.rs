//! Finds the repository, so that every command works from any folder inside it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The repository's root: the nearest folder at or above `start` that holds `xtask/Cargo.toml`.
///
/// # Errors
/// Refuses a folder outside the repository.
pub fn find(start: &Path) -> Result<PathBuf> {
    let start = start.canonicalize().with_context(|| format!("cannot read {}", start.display()))?;
    match start.ancestors().find(|folder| folder.join("xtask/Cargo.toml").is_file()) {
        Some(root) => Ok(root.to_path_buf()),
        None => bail!("{} is not inside the repository", start.display()),
    }
}
