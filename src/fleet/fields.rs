//! Tenants and schedules as a file has them: keys in the order in which they are written, each with
//! its value. What a plan compares and what an export writes is the same list.

use serde_json::{Value, json};

use crate::duration;
use crate::schedule;
use crate::tenant::{self, Credential};

/// A key and its value; null where there is none.
pub(super) type Field = (&'static str, Value);

/// What a key takes, for who wrote something else. These are all the keys that there are.
pub(super) const TENANT_KEYS: &[(&str, &str)] = &[
    ("name", "a name, e.g. \"contoso\""),
    (
        "directory",
        "a GUID or a domain, e.g. \"contoso.onmicrosoft.com\"",
    ),
    ("cloud", "\"global\", \"usgov\", \"usgov-dod\" or \"china\""),
    ("client_id", "a GUID"),
    (
        "credential",
        "a table of kind and reference, e.g. \"secret-file\" and \"/etc/tenantpilot/contoso\"",
    ),
    ("graph_url", "a URL"),
    ("authority_url", "a URL"),
    ("labels", "a table of texts"),
    (
        "schedules",
        "a list of tables, in TOML [[tenants.schedules]]",
    ),
];

/// The same of a schedule.
pub(super) const SCHEDULE_KEYS: &[(&str, &str)] = &[
    ("name", "a name, e.g. \"nightly\""),
    ("at", "a list of times, e.g. [\"02:00\"]"),
    ("days", "a list of days, e.g. [\"mon\", \"thu\"]"),
    ("cron", "a cron expression, e.g. \"15 2 * * *\""),
    ("timezone", "an IANA zone, e.g. \"Europe/Oslo\""),
    (
        "types",
        "a list of policy types, [\"default\"] or [\"all\"]",
    ),
    ("exclude_types", "a list of policy types"),
    ("foundations", "true or false"),
    ("keep_last", "a whole number, at least 1"),
    ("keep_daily", "a whole number, 0 for no such rule"),
    ("keep_weekly", "a whole number, 0 for no such rule"),
    ("keep_monthly", "a whole number, 0 for no such rule"),
    ("keep_yearly", "a whole number, 0 for no such rule"),
    ("keep_within", "a duration, e.g. \"14d\""),
    ("grace", "a duration, e.g. \"30m\""),
    ("max_runtime", "a duration of at least 1s, e.g. \"90m\""),
    ("spread", "a duration of at most 24h, e.g. \"30m\""),
    ("labels", "a table of texts"),
    ("enabled", "true or false"),
];

/// The fields of a tenant, all of them.
pub(super) fn of_tenant(settings: &tenant::Settings) -> Vec<Field> {
    vec![
        ("name", json!(settings.name)),
        ("directory", json!(settings.directory)),
        ("cloud", json!(settings.cloud.name())),
        ("client_id", json!(settings.client_id)),
        ("credential", credential(&settings.credential)),
        ("graph_url", json!(settings.graph_url)),
        ("authority_url", json!(settings.authority_url)),
        ("labels", json!(settings.labels)),
    ]
}

fn credential(credential: &Credential) -> Value {
    match credential.reference() {
        Some(reference) => json!({ "kind": credential.kind(), "reference": reference }),
        None => json!({ "kind": credential.kind() }),
    }
}

/// The fields of a schedule, all of them.
pub(super) fn of_schedule(settings: &schedule::Settings) -> Vec<Field> {
    let (rule, keep) = (&settings.recurrence, &settings.keep);
    let times: Vec<String> = rule.times().iter().map(ToString::to_string).collect();
    let days: Vec<String> = rule
        .days()
        .iter()
        .map(|day| day.to_string().to_lowercase())
        .collect();
    let listed = |texts: Vec<String>| {
        if texts.is_empty() {
            Value::Null
        } else {
            json!(texts)
        }
    };
    vec![
        ("name", json!(settings.name)),
        ("at", listed(times)),
        ("days", listed(days)),
        ("cron", json!(rule.expression())),
        ("timezone", json!(settings.timezone)),
        ("types", json!(settings.policy_types)),
        ("exclude_types", json!(settings.exclude_types)),
        ("foundations", json!(settings.include_foundations)),
        ("keep_last", json!(keep.last)),
        ("keep_daily", json!(keep.daily)),
        ("keep_weekly", json!(keep.weekly)),
        ("keep_monthly", json!(keep.monthly)),
        ("keep_yearly", json!(keep.yearly)),
        ("keep_within", json!(keep.within.map(duration::format))),
        ("grace", json!(duration::format(settings.grace))),
        ("max_runtime", json!(duration::format(settings.max_runtime))),
        ("spread", json!(duration::format(settings.spread))),
        ("labels", json!(settings.labels)),
        ("enabled", json!(settings.enabled)),
    ]
}

/// What of the fields of a tenant has to be written: not what is so anyway.
pub(super) fn needed_of_tenant(settings: &tenant::Settings) -> Vec<Field> {
    let mut fields = of_tenant(settings);
    let is_default = |key: &str, value: &Value| match key {
        "cloud" => value == "global",
        "labels" => settings.labels.is_empty(),
        _ => value.is_null(),
    };
    fields.retain(|(key, value)| !is_default(key, value));
    fields
}

/// The same of a schedule.
pub(super) fn needed_of_schedule(settings: &schedule::Settings) -> Vec<Field> {
    let default = schedule::Settings::new(String::new(), settings.recurrence.clone());
    let default = of_schedule(&default);
    let mut fields = of_schedule(settings);
    fields.retain(|(key, value)| {
        let says_when = ["at", "days", "cron"].contains(key);
        let is_default = default
            .iter()
            .any(|(known, default)| known == key && default == value);
        !value.is_null() && (says_when || !is_default)
    });
    fields
}
