//! Whether each tenant's credential can be used, as far as that can be told without signing in.
//!
//! Secrets are read, or their commands run, and dropped at once: what is told is that there is one.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;

use super::Surroundings;
use crate::error::{Error, Kind, Result};
use crate::finding::Finding;
use crate::plural::counted;
use crate::secret::certificate::{self, Certificate};
use crate::secret::{self, platform::Platform};
use crate::store::{self, Store};
use crate::tenant::{Credential, Tenant};
use crate::threads;

/// So many are looked at at once: a command may take its time.
const AT_ONCE: usize = 8;

/// What is known of a credential.
#[derive(Debug, Clone)]
enum Verdict {
    Usable,
    /// Whether it can be used shows only when it is.
    Untried,
    /// It ends soon.
    Ends(String),
    Unusable(Error),
}

pub(super) fn examine(around: &Surroundings, store: &Store) -> Result<Vec<Finding>> {
    let tenants = store::tenants::list(store.read())?;
    let mut verdicts: BTreeMap<_, Verdict> = BTreeMap::new();
    let mut credentials: Vec<&Credential> = Vec::new();
    for tenant in &tenants {
        let credential = &tenant.settings.credential;
        if !credentials.contains(&credential) {
            credentials.push(credential);
        }
    }
    let line = Mutex::new(credentials.into_iter());
    let found = Mutex::new(Vec::new());
    threads::in_parallel(AT_ONCE, || {
        loop {
            let next = line.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(credential) = next else { return };
            let verdict = look(around, credential);
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            found.push((key(credential), verdict));
        }
    });
    verdicts.extend(found.into_inner().unwrap_or_else(PoisonError::into_inner));
    let of = |tenant: &Tenant| verdicts.get(&key(&tenant.settings.credential)).cloned();
    let judged: Vec<_> = tenants
        .iter()
        .filter_map(|tenant| Some((tenant, of(tenant)?)))
        .collect();
    Ok(judge(&judged))
}

fn key(credential: &Credential) -> (&'static str, Option<String>) {
    (credential.kind(), credential.reference())
}

fn look(around: &Surroundings, credential: &Credential) -> Verdict {
    let tried = match credential {
        Credential::SecretEnv(variable) => secret::from_env(variable).map(drop),
        Credential::SecretFile(path) | Credential::FederatedTokenFile(path) => {
            secret::from_file(path).map(drop)
        }
        Credential::SecretCommand(command) => {
            secret::from_command(command, around.clock.as_ref(), &around.stop).map(drop)
        }
        Credential::Certificate(path) => {
            Certificate::read(path).and_then(|certificate| certificate.require_valid(around.now))
        }
        Credential::GithubOidc(_) => job(&around.platform, true),
        Credential::AzurePipelinesOidc(_) => job(&around.platform, false),
        Credential::ManagedIdentity(_) => return Verdict::Untried,
    };
    match (tried, certificate::warning(credential, around.now)) {
        (Err(error), _) => Verdict::Unusable(error),
        (Ok(()), Some(warning)) => Verdict::Ends(warning),
        (Ok(()), None) => Verdict::Usable,
    }
}

/// Whether this is a job of the service that vouches for it.
fn job(platform: &Platform, github: bool) -> Result<()> {
    let (url, token, what, hint) = if github {
        (
            &platform.actions_url,
            &platform.actions_token,
            "this is no job of GitHub Actions that may ask for a token",
            "run it in a job with permissions: id-token: write",
        )
    } else {
        (
            &platform.pipelines_url,
            &platform.pipelines_token,
            "this is no job of Azure Pipelines that may ask for a token",
            "run it in a job with SYSTEM_ACCESSTOKEN: $(System.AccessToken) in its env",
        )
    };
    match url.is_some() && token.is_some() {
        true => Ok(()),
        false => Err(Error::new(Kind::CredentialUnusable, what).hint(hint)),
    }
}

/// One line for all that can be used, if any can, and one for each that cannot, or not for long.
fn judge(judged: &[(&Tenant, Verdict)]) -> Vec<Finding> {
    let check = "credentials";
    let count = |wanted: fn(&Verdict) -> bool| judged.iter().filter(|(_, one)| wanted(one)).count();
    let usable = count(|one| matches!(one, Verdict::Usable | Verdict::Ends(_)));
    let untried = count(|one| matches!(one, Verdict::Untried));
    let mut told = format!(
        "usable for {usable} of {}",
        counted(judged.len(), "tenant", "tenants")
    );
    if untried > 0 {
        told.push_str(&format!(
            "; {} by a managed identity, which only tenants check tries",
            counted(untried, "signs in", "sign in")
        ));
    }
    if judged.is_empty() {
        "no tenant yet".clone_into(&mut told);
    }
    let mut findings = Vec::new();
    if judged.is_empty() || usable + untried > 0 {
        findings.push(Finding::ok(check, told));
    }
    for (tenant, verdict) in judged {
        let name = tenant.name();
        let what = |message: &str| format!("tenant {name} (id {}): {message}", tenant.id.0);
        match verdict {
            Verdict::Usable | Verdict::Untried => {}
            Verdict::Ends(warning) => findings.push(Finding::warn(
                check,
                what(warning),
                format!("tenantpilot tenants check {}", shell_words::quote(name)),
            )),
            Verdict::Unusable(error) => {
                let edit = format!("tenantpilot tenants edit {}", shell_words::quote(name));
                let hint = error.hint_text().unwrap_or(&edit);
                findings.push(Finding::fail(check, what(error.message()), hint));
            }
        }
    }
    findings
}
