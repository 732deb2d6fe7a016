//! Who does it: the user of the operating system, by user id; under sudo, the user who called it.
//!
//! sudo says who called it in a variable, and anybody can set a variable. It counts only for a
//! process that has root's rights or owns the database file: whoever has those without sudo could
//! write any name into the file by hand.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// The acting user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    name: String,
    sovereign: bool,
}

impl Actor {
    /// The user of this process. `sudo_user` is what sudo says who called it.
    pub fn of_process(sudo_user: Option<&str>, database: &Path) -> Self {
        let power = is_root() || owns(database);
        Self::decide(power, sudo_user, whoami::username().ok())
    }

    fn decide(power: bool, sudo_user: Option<&str>, user: Option<String>) -> Self {
        let caller = sudo_user.filter(|name| power && !name.is_empty());
        Self {
            sovereign: power && caller.is_none_or(|caller| caller == "root"),
            name: caller.map_or_else(
                || user.unwrap_or_else(|| "unknown".to_owned()),
                str::to_owned,
            ),
        }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether they are owner whatever roles say: root, or the user who owns the database file;
    /// not somebody who acts as one of them by sudo.
    pub fn is_sovereign(&self) -> bool {
        self.sovereign
    }
}

/// The name of the process's user, whoever called it.
pub fn user() -> Option<String> {
    whoami::username().ok()
}

/// Whether the process has root's rights: its effective user id is 0. Where the kernel does not
/// say (no `/proc`), the user's name decides.
pub fn is_root() -> bool {
    effective_user().map_or_else(
        || whoami::username().is_ok_and(|name| name == "root"),
        |uid| uid == 0,
    )
}

/// Whether the process runs as the user whose file it is.
fn owns(file: &Path) -> bool {
    let owner = fs::metadata(file).ok().map(|metadata| metadata.uid());
    owner.is_some() && owner == effective_user()
}

fn effective_user() -> Option<u32> {
    effective_uid(&fs::read_to_string("/proc/self/status").ok()?)
}

/// The second number of the `Uid:` line of `proc_pid_status(5)`.
fn effective_uid(status: &str) -> Option<u32> {
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    uids.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sudo_counts_only_with_power_over_the_file() {
        let actor = |power, sudo: Option<&str>| {
            let actor = Actor::decide(power, sudo, Some("os".into()));
            (actor.name, actor.sovereign)
        };
        assert_eq!(actor(true, Some("anna")), ("anna".into(), false));
        assert_eq!(actor(false, Some("anna")), ("os".into(), false));
        assert_eq!(actor(true, Some("")), ("os".into(), true));
        assert_eq!(actor(true, None), ("os".into(), true));
        assert_eq!(actor(true, Some("root")), ("root".into(), true));
        assert_eq!(actor(false, Some("root")), ("os".into(), false));
        assert_eq!(Actor::decide(true, None, None).name, "unknown");
    }

    #[test]
    fn a_file_belongs_to_the_user_who_made_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(owns(file.path()));
        assert!(!owns(Path::new("/nowhere/at/all")));
    }

    #[test]
    fn the_effective_user_id_is_the_second() {
        assert_eq!(
            effective_uid("Name:\tx\nUid:\t1000\t0\t1000\t1000\n"),
            Some(0)
        );
        assert_eq!(effective_uid("Name:\tx\n"), None);
    }
}
