//! `backups log --json`.

use serde_json::{Map, Value, json};

use super::{Change, Found, newest, span, unread, who};
use crate::backup_set::BackupSet;
use crate::cli::history::time;
use crate::policy::diff;

/// The whole document; with who made each change where that was asked.
pub(super) fn document(found: &Found<'_>, changes: &[Change<'_>], asked: bool) -> Value {
    let [first, last, gone] = span(found);
    let at = |set: Option<&BackupSet>| set.map(|set| time(set.time));
    json!({
        "schema_version": 1,
        "tenant": found.within.tenant,
        "policy_type": found.policy_type,
        "policy_id": found.id,
        "name": newest(found).map(|entry| entry.name.as_str()),
        "first_seen": at(first),
        "last_seen": at(last),
        "gone_since": at(gone),
        "sets": found.sightings.len(),
        "unread_sets": unread(found),
        "items": changes.iter().map(|change| change_json(change, asked)).collect::<Vec<_>>(),
    })
}

fn change_json(change: &Change<'_>, asked: bool) -> Value {
    let mut item = Map::new();
    let after = change.event.after;
    let mut add = |name: &str, value: Value| item.insert(name.to_owned(), value);
    add("backup_set_id", change.set.id.0.into());
    add("time", time(change.set.time).into());
    add("schedule", json!(change.set.schedule));
    add("change", change.event.turn.as_str().into());
    add("since", json!(change.since.map(|set| time(set.time))));
    add(
        "since_backup_set_id",
        json!(change.since.map(|set| set.id.0)),
    );
    add(
        "name",
        json!(after.or(change.event.before).map(|entry| &entry.name)),
    );
    add("hash", json!(after.map(|entry| entry.hash.to_string())));
    let renamed = change.changes.renamed.as_ref();
    add(
        "renamed",
        json!(renamed.map(|(before, after)| json!({ "before": before, "after": after }))),
    );
    if asked {
        add("changed_by", who::json(change.by.as_deref()));
    }
    item.extend(diff::json::changes(&change.changes));
    item.into()
}
