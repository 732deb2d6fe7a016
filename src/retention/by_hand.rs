//! What a person decides about one backup set: pin, expire, bring back, delete, and that it is right
//! what it lost.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::apply::remove;
use crate::audit::{Event, Outcome};
use crate::backup_set::BackupSet;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::store::backup_sets::purge::{Purged, Waiting};
use crate::store::backup_sets::{self, event};
use crate::store::{self, Store};

/// Who decides, and when.
#[derive(Clone, Copy)]
pub struct Decider<'a> {
    /// The acting OS user.
    pub actor: &'a str,
    /// Now.
    pub at: DateTime<Utc>,
    /// What waits between portions of a purge.
    pub clock: &'a dyn Clock,
}

/// Keeps the set from retention until it is unpinned. Pinned for that reason already, it stays as
/// it is.
pub fn pin(store: &Store, set: &BackupSet, reason: &str, by: Decider<'_>) -> Result<()> {
    if reason.trim().is_empty() || reason.chars().any(char::is_control) {
        return Err(Error::usage("a pin needs a reason of one line").hint("--reason TEXT"));
    }
    if set.expired_at.is_some() {
        return Err(
            Error::usage(format!("{} is expired", set.described())).hint(format!(
                "bring it back first: tenantpilot backups unexpire {}",
                set.id
            )),
        );
    }
    if set.pin_reason.as_deref() == Some(reason) {
        return Ok(());
    }
    change(
        store,
        set,
        by,
        "backup_set.pin",
        &json!({ "reason": reason }),
        |tx| backup_sets::pin(tx, set.id, reason),
    )
}

/// Leaves the set to retention again.
pub fn unpin(store: &Store, set: &BackupSet, by: Decider<'_>) -> Result<()> {
    if set.pin_reason.is_none() {
        return Err(Error::usage(format!("{} is not pinned", set.described())));
    }
    change(store, set, by, "backup_set.unpin", &json!({}), |tx| {
        backup_sets::unpin(tx, set.id)
    })
}

/// Says that it is right what the set lost, so that retention of its schedule goes on.
pub fn acknowledge(store: &Store, set: &BackupSet, by: Decider<'_>) -> Result<()> {
    if set.shrunk.is_none() {
        return Err(Error::usage(format!(
            "{} did not lose most of its policies: there is nothing to acknowledge",
            set.described()
        )));
    }
    if set.acknowledged_at.is_some() {
        return Err(Error::usage(format!(
            "{} is acknowledged already",
            set.described()
        )));
    }
    let details = json!({ "shrunk": set.shrunk });
    change(store, set, by, "backup_set.acknowledge", &details, |tx| {
        backup_sets::acknowledge(tx, set.id, by.at)
    })
}

/// Hides the set; retention purges it a week later.
pub fn expire(store: &Store, set: &BackupSet, by: Decider<'_>) -> Result<()> {
    if set.schedule_id.is_none() {
        let what = format!(
            "{} was imported: retention never purges it",
            set.described()
        );
        let hint = format!("tenantpilot backups delete {}", set.id);
        return Err(Error::usage(what).hint(hint));
    }
    hide(store, set, by)
}

fn hide(store: &Store, set: &BackupSet, by: Decider<'_>) -> Result<()> {
    require_unpinned(set)?;
    if set.expired_at.is_some() {
        return Err(Error::usage(format!(
            "{} is expired already",
            set.described()
        )));
    }
    change(store, set, by, "backup_set.expire", &json!({}), |tx| {
        backup_sets::expire(tx, set.id, by.at)
    })
}

/// Brings an expired set back.
pub fn unexpire(store: &Store, set: &BackupSet, by: Decider<'_>) -> Result<()> {
    if set.expired_at.is_none() {
        return Err(Error::usage(format!("{} is not expired", set.described())));
    }
    change(store, set, by, "backup_set.unexpire", &json!({}), |tx| {
        backup_sets::unexpire(tx, set.id)
    })
}

/// Removes the set for good, and what no other set shares with it.
pub fn delete(store: &Store, set: &BackupSet, by: Decider<'_>) -> Result<Purged> {
    require_unpinned(set)?;
    if set.expired_at.is_none() {
        hide(store, set, by)?;
    }
    let going = BTreeSet::from([set.id]);
    remove(store, set.tenant_id, &going, by, |tx, purged| {
        // Somebody brought it back or pinned it, or another deleted it, since it was hidden.
        if purged.sets.is_empty() {
            return Err(changed_meanwhile(set));
        }
        let details = json!({
            "root_hash": set.root_hash.to_string(),
            "contents": purged.contents,
            "waiting": purged.waiting.as_ref().map(Waiting::why),
        });
        record(tx, set, by, event::DELETE, &details)
    })
}

fn require_unpinned(set: &BackupSet) -> Result<()> {
    match &set.pin_reason {
        None => Ok(()),
        Some(reason) => Err(
            Error::usage(format!("{} is pinned: {reason}", set.described()))
                .hint(format!("tenantpilot backups unpin {}", set.id)),
        ),
    }
}

fn change(
    store: &Store,
    set: &BackupSet,
    by: Decider<'_>,
    action: &str,
    details: &Value,
    work: impl FnOnce(&rusqlite::Transaction<'_>) -> Result<bool>,
) -> Result<()> {
    store.write(|tx| {
        if !work(tx)? {
            return Err(changed_meanwhile(set));
        }
        record(tx, set, by, action, details)
    })
}

fn changed_meanwhile(set: &BackupSet) -> Error {
    Error::usage(format!("{} was changed meanwhile", set.described()))
        .hint(format!("tenantpilot backups show {}", set.id))
}

fn record(
    tx: &rusqlite::Transaction<'_>,
    set: &BackupSet,
    by: Decider<'_>,
    action: &str,
    details: &Value,
) -> Result<()> {
    let event = Event {
        at: by.at,
        actor: by.actor,
        action,
        tenant: Some(set.tenant_id),
        object: format!("backup set {}", set.id),
        outcome: Outcome::Ok,
        details: details.clone(),
    };
    store::audit::append(tx, &event).map(|_| ())
}
