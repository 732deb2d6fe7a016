//! Whatever is typed in the place of an argument, of every command.

use super::*;

/// What people, scripts and worse type.
fn values() -> Vec<OsString> {
    let mut values: Vec<OsString> = [
        "'; DROP TABLE runs; --",
        "1; DELETE FROM audit_events",
        "\" OR \"\"=\"",
        "x' UNION SELECT * FROM tenants --",
        "%",
        "_",
        "\u{1b}[2J\u{1b}]0;x\u{7}",
        "a\nb\r\nc",
        "\u{202e}gpj",
        "##vso[task.complete]",
        "::error::x",
        "",
        " ",
        "-",
        "--",
        "-1",
        "0",
        "1",
        "99999999999999999999999999",
        "9223372036854775807",
        "-9223372036854775808",
        "1e309",
        "NaN",
        "٣",
        "1,1,,1",
        "=",
        "a=b",
        "99999999h",
        "0s",
        "2026-02-30T25:61:61Z",
        "+262143-01-01T00:00:00Z",
        "-262144-01-01T00:00:00Z",
        "9999-12-31T23:59:60Z",
        "* * * * *",
        "*/0 99 L W #",
        "mon,funday",
        "24:00",
        "Etc/../../etc/passwd",
        "assignmentFilter/../x",
        "https://graph.microsoft.com@127.0.0.1/",
        "/dev/null",
        "/dev/full",
        "/proc/self/mem",
        "exported",
        "state/tenantpilot.db",
        "file:state/tenantpilot.db?mode=memory",
        ":memory:",
        "a/../b/./c//d",
        "$(touch pwned)",
        "{\"$serde_json::private::Number\":\"1\"}",
        "@x",
    ]
    .map(OsString::from)
    .into();
    values.push("x".repeat(10_000).into());
    values.push("漢".repeat(101).into());
    values.push(OsStr::from_bytes(b"not\xffutf8\xed\xa0\x80").to_owned());
    values
}

/// The command lines in which `value` stands in the place of one argument of the call.
fn with(call: &Call, value: &OsStr) -> Vec<Vec<OsString>> {
    let line: Vec<OsString> = call.line().into_iter().map(OsString::from).collect();
    let mut lines = Vec::new();
    for at in call.words.len()..line.len() {
        if !line[at].as_bytes().starts_with(b"--") {
            let mut other = line.clone();
            other[at] = value.to_owned();
            lines.push(other);
        }
    }
    for option in &call.options {
        let mut other = line.clone();
        if let Some(at) = line.iter().position(|word| word == option.as_str()) {
            other.drain(at..=at + 1);
        }
        let mut given = OsString::from(option);
        given.push("=");
        given.push(value);
        other.push(given);
        lines.push(other);
    }
    lines
}

/// Tries values in every argument of every command: all of them, in a place of its own for each
/// command, or one in each, another one each time. Gives how many command lines that were.
fn every_argument(all: bool) -> usize {
    let values = values();
    let mut tried = 0;
    let mut stage = place();
    for (number, call) in commands::all().iter().enumerate() {
        if all && number > 0 {
            // What the command before has made of it is no longer asked for everything.
            assert!(!stage.env.path("pwned").exists());
            assert_sound(&stage.env);
            stage = place();
        }
        let places = with(call, OsStr::new("")).len();
        for place in 0..places {
            let chosen = values.iter().cycle().skip(number * 7 + place * 5);
            for value in chosen.take(if all { values.len() } else { 1 }) {
                let line = with(call, value).swap_remove(place);
                let line: Vec<&OsStr> = line.iter().map(OsString::as_os_str).collect();
                tame(&stage.env, &line);
                tried += 1;
            }
        }
    }
    assert!(!stage.env.path("pwned").exists());
    assert_sound(&stage.env);
    tried
}

#[test]
fn no_argument_of_any_command_is_more_than_a_value() {
    assert!(every_argument(false) > 100);
}

#[test]
#[ignore = "minutes: cargo test --test hostile -- --ignored --nocapture"]
fn every_value_in_every_argument() {
    eprintln!("{} command lines", every_argument(true));
}
