//! How long comparing takes, of sets next to each other up to the whole time apart.

use std::time::{Duration, Instant};

use rusqlite::Connection;
use tenantpilot::backup_set::BackupSet;
use tenantpilot::diff::{self, Side};
use tenantpilot::store::backup_sets::{self, Filter};
use tenantpilot::store::contents::Reader;

use crate::{Outcomes, TENANT};

/// How often each pair is compared: the processor's time is told in hundredths of a second.
const ROUNDS: u32 = 20;

/// What one comparison took.
struct Took {
    changed: usize,
    wall: Duration,
    processor: Option<Duration>,
}

/// Compares the newest set with older ones; says what each pair took, and which took longest.
pub fn compare(conn: &Connection) -> Outcomes<()> {
    let sets = backup_sets::list_sets(conn, &Filter::default())?;
    let Some(newest) = sets.first() else {
        return Ok(());
    };
    let mut worst: Option<(usize, Took)> = None;
    for apart in [1, 7, 30, 90, 180, 270, sets.len().saturating_sub(1)] {
        let Some(older) = sets.get(apart) else {
            continue;
        };
        let took = measure(conn, older, newest)?;
        println!("diff of sets {apart} days apart, {}", took.told());
        if worst
            .as_ref()
            .is_none_or(|(_, worst)| took.wall > worst.wall)
        {
            worst = Some((apart, took));
        }
    }
    if let Some((apart, took)) = worst {
        println!("the worst: {apart} days apart, {}", took.told());
    }
    Ok(())
}

impl Took {
    fn told(&self) -> String {
        let processor = match self.processor {
            Some(time) => format!("{time:.1?} of processor time"),
            None => "processor time unknown".to_owned(),
        };
        format!(
            "{} policies changed: {:.1?}, {processor}",
            self.changed, self.wall
        )
    }
}

/// The shortest of several comparisons, and what they took of the processors on average.
fn measure(conn: &Connection, older: &BackupSet, newest: &BackupSet) -> Outcomes<Took> {
    let (mut changed, mut wall) = (0, Duration::MAX);
    let before = processor_time();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let from = Side::of_set(Reader::new(conn, TENANT), older.clone())?;
        let to = Side::of_set(Reader::new(conn, TENANT), newest.clone())?;
        let diff = diff::compare(&from, &to, &diff::Scope::default())?;
        wall = wall.min(begun.elapsed());
        changed = diff.changes.len();
    }
    let took = before.zip(processor_time());
    let processor = took.map(|(before, after)| after.saturating_sub(before) / ROUNDS);
    Ok(Took {
        changed,
        wall,
        processor,
    })
}

/// What all threads of this process took so far, those that ended too; Linux alone says so.
fn processor_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // What follows the name, which may hold anything: user and system time are the 12th and 13th.
    let (_, fields) = stat.rsplit_once(") ")?;
    let ticks = fields.split(' ').skip(11).take(2);
    let ticks: u64 = ticks
        .map(|ticks| ticks.parse::<u64>().ok())
        .sum::<Option<u64>>()?;
    Some(Duration::from_millis(ticks * 10))
}
