//! What ends in the tenants themselves, as their newest backup sets say it: push certificates and
//! tokens of Apple. No tenant is asked.

use std::collections::BTreeSet;

use super::Surroundings;
use crate::backup_set::TypeList;
use crate::error::Result;
use crate::finding::Finding;
use crate::policy::catalogue;
use crate::policy::expiry::Expiry;
use crate::store::contents::Reader;
use crate::store::{self, Store, backup_sets};
use crate::tenant::Tenant;

const CHECK: &str = "expiries";

pub(super) fn examine(around: &Surroundings, store: &Store) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    for tenant in store::tenants::list(store.read())? {
        let expiries = newest(store, &tenant)?;
        found.extend(expiries.into_iter().map(|one| (tenant.clone(), one)));
    }
    let warnings = found.iter().filter_map(|(tenant, expiry)| {
        let warning = expiry.warning(around.now)?;
        let what = format!("tenant {} (id {}): {warning}", tenant.name(), tenant.id.0);
        let name = shell_words::quote(tenant.name()).into_owned();
        let hint = format!("once it is renewed: tenantpilot run --all --tenant {name}");
        Some(Finding::warn(CHECK, what, hint))
    });
    let warnings: Vec<Finding> = warnings.collect();
    let mut findings = vec![Finding::ok(CHECK, told(&found))];
    findings.extend(warnings);
    Ok(findings)
}

/// What the newest sets of a tenant say. One that cannot be read is for `backups verify` to tell.
fn newest(store: &Store, tenant: &Tenant) -> Result<Vec<Expiry>> {
    let reader = Reader::new(store.read(), tenant.id);
    let rows = || catalogue::all().filter(|row| row.expiring.is_some());
    let wanted: BTreeSet<&str> = rows().map(|row| row.key).collect();
    let lists = backup_sets::latest_lists(&reader, &wanted)?;
    let mut found = Vec::new();
    for row in rows() {
        let bytes = lists
            .get(row.key)
            .and_then(|known| reader.read(&known.list).ok());
        let list = bytes.and_then(|bytes| TypeList::parse(&bytes).ok());
        for entry in list.iter().flat_map(TypeList::entries) {
            let document = reader.read(&entry.hash).unwrap_or_default();
            found.extend(Expiry::of(row, &entry.id, &entry.name, &document));
        }
    }
    Ok(found)
}

fn told(found: &[(Tenant, Expiry)]) -> String {
    let next = found.iter().min_by_key(|(_, expiry)| expiry.at);
    match next {
        None => "no certificate or token of Apple is in a backup set".to_owned(),
        Some((tenant, expiry)) => format!(
            "{} of Apple's certificates and tokens are in the newest backup sets; the first to end, on {}, is the {} of tenant {} (id {})",
            found.len(),
            expiry.day(),
            expiry.told(),
            tenant.name(),
            tenant.id.0
        ),
    }
}
