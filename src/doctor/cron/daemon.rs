//! Whether there is a cron on this machine, and whether it runs.

use std::fs;
use std::path::Path;

/// What cron is called, in the many systems there are.
const DAEMONS: [&str; 6] = [
    "cron",
    "crond",
    "fcron",
    "bcron",
    "supercronic",
    "systemd-cron",
];

/// Where such programs are; not every user has all of them in PATH.
const FOLDERS: [&str; 6] = [
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
    "/usr/local/sbin",
    "/usr/local/bin",
];

/// Whether one runs; none where processes cannot be seen.
pub(super) fn is_running() -> Option<bool> {
    let folder = fs::read_dir("/proc").ok()?;
    let mut seen = false;
    for entry in folder.flatten() {
        let Ok(name) = fs::read_to_string(entry.path().join("comm")) else {
            continue;
        };
        seen = true;
        if DAEMONS.contains(&name.trim()) {
            return Some(true);
        }
    }
    seen.then_some(false)
}

/// Whether the program of one is where such programs are.
pub(super) fn is_installed() -> bool {
    let there = |folder| DAEMONS.map(|name| Path::new(folder).join(name).exists());
    FOLDERS.into_iter().flat_map(there).any(|found| found)
}
