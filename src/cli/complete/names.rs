//! Names and ids from the database, as candidates.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use super::Candidate;
use super::offer::Value;
use super::place::Place;
use crate::backup_set::{BackupSet, BackupSetId, Manifest, TypeList};
use crate::cli::{history, permit, schedules, tenants};
use crate::context::Context;
use crate::error::Result;
use crate::plural::counted;
use crate::run::{Run, Status};
use crate::schedule::Schedule;
use crate::slot::Slot;
use crate::store::contents::Reader;
use crate::store::runs::Scope;
use crate::store::{self, backup_sets};
use crate::tenant::{Tenant, TenantId};
use crate::ui::text::visible;

/// So many of the newest runs and backup sets are offered.
const NEWEST: u32 = 50;

/// Among so many of the newest backup sets those are looked for that a command can do something with.
const SEARCHED: u32 = 500;

/// In so many tenants a policy is looked for where nobody says in which.
const TENANTS: usize = 20;

/// The database, as far as the actor may look at it, and what is looked for in it.
pub(super) struct Names<'c> {
    ctx: &'c Context,
    conn: &'c Connection,
    place: &'c Place<'c>,
    typed: &'c str,
    /// The tenants that may be told of.
    readable: Vec<Tenant>,
    /// The tenant that the line names by `--tenant`.
    tenant: Option<TenantId>,
}

/// The key that a policy begins with, once it is typed: `KEY/…`.
pub(super) fn type_typed(typed: &str) -> Option<&str> {
    typed.split_once('/').map(|(key, _)| key)
}

impl<'c> Names<'c> {
    pub(super) fn new(
        ctx: &'c Context,
        conn: &'c Connection,
        place: &'c Place<'c>,
        typed: &'c str,
    ) -> Result<Self> {
        let readable = tenants::readable(ctx, conn)?;
        let given = place.value_of("tenant");
        let named = |tenant: &&Tenant| {
            given.is_some_and(|given| given == tenant.name() || given == tenant.id.0.to_string())
        };
        Ok(Self {
            tenant: readable.iter().find(named).map(|tenant| tenant.id),
            ctx,
            conn,
            place,
            typed,
            readable,
        })
    }

    /// What the value may be.
    pub(super) fn of(&self, value: Value) -> Result<Vec<Candidate>> {
        match value {
            Value::Tenant => Ok(self.tenants()),
            Value::Schedule => self.schedules(),
            Value::Run => self.runs(),
            Value::Set => self.sets(),
            Value::User => self.users(),
            Value::Label => self.labels(),
            Value::Policy => match type_typed(self.typed) {
                Some(key) => self.policies(key),
                None => self.types_held(),
            },
            _ => Ok(Vec::new()),
        }
    }

    fn tenants(&self) -> Vec<Candidate> {
        let tenants = self.readable.iter();
        tenants
            .map(|tenant| {
                let word = self.called(tenant.name(), tenant.id.0);
                Candidate::new(word, tenant.settings.directory.clone())
            })
            .collect()
    }

    /// Each by the shortest form that means it and no other. Where none of these begins with what
    /// is typed, all by `TENANT/NAME`.
    fn schedules(&self) -> Result<Vec<Candidate>> {
        let listed = schedules::find::readable(self.ctx, self.conn, self.tenant, true)?;
        let fitting: Vec<Schedule> = listed
            .into_iter()
            .map(|listed| listed.schedule)
            .filter(|schedule| self.is_meant(schedule))
            .collect();
        let both = |schedule: &Schedule| format!("{}/{}", schedule.tenant, schedule.name());
        // Either may be the other of another schedule: names hold slashes, too.
        let mut answering: BTreeMap<String, usize> = BTreeMap::new();
        for schedule in &fitting {
            *answering.entry(schedule.name().to_owned()).or_default() += 1;
            *answering.entry(both(schedule)).or_default() += 1;
        }
        let is_one = |word: &str| answering.get(word) == Some(&1);
        let of = |schedule: &Schedule, words: &[String]| {
            let word = words.iter().find(|word| is_one(word));
            let id = schedule.id.0;
            let word = word.map_or(id.to_string(), |word| self.called(word, id));
            Candidate::new(word, about_schedule(schedule))
        };
        let short = fitting
            .iter()
            .map(|schedule| of(schedule, &[schedule.name().to_owned(), both(schedule)]));
        let short: Vec<Candidate> = short.collect();
        let typed = self.typed.to_lowercase();
        if short
            .iter()
            .any(|one| one.word.to_lowercase().starts_with(&typed))
        {
            return Ok(short);
        }
        Ok(fitting
            .iter()
            .map(|schedule| of(schedule, &[both(schedule)]))
            .collect())
    }

    /// Whether the command can do something with it.
    fn is_meant(&self, schedule: &Schedule) -> bool {
        let archived = schedule.archived_at.is_some();
        match self.place.path.as_str() {
            "schedules restore" => archived,
            "schedules remove" => archived == self.place.value_of("purge").is_some(),
            "schedules enable" => !archived && !schedule.settings.enabled,
            "schedules disable" => !archived && schedule.settings.enabled,
            // What is past, they show of archived ones, too.
            "history" | "backups list" | "backups diff" => true,
            _ => !archived,
        }
    }

    fn runs(&self) -> Result<Vec<Candidate>> {
        let statuses = match self.place.path.as_str() {
            "retry" => vec![
                Status::Failed,
                Status::Partial,
                Status::Canceled,
                Status::Skipped,
            ],
            _ => Vec::new(),
        };
        let read = |tenant: Option<TenantId>| {
            let filter = store::runs::Filter {
                scope: tenant.map_or(Scope::All, Scope::Tenant),
                statuses: statuses.clone(),
                limit: Some(NEWEST),
                ..store::runs::Filter::default()
            };
            store::runs::list(self.conn, &filter)
        };
        let runs = permit::list(self.ctx, NEWEST, |run: &Run| run.id, read)?;
        Ok(runs
            .iter()
            .map(|run| Candidate::new(run.id.0.to_string(), about_run(run)))
            .collect())
    }

    fn sets(&self) -> Result<Vec<Candidate>> {
        let (expired, is_meant): (_, fn(&BackupSet) -> bool) = match self.place.path.as_str() {
            "backups unexpire" => (Some(true), |_| true),
            "backups delete" => (None, |_| true),
            "backups pin" | "backups expire" => (Some(false), |set| set.pin_reason.is_none()),
            "backups unpin" => (Some(false), |set| set.pin_reason.is_some()),
            "backups acknowledge" => (Some(false), |set| {
                set.shrunk.is_some() && set.acknowledged_at.is_none()
            }),
            _ => (Some(false), |_| true),
        };
        let sets = self.newest_sets(None, expired, SEARCHED)?;
        let sets = sets.iter().filter(|set| is_meant(set));
        Ok(sets
            .take(usize::try_from(NEWEST).unwrap_or_default())
            .map(|set| Candidate::new(set.id.to_string(), about_set(set)))
            .collect())
    }

    fn newest_sets(
        &self,
        tenant: Option<TenantId>,
        expired: Option<bool>,
        limit: u32,
    ) -> Result<Vec<BackupSet>> {
        let read = |tenant| {
            let filter = backup_sets::Filter {
                tenant,
                expired,
                limit: Some(limit),
                ..backup_sets::Filter::default()
            };
            backup_sets::list_sets(self.conn, &filter)
        };
        match tenant {
            Some(tenant) => read(Some(tenant)),
            None => permit::list(self.ctx, limit, |set: &BackupSet| set.id, read),
        }
    }

    /// Users who have a role that the actor may see.
    fn users(&self) -> Result<Vec<Candidate>> {
        let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let readable = self.ctx.readable();
        for grant in store::roles::list(self.conn)? {
            let place = match &grant.tenant {
                Some((tenant, _)) if !readable.contains(*tenant) => continue,
                Some((_, name)) => format!(" of {name}"),
                None => String::new(),
            };
            let role = format!("{}{place}", grant.role.as_str());
            users.entry(grant.user).or_default().push(role);
        }
        let users = users.into_iter().filter(|(user, _)| is_plain(user));
        Ok(users
            .map(|(user, roles)| Candidate::new(user, roles.join(", ")))
            .collect())
    }

    /// Keys of labels that are hung on something already, and their values once the key is typed.
    fn labels(&self) -> Result<Vec<Candidate>> {
        let tenants = self.readable.iter();
        let mut labels: BTreeSet<(String, String)> = tenants
            .flat_map(|tenant| tenant.settings.labels.clone())
            .collect();
        for listed in schedules::find::readable(self.ctx, self.conn, None, false)? {
            labels.extend(listed.schedule.settings.labels);
        }
        let words = labels.into_iter().map(|(key, value)| {
            if self.typed.contains('=') {
                format!("{key}={value}")
            } else {
                format!("{key}=")
            }
        });
        let words: BTreeSet<String> = words.filter(|word| is_plain(word)).collect();
        let words = words.into_iter();
        Ok(words.map(|word| Candidate::new(word, "")).collect())
    }

    /// The policy types of which the sets that are meant hold policies.
    fn types_held(&self) -> Result<Vec<Candidate>> {
        let mut held = BTreeSet::new();
        self.in_sets(|_, manifest| {
            let types = manifest.types().iter().filter(|entry| entry.policies > 0);
            held.extend(types.map(|entry| entry.policy_type.clone()));
            Ok(())
        })?;
        Ok(held
            .into_iter()
            .map(|key| Candidate::new(key, ""))
            .collect())
    }

    /// The policies of this type.
    fn policies(&self, key: &str) -> Result<Vec<Candidate>> {
        let mut policies: BTreeMap<String, String> = BTreeMap::new();
        self.in_sets(|reader, manifest| {
            let list = match manifest.get(key) {
                Some(entry) => backup_sets::list(reader, entry)?,
                None => None,
            };
            for entry in list.iter().flat_map(TypeList::entries) {
                policies.insert(format!("{key}/{}", entry.id), entry.name.clone());
            }
            Ok(())
        })?;
        let policies = policies.into_iter().filter(|(word, _)| is_plain(word));
        Ok(policies
            .map(|(word, name)| Candidate::new(word, name))
            .collect())
    }

    /// Does something with the sets that are named, else with the newest of each tenant.
    fn in_sets(&self, mut with: impl FnMut(&Reader<'_>, &Manifest) -> Result<()>) -> Result<()> {
        let mut sets = Vec::new();
        for id in ["set", "sets"]
            .into_iter()
            .flat_map(|id| self.place.values_of(id))
        {
            let Ok(id) = id.parse() else { continue };
            let set = backup_sets::get(self.conn, BackupSetId(id))?;
            sets.extend(set.filter(|set| self.ctx.readable().contains(set.tenant_id)));
        }
        if sets.is_empty() {
            let tenants = self.readable.iter().map(|tenant| tenant.id);
            let meant = tenants.filter(|id| self.tenant.is_none_or(|tenant| tenant == *id));
            for tenant in meant.take(TENANTS) {
                sets.extend(self.newest_sets(Some(tenant), Some(false), 1)?);
            }
        }
        for set in &sets {
            let reader = Reader::new(self.conn, set.tenant_id);
            with(&reader, &backup_sets::manifest(&reader, set)?)?;
        }
        Ok(())
    }

    /// What to type for something of this name and id: the name, where it can be typed.
    fn called(&self, name: &str, id: i64) -> String {
        let begun_as_id = !self.typed.is_empty() && self.typed.bytes().all(|b| b.is_ascii_digit());
        if is_plain(name) && (!begun_as_id || name.starts_with(self.typed)) {
            name.to_owned()
        } else {
            id.to_string()
        }
    }
}

/// Whether it shows what it is, and is taken for no flag.
fn is_plain(word: &str) -> bool {
    !word.is_empty() && !word.starts_with('-') && visible(word) == word
}

fn about_schedule(schedule: &Schedule) -> String {
    let state = if schedule.archived_at.is_some() {
        ", archived"
    } else if schedule.settings.enabled {
        ""
    } else {
        ", disabled"
    };
    format!(
        "{}/{} (id {}){state}",
        schedule.tenant,
        schedule.name(),
        schedule.id.0
    )
}

fn about_run(run: &Run) -> String {
    let at = run.scheduled_for.map_or(run.created_at, Slot::instant);
    let code = run.error_code.map(|code| format!(" {}", code.as_str()));
    format!(
        "{} {}/{} {}{}",
        history::time(at),
        run.tenant,
        run.schedule,
        run.status.as_str(),
        code.unwrap_or_default()
    )
}

fn about_set(set: &BackupSet) -> String {
    let schedule = set.schedule.as_deref().unwrap_or("imported");
    let pinned = set
        .pin_reason
        .as_ref()
        .map(|reason| format!(", pinned: {reason}"));
    format!(
        "{} {}/{schedule} {}, {}{}",
        history::time(set.time),
        set.tenant,
        set.status.as_str(),
        counted(set.policies, "policy", "policies"),
        pinned.unwrap_or_default()
    )
}
