//! A disk that fails on demand below the program as it ships: `fixtures/faults.c`, compiled once and
//! loaded before it.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::env::{Env, Run};

pub const EIO: Deed = Deed::Errno(5);
pub const EACCES: Deed = Deed::Errno(13);
pub const EMFILE: Deed = Deed::Errno(24);
pub const ENOSPC: Deed = Deed::Errno(28);
pub const EROFS: Deed = Deed::Errno(30);
pub const EDQUOT: Deed = Deed::Errno(122);

/// All calls that change something.
pub const ANY: &str = "write,size,sync,name,open";

/// What becomes of a call; told in the fixture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    Errno(i32),
    Kill,
    Torn,
    Cut,
    Mix,
}

/// Which call goes wrong, and how.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// The classes that count, with commas between.
    pub calls: &'static str,
    pub deed: Deed,
    /// Whether all later calls go wrong too.
    pub onward: bool,
    /// The number of the call, from 1; 0 for none.
    pub at: usize,
}

impl Fault {
    pub fn once(calls: &'static str, deed: Deed) -> Self {
        let (onward, at) = (false, 0);
        Self {
            calls,
            deed,
            onward,
            at,
        }
    }

    pub fn onward(calls: &'static str, deed: Deed) -> Self {
        Self {
            onward: true,
            ..Self::once(calls, deed)
        }
    }

    pub fn at(self, at: usize) -> Self {
        Self { at, ..self }
    }

    fn word(self) -> String {
        match self.deed {
            Deed::Errno(number) => number.to_string(),
            Deed::Kill => "kill".to_owned(),
            Deed::Torn => "torn".to_owned(),
            Deed::Cut => "cut".to_owned(),
            Deed::Mix => "mix".to_owned(),
        }
    }
}

/// A call that was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub class: String,
    /// Below the folder.
    pub path: String,
    pub failed: bool,
}

/// Runs the program on a disk that has this fault below `folder`; what came of it, and all calls
/// that were counted.
pub fn run_on(folder: &Path, env: &Env, args: &[&str], fault: Fault) -> (Run, Vec<Call>) {
    let log = env.path("calls");
    drop(fs::remove_file(&log));
    let below = folder.canonicalize().unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let variables = [
        ("LD_PRELOAD", text(library())),
        ("FAULT_BELOW", text(&below)),
        ("FAULT_CALLS", fault.calls.to_owned()),
        ("FAULT_AT", fault.at.to_string()),
        ("FAULT_DO", fault.word()),
        (
            "FAULT_ONWARD",
            if fault.onward { "1" } else { "" }.to_owned(),
        ),
        ("FAULT_SEED", fault.at.to_string()),
        ("FAULT_LOG", text(&log)),
    ];
    let run = env.run_with(args, &variables);
    let calls = fs::read_to_string(&log).unwrap_or_default();
    (run, calls.lines().map(call).collect())
}

fn call(line: &str) -> Call {
    let mut words = line.split(' ').skip(1).map(str::to_owned);
    Call {
        class: words.next().unwrap(),
        path: words.next().unwrap(),
        failed: line.ends_with('!'),
    }
}

/// The compiled fixture; compiled where it is not there yet.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/faults.c");
        let mut hasher = DefaultHasher::new();
        fs::read(&source).unwrap().hash(&mut hasher);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let library = folder.join(format!("faults-{:x}.so", hasher.finish()));
        if !library.exists() {
            let draft = tempfile::NamedTempFile::new_in(folder).unwrap();
            let compiled = Command::new("cc")
                .args(["-shared", "-fPIC", "-O1", "-pthread", "-o"])
                .args([draft.path(), &source])
                .status()
                .unwrap();
            assert!(compiled.success(), "{} does not compile", source.display());
            draft.persist(&library).unwrap();
        }
        library
    })
}

/// Copies a folder with everything in it over another, which is emptied first.
pub fn put_back(kept: &Path, folder: &Path) {
    drop(fs::remove_dir_all(folder));
    let copied = Command::new("cp").arg("-a").args([kept, folder]).status();
    assert!(copied.unwrap().success());
}
