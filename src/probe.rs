//! What holds whatever comes from outside: one probe for each parser of it. Property tests try a
//! probe on good inputs with a few bytes changed (`mutation`), the fuzzer of `tests/fuzz` on whatever
//! reaches code that nothing reached before. Not in the program that ships.
//!
//! A probe of a parser that is public stands here, others beside their parser.

use std::borrow::Cow;

use serde_json::Value;

use crate::backup_set::{Manifest, References, TypeList};
use crate::crontab;
use crate::export::{self, name};
use crate::graph::probes as graph;
use crate::import::probes as import;
use crate::policy::canonical::canonical;
use crate::policy::catalogue::{self, PolicyType};
use crate::policy::diff::lines::{Limits, lines};
use crate::policy::diff::outline::outline;
use crate::policy::diff::{Names, View, diff, probe_excerpts};
use crate::policy::document::finish;
use crate::policy::document::redaction::RedactionKey;
use crate::policy::document::sealed::Unsealed;
use crate::policy::scripts::scripts;
use crate::recurrence::{Recurrence, TimeOfDay};
use crate::secret::certificate;
use crate::slot::Slot;
use crate::store::contents;
use crate::ui::text as shown;
use crate::zone::{self, Source, Zone};
use crate::{duration, json, labels};

/// Panics where something does not hold.
pub type Probe = fn(&[u8]);

/// All of them, by the name of what they try.
pub const ALL: [(&str, Probe); 28] = [
    ("batch", graph::batch),
    ("canonical", documents),
    ("certificate", certificate::probe_der),
    ("challenge", |bytes| graph::challenge(&text(bytes))),
    ("cron", |bytes| cron(&text(bytes))),
    ("crontab", |bytes| crontab(&text(bytes))),
    ("duration", |bytes| duration(&text(bytes))),
    ("error", graph::answer),
    ("export_manifest", export_manifest),
    ("foreign_file", import::foreign),
    ("foreign_text", import::text),
    ("frame", contents::probe_frame),
    ("json", parts),
    ("key_file", |bytes| graph::probe_key_file(&text(bytes))),
    ("label", |bytes| label(&text(bytes))),
    ("link", |bytes| graph::link(&text(bytes))),
    ("manifest", manifest),
    ("name", |bytes| file_name(&text(bytes))),
    ("page", graph::page),
    ("pem", certificate::probe),
    ("platform_answer", graph::platform_answer),
    ("references", references),
    ("retry_after", |bytes| graph::retry_after(&text(bytes))),
    ("shown", |bytes| printed(&text(bytes))),
    ("sign_in_answer", graph::sign_in_answer),
    ("time_of_day", |bytes| time_of_day(&text(bytes))),
    ("token", graph::token),
    ("zone_file", zone::probe),
];

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// An expression is refused with a hint, or it means the same when it is read again, and has slots.
pub(crate) fn cron(text: &str) {
    let rule = match Recurrence::cron(text) {
        Ok(rule) => rule,
        Err(error) => {
            assert!(error.hint_text().is_some(), "{error}");
            return;
        }
    };
    let again = Recurrence::cron(rule.expression().unwrap_or_default());
    assert_eq!(again.as_ref(), Ok(&rule));
    let from = Slot::from_epoch(1_800_000_000);
    if let (Ok(zone), Some(from)) = (Zone::load(&Source::Compiled, "Europe/Berlin"), from) {
        let slot = rule.next(&zone, from);
        assert!(slot.is_none_or(|slot| slot >= from), "{slot:?}");
    }
}

fn crontab(text: &str) {
    for names_user in [false, true] {
        for entry in crontab::entries(text, names_user) {
            let _ = entry.dispatch("tenantpilot");
        }
    }
}

/// A duration is read back from what is written.
pub(crate) fn duration(text: &str) {
    if let Ok(duration) = duration::parse(text) {
        assert_eq!(duration::parse(&duration::format(duration)), Ok(duration));
        let _ = duration::about(duration);
    }
}

/// A label is short and plain, and is what was typed.
pub(crate) fn label(text: &str) {
    if let Ok((key, value)) = labels::parse(text) {
        assert!(!key.is_empty() && !key.contains('='));
        assert!(!text.contains(char::is_control));
        assert!(key.chars().count() <= 100 && value.chars().count() <= 100);
        assert_eq!(format!("{key}={value}"), text);
    }
}

/// A time of day is what was typed.
pub(crate) fn time_of_day(text: &str) {
    if let Ok(time) = text.parse::<TimeOfDay>() {
        assert_eq!(time.to_string(), text);
    }
}

/// Paths of an export stay below its folder.
pub(crate) fn export_manifest(bytes: &[u8]) {
    let named = export::manifest::Manifest::parse(bytes).map(|manifest| manifest.files);
    let named = named.unwrap_or_default().into_iter().map(|file| file.path);
    let pending = export::manifest::Pending::parse(bytes).files.into_keys();
    for path in named.chain(pending) {
        let relative = !path.starts_with('/') && !path.contains('\0');
        let parts = |path: &str| {
            path.split('/')
                .all(|part| !part.is_empty() && !part.starts_with('.'))
        };
        assert!(relative && parts(&path), "{path:?}");
    }
}

/// Every name has a name for its file that stays where it is put.
fn file_name(name: &str) {
    for file in [name::slug(name), name::plain(name), name::whole_id(name)] {
        assert!(name::is_ours(&file) && !file.contains('/'), "{file:?}");
        assert!(file.len() <= name::LONGEST, "{file:?}");
    }
    assert_eq!(name::short_id(name).len(), 8);
}

/// What is printed gives no orders, and JSON stays the same document.
fn printed(text: &str) {
    let line = shown::visible(text);
    assert!(!line.contains(char::is_control), "{line:?}");
    assert!(
        !line.contains("##vso[") && !line.contains("##["),
        "{line:?}"
    );
    let lines = shown::visible_lines(text);
    assert!(
        !lines.contains(|c: char| c.is_control() && c != '\n'),
        "{lines:?}"
    );
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        let safe = shown::ascii_controls(text);
        assert_eq!(
            serde_json::from_str::<Value>(&safe).ok(),
            Some(value),
            "{safe}"
        );
    }
}

/// What a parser takes for an object or a list, its parts are found of, and they are what it reads.
fn parts(bytes: &[u8]) {
    let read = json::read::<Value>(bytes).ok();
    let members = json::members(bytes);
    if let Some(Value::Object(object)) = &read {
        let members = members.as_deref().unwrap_or_default();
        assert_eq!(members.is_empty(), object.is_empty());
        for (key, value) in object {
            let of_key = json::named(members, key);
            let last = of_key.last().and_then(|raw| json::read::<Value>(raw).ok());
            assert_eq!(last.as_ref(), Some(value), "{key:?}");
        }
    }
    let elements = json::elements(bytes);
    if let Some(Value::Array(values)) = &read {
        let elements = elements.unwrap_or_default();
        let found = elements.iter().map(|raw| json::read::<Value>(raw).ok());
        assert!(found.eq(values.iter().cloned().map(Some)));
    }
}

fn manifest(bytes: &[u8]) {
    if let Ok(manifest) = Manifest::parse(bytes) {
        assert_eq!(Manifest::parse(&manifest.encode()), Ok(manifest.clone()));
        for row in manifest.types() {
            let alone = Manifest::type_in(&manifest.encode(), &row.policy_type);
            assert_eq!(alone, Ok(Some(row.clone())));
        }
    }
    if let Ok(list) = TypeList::parse(bytes) {
        assert_eq!(TypeList::parse(&list.encode()), Ok(list.clone()));
        for entry in list.entries() {
            let alone = TypeList::entry_in(&list.encode(), &entry.id);
            assert_eq!(alone, Ok(Some(entry.clone())));
        }
    }
}

fn references(bytes: &[u8]) {
    if let Ok(references) = References::parse(bytes) {
        assert_eq!(References::parse(&references.encode()), Ok(references));
    }
}

/// Two objects, one after a line end, of the row that the first byte chooses.
fn documents(bytes: &[u8]) {
    let rows: Vec<&'static PolicyType> = catalogue::all().collect();
    let Some((choice, rest)) = bytes.split_first() else {
        return;
    };
    let Some(row) = rows.get(usize::from(*choice) % rows.len()) else {
        return;
    };
    let mut halves = rest.splitn(2, |byte| *byte == b'\n');
    let object = halves.next().unwrap_or_default();
    document(row, object, halves.next().unwrap_or(b"{}"));
}

/// An object is kept and told, or has a flaw; `other` is what it is compared with.
pub(crate) fn document(row: &'static PolicyType, object: &[u8], other: &[u8]) {
    let key = RedactionKey::new([3; 32]);
    let names = Names::default();
    let view = View {
        before: &names,
        after: &names,
        across: false,
        one_key: true,
    };
    let text = text(object).into_owned();
    if let Ok(document) = finish(row, text, &Unsealed::default(), Vec::new(), &key) {
        let form = match canonical(row, &document.bytes) {
            Ok(form) => form,
            // Such a document is kept, and compared by its bytes.
            Err(flaw) => return assert!(flaw.0.contains("out of range"), "{flaw}"),
        };
        assert_eq!(canonical(row, &form), Ok(form));
        let value = serde_json::from_slice::<Value>(&document.bytes);
        let _ = scripts(row.key, &value.unwrap_or_default());
        assert!(outline(row, &document.bytes, &names).is_ok());
        if let Ok(found) = diff(row, other, &document.bytes, &view) {
            let _ = lines(&found, Limits::SHORT);
        }
        probe_excerpts(row, other, &document.bytes, &view);
        let same = diff(row, &document.bytes, &document.bytes, &view);
        assert!(same.is_ok_and(|changes| changes.is_empty()));
    }
    // What a damaged store might give back.
    probe_excerpts(row, object, other, &view);
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// What a fuzzer begins with, and what one has ever found.
    #[test]
    fn every_seed_goes_through_its_probe() {
        let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds");
        for (name, probe) in ALL {
            let mut tried = 0;
            for seed in fs::read_dir(seeds.join(name)).expect(name) {
                probe(&fs::read(seed.unwrap().path()).unwrap());
                tried += 1;
            }
            assert!(tried > 0, "{name}");
        }
        let folders = fs::read_dir(&seeds).unwrap().count();
        assert_eq!(folders, ALL.len(), "a folder of a probe that is no more");
    }
}
