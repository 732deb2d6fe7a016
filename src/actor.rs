//! Who does it: the user of the operating system, by user id; under sudo, the user who called it.

use std::fs;

/// The name of the acting user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor(String);

impl Actor {
    /// The user of this process. `sudo_user` is what sudo says who called it; it counts only for a
    /// process with root's rights, because anybody can set a variable.
    pub fn of_process(sudo_user: Option<&str>) -> Self {
        Self::decide(is_root(), sudo_user, whoami::username().ok())
    }

    fn decide(root: bool, sudo_user: Option<&str>, user: Option<String>) -> Self {
        let caller = sudo_user.filter(|name| root && !name.is_empty());
        Self(caller.map_or_else(
            || user.unwrap_or_else(|| "unknown".to_owned()),
            str::to_owned,
        ))
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// Whether the process has root's rights: its effective user id is 0. Where the kernel does not
/// say (no `/proc`), the user's name decides.
pub fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").ok();
    let effective = status.as_deref().and_then(effective_uid);
    effective.map_or_else(
        || whoami::username().is_ok_and(|name| name == "root"),
        |uid| uid == 0,
    )
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
    fn sudo_counts_only_with_roots_rights() {
        let actor = |root, sudo: Option<&str>| Actor::decide(root, sudo, Some("os".into())).0;
        assert_eq!(actor(true, Some("anna")), "anna");
        assert_eq!(actor(false, Some("anna")), "os");
        assert_eq!(actor(true, Some("")), "os");
        assert_eq!(actor(true, None), "os");
        assert_eq!(Actor::decide(true, None, None).0, "unknown");
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
