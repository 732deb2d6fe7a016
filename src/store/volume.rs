//! What kind of file system a database lies on.
//!
//! WAL needs memory that all processes on one machine share, and locks that the kernel frees when a
//! process dies. No network file system gives both, and what breaks there breaks silently: so a
//! database on one is refused before it is opened for a run, and there is no way around that. What a
//! file system is, the kernel says (`statfs`); of one in user space it says only that, and the name
//! under which it was mounted says the rest.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{major, minor, statfs};

use crate::disk;
use crate::error::{Error, Kind, Result};

/// What a file or folder lies on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// How it is called: `ext4`, `nfs`, or the kernel's number for it.
    pub name: String,
    /// What that means for a database.
    pub nature: Nature,
}

/// What a file system means for a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// A disk of this machine, as far as is known.
    Local,
    /// On another machine, or shared with one.
    Network,
    /// Gone when the machine restarts.
    Memory,
    /// The layer of a container, gone with the container.
    Layer,
    /// Kept by a program; whether here or elsewhere is not known.
    UserSpace,
}

/// File systems by the kernel's numbers (statfs(2), linux/magic.h).
const KNOWN: [(u64, &str, Nature); 32] = [
    (0xEF53, "ext4", Nature::Local),
    (0x5846_5342, "xfs", Nature::Local),
    (0x9123_683E, "btrfs", Nature::Local),
    (0x2FC1_2FC1, "zfs", Nature::Local),
    (0xF2F5_2010, "f2fs", Nature::Local),
    (0xCA45_1A4E, "bcachefs", Nature::Local),
    (0x3153_464A, "jfs", Nature::Local),
    (0x4D44, "vfat", Nature::Local),
    (0x2011_BAB0, "exfat", Nature::Local),
    (0x0102_1994, "tmpfs", Nature::Memory),
    (0x8584_58F6, "ramfs", Nature::Memory),
    (0x794C_7630, "overlay", Nature::Layer),
    (FUSE, "fuse", Nature::UserSpace),
    (0x6969, "nfs", Nature::Network),
    (0x517B, "smb", Nature::Network),
    (0xFF53_4D42, "cifs", Nature::Network),
    (0xFE53_4D42, "smb2", Nature::Network),
    (0x0102_1997, "9p", Nature::Network),
    (0x00C3_6400, "ceph", Nature::Network),
    (0x5346_414F, "afs", Nature::Network),
    (0x6B41_4653, "afs", Nature::Network),
    (0x7375_7245, "coda", Nature::Network),
    (0x564C, "ncp", Nature::Network),
    (0x0116_1970, "gfs2", Nature::Network),
    (0x7461_636F, "ocfs2", Nature::Network),
    (0x0BD0_0BD0, "lustre", Nature::Network),
    (0x4750_4653, "gpfs", Nature::Network),
    (0xAAD7_AAEA, "panfs", Nature::Network),
    (0x1983_0326, "beegfs", Nature::Network),
    (0x786F_4256, "vboxsf", Nature::Network),
    (0x7C7C_6673, "prl_fs", Nature::Network),
    (0xBACB_ACBC, "vmhgfs", Nature::Network),
];

const FUSE: u64 = 0x6573_5546;

/// What is in the name of a file system in user space that leads to another machine.
const REMOTE: [&str; 21] = [
    "sshfs", "s3", "rclone", "gcs", "gluster", "ceph", "dav", "blob", "goofys", "smb", "cifs",
    "nfs", "curlftp", "lustre", "moosefs", "mfs", "lizardfs", "juicefs", "seaweed", "vmhgfs",
    "beegfs",
];

impl Volume {
    /// What `path` lies on; where there is nothing yet, the nearest folder above it.
    ///
    /// # Errors
    /// The kernel does not say.
    pub fn of(path: &Path) -> Result<Self> {
        let there = disk::place(path).find(|above| above.exists());
        let there = there.unwrap_or(Path::new("."));
        let failed = |error: rustix::io::Errno| {
            let what = format!("cannot look at the file system of {}", there.display());
            Error::new(Kind::Storage, format!("{what}: {error}"))
        };
        let number = magic(statfs(there).map_err(failed)?.f_type);
        let (name, nature) = judge(number, || mounted_as(there));
        Ok(Self { name, nature })
    }
}

/// Refuses a database that lies, or whose locks lie, on a network file system.
///
/// # Errors
/// It does. Where the kernel does not say what it is, nothing is refused.
pub fn require_local(database: &Path, locks: &Path) -> Result<()> {
    [database, locks]
        .into_iter()
        .try_for_each(|path| match Volume::of(path) {
            Ok(volume) => refuse_network(path, &volume),
            Err(_) => Ok(()),
        })
}

fn refuse_network(path: &Path, volume: &Volume) -> Result<()> {
    if volume.nature != Nature::Network {
        return Ok(());
    }
    let what = format!(
        "{} is on a network file system ({}), where neither locks nor SQLite's log can be relied on",
        path.display(),
        volume.name
    );
    Err(Error::new(Kind::Storage, what).hint(MOVE))
}

/// The way off a network file system.
pub const MOVE: &str = "move the database to a disk of this machine: tenantpilot db backup /var/lib/tenantpilot/tenantpilot.db \
                        --with-key, then name that one with --db; copies of it may lie anywhere";

/// The number as the kernel means it: 32 bits, sign or not.
fn magic(number: impl TryInto<i64>) -> u64 {
    let number = number.try_into().unwrap_or_default();
    number.cast_unsigned() & 0xFFFF_FFFF
}

fn judge(number: u64, mounted_as: impl FnOnce() -> Option<String>) -> (String, Nature) {
    let Some((_, name, nature)) = KNOWN.iter().find(|(known, ..)| *known == number) else {
        let name = mounted_as().unwrap_or_else(|| format!("{number:#x}"));
        return (name, Nature::Local);
    };
    let Some(mounted) = (number == FUSE).then(mounted_as).flatten() else {
        return ((*name).to_owned(), *nature);
    };
    let remote = REMOTE.iter().any(|word| mounted.contains(word));
    let nature = if remote { Nature::Network } else { *nature };
    (mounted, nature)
}

/// The type under which the file system of `path` was mounted (proc_pid_mountinfo(5)).
fn mounted_as(path: &Path) -> Option<String> {
    let device = fs::metadata(path).ok()?.dev();
    let table = fs::read_to_string("/proc/self/mountinfo").ok()?;
    type_of_device(&table, major(device), minor(device))
}

fn type_of_device(table: &str, major: u32, minor: u32) -> Option<String> {
    let device = format!("{major}:{minor}");
    let line = table
        .lines()
        .find(|line| line.split(' ').nth(2) == Some(&device))?;
    let (_, rest) = line.split_once(" - ")?;
    rest.split(' ').next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nature(number: u64, mounted: &str) -> Nature {
        judge(number, || Some(mounted.to_owned())).1
    }

    #[test]
    fn what_leads_to_another_machine_is_a_network_whatever_carries_it() {
        for (number, mounted) in [
            (0x6969, "nfs4"),
            (0xFF53_4D42, "cifs"),
            (0xFE53_4D42, "cifs"),
            (0x0102_1997, "9p"),
            (FUSE, "fuse.sshfs"),
            (FUSE, "fuse.glusterfs"),
            (FUSE, "fuse.s3fs"),
        ] {
            assert_eq!(nature(number, mounted), Nature::Network, "{mounted}");
        }
        assert_eq!(nature(0xEF53, "ext4"), Nature::Local);
        assert_eq!(nature(0x1234, "newfs"), Nature::Local, "not known is local");
        assert_eq!(nature(0x0102_1994, "tmpfs"), Nature::Memory);
        assert_eq!(nature(0x794C_7630, "overlay"), Nature::Layer);
        assert_eq!(nature(FUSE, "fuseblk"), Nature::UserSpace);
        assert_eq!(judge(FUSE, || None), ("fuse".to_owned(), Nature::UserSpace));
        assert_eq!(magic(-11_317_950_i64), 0xFF53_4D42, "a sign in 32 bits");
        let mut numbers: Vec<u64> = KNOWN.iter().map(|known| known.0).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), KNOWN.len(), "one number, one file system");
    }

    #[test]
    fn the_type_of_a_mount_is_found_by_its_device() {
        let table = "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n\
                     40 22 0:35 / /mnt/a\\040b rw - fuse.sshfs host:/x rw,user_id=0\n";
        assert_eq!(type_of_device(table, 0, 35).unwrap(), "fuse.sshfs");
        assert_eq!(type_of_device(table, 254, 0).unwrap(), "ext4");
        assert_eq!(type_of_device(table, 9, 9), None);
    }

    #[test]
    fn a_network_is_refused_and_nothing_else() {
        let volume = |nature| Volume {
            name: "x".to_owned(),
            nature,
        };
        let path = Path::new("/x/tp.db");
        let error = refuse_network(path, &volume(Nature::Network)).unwrap_err();
        assert_eq!(error.kind(), Kind::Storage);
        assert!(
            error
                .message()
                .starts_with("/x/tp.db is on a network file system (x)")
        );
        for nature in [
            Nature::Local,
            Nature::Memory,
            Nature::Layer,
            Nature::UserSpace,
        ] {
            refuse_network(path, &volume(nature)).unwrap();
        }
    }

    #[test]
    fn a_place_that_is_not_there_yet_lies_where_its_folder_does() {
        let folder = tempfile::tempdir().unwrap();
        let here = Volume::of(folder.path()).unwrap();
        let later = Volume::of(&folder.path().join("a/b/tp.db")).unwrap();
        assert_eq!((here.name, here.nature), (later.name, later.nature));
        assert!(!Volume::of(Path::new("tp.db")).unwrap().name.is_empty());
    }
}
