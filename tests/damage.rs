//! Databases that a disk, a person or a strange copy has damaged: never a panic, never a wrong
//! answer, and the file stays as it is.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test fails by it, and flips bits at random"
)]

#[path = "support/env.rs"]
mod env;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/sandbox.rs"]
mod sandbox;

use std::fs;
use std::path::{Path, PathBuf};

use fleet::Fleet;
use rusqlite::{Connection, OpenFlags};
use sandbox::server::faults::Dice;
use serde_json::Value;

/// A fleet with three sets, and its database as it is when nobody uses it.
struct Place {
    fleet: Fleet,
    whole: Vec<u8>,
    damaged: PathBuf,
}

impl Place {
    fn new() -> Self {
        let fleet = Fleet::new();
        let types = "namedLocation,deviceManagementScript,settingsCatalogPolicy";
        fleet.add("nightly", "contoso", &["--types", types]);
        for slot in fleet.slots(1, 3) {
            fleet.sandbox.change(sandbox::SCRIPTS, 3);
            assert_eq!(fleet.dispatch(&slot).ok(), "");
        }
        let whole = fs::read(fleet.env.database()).unwrap();
        let damaged = fleet.env.path("damaged.db");
        Self {
            fleet,
            whole,
            damaged,
        }
    }

    /// Writes these bytes as a database of its own.
    fn write(&self, bytes: &[u8]) {
        for end in ["-wal", "-shm", "-journal"] {
            drop(fs::remove_file(format!("{}{end}", self.damaged.display())));
        }
        fs::write(&self.damaged, bytes).unwrap();
    }

    /// Runs the program on it: the exit code, and what was said.
    fn run(&self, args: &[&str]) -> (i32, String) {
        let args = [args, &["--db", self.damaged.to_str().unwrap()]].concat();
        let run = self.fleet.env.run(&args);
        let said = format!("{args:?} {:?}: {}{}", run.code, run.stdout, run.stderr);
        assert!(!said.contains("panicked"), "{said}");
        (run.code.expect("no signal"), said)
    }

    /// What every command says of it: an answer, or that it is damaged.
    fn ask_all(&self) {
        for args in COMMANDS {
            let (code, said) = self.run(args);
            assert!(matches!(code, 0 | 3 | 14 | 18 | 19), "{said}");
        }
    }
}

const COMMANDS: [&[&str]; 12] = [
    &["tenants", "list"],
    &["schedules", "list"],
    &["schedules", "next", "nightly"],
    &["history", "--json"],
    &["history", "show", "2"],
    &["backups", "list"],
    &["backups", "show", "2"],
    &["backups", "diff", "1", "2"],
    &["backups", "verify"],
    &["audit", "verify"],
    &["db", "check"],
    &["status"],
];

#[test]
fn what_is_no_whole_database_is_refused_as_damaged() {
    let place = Place::new();
    let size = place.whole.len();
    let zeroed = |range: std::ops::Range<usize>| {
        let mut bytes = place.whole.clone();
        bytes[range].fill(0);
        bytes
    };
    let mut schema = place.whole.clone();
    schema[100..4096].fill(0xff);
    for (what, bytes) in [
        ("a header of zeros", zeroed(0..100)),
        ("a schema of zeros", zeroed(100..4096)),
        ("a schema page of ones", schema),
        ("half of it", place.whole[..size / 2].to_vec()),
        ("its first page", place.whole[..4096].to_vec()),
        ("its first bytes", place.whole[..50].to_vec()),
        ("text", b"a database, they said\n".repeat(500)),
        ("zeros", vec![0; 8192]),
    ] {
        place.write(&bytes);
        place.ask_all();
        for args in [&["db", "check"][..], &["backups", "verify"]] {
            let (code, said) = place.run(args);
            assert_eq!(code, 14, "{what}: {said}");
        }
        place.write(&bytes);
        let (code, said) = place.run(&["dispatch"]);
        assert!(matches!(code, 0 | 14), "{what}: {said}");
    }
}

#[test]
fn a_page_that_became_ones_is_found_and_nothing_panics() {
    let place = Place::new();
    let pages = place.whole.len() / 4096;
    let (mut found, mut tried) = (0, 0);
    for page in (1..pages).step_by(9) {
        let mut bytes = place.whole.clone();
        bytes[page * 4096..(page + 1) * 4096].fill(0xff);
        place.write(&bytes);
        place.ask_all();
        let sound = [&["db", "check"][..], &["backups", "verify"]];
        found += usize::from(sound.iter().any(|args| place.run(args).0 == 14));
        tried += 1;
    }
    assert_eq!(found, tried);
}

/// The stored bytes of every content, as a strange program reads them; none where it cannot.
fn contents(path: &Path) -> Option<Vec<(i64, Vec<u8>)>> {
    let sql = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
    let mut query = sql
        .prepare("SELECT id, data FROM contents ORDER BY id")
        .ok()?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.ok()?.collect::<rusqlite::Result<_>>().ok()
}

/// All documents of all sets.
fn documents(place: &Place) -> Vec<Value> {
    let env = &place.fleet.env;
    let show = |set: i64| {
        let database = place.damaged.to_str().unwrap();
        env.json(&["backups", "show", &set.to_string(), "--db", database])
    };
    (1..=3).map(show).collect()
}

/// Flips that many single bits, each in a database of its own: how many hit a stored content, how
/// many of those were found, how many SQLite itself finds.
fn flip(place: &Place, rounds: usize, seed: u64) -> [usize; 3] {
    let mut dice = Dice(seed);
    place.write(&place.whole);
    let (before, sets) = (contents(&place.damaged).unwrap(), documents(place));
    let (mut hit, mut found, mut by_sqlite) = (0, 0, 0);
    for round in 0..rounds {
        let at = usize::try_from(dice.roll(place.whole.len() as u64)).unwrap();
        let bit = 1_u8 << dice.roll(8);
        let mut bytes = place.whole.clone();
        bytes[at] ^= bit;
        place.write(&bytes);
        if rounds < 100 || round % 10 == 0 {
            place.ask_all();
        }
        place.write(&bytes);
        let hits = contents(&place.damaged).is_none_or(|after| after != before);
        place.write(&bytes);
        let (code, said) = place.run(&["backups", "verify", "--json"]);
        assert!(matches!(code, 0 | 14), "bit {bit} at {at}: {said}");
        if hits {
            hit += 1;
            found += usize::from(code == 14);
            // A bit that means nothing: what is read is what was kept.
            assert!(code == 14 || documents(place) == sets, "bit {bit} at {at}");
            let sql = Connection::open(&place.damaged).unwrap();
            let told = sql.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
            by_sqlite += usize::from(told.ok().as_deref() != Some("ok"));
        }
    }
    [hit, found, by_sqlite]
}

#[test]
fn a_flipped_bit_in_what_was_backed_up_is_found() {
    let [hit, found, _] = flip(&Place::new(), 24, 5);
    assert!(hit > 0 && found * 10 >= hit * 9, "{found} of {hit}");
}

#[test]
#[ignore = "takes minutes: cargo test --test damage -- --ignored --nocapture"]
fn three_hundred_flipped_bits() {
    let [hit, found, by_sqlite] = flip(&Place::new(), 300, 11);
    println!("300 bits, {hit} in contents: {found} found, {by_sqlite} by SQLite's own check");
    assert!(found * 10 >= hit * 9);
}

/// A database with its log, as a process that was killed leaves them: what one holds beside the
/// other is two runs.
fn with_log(fleet: &Fleet) -> [PathBuf; 2] {
    fleet.add(
        "nightly",
        "contoso",
        &["--types", "namedLocation,deviceManagementScript"],
    );
    let slots = fleet.slots(1, 2);
    // As long as somebody has it open, nobody is the last to close it.
    let other = fleet.env.sql();
    other
        .query_row("SELECT count(*) FROM runs", [], |_| Ok(()))
        .unwrap();
    for slot in &slots {
        fleet.sandbox.change(sandbox::SCRIPTS, 1);
        assert_eq!(fleet.dispatch(slot).ok(), "");
    }
    let kept = fleet.env.path("kept");
    fs::create_dir(&kept).unwrap();
    let copies = ["tenantpilot.db", "tenantpilot.db-wal"].map(|name| {
        fs::copy(fleet.env.path("state").join(name), kept.join(name)).unwrap();
        kept.join(name)
    });
    drop(other);
    copies
}

#[test]
fn a_log_that_ends_anywhere_or_is_flipped_gives_a_state_that_was() {
    let fleet = Fleet::new();
    let [database, log] = with_log(&fleet).map(|path| fs::read(path).unwrap());
    assert!(log.len() > 20 * 4096, "{} bytes", log.len());
    let mut dice = Dice(3);
    let random = |_| usize::try_from(dice.roll(log.len() as u64)).unwrap();
    let random: Vec<usize> = (0..12).map(random).collect();
    let frames = (0..log.len()).step_by(5 * 4096 + 13);
    let slot = &fleet.slots(1, 1)[0];
    let mut states = std::collections::BTreeSet::new();
    for (at, flips) in frames
        .map(|at| (at, false))
        .chain(random.iter().flat_map(|at| [(*at, false), (*at, true)]))
    {
        for end in ["", "-wal", "-shm"] {
            drop(fs::remove_file(format!(
                "{}{end}",
                fleet.env.database().display()
            )));
        }
        let mut left = log.clone();
        if flips {
            left[at] ^= 0x10;
        } else {
            left.truncate(at);
        }
        fs::write(fleet.env.database(), &database).unwrap();
        fs::write(format!("{}-wal", fleet.env.database().display()), &left).unwrap();
        let closed = fleet.dispatch(slot);
        assert!(
            matches!(closed.code, Some(0 | 19)),
            "{at}: {}",
            closed.stderr
        );
        fleet.env.run(&["db", "check", "--quiet"]).ok();
        fleet.assert_sound();
        let sets = fleet.env.items(&["backups", "list"]).len();
        states.insert((fleet.runs().len(), sets, closed.code));
    }
    assert!(states.len() > 2, "{states:?}");
}

#[test]
fn a_copy_without_its_log_is_an_older_state_and_sound() {
    let mut fleet = Fleet::new();
    let [copy, log] = with_log(&fleet);
    let now = fleet.runs().len();
    fs::remove_file(log).unwrap();
    fleet.env.set("TENANTPILOT_DB", copy.to_str().unwrap());
    fleet.env.run(&["db", "check", "--quiet"]).ok();
    fleet.env.run(&["audit", "verify"]).ok();
    assert_eq!(fleet.env.json(&["backups", "verify"])["ok"], true);
    assert!(fleet.runs().len() < now, "the log held the newest runs");
}
