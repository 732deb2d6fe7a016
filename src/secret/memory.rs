//! What lies in memory stays there.
//!
//! A token or a key is in memory for as long as it is used. When the process dies by a signal the
//! kernel would write all of that into a core file, or hand it to a collector of crashes; and any
//! process of the same user could read it through `/proc` or a debugger. Both are switched off for
//! the whole process, before anything is read. The limit also holds for the programs that it
//! starts, which have a secret in memory too; whether they may be looked into is theirs to decide.

use std::io;

use rustix::process::{Resource, Rlimit, setrlimit};

/// Allows no core file, and no other process to read this one's memory.
///
/// # Errors
/// The system refuses it.
pub fn seal() -> io::Result<()> {
    let nothing = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, nothing)?;
    // The limit does not hold where the system hands cores to a program; this does.
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}
