//! The text is what Prometheus reads, and the file is ours or left alone.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use super::*;
use crate::run::{ErrorCode, RunId};
use crate::schedule::ScheduleId;
use crate::status::tests::schedule;

fn at(seconds: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0)
}

fn fact(id: i64, tenant: &str, name: &str, record: Record, policies: Option<u64>) -> Fact {
    let mut schedule = schedule();
    schedule.id = ScheduleId(id);
    schedule.tenant = tenant.to_owned();
    schedule.settings.name = name.to_owned();
    schedule.settings.enabled = id != 3;
    Fact {
        schedule,
        record,
        policies,
    }
}

fn facts() -> Facts {
    let failed = (RunId(9), Status::Failed, Some(ErrorCode::AuthFailed));
    let well = Record {
        last_success_at: at(7),
        last: Some((RunId(4), Status::Success, None)),
        missed: 0,
    };
    let bad = Record {
        last_success_at: None,
        last: Some(failed),
        missed: 3,
    };
    Facts {
        version: "1.2.3",
        last_dispatch: at(60),
        schedules: vec![
            fact(1, "contoso", "nightly", well, Some(243)),
            fact(2, "a\\b \"c\"", "x\ny {z=\"1\"} 5", bad, None),
            fact(3, "contoso", "new", Record::default(), None),
        ],
        failing: 1,
    }
}

#[test]
fn the_text_is_this() {
    insta::assert_snapshot!(facts().render(), @r##"
    # HELP tenantpilot_build_info The version of tenantpilot.
    # TYPE tenantpilot_build_info gauge
    tenantpilot_build_info{version="1.2.3"} 1
    # HELP tenantpilot_dispatch_timestamp_seconds When the newest dispatch began.
    # TYPE tenantpilot_dispatch_timestamp_seconds gauge
    tenantpilot_dispatch_timestamp_seconds 1800000060
    # HELP tenantpilot_monitors_failing How many monitors could not be told.
    # TYPE tenantpilot_monitors_failing gauge
    tenantpilot_monitors_failing 1
    # HELP tenantpilot_schedule_enabled Whether slots of the schedule are run.
    # TYPE tenantpilot_schedule_enabled gauge
    tenantpilot_schedule_enabled{tenant="contoso",schedule="nightly"} 1
    tenantpilot_schedule_enabled{tenant="a\\b \"c\"",schedule="x\ny {z=\"1\"} 5"} 1
    tenantpilot_schedule_enabled{tenant="contoso",schedule="new"} 0
    # HELP tenantpilot_schedule_last_success_timestamp_seconds When the newest run that was a success ended.
    # TYPE tenantpilot_schedule_last_success_timestamp_seconds gauge
    tenantpilot_schedule_last_success_timestamp_seconds{tenant="contoso",schedule="nightly"} 1800000007
    # HELP tenantpilot_schedule_missed_slots Slots that were missed since the last success.
    # TYPE tenantpilot_schedule_missed_slots gauge
    tenantpilot_schedule_missed_slots{tenant="contoso",schedule="nightly"} 0
    tenantpilot_schedule_missed_slots{tenant="a\\b \"c\"",schedule="x\ny {z=\"1\"} 5"} 3
    tenantpilot_schedule_missed_slots{tenant="contoso",schedule="new"} 0
    # HELP tenantpilot_schedule_policies Policies in the newest backup set.
    # TYPE tenantpilot_schedule_policies gauge
    tenantpilot_schedule_policies{tenant="contoso",schedule="nightly"} 243
    # HELP tenantpilot_schedule_last_run_status How the newest run that is over ended: 1 for its status, 0 for the others.
    # TYPE tenantpilot_schedule_last_run_status gauge
    tenantpilot_schedule_last_run_status{tenant="contoso",schedule="nightly",status="success"} 1
    tenantpilot_schedule_last_run_status{tenant="contoso",schedule="nightly",status="partial"} 0
    tenantpilot_schedule_last_run_status{tenant="contoso",schedule="nightly",status="failed"} 0
    tenantpilot_schedule_last_run_status{tenant="contoso",schedule="nightly",status="skipped"} 0
    tenantpilot_schedule_last_run_status{tenant="contoso",schedule="nightly",status="canceled"} 0
    tenantpilot_schedule_last_run_status{tenant="a\\b \"c\"",schedule="x\ny {z=\"1\"} 5",status="success"} 0
    tenantpilot_schedule_last_run_status{tenant="a\\b \"c\"",schedule="x\ny {z=\"1\"} 5",status="partial"} 0
    tenantpilot_schedule_last_run_status{tenant="a\\b \"c\"",schedule="x\ny {z=\"1\"} 5",status="failed"} 1
    tenantpilot_schedule_last_run_status{tenant="a\\b \"c\"",schedule="x\ny {z=\"1\"} 5",status="skipped"} 0
    tenantpilot_schedule_last_run_status{tenant="a\\b \"c\"",schedule="x\ny {z=\"1\"} 5",status="canceled"} 0
    "##);
}

/// Name and value.
type Label = (String, String);

/// Reads the text as strictly as its description says; the samples by name.
fn parse(text: &str) -> Vec<(String, Vec<Label>, i64)> {
    assert!(text.ends_with('\n'));
    let (mut samples, mut family) = (Vec::new(), String::new());
    let mut lines = text.lines().peekable();
    let mut seen = std::collections::BTreeSet::new();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').unwrap();
            assert!(!words.is_empty() && seen.insert(name.to_owned()), "{line}");
            let typed = format!("# TYPE {name} gauge");
            assert_eq!(lines.next(), Some(typed.as_str()));
            family = name.to_owned();
            continue;
        }
        let end = line.find(['{', ' ']).unwrap();
        let (name, rest) = line.split_at(end);
        assert_eq!(name, family, "a sample stands with its family");
        assert!(
            name.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        );
        let (labels, value) = labels(rest);
        samples.push((name.to_owned(), labels, value.parse().unwrap()));
    }
    samples
}

fn labels(rest: &str) -> (Vec<Label>, &str) {
    let Some(mut rest) = rest.strip_prefix('{') else {
        return (Vec::new(), rest.strip_prefix(' ').unwrap());
    };
    let mut labels = Vec::new();
    loop {
        let (name, after) = rest.split_once("=\"").unwrap();
        let (mut value, mut chars) = (String::new(), after.char_indices());
        let end = loop {
            match chars.next().unwrap() {
                (at, '"') => break at,
                (_, '\\') => value.push(match chars.next().unwrap().1 {
                    'n' => '\n',
                    c @ ('\\' | '"') => c,
                    other => panic!("\\{other}"),
                }),
                (_, c) => value.push(c),
            }
        };
        labels.push((name.to_owned(), value));
        rest = &after[end + 1..];
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => return (labels, rest.strip_prefix("} ").unwrap()),
        }
    }
}

#[test]
fn what_is_written_is_read_back_names_and_all() {
    let samples = parse(&facts().render());
    let of = |metric: &str, schedule: &str| -> Vec<i64> {
        let is = |labels: &[Label]| labels.iter().any(|(_, value)| value == schedule);
        let found = samples
            .iter()
            .filter(|(name, labels, _)| name == metric && is(labels));
        found.map(|(_, _, value)| *value).collect()
    };
    let odd = "x\ny {z=\"1\"} 5";
    assert_eq!(of("tenantpilot_schedule_missed_slots", odd), [3]);
    assert_eq!(
        of("tenantpilot_schedule_last_run_status", odd),
        [0, 0, 1, 0, 0]
    );
    let last = "tenantpilot_schedule_last_success_timestamp_seconds";
    assert_eq!(of(last, "nightly"), [1_800_000_007]);
    assert!(of(last, odd).is_empty() && of(last, "new").is_empty());
    assert_eq!(of("tenantpilot_schedule_enabled", "new"), [0]);
    let tenants = samples
        .iter()
        .filter(|(_, labels, _)| labels.contains(&("tenant".to_owned(), "a\\b \"c\"".to_owned())));
    assert!(tenants.count() >= 3);
    parse(
        &Facts {
            schedules: Vec::new(),
            last_dispatch: None,
            ..facts()
        }
        .render(),
    );
}

fn names(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names
}

#[test]
fn the_file_is_replaced_whole_and_for_everybody_to_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tenantpilot.prom");
    let draft = folder.path().join(".tenantpilot.prom.tenantpilot-draft");
    let text = facts().render();
    for left in ["", "half of an older one"] {
        if !left.is_empty() {
            std::fs::write(&draft, left).unwrap();
        }
        write(&path, &text).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o644);
        assert_eq!(names(folder.path()), std::slice::from_ref(&path));
    }
    std::fs::write(&path, "").unwrap();
    write(&path, &text).unwrap();
}

#[test]
fn links_and_what_is_not_ours_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let victim = folder.path().join("victim");
    std::fs::write(&victim, "precious").unwrap();
    let link = folder.path().join("link.prom");
    symlink(&victim, &link).unwrap();
    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    let aside = folder.path().join("aside");
    symlink(&other, &aside).unwrap();
    for path in [
        victim.clone(),
        link.clone(),
        other.clone(),
        aside.join("x.prom"),
        folder.path().join("missing/x.prom"),
        PathBuf::from("/dev/null"),
        PathBuf::from("/"),
        PathBuf::from(".."),
    ] {
        let error = write(&path, "# HELP tenantpilot_x y\n").unwrap_err();
        assert_eq!(error.kind(), Kind::Storage, "{error}");
    }
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
    assert!(link.is_symlink() && names(&other).is_empty());
    // A link where the draft is to be is removed, and what it leads to is not.
    let path = folder.path().join("tenantpilot.prom");
    symlink(
        &victim,
        folder.path().join(".tenantpilot.prom.tenantpilot-draft"),
    )
    .unwrap();
    write(&path, "# HELP tenantpilot_x y\n").unwrap();
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
    assert!(path.is_file() && !path.is_symlink());
}
