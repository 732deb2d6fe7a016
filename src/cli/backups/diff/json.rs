//! A comparison as the one document of `--json`.

use serde_json::{Map, Value, json};

use crate::cli::history::time;
use crate::diff::{About, Change, ChangeKind, Diff, Former};
use crate::policy::diff::json::changes;

/// The whole of it.
pub(super) fn document(from: &About, to: &About, diff: &Diff) -> Value {
    json!({
        "from": about(from),
        "to": about(to),
        "equal": diff.equal(),
        "counts": counts(diff),
        "compared": diff.compared,
        "unread_types": diff.unread_keys(),
        "unread": {
            "types": diff.unread_types.iter().map(|unread| json!({
                "policy_type": unread.policy_type,
                "side": unread.side.as_str(),
                "outcome": unread.outcome,
                "reason": unread.reason,
            })).collect::<Vec<_>>(),
            "policies": diff.unread_policies.iter().map(|unread| json!({
                "policy_type": unread.policy_type,
                "policy_id": unread.policy_id,
                "name": unread.name,
                "side": unread.side.as_str(),
                "reason": unread.reason,
            })).collect::<Vec<_>>(),
        },
        "changes": diff.changes.iter().map(change).collect::<Vec<_>>(),
    })
}

fn counts(diff: &Diff) -> Map<String, Value> {
    let counted = ChangeKind::ALL
        .into_iter()
        .map(|kind| (kind.as_str().to_owned(), diff.count(kind).into()));
    let unread = [
        ("unread_types", diff.unread_keys().len()),
        ("unread_policies", diff.unread_policies.len()),
    ];
    let unread = unread.map(|(name, count)| (name.to_owned(), count.into()));
    counted.chain(unread).collect()
}

fn about(about: &About) -> Value {
    match about {
        About::Set(set) => json!({
            "backup_set_id": set.id.0,
            "tenant": set.tenant,
            "schedule": set.schedule,
            "time": time(set.time),
            "status": set.status.as_str(),
            "live": false,
        }),
        About::Live { tenant, at, .. } => json!({
            "backup_set_id": null,
            "tenant": tenant,
            "schedule": null,
            "time": time(*at),
            "status": null,
            "live": true,
        }),
    }
}

fn change(change: &Change) -> Value {
    let mut object = changes(&change.changes);
    let words = [
        ("change", change.kind.as_str()),
        ("policy_type", &change.policy_type),
        ("policy_id", &change.policy_id),
        ("name", &change.name),
    ];
    object.extend(words.map(|(name, word)| (name.to_owned(), Value::from(word))));
    let former = change.former.as_ref().map(|former: &Former| {
        json!({
            "policy_type": former.policy_type,
            "policy_id": former.policy_id,
            "name": former.name,
        })
    });
    object.insert("former".to_owned(), former.into());
    Value::Object(object)
}
