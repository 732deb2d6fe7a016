//! A folder of the file system that is written into without ever leaving it.
//!
//! Everything goes through the handle of the folder and of the folders below it, one component at a
//! time, and no symbolic link is followed: whoever swaps a folder for a link meanwhile is refused,
//! not obeyed. A file is never written in place: its new bytes go into [`DRAFT`] first, which is then
//! renamed over it. New files are 0600, new folders 0700.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use rustix::process::geteuid;

use crate::disk::file_error;
use crate::error::{Error, Kind, Result};

/// The name under which a file is written before it gets its own.
pub const DRAFT: &str = ".tenantpilot-export.draft";

/// The largest file that is read back.
pub const LARGEST: u64 = 256 << 20;

const FOLDER: OFlags = OFlags::DIRECTORY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// A folder, held open.
pub struct Folder {
    handle: OwnedFd,
    path: PathBuf,
}

/// What a name leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Nothing.
    Nothing,
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// Anything else, a symbolic link above all.
    Other,
}

impl Folder {
    /// The folder at `path`, whose last component must not be a link; none where there is nothing.
    pub fn open(path: &Path) -> Result<Option<Self>> {
        match fs::open(path, FOLDER, Mode::empty()) {
            Ok(handle) => Ok(Some(Self {
                handle,
                path: path.to_owned(),
            })),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(unusable("open the folder", path, errno)),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes sure that nobody else writes an export here until the lock is dropped, and that the
    /// path still leads to this folder.
    pub fn lock(&self) -> Result<File> {
        // Opened anew: a copy of our handle would share its lock.
        let file = fs::openat(&self.handle, ".", FOLDER, Mode::empty())
            .map_err(|errno| unusable("lock", &self.path, errno))?;
        let file = File::from(file);
        try_lock(&file, &self.path)?;
        let same = fs::statat(fs::CWD, &self.path, AtFlags::SYMLINK_NOFOLLOW)
            .and_then(|there| fs::fstat(&self.handle).map(|here| same_file(&here, &there)));
        if same == Ok(true) {
            Ok(file)
        } else {
            Err(busy(&self.path))
        }
    }

    /// The names in it.
    pub fn names(&self) -> Result<Vec<String>> {
        let read = || -> rustix::io::Result<Vec<String>> {
            let mut names = Vec::new();
            for entry in fs::Dir::read_from(&self.handle)? {
                let name = entry?.file_name().to_string_lossy().into_owned();
                if name != "." && name != ".." {
                    names.push(name);
                }
            }
            names.sort_unstable();
            Ok(names)
        };
        read().map_err(|errno| unusable("read the folder", &self.path, errno))
    }

    /// Everything in it and below it that is no folder, by path.
    pub fn files(&self) -> Result<Vec<String>> {
        let mut files = Vec::new();
        let mut folders = vec![String::new()];
        while let Some(above) = folders.pop() {
            let names = match above.as_str() {
                "" => Some(self.names()?),
                above => self
                    .folder(above)?
                    .map(|folder| folder.names())
                    .transpose()?,
            };
            for name in names.into_iter().flatten() {
                let path = match above.as_str() {
                    "" => name,
                    above => format!("{above}/{name}"),
                };
                match self.entry(&path)? {
                    Entry::Folder => folders.push(path),
                    _ => files.push(path),
                }
            }
        }
        Ok(files)
    }

    /// What the last component of `path` leads to.
    pub fn entry(&self, path: &str) -> Result<Entry> {
        let (folder, name) = self.parent(path, false)?;
        let Some(folder) = folder else {
            return Ok(Entry::Nothing);
        };
        match fs::statat(&folder.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => Entry::File,
                FileType::Directory => Entry::Folder,
                _ => Entry::Other,
            }),
            Err(Errno::NOENT) => Ok(Entry::Nothing),
            Err(errno) => Err(unusable("look at", &self.path.join(path), errno)),
        }
    }

    /// The bytes of a file; none where there is nothing. A link, a device, or more than
    /// [`LARGEST`] bytes: refused.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let whole = self.path.join(path);
        match self.entry(path)? {
            Entry::Nothing => return Ok(None),
            Entry::File => {}
            Entry::Folder | Entry::Other => return Err(no_file(&whole)),
        }
        let (Some(folder), name) = self.parent(path, false)? else {
            return Ok(None);
        };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = fs::openat(&folder.handle, name, flags, Mode::empty())
            .map_err(|errno| unusable("open", &whole, errno))?;
        let mut bytes = Vec::new();
        File::from(file)
            .take(LARGEST + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| file_error("read", &whole, &error))?;
        if bytes.len() as u64 > LARGEST {
            return Err(Error::new(
                Kind::Storage,
                format!("{} is larger than {LARGEST} bytes", whole.display()),
            ));
        }
        Ok(Some(bytes))
    }

    /// When the file was last written, in seconds since 1970.
    pub fn modified(&self, path: &str) -> Result<i64> {
        let (Some(folder), name) = self.parent(path, false)? else {
            return Ok(0);
        };
        fs::statat(&folder.handle, name, AtFlags::SYMLINK_NOFOLLOW)
            .map(|stat| stat.st_mtime)
            .map_err(|errno| unusable("look at", &self.path.join(path), errno))
    }

    /// The folder at `path` below this one; none where there is nothing.
    pub fn folder(&self, path: &str) -> Result<Option<Self>> {
        let (Some(above), name) = self.parent(path, false)? else {
            return Ok(None);
        };
        above.below(name)
    }

    /// Makes the file say `bytes`; the folders above it are made where they are missing. What is
    /// there already is replaced if it is a regular file, and refused if it is anything else.
    pub fn write(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let whole = self.path.join(path);
        let (folder, name) = self.parent(path, true)?;
        let folder = folder.ok_or_else(|| unusable("open", &whole, Errno::NOENT))?;
        if matches!(self.entry(path)?, Entry::Folder | Entry::Other) {
            return Err(no_file(&whole));
        }
        self.discard(DRAFT)?;
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let draft = fs::openat(&self.handle, DRAFT, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|errno| unusable("write", &self.path.join(DRAFT), errno))?;
        File::from(draft)
            .write_all(bytes)
            .map_err(|error| file_error("write", &whole, &error))?;
        fs::renameat(&self.handle, DRAFT, &folder.handle, name)
            .map_err(|errno| unusable("write", &whole, errno))
    }

    /// Removes a file, and the folders above it that are empty then. What is not there is fine.
    pub fn remove(&self, path: &str) -> Result<()> {
        self.discard(path)?;
        let mut above = path;
        while let Some((folder, _)) = above.rsplit_once('/') {
            let (Some(parent), name) = self.parent(folder, false)? else {
                break;
            };
            if fs::unlinkat(&parent.handle, name, AtFlags::REMOVEDIR).is_err() {
                break;
            }
            above = folder;
        }
        Ok(())
    }

    fn discard(&self, path: &str) -> Result<()> {
        let (Some(folder), name) = self.parent(path, false)? else {
            return Ok(());
        };
        match fs::unlinkat(&folder.handle, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(unusable("remove", &self.path.join(path), errno)),
        }
    }

    /// Waits until everything written so far is on the disk.
    pub fn sync(&self) -> Result<()> {
        fs::syncfs(&self.handle)
            .and_then(|()| fs::fsync(&self.handle))
            .map_err(|errno| unusable("write", &self.path, errno))
    }

    /// Makes the folder `name` in it, 0700, unless it is there, and opens it.
    pub fn make(&self, name: &str) -> Result<Self> {
        let path = self.path.join(name);
        match fs::mkdirat(&self.handle, name, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(unusable("make the folder", &path, errno)),
        }
        self.below(name)?
            .ok_or_else(|| unusable("make the folder", &path, Errno::NOENT))
    }

    /// Makes the folder `name` in it, 0700 and of this process's user alone, and opens it. What
    /// another process of this user left behind there is taken over.
    pub fn make_own(&self, name: &str) -> Result<Self> {
        let folder = self.make(name)?;
        take_over(&folder.handle, &folder.path, Mode::RWXU)?;
        Ok(folder)
    }

    /// Gives the folder or file `from` in it the name `to`, which nothing may have.
    pub fn publish(&self, from: &str, to: &str) -> Result<()> {
        fs::renameat_with(&self.handle, from, &self.handle, to, RenameFlags::NOREPLACE)
            .or_else(|errno| match errno {
                // A file system that cannot promise it.
                Errno::INVAL | Errno::NOSYS => fs::renameat(&self.handle, from, &self.handle, to),
                errno => Err(errno),
            })
            .and_then(|()| fs::fsync(&self.handle))
            .map_err(|errno| unusable("publish", &self.path.join(to), errno))
    }

    /// Gives the file `from` in it the name `to`, in place of the file that has it.
    pub fn replace(&self, from: &str, to: &str) -> Result<()> {
        fs::renameat(&self.handle, from, &self.handle, to)
            .and_then(|()| fs::fsync(&self.handle))
            .map_err(|errno| unusable("publish", &self.path.join(to), errno))
    }

    /// Opens the file `name` in it to be written from its beginning, 0600, for this process alone.
    /// What another process of this user left behind there is taken over.
    pub fn own(&self, name: &str) -> Result<File> {
        let path = self.path.join(name);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = fs::openat(&self.handle, name, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|errno| unusable("write", &path, errno))?;
        let file = File::from(file);
        take_over(&file, &path, Mode::RUSR | Mode::WUSR)?;
        try_lock(&file, &path)?;
        // Its last owner may have published it between our opening and our lock.
        let same = fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW)
            .and_then(|there| fs::fstat(file.as_fd()).map(|here| same_file(&here, &there)));
        if same != Ok(true) {
            return Err(busy(&path));
        }
        file.set_len(0)
            .map_err(|error| file_error("write", &path, &error))?;
        Ok(file)
    }

    /// The folder that the last component of `path` lies in, and that component.
    fn parent<'p>(&self, path: &'p str, make: bool) -> Result<(Option<Self>, &'p str)> {
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
        let handle = self
            .handle
            .try_clone()
            .map_err(|error| file_error("open", &self.path, &error))?;
        let mut folder = Self {
            handle,
            path: self.path.clone(),
        };
        for component in folders.split('/').filter(|component| !component.is_empty()) {
            folder = if make {
                folder.make(component)?
            } else {
                match folder.below(component)? {
                    Some(below) => below,
                    None => return Ok((None, name)),
                }
            };
        }
        Ok((Some(folder), name))
    }

    fn below(&self, name: &str) -> Result<Option<Self>> {
        let path = self.path.join(name);
        match fs::openat(&self.handle, name, FOLDER, Mode::empty()) {
            Ok(handle) => Ok(Some(Self { handle, path })),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(unusable("open the folder", &path, errno)),
        }
    }
}

/// Makes a folder or file that may have been there before this user's alone. In a folder that others
/// write to, one of them may have laid it there: then it is refused.
fn take_over(handle: impl AsFd, path: &Path, mode: Mode) -> Result<()> {
    let failed = |errno| unusable("take over", path, errno);
    let stat = fs::fstat(&handle).map_err(failed)?;
    let kind = FileType::from_raw_mode(stat.st_mode);
    let single =
        kind == FileType::Directory || (kind == FileType::RegularFile && stat.st_nlink == 1);
    if stat.st_uid != geteuid().as_raw() || !single {
        return Err(Error::new(
            Kind::Storage,
            format!(
                "cannot write {}: it belongs to another user, or has another name as well",
                path.display()
            ),
        )
        .hint("remove it, or export to a folder that nobody else writes to"));
    }
    fs::fchmod(&handle, mode).map_err(failed)
}

fn same_file(here: &fs::Stat, there: &fs::Stat) -> bool {
    (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)
}

fn try_lock(file: &File, path: &Path) -> Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(std::fs::TryLockError::WouldBlock) => Err(busy(path)),
        Err(std::fs::TryLockError::Error(error)) => Err(file_error("lock", path, &error)),
    }
}

fn busy(path: &Path) -> Error {
    Error::new(
        Kind::Busy,
        format!("another process is writing an export to {}", path.display()),
    )
    .hint("try again when it is done")
}

fn no_file(path: &Path) -> Error {
    Error::new(
        Kind::Storage,
        format!(
            "cannot use {}: it is a symbolic link or no regular file",
            path.display()
        ),
    )
    .hint("move it away, or export to another folder")
}

fn unusable(deed: &str, path: &Path, errno: Errno) -> Error {
    let is_link = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink());
    if is_link && matches!(errno, Errno::LOOP | Errno::NOTDIR | Errno::EXIST) {
        return Error::new(
            Kind::Storage,
            format!("cannot {deed} {}: it is a symbolic link", path.display()),
        )
        .hint("name the place that it leads to, if that is what you want");
    }
    let failed = file_error(deed, path, &io::Error::from(errno));
    match failed.hint_text() {
        Some(_) => failed,
        None => failed.hint("export to another place: --to DIR"),
    }
}

#[cfg(test)]
mod tests;
