//! Who changed a policy between two backup sets, as Graph's own audit events tell it.
//!
//! Best effort: what cannot be read is not told, and nothing else depends on it.
//!
//! - A change lies somewhere in its [`Span`]: from the beginning of the run that still saw the policy
//!   as it was to the end of the run that saw it changed. What happened while a set was read may have
//!   come before or after the reading of this policy, so it is told on both sides.
//! - Graph keeps events for a year; of what came before it is not asked.
//! - Events cannot be asked for by object, so each span is read whole and looked through here. All
//!   spans together cost a bounded number of pages, the first ones first.
//!
//! Nothing is written.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use crate::error::Result;
use crate::graph::page::{self, Item};
use crate::graph::{self, Fault, Graph};
use crate::json;
use crate::policy::catalogue::authors;
use crate::run::Means;
use crate::tenant::Tenant;

/// A person waits for the answer.
const PATIENCE: Duration = Duration::from_secs(2 * 60);
/// So many pages are read for all spans together.
const MOST_PAGES: usize = 100;
/// Graph keeps events for so long.
const KEPT_DAYS: i64 = 365;

/// The time in which something was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Not before.
    pub from: DateTime<Utc>,
    /// Not after.
    pub to: DateTime<Utc>,
}

impl Span {
    /// What Graph still knows of it.
    fn known(self, now: DateTime<Utc>) -> Option<Self> {
        let oldest = now.checked_sub_signed(TimeDelta::try_days(KEPT_DAYS)?)?;
        let from = self.from.max(oldest);
        (from <= self.to).then_some(Self { from, ..self })
    }
}

/// One event: somebody did something to the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// When.
    pub at: DateTime<Utc>,
    /// Who: a person, else an application.
    pub actor: Option<String>,
    /// What, in Graph's words.
    pub activity: Option<String>,
}

/// What Graph told.
#[derive(Debug)]
pub struct Told {
    /// The events of each span, newest first; nothing where it is not known.
    pub by: Vec<Option<Vec<Author>>>,
    /// Why not all is known.
    pub trouble: Option<graph::Error>,
}

/// Asks who did something to the policy `id` in each of `spans`; where there is none, nothing is
/// known and nothing asked.
///
/// # Errors
/// A stop was requested. What Graph or the way to it makes impossible is told instead.
pub fn read(means: &Means, tenant: &Tenant, id: &str, spans: &[Option<Span>]) -> Result<Told> {
    let now = means.clock.now();
    let mut told = Told {
        by: vec![None; spans.len()],
        trouble: None,
    };
    let mut open: Vec<(Span, &mut Option<Vec<Author>>)> = spans
        .iter()
        .zip(&mut told.by)
        .filter_map(|(span, by)| Some(((*span)?.known(now)?, by)))
        .collect();
    if open.is_empty() {
        return Ok(told);
    }
    let start = means.clock.monotonic();
    let deadline = start.checked_add(PATIENCE).unwrap_or(start);
    let trouble = means
        .connector
        .client(tenant, deadline)
        .and_then(|client| fill(&client, id, &mut open));
    match trouble {
        Ok(()) => {}
        Err(error) if error.fault == Fault::Canceled => return Err(error.into()),
        Err(error) => told.trouble = Some(in_time(error)),
    }
    Ok(told)
}

fn fill(
    graph: &dyn Graph,
    id: &str,
    open: &mut [(Span, &mut Option<Vec<Author>>)],
) -> Result<(), graph::Error> {
    let mut pages = 0;
    for (span, by) in open {
        let request = authors::request(span.from, span.to);
        let mut found = Vec::new();
        page::read_all(graph, &request, |items| {
            pages += 1;
            if pages > MOST_PAGES {
                let why =
                    format!("{MOST_PAGES} pages of audit events were read, and more are left");
                return Err(graph::Error::new(Fault::Paging, why));
            }
            found.extend(items.iter().filter_map(|item| of_item(item, id)));
            Ok(())
        })?;
        found.sort_by_key(|author: &Author| std::cmp::Reverse(author.at));
        **by = Some(found);
    }
    Ok(())
}

fn of_item(item: &Item<'_>, id: &str) -> Option<Author> {
    match item {
        Item::Whole(bytes) => author(&json::read(bytes).ok()?, id),
        Item::Broken(_) => None,
    }
}

/// What an event says, if it is about the policy and changed something.
fn author(event: &Value, id: &str) -> Option<Author> {
    let text = |of: &Value, name: &str| {
        let text = of.get(name).and_then(Value::as_str)?;
        (!text.is_empty()).then(|| text.to_owned())
    };
    let is = |name: &str, word: &str| {
        text(event, name).is_some_and(|text| text.eq_ignore_ascii_case(word))
    };
    let about = |resource: &Value| {
        text(resource, "resourceId").is_some_and(|about| about.eq_ignore_ascii_case(id))
    };
    let mut resources = event.get("resources")?.as_array()?.iter();
    if !resources.any(about)
        || is("activityResult", "failure")
        || is("activityOperationType", "get")
    {
        return None;
    }
    let at = DateTime::parse_from_rfc3339(&text(event, "activityDateTime")?).ok()?;
    let actor = event.get("actor").and_then(|actor| {
        let names = [
            "userPrincipalName",
            "applicationDisplayName",
            "servicePrincipalName",
            "userId",
            "applicationId",
        ];
        names.iter().find_map(|name| text(actor, name))
    });
    Some(Author {
        at: at.to_utc(),
        actor,
        activity: text(event, "activityType").or_else(|| text(event, "displayName")),
    })
}

/// The time of this is over where the client says that a run's is.
fn in_time(error: graph::Error) -> graph::Error {
    match error.fault {
        Fault::TimedOut => graph::Error::new(
            Fault::Network,
            format!(
                "the audit events could not be read within {} minutes",
                PATIENCE.as_secs() / 60
            ),
        ),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn what_graph_does_not_keep_is_not_asked_for() {
        let now = at("2026-11-22T12:00:00Z");
        let oldest = at("2025-11-22T12:00:00Z");
        let span = |from: &str, to: &str| Span {
            from: at(from),
            to: at(to),
        };
        let recent = span("2026-11-20T02:00:00Z", "2026-11-21T02:00:00Z");
        assert_eq!(recent.known(now), Some(recent));
        let partly = span("2025-11-01T02:00:00Z", "2025-12-01T02:00:00Z");
        let rest = Span {
            from: oldest,
            ..partly
        };
        assert_eq!(partly.known(now), Some(rest));
        let old = span("2025-10-01T02:00:00Z", "2025-11-01T02:00:00Z");
        assert_eq!(old.known(now), None);
        let backward = span("2026-11-21T02:00:00Z", "2026-11-20T02:00:00Z");
        assert_eq!(backward.known(now), None);
    }

    #[test]
    fn an_event_is_told_if_it_changed_this_policy() {
        let event = json!({
            "activityDateTime": "2026-11-22T10:00:00.1234567Z",
            "activityType": "Patch Thing",
            "displayName": "Patch",
            "activityOperationType": "Patch",
            "activityResult": "Success",
            "actor": { "userPrincipalName": "ops@contoso.com", "applicationDisplayName": "Portal" },
            "resources": [{ "resourceId": "other" }, { "resourceId": "AB-1" }],
        });
        let told = author(&event, "ab-1").unwrap();
        assert_eq!(told.actor.as_deref(), Some("ops@contoso.com"));
        assert_eq!(told.activity.as_deref(), Some("Patch Thing"));
        assert_eq!(told.at.timestamp(), at("2026-11-22T10:00:00Z").timestamp());
        assert_eq!(author(&event, "ab-2"), None);
        let with = |name: &str, value: Value| {
            let mut event = event.clone();
            event[name] = value;
            author(&event, "ab-1")
        };
        assert_eq!(with("activityResult", "Failure".into()), None);
        assert_eq!(with("activityOperationType", "Get".into()), None);
        assert_eq!(with("activityDateTime", Value::Null), None);
        assert_eq!(with("resources", Value::Null), None);
        assert_eq!(with("actor", Value::Null).unwrap().actor, None);
        let by_app = json!({ "userPrincipalName": "", "applicationDisplayName": "Clean-up" });
        let actor = with("actor", by_app).unwrap().actor;
        assert_eq!(actor.as_deref(), Some("Clean-up"));
        let activity = with("activityType", Value::Null).unwrap().activity;
        assert_eq!(activity.as_deref(), Some("Patch"));
    }
}
