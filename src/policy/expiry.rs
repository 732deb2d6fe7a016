//! When what an object stands for ends: Apple's push certificate, and the tokens for its enrollment
//! and its volume purchases.
//!
//! Pure. Such a date changes with each renewal and is no drift, so it does not count when documents
//! are compared; but somebody has to renew in time. Which rows have one, the catalogue says
//! ([`Expiring`]).

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::catalogue::{Expiring, PolicyType};
use crate::json;
use crate::plural::counted;

/// How long before the end a warning begins, in days: as for a certificate of ours.
pub const WARN_DAYS: i64 = 30;

/// An object that ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    /// The key of its policy type.
    pub policy_type: &'static str,
    /// What the catalogue says of it.
    expiring: Expiring,
    /// Its id.
    pub id: String,
    /// Its name; may be empty.
    pub name: String,
    /// When it ends.
    pub at: DateTime<Utc>,
}

impl Expiry {
    /// What a document of `row` says of its end; nothing where it has none, or no date that could be
    /// one. Graph's date for "never set" is none.
    pub fn of(row: &'static PolicyType, id: &str, name: &str, document: &[u8]) -> Option<Self> {
        let expiring = row.expiring?;
        let object: Value = json::read(document).ok()?;
        let text = object.get(expiring.property)?.as_str()?;
        let at = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
        (at > DateTime::UNIX_EPOCH).then(|| Self {
            policy_type: row.key,
            expiring,
            id: id.to_owned(),
            name: name.to_owned(),
            at,
        })
    }

    /// What it is called: the kind of thing, its name and id.
    pub fn told(&self) -> String {
        let what = self.expiring.what;
        match self.name.as_str() {
            "" => format!("{what} ({})", self.id),
            name => format!("{what} {name} ({})", self.id),
        }
    }

    /// The day, in UTC.
    pub fn day(&self) -> String {
        self.at.format("%Y-%m-%d").to_string()
    }

    /// A warning where it has ended, or ends within [`WARN_DAYS`]: what, when, and what to do.
    pub fn warning(&self, now: DateTime<Utc>) -> Option<String> {
        let left = self.at.signed_duration_since(now);
        if TimeDelta::try_days(WARN_DAYS).is_none_or(|soon| left > soon) {
            return None;
        }
        let days = |count: i64| counted(count, "day", "days");
        let when = match left.num_days() {
            _ if left <= TimeDelta::zero() => {
                let ago = -left.num_days();
                format!("expired on {}, {} ago", self.day(), days(ago))
            }
            left => format!("expires on {}, in {}", self.day(), days(left)),
        };
        Some(format!("{} {when}: {}", self.told(), self.expiring.renew))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::catalogue;

    fn push(date: &str) -> Option<Expiry> {
        let row = catalogue::find("applePushNotificationCertificate").unwrap();
        let document = format!(r#"{{"id":"a","expirationDateTime":{date}}}"#);
        Expiry::of(row, "a", "mdm@contoso.com", document.as_bytes())
    }

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    #[test]
    fn a_warning_begins_thirty_days_before_and_does_not_end() {
        let expiry = push("\"2027-01-31T00:00:00Z\"").unwrap();
        let told = |now: &str| expiry.warning(at(now)).unwrap_or_default();
        assert_eq!(told("2026-12-31T23:59:59Z"), "");
        let first = told("2027-01-01T00:00:00Z");
        assert!(
            first.starts_with("Apple MDM push certificate mdm@contoso.com (a) expires on 2027-01-31, in 30 days: renew "),
            "{first}"
        );
        assert!(told("2027-01-30T00:00:00Z").contains(", in 1 day: "));
        assert!(told("2027-01-30T12:00:00Z").contains(", in 0 days: "));
        assert!(told("2027-01-31T00:00:00Z").contains("expired on 2027-01-31, 0 days ago"));
        assert!(told("2027-03-01T00:00:00Z").contains("expired on 2027-01-31, 29 days ago"));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for date in ["null", "7", "\"soon\"", "\"0001-01-01T00:00:00Z\"", "[]"] {
            assert_eq!(push(date), None, "{date}");
        }
        let filters = catalogue::find("assignmentFilter").unwrap();
        let document = br#"{"expirationDateTime":"2027-01-31T00:00:00Z"}"#;
        assert_eq!(Expiry::of(filters, "a", "b", document), None);
    }

    #[test]
    fn a_date_that_warns_does_not_count_when_documents_are_compared() {
        let rows = catalogue::all().filter_map(|row| Some((row, row.expiring?)));
        for (row, expiring) in rows {
            assert!(row.volatile.contains(&expiring.property), "{}", row.key);
        }
    }
}
