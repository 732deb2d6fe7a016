//! What ends in the tenants themselves, as their newest backup sets say it: push certificates and
//! tokens of Apple. No tenant is asked.

use std::collections::BTreeSet;

use super::Surroundings;
use crate::backup_set::TypeList;
use crate::error::{Error, Kind, Result};
use crate::finding::Finding;
use crate::plural::counted;
use crate::policy::catalogue;
use crate::policy::expiry::Expiry;
use crate::store::backup_sets::{self, KnownList};
use crate::store::contents::Reader;
use crate::store::{self, Store};
use crate::tenant::Tenant;

const CHECK: &str = "expiries";

pub(super) fn examine(around: &Surroundings, store: &Store) -> Result<Vec<Finding>> {
    let (mut found, mut findings) = (Vec::new(), Vec::new());
    for tenant in store::tenants::list(store.read())? {
        let name = shell_words::quote(tenant.name()).into_owned();
        let tenant_told = format!("tenant {} (id {})", tenant.name(), tenant.id.0);
        for expiry in newest(store, &tenant)? {
            match expiry {
                Ok(expiry) => {
                    let warning = expiry.warning(around.now);
                    findings.extend(warning.map(|warning| {
                        let hint =
                            format!("once it is renewed: tenantpilot run --all --tenant {name}");
                        Finding::warn(CHECK, format!("{tenant_told}: {warning}"), hint)
                    }));
                    found.push((tenant.clone(), expiry));
                }
                Err(error) => findings.push(unread(&error.during(&tenant_told))),
            }
        }
    }
    findings.insert(0, Finding::ok(CHECK, told(&found)));
    Ok(findings)
}

/// What the newest sets of a tenant say, and what of them cannot be read.
fn newest(store: &Store, tenant: &Tenant) -> Result<Vec<Result<Expiry>>> {
    let reader = Reader::new(store.read(), tenant.id);
    let rows = catalogue::all().filter(|row| row.expiring.is_some());
    let wanted: BTreeSet<&str> = rows.map(|row| row.key).collect();
    let (lists, damage) = backup_sets::latest_lists_and_damage(&reader, &wanted)?;
    let mut found: Vec<Result<Expiry>> = damage.into_iter().map(Err).collect();
    for (key, known) in &lists {
        match list(&reader, known) {
            Ok(list) => found.extend(backup_sets::expiries(&reader, &list).into_iter().map(
                |one| one.map_err(|error| error.during(format_args!("backup set {}", known.set))),
            )),
            Err(error) => {
                let what = format!("policy type {key} of backup set {}", known.set);
                found.push(Err(error.during(what)));
            }
        }
    }
    Ok(found)
}

fn list(reader: &Reader<'_>, known: &KnownList) -> Result<TypeList> {
    let bytes = reader.read(&known.list)?;
    let what = |flaw| format!("content {} is no list of policies: {flaw}", known.list);
    TypeList::parse(&bytes).map_err(|flaw| Error::new(Kind::Integrity, what(flaw)))
}

/// What could not be read may end, too.
fn unread(error: &Error) -> Finding {
    let what = format!("{}: what ends there is not known", error.message());
    Finding::fail(CHECK, what, "tenantpilot backups verify")
}

fn told(found: &[(Tenant, Expiry)]) -> String {
    let next = found.iter().min_by_key(|(_, expiry)| expiry.at);
    match next {
        None => "no certificate or token of Apple was read from a backup set".to_owned(),
        Some((tenant, expiry)) => format!(
            "{} in the newest backup sets; the first to end, on {}, is the {} of tenant {} (id {})",
            counted(
                found.len(),
                "of Apple's certificates and tokens is",
                "of Apple's certificates and tokens are"
            ),
            expiry.day(),
            expiry.told(),
            tenant.name(),
            tenant.id.0
        ),
    }
}
