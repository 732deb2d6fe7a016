//! Names of zones: which may be looked up on the system, and what to say of one that nobody knows.

use chrono_tz::TZ_VARIANTS;

use crate::error::Error;

/// Below this likeness (Jaro-Winkler) a suggestion would be a guess.
const ALIKE: f64 = 0.85;

/// Whether a name that the compiled table does not have may be looked for on the system.
///
/// Every part begins with a capital letter, as in all IANA names. That keeps the lookup below the
/// folder, and it keeps out what lies there and is no zone of its own: `localtime` and
/// `posixrules`, which are the machine's zone, and `right/`, which counts leap seconds. A name that
/// differs from a known one in case alone is a typing error, even where the file system would find
/// it.
pub(super) fn may_be_a_zone(name: &str) -> bool {
    let proper = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_uppercase())
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte))
    };
    name.len() <= 64 && name.split('/').all(proper) && same_but_for_case(name).is_none()
}

/// The error for a name that nobody knows, with a suggestion where there is a good one.
pub(super) fn unknown(name: &str) -> Error {
    let hint = if is_an_offset(name) {
        "give the zone's IANA name, such as Europe/Berlin, which follows its clock changes".into()
    } else {
        match suggestion(name) {
            Some(known) => format!("did you mean {known}?"),
            None => "give an IANA name, such as Europe/Berlin or UTC".to_owned(),
        }
    };
    Error::usage(format!("unknown time zone {name:?}")).hint(hint)
}

/// `UTC+2`, `GMT-5`, `+02:00`. The IANA names that look alike have the sign the other way round, so
/// suggesting one would be a trap.
fn is_an_offset(name: &str) -> bool {
    let rest = ["UTC", "GMT", "Etc/UTC", "Etc/GMT"]
        .into_iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .unwrap_or(name);
    rest.starts_with(['+', '-'])
}

fn suggestion(name: &str) -> Option<&'static str> {
    let name = name.trim().replace(' ', "_");
    same_but_for_case(&name)
        .or_else(|| same_city(&name))
        .or_else(|| most_alike(&name))
}

fn same_but_for_case(name: &str) -> Option<&'static str> {
    names().find(|known| known.eq_ignore_ascii_case(name))
}

/// The shortest name whose last part is `name`: `America/Louisville`, not
/// `America/Kentucky/Louisville`.
fn same_city(name: &str) -> Option<&'static str> {
    names()
        .filter(|known| city(known).eq_ignore_ascii_case(name))
        .min_by_key(|known| known.len())
}

fn most_alike(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    let likeness = |known: &str| {
        let whole = strsim::jaro_winkler(&name, &known.to_lowercase());
        let last = strsim::jaro_winkler(&name, &city(known).to_lowercase());
        whole.max(last)
    };
    names()
        .filter(|known| !known.starts_with("Etc/"))
        .map(|known| (likeness(known), known))
        .filter(|&(likeness, _)| likeness >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, known)| known)
}

fn city(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Every name that a zone is known by.
pub fn names() -> impl Iterator<Item = &'static str> {
    TZ_VARIANTS.iter().map(|zone| zone.name())
}
