//! How long it takes to prove a year of backup sets intact, and to let most of them go.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};
use tenantpilot::clock::{Clock as _, SystemClock};
use tenantpilot::progress::Gauge;
use tenantpilot::retention::{self, EXPIRED_FOR, Hand};
use tenantpilot::slot::Slot;
use tenantpilot::stop::Stop;
use tenantpilot::store::backup_sets::verify::{Scope, verify};
use tenantpilot::store::{self, Store, space};
use tenantpilot::zone::Source;

use crate::{Outcomes, SCHEDULE, bytes};

/// Verifies everything, and beside it does only what no verification can do without: decompresses
/// every content and hashes what comes out, with everything in memory.
pub fn prove(path: &Path) -> Outcomes<()> {
    let store = Store::open(path)?;
    let (mut alone, mut whole) = (Duration::MAX, Duration::MAX);
    for _ in 0..3 {
        alone = alone.min(decompress_and_hash(store.read())?);
        let begun = Instant::now();
        let found = verify(store.read(), &Scope::default(), &Gauge::default())?;
        whole = whole.min(begun.elapsed());
        if !found.damaged.is_empty() {
            return Err("something is damaged".into());
        }
    }
    println!(
        "verify: {whole:.2?}; decompressing and hashing alone: {alone:.2?}, which is {:.0} % of that",
        100.0 * alone.as_secs_f64() / whole.as_secs_f64()
    );
    Ok(())
}

struct Row {
    base: Option<i64>,
    size: i64,
    data: Vec<u8>,
}

fn decompress_and_hash(conn: &Connection) -> Outcomes<Duration> {
    let mut query =
        conn.prepare("SELECT id, base_id, size_bytes, data FROM contents ORDER BY id")?;
    let rows: Vec<(i64, Row)> = query
        .query_map([], |row| {
            let stored = Row {
                base: row.get(1)?,
                size: row.get(2)?,
                data: row.get(3)?,
            };
            Ok((row.get(0)?, stored))
        })?
        .collect::<Result<_, _>>()?;
    let mut decoded: HashMap<i64, Vec<u8>> = HashMap::with_capacity(rows.len());
    let begun = Instant::now();
    // A base is older than what builds on it.
    for (id, row) in &rows {
        let frame = row.data.get(..row.data.len() - 4).unwrap_or_default();
        let base = row.base.and_then(|base| decoded.get(&base));
        let base = base.map_or(&[][..], Vec::as_slice);
        let content = zstd::bulk::Decompressor::with_dictionary(base)?
            .decompress(frame, usize::try_from(row.size)?)?;
        std::hint::black_box(Sha256::digest(&content));
        decoded.insert(*id, content);
    }
    Ok(begun.elapsed())
}

/// Lets all but the last 30 sets go while another connection claims slots; says how long it took
/// and how long a claim had to wait at most.
pub fn let_go(path: &Path) -> Outcomes<()> {
    let store = Store::open(path)?;
    let schedule = store::schedules::get(store.read(), SCHEDULE)?;
    let before = size(&store)?;
    let over = AtomicBool::new(false);
    let waits = std::thread::scope(|scope| -> Outcomes<_> {
        let claims = scope.spawn(|| claim_again_and_again(path, &over).map_err(|e| e.to_string()));
        let hand = |at| Hand {
            store: &store,
            zones: &Source::Compiled,
            clock: &SystemClock,
            actor: "backup",
            at,
        };
        let begun = Instant::now();
        let now = SystemClock.now();
        let steps = (|| -> Outcomes<_> {
            let items = retention::apply(hand(now), schedule.id)?.items.len();
            let expired = begun.elapsed();
            let later = now + EXPIRED_FOR + TimeDelta::seconds(1);
            let purged = retention::apply(hand(later), schedule.id)?.purged;
            let purged_after = begun.elapsed();
            let given = retention::give_back(&store, &SystemClock, &Stop::default())?;
            Ok((items, expired, purged, purged_after, given))
        })();
        let took = begun.elapsed();
        over.store(true, Ordering::Relaxed);
        let waits = claims.join().map_err(|_| "the claims panicked")??;
        let (items, expired, purged, purged_after, given) = steps?;
        let purged = purged.unwrap_or_default();
        println!(
            "retention of {items} sets: {took:.2?}: expire {expired:.2?}, purge {} sets and {} \
             contents {:.2?}, give {} back {:.2?}",
            purged.sets.len(),
            purged.contents,
            purged_after - expired,
            bytes(given),
            took - purged_after,
        );
        Ok(waits)
    })?;
    let (count, longest) = waits;
    println!("meanwhile {count} claims were made; the longest took {longest:.2?}");
    println!(
        "the file: {} before, {} after",
        bytes(before),
        bytes(size(&store)?)
    );
    Ok(())
}

/// Writes what a dispatch writes that claims nothing; how often, and how long it took at most.
fn claim_again_and_again(path: &Path, over: &AtomicBool) -> Outcomes<(u32, Duration)> {
    let store = Store::open(path)?;
    let slot = Slot::containing(SystemClock.now());
    let (mut count, mut longest) = (0, Duration::ZERO);
    while !over.load(Ordering::Relaxed) {
        let begun = Instant::now();
        store.write(|tx| store::slots::account(tx, SCHEDULE, slot, Some(slot)))?;
        longest = longest.max(begun.elapsed());
        count += 1;
        SystemClock.sleep(Duration::from_millis(5), &Stop::default());
    }
    Ok((count, longest))
}

fn size(store: &Store) -> Outcomes<u64> {
    let pages = space::pages(store.read())?;
    Ok(pages.all * pages.size)
}
