//! What a dispatch with nothing due costs, with 10 schedules and with 10,000, side by side.
//!
//! ```text
//! cargo build --release && cargo run --release --example idle [-- RUNS]
//! ```
//!
//! Each round starts the built program once per database, in turn, so that whatever else the
//! machine does hits both alike. Prints the least, the median and the 99th percentile of each, and
//! the ratio of the medians.

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use tenantpilot::store::Store;
use tenantpilot::store::slots;
use tenantpilot::zone::Source;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let rounds: usize = std::env::args()
        .nth(1)
        .map_or(Ok(200), |rounds| rounds.parse())?;
    let program = std::env::current_exe()?
        .parent()
        .and_then(Path::parent)
        .map(|folder| folder.join("tenantpilot"))
        .filter(|program| program.exists())
        .ok_or("build the program first: cargo build --release")?;
    let folder = tempfile::tempdir()?;
    let few = database(&folder.path().join("few.db"), 10)?;
    let many = database(&folder.path().join("many.db"), 10_000)?;
    let (mut with_few, mut with_many) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        with_few.push(dispatch(&program, &few)?);
        with_many.push(dispatch(&program, &many)?);
    }
    let mut out = std::io::stdout();
    for (schedules, times) in [("10", &mut with_few), ("10,000", &mut with_many)] {
        times.sort_unstable();
        writeln!(
            out,
            "{schedules} schedules, {rounds} rounds: least {:.2?}, median {:.2?}, 99th percentile {:.2?}",
            at(times, 0),
            at(times, 50),
            at(times, 99)
        )?;
    }
    let ratio = at(&with_many, 50).as_secs_f64() / at(&with_few, 50).as_secs_f64();
    writeln!(out, "ratio of the medians {ratio:.2}")?;
    Ok(())
}

/// A database with so many daily schedules, the next slot of each a day ahead.
fn database(path: &Path, schedules: i64) -> Outcome<PathBuf> {
    let store = Store::open_or_create(path)?;
    store.write(|tx| slots::set_zone_version(tx, &Source::detect().version()))?;
    drop(store);
    let mut conn = Connection::open(path)?;
    let tx = conn.transaction()?;
    tx.execute(
        "INSERT INTO tenants (name, directory, cloud, client_id, credential_kind,
                              credential_reference, created_at)
         VALUES ('contoso', 'contoso.com', 'global', 'c', 'secret-env', 'V', 0)",
        [],
    )?;
    let now = i64::try_from(
        std::fs::metadata(path)?
            .modified()?
            .duration_since(std::time::UNIX_EPOCH)?
            .as_secs(),
    )?;
    let minute = now / 60 * 60;
    let tomorrow = minute + 86_400;
    for number in 0..schedules {
        tx.execute(
            "INSERT INTO schedules (tenant_id, name, frequency, times, timezone, policy_types,
                                    created_at, slots_begin, slots_from, next_slot)
             VALUES (1, ?1, 'daily', '[\"02:00\"]', 'UTC', '[\"default\"]', 0, ?3, ?3, ?2)",
            params![
                format!("nightly {number}"),
                tomorrow + number % 1440 * 60,
                minute + 60
            ],
        )?;
    }
    tx.commit()?;
    Ok(path.to_owned())
}

fn dispatch(program: &Path, database: &Path) -> Outcome<Duration> {
    let begun = Instant::now();
    let output = Command::new(program)
        .arg("--db")
        .arg(database)
        .arg("dispatch")
        .stdin(Stdio::null())
        .output()?;
    let took = begun.elapsed();
    if !output.status.success() || !output.stdout.is_empty() || !output.stderr.is_empty() {
        return Err(format!("a dispatch with nothing due is not silent: {output:?}").into());
    }
    Ok(took)
}

/// The time below which so many in a hundred are.
fn at(sorted: &[Duration], percent: usize) -> Duration {
    let place = sorted.len() * percent / 100;
    sorted.get(place).copied().unwrap_or_default()
}
