//! A file as a fleet, or everything that is wrong with it.
//!
//! Every value goes through the same checks as the flag of its name; what can be said without the
//! disk, the network or the environment is said here, credentials are looked at when applied.

mod table;

use std::collections::BTreeMap;

use self::table::{Keys, Reader, Table};
use super::document::{Node, Value, key_told, parse};
use super::fields::{SCHEDULE_KEYS, TENANT_KEYS};
use super::{Entry, Fault, Fleet, Format, SCHEMA_VERSION};
use crate::error::{Error, closest};
use crate::graph::cloud::Cloud;
use crate::policy::selection;
use crate::recurrence::{Recurrence, parse_day};
use crate::retention::rules::Keep;
use crate::schedule::{self, check_max_runtime, check_spread, distinct};
use crate::tenant::{self, Application, Credential, address, check_name};
use crate::zone::{Source, Zone};
use crate::{duration, labels};

const ROOT_KEYS: Keys = &[
    ("schema_version", "the number 1"),
    ("tenants", "a list of tables, in TOML [[tenants]]"),
];
const CREDENTIAL_KEYS: Keys = &[
    (
        "kind",
        "the name of a flag of `tenants add`, e.g. \"secret-file\"",
    ),
    ("reference", "a path, a variable, a command or an id"),
];

/// Reads a file; zones are known by `zones`.
///
/// # Errors
/// Everything in it that cannot be accepted, in the order of its lines.
pub fn read(bytes: &[u8], format: Format, zones: &Source) -> Result<Fleet, Vec<Fault>> {
    let document = parse(bytes, format).map_err(|fault| vec![fault])?;
    let mut reader = Reader {
        zones,
        faults: Vec::new(),
    };
    let fleet = reader.fleet(&document);
    if reader.faults.is_empty() {
        return Ok(fleet);
    }
    reader.faults.sort_by_key(|fault| fault.line);
    Err(reader.faults)
}

impl Reader<'_> {
    fn labels(&mut self, table: &Table<'_>) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        let Some(node) = table.get("labels") else {
            return found;
        };
        let Value::Table(entries) = &node.value else {
            self.wrong(table, "labels", node);
            return found;
        };
        for (key, node) in entries {
            let mut wrong = |why: &str, hint: &str| {
                let error = Error::usage(format!("labels: {} {why}", key_told(key)));
                self.fault(node.line, &table.whose, error.hint(hint));
            };
            match &node.value {
                Value::Text(value) if value.is_empty() => wrong("has no value", "leave it out"),
                Value::Text(value) => {
                    self.check(table, node.line, "labels", labels::check(key, value));
                    found.insert(key.clone(), value.clone());
                }
                other => wrong(&format!("is {}", other.kind()), "labels are texts"),
            }
        }
        found
    }

    fn fleet(&mut self, document: &Node) -> Fleet {
        let mut fleet = Fleet::default();
        let Some(root) = self.table(document, "", ROOT_KEYS) else {
            return fleet;
        };
        match root
            .get("schema_version")
            .map(|node| (node.line, &node.value))
        {
            None | Some((_, Value::Number(Some(SCHEMA_VERSION)))) => {}
            Some((line, _)) => {
                let error = Error::usage("schema_version is none that this program knows");
                let hint = format!(
                    "write {SCHEMA_VERSION}, or install the newer tenantpilot that wrote it"
                );
                self.fault(line, "", error.hint(hint));
            }
        }
        if root.get("tenants").is_none() {
            let error = Error::usage("there is no tenant in it");
            let hint = "write [[tenants]] before each, or tenants = [] for an empty fleet";
            self.fault(root.line, "", error.hint(hint));
        }
        let mut lines = BTreeMap::new();
        for (number, node) in self
            .list(&root, "tenants")
            .unwrap_or_default()
            .iter()
            .enumerate()
        {
            let whose = called("tenant", node, number);
            let Some(table) = self.table(node, &whose, TENANT_KEYS) else {
                continue;
            };
            let Some(entry) = self.entry(&table) else {
                continue;
            };
            if let Some(first) = lines.insert(entry.tenant.name.clone(), node.line) {
                self.twice(node, &whose, first);
            }
            fleet.tenants.push(entry);
        }
        fleet
            .tenants
            .sort_by(|one, other| one.tenant.name.cmp(&other.tenant.name));
        fleet
    }

    fn twice(&mut self, node: &Node, whose: &str, first: usize) {
        let error = Error::usage(format!("it is in line {first} already"));
        self.fault(
            node.line,
            whose,
            error.hint("give it another name, or take one of them out"),
        );
    }

    fn entry(&mut self, table: &Table<'_>) -> Option<Entry> {
        let schedules = self.schedules(table);
        let tenant = self.tenant(table)?;
        Some(Entry { tenant, schedules })
    }

    fn tenant(&mut self, table: &Table<'_>) -> Option<tenant::Settings> {
        let name = self.name(table, "tenant");
        let directory = self.needed(table, "directory").and_then(|(line, text)| {
            let checked = address::check_directory(text).map(|()| text.to_owned());
            self.check(table, line, "directory", checked)
        });
        let cloud = self.parsed(table, "cloud", |text| {
            Cloud::parse(text).ok_or_else(|| {
                Error::usage("no cloud is called that")
                    .hint("the clouds are global, usgov, usgov-dod and china")
            })
        });
        let client_id = self.parsed(table, "client_id", |text| {
            address::check_client_id(text).map(|()| text.to_owned())
        });
        let graph_url = self.parsed(table, "graph_url", address::check_graph_url);
        let authority_url = self.parsed(table, "authority_url", address::check_root);
        let labels = self.labels(table);
        let credential = self.credential(table);
        let settings = tenant::Settings {
            name: name?,
            directory: directory?,
            cloud: cloud.unwrap_or(Cloud::Global),
            client_id,
            credential: credential?,
            graph_url,
            authority_url,
            labels,
        };
        let error = match settings.application() {
            Application::Fits => return Some(settings),
            Application::Missing if table.get("client_id").is_some() => return Some(settings),
            Application::Missing => Error::usage("client_id is missing")
                .hint("client_id takes the application (client) id of the app registration"),
            Application::Superfluous => Error::usage(
                "client_id is the application of the other credentials; a managed identity has its own",
            )
            .hint("leave client_id out; a user-assigned identity is the reference of the credential"),
        };
        self.fault(table.line, &table.whose, error);
        None
    }

    fn name(&mut self, table: &Table<'_>, what: &str) -> Option<String> {
        let (line, name) = self.needed(table, "name")?;
        let checked = check_name(what, name).map(|()| name.to_owned());
        self.check(table, line, "name", checked)
    }

    fn credential(&mut self, table: &Table<'_>) -> Option<Credential> {
        let Some(node) = table.get("credential") else {
            self.missing(table, "credential");
            return None;
        };
        let whose = format!("{}: credential", table.whose);
        let parts = self.table(node, &whose, CREDENTIAL_KEYS)?;
        let (line, kind) = self.needed(&parts, "kind")?;
        let reference = self.text(&parts, "reference");
        if parts.get("reference").is_some() && reference.is_none() {
            return None;
        }
        if !Credential::KINDS.contains(&kind) {
            let error = Error::usage("no kind is called that");
            let error = match closest(kind, Credential::KINDS) {
                Some(meant) => error.hint(format!("did you mean {meant}?")),
                None => error.hint(format!("the kinds are {}", Credential::KINDS.join(", "))),
            };
            self.fault(line, &whose, error);
            return None;
        }
        let text = reference.map(|(_, text)| text.to_owned());
        let Some(credential) = Credential::from_parts(kind, text) else {
            self.missing(&parts, "reference");
            return None;
        };
        let line = reference.map_or(line, |(line, _)| line);
        self.check(&parts, line, "reference", check_reference(&credential))?;
        Some(credential)
    }

    fn schedules(&mut self, tenant: &Table<'_>) -> Vec<schedule::Settings> {
        let mut schedules: Vec<schedule::Settings> = Vec::new();
        let mut lines = BTreeMap::new();
        for (number, node) in self
            .list(tenant, "schedules")
            .unwrap_or_default()
            .iter()
            .enumerate()
        {
            let whose = format!("{}: {}", tenant.whose, called("schedule", node, number));
            let Some(table) = self.table(node, &whose, SCHEDULE_KEYS) else {
                continue;
            };
            let Some(settings) = self.schedule(&table) else {
                continue;
            };
            if let Some(first) = lines.insert(settings.name.clone(), node.line) {
                self.twice(node, &whose, first);
            }
            schedules.push(settings);
        }
        schedules.sort_by(|one, other| one.name.cmp(&other.name));
        schedules
    }

    fn schedule(&mut self, table: &Table<'_>) -> Option<schedule::Settings> {
        let name = self.name(table, "schedule");
        let recurrence = self.recurrence(table);
        let zones = self.zones;
        let timezone = self.parsed(table, "timezone", |text| {
            Zone::load(zones, text).map(|_| text.to_owned())
        });
        let key = |text: &str| Ok(text.to_owned());
        let types = self.texts(table, "types", key).map(distinct);
        let exclude_types = self.texts(table, "exclude_types", key).map(distinct);
        let foundations = self.flag(table, "foundations");
        let keep = Keep {
            last: self.count(table, "keep_last", 1),
            daily: self.count(table, "keep_daily", 0),
            weekly: self.count(table, "keep_weekly", 0),
            monthly: self.count(table, "keep_monthly", 0),
            yearly: self.count(table, "keep_yearly", 0),
            within: self.parsed(table, "keep_within", duration::parse),
        };
        let grace = self.parsed(table, "grace", duration::parse);
        let max_runtime = self.parsed(table, "max_runtime", |text| {
            let parsed = duration::parse(text)?;
            check_max_runtime(parsed).map(|()| parsed)
        });
        let spread = self.parsed(table, "spread", |text| {
            let parsed = duration::parse(text)?;
            check_spread(parsed).map(|()| parsed)
        });
        let labels = self.labels(table);
        let enabled = self.flag(table, "enabled");
        let default = schedule::Settings::new(name?, recurrence?);
        let settings = schedule::Settings {
            timezone: timezone.unwrap_or(default.timezone),
            policy_types: types.unwrap_or(default.policy_types),
            exclude_types: exclude_types.unwrap_or(default.exclude_types),
            include_foundations: foundations.unwrap_or(default.include_foundations),
            keep,
            grace: grace.unwrap_or(default.grace),
            max_runtime: max_runtime.unwrap_or(default.max_runtime),
            spread: spread.unwrap_or(default.spread),
            labels,
            enabled: enabled.unwrap_or(default.enabled),
            ping_url: default.ping_url,
            name: default.name,
            recurrence: default.recurrence,
        };
        let selected = selection::check(
            &settings.policy_types,
            &settings.exclude_types,
            settings.include_foundations,
        );
        let said = ["types", "exclude_types"].map(|key| table.get(key).map(|node| node.line));
        let line = said.into_iter().flatten().next().unwrap_or(table.line);
        self.check(table, line, "types", selected)?;
        Some(settings)
    }

    fn recurrence(&mut self, table: &Table<'_>) -> Option<Recurrence> {
        let says = |key| table.get(key).is_some();
        let error = match (says("at"), says("days"), says("cron")) {
            (true, _, false) => {
                let times = self.texts(table, "at", str::parse);
                let days = self.texts(table, "days", parse_day);
                let days = if says("days") { days? } else { Vec::new() };
                let line = table.line_of("at");
                return self.check(table, line, "at", Recurrence::on(times?, days));
            }
            (false, false, true) => return self.parsed(table, "cron", Recurrence::cron),
            (false, true, false) => {
                Error::usage("days needs times of day").hint("add at, e.g. at = [\"02:00\"]")
            }
            (false, false, false) => Error::usage("it does not say when")
                .hint("add at, e.g. [\"02:00\"], or cron, e.g. \"15 2 * * *\""),
            (_, _, true) => {
                Error::usage("cron does not go with at and days").hint("leave one of them out")
            }
        };
        self.fault(table.line, &table.whose, error);
        None
    }
}

/// What a message calls a table: by its name where it has one that can be one, else by its place in
/// the list.
fn called(what: &str, node: &Node, number: usize) -> String {
    let Value::Table(entries) = &node.value else {
        return format!("{what} number {}", number + 1);
    };
    let name = entries.iter().find_map(|(key, node)| match &node.value {
        Value::Text(text) if key == "name" && check_name(what, text).is_ok() => Some(text),
        _ => None,
    });
    match name {
        Some(name) => format!("{what} {name}"),
        None => format!("{what} number {}", number + 1),
    }
}

/// Checks what stands for a secret. What it is, is not repeated: it may be the secret itself.
fn check_reference(credential: &Credential) -> Result<(), Error> {
    match credential {
        Credential::SecretFile(path)
        | Credential::Certificate(path)
        | Credential::FederatedTokenFile(path) => {
            if path.is_absolute() {
                return Ok(());
            }
            Err(Error::usage("it is not the whole path of a file")
                .hint("write the path from the root, e.g. /etc/tenantpilot/contoso; a secret itself is never in the file"))
        }
        Credential::SecretEnv(name) => {
            let mut bytes = name.bytes();
            let first = bytes
                .next()
                .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
            if first && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return Ok(());
            }
            Err(Error::usage("it is not the name of a variable")
                .hint("write the name, e.g. CONTOSO_SECRET; a secret itself is never in the file"))
        }
        Credential::SecretCommand(command) => match shell_words::split(command) {
            Ok(words) if !words.is_empty() => Ok(()),
            _ => Err(Error::usage(
                "it is no command: empty, or a quote is not closed",
            )),
        },
        other => other.check(),
    }
}

#[cfg(test)]
mod tests;
