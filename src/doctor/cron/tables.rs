//! The crontabs in which a line may start `dispatch`: this user's, and the machine's, whose lines name a
//! user.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::account;
use crate::clock::SystemClock;
use crate::crontab::{self, Entry};

/// The machine's tables, whose lines name a user.
pub(super) const MACHINE: &str = "/etc/crontab";
pub(super) const MACHINE_FOLDER: &str = "/etc/cron.d";

/// A line of a crontab that starts `dispatch`.
#[derive(Debug, Clone)]
pub struct Line {
    /// The table that it is in.
    pub table: String,
    /// The line.
    pub entry: Entry,
    /// How it starts it.
    pub dispatch: crontab::Dispatch,
    /// Whether its table is one that some crons pass over, and why.
    pub(super) ignored: Option<String>,
    /// Whether lines of its table have to name a user.
    pub(super) names_user: bool,
    /// The word before the program, where that is a user in a table of none, or no user in a table of
    /// users.
    pub(super) misplaced: Option<String>,
}

impl Line {
    /// Whether cron starts it as this user, who asks.
    pub fn is_of(&self, user: Option<&str>) -> bool {
        !self.names_user || (user.is_some() && self.entry.user.as_deref() == user)
    }
}

/// The crontabs, as far as they are ours to read.
pub struct Tables {
    /// Every line that starts `dispatch`.
    pub lines: Vec<Line>,
    /// Whether there is a program that lists this user's crontab.
    pub(super) has_program: bool,
}

impl Tables {
    /// Looks at this user's crontab, and at the machine's tables.
    pub fn read() -> Self {
        let program = program();
        let own = own_crontab();
        let mut lines = Vec::new();
        if let Ok(Some(text)) = &own {
            lines.extend(of_user(text, &program));
        }
        if let Ok(text) = fs::read_to_string(MACHINE) {
            lines.extend(of_machine(MACHINE, &text, &program));
        }
        let folder = fs::read_dir(MACHINE_FOLDER).into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> = folder.map(|entry| entry.path()).collect();
        files.sort();
        for file in files {
            let Ok(text) = fs::read_to_string(&file) else {
                continue;
            };
            let found = of_machine(&file.display().to_string(), &text, &program);
            lines.extend(found.into_iter().map(|line| Line {
                ignored: ignored(&file),
                ..line
            }));
        }
        lines.iter_mut().for_each(find_misplaced);
        Self {
            lines,
            has_program: own.is_ok(),
        }
    }
}

/// The lines of a user's own table.
pub(super) fn of_user(text: &str, program: &str) -> Vec<Line> {
    let lines = crontab::entries(text, false)
        .into_iter()
        .filter_map(|entry| {
            Some(Line {
                table: "this user's crontab".to_owned(),
                dispatch: entry.dispatch(program)?,
                entry,
                ignored: None,
                names_user: false,
                misplaced: None,
            })
        });
    lines.collect()
}

/// The lines of a table of the machine's, and those which would be one if they named a user.
pub(super) fn of_machine(table: &str, text: &str, program: &str) -> Vec<Line> {
    let lines = crontab::entries(text, true)
        .into_iter()
        .filter_map(|entry| {
            let (entry, dispatch) = match entry.dispatch(program) {
                Some(dispatch) => (entry, dispatch),
                None => {
                    let entry = entry.without_user()?;
                    let dispatch = entry.dispatch(program)?;
                    (entry, dispatch)
                }
            };
            Some(Line {
                table: table.to_owned(),
                entry,
                dispatch,
                ignored: None,
                names_user: true,
                misplaced: None,
            })
        });
    lines.collect()
}

/// Finds the word before the program that is a user where none belongs, or none where one does.
pub(super) fn find_misplaced(line: &mut Line) {
    let word = match line.names_user {
        true => &line.entry.user,
        false => &line.dispatch.led_by,
    };
    let Some(word) = word else {
        return;
    };
    let is_user = match word.contains(['=', '/']) {
        true => Some(false),
        false => account::unknown(&BTreeSet::from([word.clone()]), &SystemClock)
            .map(|unknown| unknown.is_empty()),
    };
    if is_user == Some(!line.names_user) {
        line.misplaced = Some(word.clone());
    }
}

/// The name of this program's file.
fn program() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// What `crontab -l` prints; none where there is no crontab.
///
/// # Errors
/// Where there is no such program.
fn own_crontab() -> io::Result<Option<String>> {
    let output = Command::new("crontab")
        .arg("-l")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(output.status.success().then_some(text))
}

/// Why a file in `/etc/cron.d` is passed over by some crons (cron(8) of Debian).
fn ignored(file: &Path) -> Option<String> {
    let name = file.file_name()?.to_string_lossy().into_owned();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if !name.bytes().all(plain) {
        return Some(
            "cron passes over files whose name has more than letters, digits, _ and -".into(),
        );
    }
    let mode = fs::metadata(file).ok()?.permissions().mode();
    (mode & 0o022 != 0).then(|| "cron passes over files that others can write".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cron_passes_over_is_known_by_its_name_and_mode() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, mode| {
            let path = folder.path().join(name);
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            ignored(&path)
        };
        assert_eq!(file("tenantpilot", 0o644), None);
        assert!(file("tenantpilot.cron", 0o644).unwrap().contains("letters"));
        assert!(file("open", 0o664).unwrap().contains("others can write"));
    }
}
