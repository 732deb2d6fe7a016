//! The draft of a folder or archive: under which name it lies, and that nothing strange is in it.

use std::collections::BTreeSet;

use super::folder::Folder;
use super::layout::{Layout, migration};
use super::manifest::{self, Manifest};
use crate::error::{Error, Kind, Result};

/// What the draft of `name` is called, beside it.
pub(super) fn name(name: &str) -> String {
    format!(".{name}.tenantpilot-draft")
}

/// Refuses a draft that holds more than its manifest says: nothing may be published that nobody
/// exported.
pub(super) fn only_ours(folder: &Folder) -> Result<()> {
    let path = folder.path().display();
    let bytes = folder.read(manifest::NAME)?.unwrap_or_default();
    let manifest = Manifest::parse(&bytes).map_err(|reason| {
        Error::new(
            Kind::Storage,
            format!("{path}/{} was changed meanwhile: {reason}", manifest::NAME),
        )
    })?;
    let named: BTreeSet<&str> = manifest
        .files
        .iter()
        .map(|file| file.path.as_str())
        .collect();
    let files = folder.files()?;
    let with_table = manifest.layout == Layout::IntuneManagement.as_str();
    let foreign = |file: &&String| {
        let beside = *file == manifest::NAME || (with_table && *file == migration::NAME);
        !beside && !named.contains(file.as_str())
    };
    match files.iter().find(foreign) {
        None => Ok(()),
        Some(file) => Err(Error::new(
            Kind::Storage,
            format!("cannot publish {path}: it holds {file:?}, which no export wrote"),
        )),
    }
}
