//! Files that cannot be accepted, and the example.

mod pasted;
mod properties;

use super::*;
use crate::fleet::{json, toml};
use crate::ui::text::{ascii_controls, toml_controls};

const GUID: &str = "11111111-2222-3333-4444-555555555555";

fn text(format: Format, fleet: &Fleet) -> String {
    match format {
        Format::Toml => toml_controls(&toml(fleet)).into_owned(),
        Format::Json => {
            let text = serde_json::to_string_pretty(&json(fleet)).unwrap();
            ascii_controls(&text).into_owned()
        }
    }
}

fn read_of(format: Format, text: &str) -> Result<Fleet, Vec<Fault>> {
    read(text.as_bytes(), format, &Source::Compiled)
}

/// What is wrong with a file, each with its line.
fn told(format: Format, text: &str) -> Vec<String> {
    let faults = read_of(format, text).unwrap_err().into_iter();
    let told = faults.map(|fault| {
        let error = fault.of_file("f");
        format!("{} | {}", error.message(), error.hint_text().unwrap_or("-"))
    });
    told.collect()
}

const EXAMPLE: &str = include_str!("../../../examples/fleet.toml");

#[test]
fn the_example_is_a_fleet() {
    let fleet = read_of(Format::Toml, EXAMPLE).unwrap();
    let names: Vec<&str> = fleet
        .tenants
        .iter()
        .map(|entry| entry.tenant.name.as_str())
        .collect();
    assert_eq!(names, ["contoso", "fabrikam"]);
    assert_eq!(fleet.tenants[0].schedules.len(), 2);
    // It shows every key but those that only few need.
    for (key, _) in SCHEDULE_KEYS.iter().chain(TENANT_KEYS) {
        let seldom = [
            "graph_url",
            "authority_url",
            "keep_daily",
            "keep_weekly",
            "keep_yearly",
        ];
        let shown = EXAMPLE.contains(&format!("\n{key} = ")) || *key == "schedules";
        assert!(shown || seldom.contains(key), "{key}");
    }
}

#[test]
fn everything_that_is_wrong_is_told_with_its_line_and_what_to_write() {
    let text = format!(
        "[[tenants]]
name = \"contoso\"
directory = \"contoso\"
client_id = \"{GUID}\"
credential = {{ kind = \"secret_file\", reference = \"x\" }}
scheduels = 1
[[tenants.schedules]]
name = \"nightly\"
at = [\"25:00\"]
timezone = \"europe/oslo\"
keep_last = 0
enabled = \"yes\"
labels = {{ env = 1 }}
[[tenants.schedules]]
name = \"nightly\"
cron = \"0 2 * * *\"
grace = 2026-01-01
types = [\"settingsCatalogPolicies\"]
[[tenants]]
name = \"17\"
"
    );
    let told = told(Format::Toml, &text);
    for (line, what, hint) in [
        (
            3,
            "tenant contoso: directory: \"…\" is neither",
            "tenant id",
        ),
        (
            5,
            "tenant contoso: credential: no kind is called that",
            "did you mean secret-file?",
        ),
        (
            6,
            "tenant contoso: key \"scheduels\" is not known",
            "did you mean schedules?",
        ),
        (9, "schedule nightly: at: \"…\" is not a time", "HH:MM"),
        (10, "schedule nightly: timezone: ", "Europe/Oslo"),
        (
            11,
            "schedule nightly: keep_last is a number that it cannot be",
            "from 1 to 4294967295",
        ),
        (
            12,
            "schedule nightly: enabled is a text",
            "enabled takes true or false",
        ),
        (
            13,
            "schedule nightly: labels: key \"env\" is a number",
            "labels are texts",
        ),
        (
            17,
            "schedule nightly: grace is a date or time; put it in quotes",
            "grace takes a duration",
        ),
        (
            18,
            "schedule nightly: types: no policy type is called",
            "settingsCatalogPolicy",
        ),
        (
            19,
            "tenant number 2: credential is missing",
            "credential takes a table",
        ),
        (
            19,
            "tenant number 2: directory is missing",
            "directory takes",
        ),
        (20, "tenant number 2: name: ", "add a letter"),
    ] {
        let begins = format!("f, line {line}: ");
        let is_told =
            |one: &String| one.starts_with(&begins) && one.contains(what) && one.contains(hint);
        assert!(told.iter().any(is_told), "{line} {what}: {told:#?}");
    }
    assert_eq!(told.len(), 13, "{told:#?}");
}

/// A tenant with these lines, and one schedule with those, begun at line 6.
fn with(credential: &str, schedule: &str) -> String {
    format!(
        "[[tenants]]\nname = \"contoso\"\ndirectory = \"contoso.com\"\nclient_id = \"{GUID}\"\n\
         credential = {credential}\n[[tenants.schedules]]\nname = \"nightly\"\n{schedule}\n"
    )
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let good = r#"{ kind = "secret-env", reference = "X" }"#;
    for (credential, schedule, line, what) in [
        (good, "", 6, "it does not say when"),
        (good, "days = [\"mon\"]", 6, "days needs times"),
        (
            good,
            "at = []",
            8,
            "at: a recurrence needs at least one time",
        ),
        (
            good,
            "at = [\"02:00\"]\ncron = \"* * * * *\"",
            6,
            "cron does not go with",
        ),
        (good, "at = \"02:00\"", 8, "at is a text"),
        (good, "at = [2]", 8, "at is a number"),
        (
            good,
            "at = [\"02:00\"]\nkeep_daily = -1",
            9,
            "keep_daily is a number",
        ),
        (
            good,
            "at = [\"02:00\"]\nkeep_daily = 99999999999999999999",
            9,
            "keep_daily is a number",
        ),
        (
            good,
            "at = [\"02:00\"]\nkeep_daily = 1.5",
            9,
            "keep_daily is a number",
        ),
        (
            good,
            "at = [\"02:00\"]\nspread = \"25h\"",
            9,
            "spread: a run cannot start",
        ),
        (
            good,
            "at = [\"02:00\"]\nmax_runtime = \"0s\"",
            9,
            "max_runtime: ",
        ),
        (
            good,
            "at = [\"02:00\"]\ntypes = []",
            9,
            "types: no policy type is left",
        ),
        (
            good,
            "at = [\"02:00\"]\nlabels = { \"a=b\" = \"c\" }",
            9,
            "labels: ",
        ),
        (
            good,
            "at = [\"02:00\"]\nlabels = { a = \"\" }",
            9,
            "has no value",
        ),
        (
            r#""s3cret""#,
            "at = [\"02:00\"]",
            5,
            "it is a text, and has to be a table",
        ),
        (
            r#"{ kind = "secret-file", reference = "s3cret" }"#,
            "at = [\"02:00\"]",
            5,
            "not the whole path",
        ),
        (
            r#"{ kind = "secret-file", reference = "./s3cret" }"#,
            "at = [\"02:00\"]",
            5,
            "not the whole path",
        ),
        (
            r#"{ kind = "secret-env", reference = "s3cret~x" }"#,
            "at = [\"02:00\"]",
            5,
            "not the name of a variable",
        ),
        (
            r#"{ kind = "secret-command", reference = "s3cret 'x" }"#,
            "at = [\"02:00\"]",
            5,
            "no command",
        ),
        (
            r#"{ kind = "secret-file" }"#,
            "at = [\"02:00\"]",
            5,
            "reference is missing",
        ),
        (
            r#"{ secret = "s3cret" }"#,
            "at = [\"02:00\"]",
            5,
            "key \"secret\" is not known",
        ),
        (
            r#"{ kind = "managed-identity" }"#,
            "at = [\"02:00\"]",
            1,
            "has its own",
        ),
    ] {
        let text = with(credential, schedule);
        let told = told(Format::Toml, &text);
        let begins = format!("f, line {line}: tenant contoso");
        assert!(
            told.iter()
                .any(|one| one.starts_with(&begins) && one.contains(what)),
            "{text}: {told:#?}"
        );
        assert!(!told.concat().contains("s3cret"), "{told:#?}");
    }
    for (text, what) in [
        ("", "f, line 1: there is no tenant in it"),
        ("tenants = 1", "f, line 1: tenants is a number"),
        (
            "tenants = [1]",
            "f, line 1: tenant number 1: it is a number",
        ),
        (
            "schema_version = 2\ntenants = []",
            "f, line 1: schema_version is none",
        ),
        (
            "schema_version = \"1\"\ntenants = []",
            "f, line 1: schema_version is none",
        ),
    ] {
        assert!(
            told(Format::Toml, text)[0].starts_with(what),
            "{text}: {:?}",
            told(Format::Toml, text)
        );
    }
    let twice = format!("{0}{0}", with(good, "at = [\"02:00\"]"));
    let told_twice = told(Format::Toml, &twice);
    assert_eq!(told_twice.len(), 1, "{told_twice:?}");
    assert!(told_twice[0].starts_with("f, line 9: tenant contoso: it is in line 1 already"));
    // Names are what they are: another case is another tenant.
    let other = twice.replacen("contoso", "Contoso", 1);
    assert_eq!(read_of(Format::Toml, &other).unwrap().tenants.len(), 2);
    let null = r#"{"tenants": [{"name": null}]}"#;
    assert!(told(Format::Json, null)[0].contains("name is null; leave the key out"));
}
