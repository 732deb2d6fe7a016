//! The way to the services: proxy, trust roots, and whether each host answers.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, SecondsFormat, Utc};

use super::time::TOLERANCE;
use super::{LOOK_AGAIN, Surroundings, UNASKED, with_store};
use crate::finding::{Finding, told};
use crate::graph::client::Connector;
use crate::graph::client::reach::{Reached, Service};
use crate::http::outside::{self, Proxies, Roots, Way};
use crate::plural::counted;
use crate::store::{self, Store};

/// So many hosts are asked at once.
const AT_ONCE: usize = 8;

const NO_ROOTS: &str =
    "sudo apt-get install ca-certificates; or set SSL_CERT_FILE to a file of certificates";

pub(super) fn examine(around: &Surroundings, store: Option<&Store>) -> Vec<Finding> {
    let (mut services, mut unusable) = (Vec::new(), Vec::new());
    let mut findings = with_store(store, "hosts", |store| {
        for tenant in store::tenants::list(store.read())? {
            match Service::of(&tenant.settings) {
                Ok(found) => services.extend(found),
                Err(why) => unusable.push((tenant.settings.name.clone(), why)),
            }
        }
        Ok(Vec::new())
    });
    let mut seen = std::collections::HashSet::new();
    services.retain(|service| seen.insert(service.described()));
    findings.extend(proxy(&around.proxies, &services));
    findings.push(trust(&outside::trust_roots(), around, &services));
    if let Some((tenant, _)) = unusable.first() {
        let hint = format!(
            "tenantpilot tenants edit {} --graph-url URL --authority-url URL",
            shell_words::quote(tenant)
        );
        let why: Vec<String> = unusable.iter().map(|(_, why)| why.clone()).collect();
        findings.push(Finding::fail("hosts", told(&why), hint));
    }
    match &around.connector {
        None => findings.push(Finding::ok("hosts", "not asked (--offline)")),
        Some(_) if store.is_none() => {
            let what = format!("not asked: which are needed is not known, {UNASKED}");
            findings.push(Finding::warn("hosts", what, LOOK_AGAIN));
        }
        Some(connector) => findings.extend(hosts(around, connector, &services)),
    }
    findings
}

fn proxy(proxies: &Proxies, services: &[Service]) -> Vec<Finding> {
    let direct: Vec<String> = services
        .iter()
        .filter(|service| service.is_here() || proxies.pass_by(&service.url()))
        .map(|service| service.host().to_owned())
        .collect();
    judge_proxy(proxies.way(), proxies.unusable(), &direct, services.len())
}

fn judge_proxy(
    way: Option<&Way>,
    unusable: &[&'static str],
    direct: &[String],
    of: usize,
) -> Vec<Finding> {
    let check = "proxy";
    let none_goes = of > 0 && direct.len() == of;
    let mut findings = Vec::new();
    if !unusable.is_empty() {
        let mut what = outside::cannot_be_used(unusable);
        if way.is_none() && !none_goes {
            what.push_str(", so nothing is asked but what NO_PROXY names");
            findings.push(Finding::fail(check, what, outside::HINT));
        } else {
            findings.push(Finding::warn(check, what, outside::HINT));
        }
    }
    match way {
        None if unusable.is_empty() => {
            findings.push(Finding::ok(check, "none: hosts are asked directly"));
        }
        None => {}
        Some(way) => {
            let mut what = format!("{}, by {}", way.address, way.variable);
            if way.signs_in {
                what.push_str(", with a user name");
            }
            if none_goes {
                what.push_str("; none of the hosts in use goes through it");
            } else if !direct.is_empty() {
                what.push_str(&format!("; directly to {}", direct.join(", ")));
            }
            findings.push(Finding::ok(check, what));
        }
    }
    findings
}

fn trust(roots: &Roots, around: &Surroundings, services: &[Service]) -> Finding {
    let named: Vec<String> = around
        .trust_variables
        .iter()
        .map(|(variable, path)| format!("{variable}={}", path.display()))
        .collect();
    let encrypted = services.is_empty() || services.iter().any(Service::is_https);
    judge_trust(roots, &named, encrypted)
}

fn judge_trust(roots: &Roots, named: &[String], encrypted: bool) -> Finding {
    let check = "trust_roots";
    let from = match named {
        [] => "this system's trust store".to_owned(),
        named => named.join(", "),
    };
    let mut what = format!(
        "{}, from {from}",
        counted(roots.count, "authority", "authorities")
    );
    if !roots.problems.is_empty() {
        what.push_str(&format!("; {}", told(&roots.problems)));
    }
    if roots.count > 0 {
        return Finding::ok(check, what);
    }
    match encrypted {
        true => Finding::fail(
            check,
            format!("no certificate can be checked: {what}"),
            NO_ROOTS,
        ),
        false => Finding::warn(check, what, NO_ROOTS),
    }
}

fn hosts(around: &Surroundings, connector: &Connector, services: &[Service]) -> Vec<Finding> {
    if services.is_empty() {
        return vec![Finding::ok("hosts", "none is needed yet")];
    }
    let line = Mutex::new(services.iter());
    let answers = Mutex::new(Vec::new());
    crate::threads::in_parallel(AT_ONCE.min(services.len()), || {
        loop {
            let next = line.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(service) = next else { return };
            let answer = connector.reach(service).map_err(crate::error::Error::from);
            let found = judge(service, answer, around.clock.now());
            let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
            answers.push((service.described(), found));
        }
    });
    let mut answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
    answers.sort_by(|one, other| one.0.cmp(&other.0));
    answers.into_iter().map(|(_, found)| found).collect()
}

fn judge(
    service: &Service,
    answer: Result<Reached, crate::error::Error>,
    now: DateTime<Utc>,
) -> Finding {
    let (check, url) = ("hosts", service.described());
    let reached = match answer {
        Ok(reached) => reached,
        Err(error) => return Finding::of_error(check, &error.during(url)),
    };
    let status = reached.status;
    if let Some(date) = reached.date.filter(|date| (*date - now).abs() > TOLERANCE) {
        let there = date.to_rfc3339_opts(SecondsFormat::Secs, true);
        let what = format!("{url} answers, but it is {there} there: a sign-in may be refused");
        return Finding::warn(check, what, "timedatectl, and timedatectl set-ntp true");
    }
    match status {
        407 => Finding::fail(
            check,
            format!("{url}: the proxy wants a user name and a password"),
            "HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT, in the crontab too",
        ),
        500.. => Finding::warn(
            check,
            format!("{url} answers with {status}: it has trouble of its own"),
            "try again later: tenantpilot doctor",
        ),
        _ => Finding::ok(check, format!("{url} answers")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, Kind};
    use crate::finding::Level;
    use crate::graph::cloud::Cloud;
    use crate::tenant::{Credential, Settings};

    fn services(graph_url: Option<&str>, credential: Credential) -> Vec<Service> {
        let settings = Settings {
            name: "contoso".to_owned(),
            directory: "contoso.com".to_owned(),
            cloud: Cloud::UsGov,
            client_id: None,
            credential,
            graph_url: graph_url.map(str::to_owned),
            authority_url: None,
            labels: std::collections::BTreeMap::new(),
        };
        Service::of(&settings).unwrap()
    }

    #[test]
    fn a_tenant_needs_the_hosts_of_its_cloud_or_its_own() {
        let urls = |found: &[Service]| found.iter().map(Service::url).collect::<Vec<_>>();
        let secret = Credential::SecretEnv("X".to_owned());
        assert_eq!(
            urls(&services(None, secret.clone())),
            [
                "https://graph.microsoft.us",
                "https://login.microsoftonline.us"
            ]
        );
        assert_eq!(
            urls(&services(Some("http://127.0.0.1:9"), secret))[0],
            "http://127.0.0.1:9"
        );
        let identity = Credential::ManagedIdentity(None);
        assert_eq!(
            urls(&services(None, identity)).len(),
            1,
            "its platform signs it in"
        );
    }

    #[test]
    fn any_answer_is_an_answer_and_none_is_a_failure() {
        let now: DateTime<Utc> = "2026-12-01T02:00:00Z".parse().unwrap();
        let service = &services(None, Credential::SecretEnv("X".to_owned()))[0];
        let level = |status, date: &str| {
            let date = date.parse().ok();
            judge(service, Ok(Reached { status, date }), now).level
        };
        assert_eq!(level(200, ""), Level::Ok);
        assert_eq!(level(401, "2026-12-01T02:01:00Z"), Level::Ok);
        assert_eq!(
            level(200, "2026-12-01T02:06:00Z"),
            Level::Warn,
            "another time there"
        );
        assert_eq!(level(200, "2026-12-01T01:54:00Z"), Level::Warn);
        assert_eq!(level(503, ""), Level::Warn);
        assert_eq!(level(407, ""), Level::Fail);
        let nobody = judge(
            service,
            Err(Error::new(Kind::Network, "no").hint("look")),
            now,
        );
        assert_eq!(
            (nobody.level, nobody.hint.as_deref()),
            (Level::Fail, Some("look"))
        );
    }

    #[test]
    fn the_proxy_is_told_with_what_goes_past_it() {
        let way = Way {
            variable: "HTTPS_PROXY",
            address: "http://proxy.example.com:3128".to_owned(),
            signs_in: true,
        };
        let found = judge_proxy(Some(&way), &[], &["a".to_owned()], 2);
        assert_eq!(
            found[0].message,
            "http://proxy.example.com:3128, by HTTPS_PROXY, with a user name; directly to a"
        );
        let level = |way, direct: &[String]| judge_proxy(way, &["ALL_PROXY"], direct, 1)[0].level;
        let here = ["a".to_owned()];
        assert_eq!(level(Some(&way), &[]), Level::Warn, "another is used");
        assert_eq!(level(None, &here), Level::Warn, "none is needed");
        assert_eq!(level(None, &[]), Level::Fail, "nothing is reached");
        assert_eq!(judge_proxy(None, &["ALL_PROXY"], &[], 1).len(), 1);
    }

    #[test]
    fn without_roots_nothing_encrypted_works() {
        let roots = |count| Roots {
            count,
            problems: Vec::new(),
        };
        assert_eq!(judge_trust(&roots(140), &[], true).level, Level::Ok);
        assert_eq!(judge_trust(&roots(0), &[], true).level, Level::Fail);
        let named = ["SSL_CERT_FILE=/none".to_owned()];
        let found = judge_trust(&roots(0), &named, false);
        assert_eq!(found.level, Level::Warn);
        assert!(found.message.contains("SSL_CERT_FILE=/none"));
    }
}
