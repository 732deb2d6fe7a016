//! How telling went: it is kept, and said aloud where it begins to fail and where it works again.

use chrono::{DateTime, Utc};

use super::{Monitor, Subject, Turn};
use crate::error::{Error, Kind};
use crate::monitoring;
use crate::store::{self, Store};

/// How telling went.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Who was told.
    pub subject: Subject,
    /// Why they were not, if they were not: without a secret.
    pub result: Result<(), String>,
}

/// Keeps how telling went, and gives what has to be said aloud: each failure when it begins, and its
/// end. A failure that cannot be kept is said each time.
pub fn record(store: &Store, outcomes: &[Outcome], at: DateTime<Utc>) -> Vec<Error> {
    let mut aloud = Aloud::default();
    for Outcome { subject, result } in outcomes {
        let result = match result {
            Ok(()) => Ok(()),
            Err(reason) => Err(reason.as_str()),
        };
        match result {
            Ok(()) => log::debug!("{}: told", subject.described()),
            Err(reason) => log::info!("{} {}", subject.described(), verb(reason, "fails")),
        }
        let turn = match (result, store::monitors::past(store.read(), subject)) {
            (Ok(()), Ok(past)) if past.is_well() => Ok(Turn::None),
            _ => store.write(|tx| store::monitors::record(tx, subject, result, at)),
        };
        match (turn, result) {
            (Ok(Turn::Fails), Err(reason)) => aloud.fails.push((subject, reason.to_owned())),
            (Ok(Turn::Works), _) => aloud.work.push(subject),
            (Ok(_), _) => {}
            (Err(error), Err(reason)) => {
                let reason = format!("{reason} (this could not be kept: {})", error.message());
                aloud.fails.push((subject, reason));
            }
            (Err(error), Ok(())) => log::info!("{}: {error}", subject.described()),
        }
    }
    aloud.told()
}

/// What there is to say of monitors. Pings of many schedules fail together where a host is down, and
/// are said in one line.
#[derive(Default)]
struct Aloud<'a> {
    fails: Vec<(&'a Subject, String)>,
    work: Vec<&'a Subject>,
}

impl Aloud<'_> {
    fn told(self) -> Vec<Error> {
        let mut groups: Vec<(Vec<&Subject>, Option<String>)> = Vec::new();
        let fails = self.fails.into_iter().map(|(one, why)| (one, Some(why)));
        for (subject, why) in fails.chain(self.work.into_iter().map(|one| (one, None))) {
            let alike = groups.iter_mut().find(|(subjects, of)| {
                *of == why
                    && subjects[0].monitor() == Monitor::Ping
                    && subjects[0].monitor() == subject.monitor()
            });
            match alike {
                Some((subjects, _)) => subjects.push(subject),
                None => groups.push((vec![subject], why)),
            }
        }
        groups
            .iter()
            .map(|(subjects, why)| said(subjects, why.as_deref()))
            .collect()
    }
}

/// That these fail, and why, or that they work again.
fn said(subjects: &[&Subject], why: Option<&str>) -> Error {
    let first = subjects
        .first()
        .map(|one| one.described())
        .unwrap_or_default();
    let (who, several) = match subjects.len() {
        0 | 1 => (first, false),
        count => (format!("{first} and {} more", count - 1), true),
    };
    match (why, several) {
        (Some(why), _) => {
            let fails = if several { "fail" } else { "fails" };
            let fails = format!("{fails}, runs do not");
            Error::new(Kind::Attention, format!("{who} {}", verb(why, &fails)))
                .hint("said once; until it works again: tenantpilot doctor")
        }
        (None, true) => Error::new(Kind::Attention, format!("{who} work again")),
        (None, false) => Error::new(Kind::Attention, format!("{who} works again")),
    }
}

/// What there is to say of a failure, as it stands after who `fails`.
fn verb(why: &str, fails: &str) -> String {
    match monitoring::is_unusable(why) {
        true => why.to_owned(),
        false => format!("{fails}: {why}"),
    }
}
