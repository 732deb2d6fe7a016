//! An export as one file: a tar archive, compressed with zstd.
//!
//! Equal exports have equal bytes: the time of every member is the backup set's, owner and group
//! are 0, the order is that of the paths, and the manifest comes first.

use std::collections::BTreeSet;
use std::io::{self, Write};

use tar::{Builder, EntryType, Header};

/// How hard to compress. Higher levels cost seconds and save little.
const LEVEL: i32 = 9;

/// Writes members one by one.
pub struct Archive<W: Write> {
    builder: Builder<zstd::stream::Encoder<'static, W>>,
    time: u64,
    folders: BTreeSet<String>,
}

impl<W: Write> Archive<W> {
    /// Begins an archive whose members have this time, in seconds since 1970.
    pub fn new(writer: W, time: u64) -> io::Result<Self> {
        let mut encoder = zstd::stream::Encoder::new(writer, LEVEL)?;
        encoder.include_checksum(true)?;
        Ok(Self {
            builder: Builder::new(encoder),
            time,
            folders: BTreeSet::new(),
        })
    }

    /// Adds a file, and the folders above it.
    pub fn add(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        for (at, _) in path.match_indices('/') {
            let folder = path.get(..=at).unwrap_or_default();
            if self.folders.insert(folder.to_owned()) {
                self.append(EntryType::Directory, 0o700, folder, &[])?;
            }
        }
        self.append(EntryType::Regular, 0o600, path, bytes)
    }

    fn append(&mut self, kind: EntryType, mode: u32, path: &str, bytes: &[u8]) -> io::Result<()> {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_mtime(self.time);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(bytes.len() as u64);
        self.builder.append_data(&mut header, path, bytes)
    }

    /// Ends it and gives the writer back.
    pub fn finish(self) -> io::Result<W> {
        self.builder.into_inner()?.finish()
    }
}
