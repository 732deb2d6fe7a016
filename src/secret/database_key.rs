//! The key beside a database, under which secrets in plain sight are made into digests.
//!
//! Whoever has a copy of the database without this file cannot try out weak passwords against the
//! digests in it. The file is `NAME-key`, 0600: 64 hexadecimal digits and a line feed. It is made
//! with the first need of it, under another name, and linked into place, so that of two processes
//! that make it at once both end with the same key. If it is lost, a new one is made, and no
//! redacted value can be compared with earlier ones; each run writes down the name of its key.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::private_file;
use crate::disk::file_error;
use crate::error::{Error, Kind, Result};
use crate::tenant::TenantId;

/// The key of one tenant.
pub fn of_tenant(database: &Path, tenant: TenantId) -> Result<[u8; 32]> {
    let path = beside(database);
    if fs::metadata(&path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        make(&path)?;
    }
    let content = read(&path)?;
    let mut hasher = Sha256::new();
    hasher.update(&content);
    hasher.update(tenant.0.to_be_bytes());
    Ok(hasher.finalize().into())
}

/// Whether the key of a database is there, and no key is made.
///
/// # Errors
/// Something is there that is not a key, or that others can read.
pub fn look(database: &Path) -> Result<bool> {
    let path = beside(database);
    if fs::metadata(&path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(false);
    }
    read(&path).map(|_| true)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let content = private_file(path)?;
    if content.len() != 65 || !content.iter().take(64).all(u8::is_ascii_hexdigit) {
        return Err(Error::new(
            Kind::Config,
            format!("{} is not a key file of tenantpilot", path.display()),
        )
        .hint(
            "restore it from a copy; or move it away, and redacted values cannot be compared with earlier ones",
        ));
    }
    Ok(content)
}

/// Where the key of a database is.
pub fn beside(database: &Path) -> PathBuf {
    let mut name = database.file_name().unwrap_or_default().to_owned();
    name.push("-key");
    database.with_file_name(name)
}

/// Copies the key to where that of the database at `copy` is, where there is nothing yet; gives
/// its path.
pub fn copy(key: &Path, copy: &Path) -> Result<PathBuf> {
    let content = private_file(key)?;
    let target = beside(copy);
    write(&target, &content)?;
    Ok(target)
}

fn make(path: &Path) -> Result<()> {
    let draft = path.with_file_name(format!(
        ".tenantpilot-{}.new",
        uuid::Uuid::new_v4().simple()
    ));
    // Each UUID has 122 random bits from the system.
    let key = format!(
        "{}{}\n",
        uuid::Uuid::new_v4().simple(),
        uuid::Uuid::new_v4().simple()
    );
    let linked = write(&draft, key.as_bytes()).and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(file_error("create the key file", path, &error))
        }
        _ => Ok(()),
    });
    let _ = fs::remove_file(&draft);
    linked
}

/// Writes a new file, 0600 whatever the umask.
fn write(path: &Path, content: &[u8]) -> Result<()> {
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| {
            // The mode above is what the umask leaves of it; this is what it has to be.
            file.set_permissions(fs::Permissions::from_mode(0o600))
                .and_then(|()| file.write_all(content))
                .and_then(|()| file.sync_all())
        })
        .map_err(|error| file_error("write", path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_private_and_differs_between_tenants() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("tp.db");
        let first = of_tenant(&database, TenantId(1)).unwrap();
        assert_eq!(of_tenant(&database, TenantId(1)).unwrap(), first);
        assert_ne!(of_tenant(&database, TenantId(2)).unwrap(), first);
        let mode = fs::metadata(beside(&database))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "no draft is left"
        );
    }

    #[test]
    fn a_key_that_others_can_read_or_that_is_none_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("tp.db");
        of_tenant(&database, TenantId(1)).unwrap();
        let path = beside(&database);
        fs::write(&path, "short").unwrap();
        assert_eq!(
            of_tenant(&database, TenantId(1)).unwrap_err().kind(),
            Kind::Config
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = of_tenant(&database, TenantId(1)).unwrap_err();
        assert_eq!(error.kind(), Kind::CredentialUnusable);
    }
}
