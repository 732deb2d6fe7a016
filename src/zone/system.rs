//! The rules of one zone as the system keeps them: a TZif file (RFC 9636).
//!
//! The file lists the changes of the past and ends with a rule for all the years after them.
//! Nothing here trusts the file: what cannot be read as TZif counts as not there.

use std::fs;
use std::path::Path;

use tz::TimeZone;
use tz::timezone::{LocalTimeType, Transition, TransitionRule};

/// Beyond this a file is no TZif file: the largest has about 4 kB.
const MAX_BYTES: u64 = 256 * 1024;

/// The rules of one TZif file.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    tz: TimeZone,
    /// Every offset that is ever in force, each once.
    offsets: Vec<i32>,
    /// The offset after the last listed change, where the file has no rule for later years.
    last: i32,
}

/// Reads the file of the zone `name` below `root`; `None` if there is none or it is no TZif file.
/// The caller has made sure that the name stays below the folder.
pub(super) fn read(root: &Path, name: &str) -> Option<Rules> {
    let path = root.join(name);
    let meta = fs::metadata(&path).ok()?;
    if !meta.is_file() || meta.len() > MAX_BYTES {
        return None;
    }
    Rules::parse(&fs::read(path).ok()?)
}

impl Rules {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let tz = TimeZone::from_tz_data(bytes).ok()?;
        let parts = tz.as_ref();
        let types = parts.local_time_types();
        let mut offsets: Vec<i32> = types.iter().map(LocalTimeType::ut_offset).collect();
        match parts.extra_rule() {
            Some(TransitionRule::Fixed(kind)) => offsets.push(kind.ut_offset()),
            Some(TransitionRule::Alternate(rule)) => {
                offsets.extend([rule.std().ut_offset(), rule.dst().ut_offset()]);
            }
            None => {}
        }
        offsets.sort_unstable();
        offsets.dedup();
        let last = parts
            .transitions()
            .last()
            .map_or(0, Transition::local_time_type_index);
        let last = types.get(last)?.ut_offset();
        Some(Self { tz, offsets, last })
    }

    /// The offset from UTC at an instant, both in seconds.
    pub(super) fn offset_at(&self, epoch: i64) -> i32 {
        self.tz
            .find_local_time_type(epoch)
            .map_or(self.last, LocalTimeType::ut_offset)
    }

    /// The instants at which the clock on the wall shows `wall`, counted as if it were UTC; the
    /// earliest two if there should be more.
    ///
    /// Such an instant lies an offset before `wall`, and that offset is in force there. So it is
    /// enough to try every offset that the zone ever has, however close its changes are.
    pub(super) fn instants_of(&self, wall: i64) -> (Option<i64>, Option<i64>) {
        // Descending offsets give ascending instants.
        let mut found = self.offsets.iter().rev().filter_map(|&offset| {
            let instant = wall.checked_sub(i64::from(offset))?;
            (self.offset_at(instant) == offset).then_some(instant)
        });
        (found.next(), found.next())
    }
}
