//! Which users the system knows.
//!
//! They may come from anywhere (a file, LDAP, sssd), and a static program reads none but the file. So
//! `getent` is asked, and where there is none, or it does not answer, nothing is known.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::clock::Clock;
use crate::program::Program;
use crate::stop::Stop;

/// How long the system may take: a server of users may not answer.
const LIMIT: Duration = Duration::from_secs(5);
/// How much it may print.
const MOST: u64 = 1 << 20;
/// The exit code of getent(1) for some that it did not find.
const NOT_FOUND: i32 = 2;

/// Those of these names that no user of the system has; nothing where that cannot be told. A name that
/// looks like a flag is not asked for.
pub fn unknown(users: &BTreeSet<String>, clock: &dyn Clock) -> Option<BTreeSet<String>> {
    let asked: BTreeSet<&str> = users
        .iter()
        .map(String::as_str)
        .filter(|user| !user.starts_with('-'))
        .collect();
    if asked.is_empty() {
        return Some(BTreeSet::new());
    }
    let words = ["getent", "passwd"]
        .into_iter()
        .chain(asked.iter().copied());
    let program = Program::of(&shell_words::join(words)).ok()?;
    let (status, printed) = program
        .answer(LIMIT, MOST, clock, &Stop::default())
        .inspect_err(|why| log::info!("which users there are is not known: {why:?}"))
        .ok()?;
    if !matches!(status.code(), Some(0 | NOT_FOUND)) {
        return None;
    }
    let printed = String::from_utf8_lossy(&printed);
    // A number is taken for that of a user, who has another name.
    let known: BTreeSet<&str> = printed
        .lines()
        .filter_map(|one| one.split(':').next())
        .collect();
    let unknown = asked.difference(&known);
    Some(unknown.map(|user| (*user).to_owned()).collect())
}
