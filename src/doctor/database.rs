//! Whether the database can be opened and written, is ours, and is sound.

use super::{Surroundings, found};
use crate::error::{Error, Kind};
use crate::finding::Finding;
use crate::store::{self, SCHEMA_VERSION, Store};

/// SQLite before this could damage a database that two processes write ahead at once.
const SOUND_SQLITE: i32 = 3_051_003;

/// The findings, and the database if it could be opened. An older one is not migrated.
pub(super) fn examine(around: &Surroundings) -> (Vec<Finding>, Option<Store>) {
    let mut findings = vec![sqlite(
        store::sqlite_version_number(),
        store::sqlite_version(),
    )];
    let store = match Store::open(&around.database) {
        Ok(store) => store,
        Err(error) if error.kind() == Kind::Schema => {
            findings.insert(0, Finding::of_error("schema_version", &error));
            return (findings, None);
        }
        Err(error) => {
            findings.insert(0, Finding::of_error("database", &error));
            return (findings, None);
        }
    };
    let place = match obstacle(around, &store) {
        Some(error) => Finding::of_error("database", &error),
        None => Finding::ok("database", around.database.display().to_string()),
    };
    let version = format!("{SCHEMA_VERSION}, which is this program's");
    findings.splice(0..0, [place, Finding::ok("schema_version", version)]);
    findings.extend(found("integrity", store::check::quick_check(&store)));
    (findings, Some(store))
}

/// What keeps a dispatch of this user from writing the database, if anything does.
pub(super) fn obstacle(around: &Surroundings, store: &Store) -> Option<Error> {
    store::obstacle(&around.database, around.locks.folder())
        .or_else(|| store.require_writable().err())
}

fn sqlite(number: i32, version: &str) -> Finding {
    if number >= SOUND_SQLITE {
        return Finding::ok("sqlite", format!("version {version}, part of this program"));
    }
    let what = format!("version {version} can damage a database that several processes write");
    let hint = "use a tenantpilot that was built with the SQLite it brings (3.51.3 or newer)";
    Finding::fail("sqlite", what, hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Level;

    #[test]
    fn a_sqlite_that_loses_writes_is_refused() {
        assert_eq!(sqlite(3_051_002, "3.51.2").level, Level::Fail);
        assert_eq!(sqlite(3_051_003, "3.51.3").level, Level::Ok);
        let ours = sqlite(store::sqlite_version_number(), store::sqlite_version());
        assert_eq!(ours.level, Level::Ok, "{ours:?}");
    }
}
