//! What somebody pasted in the wrong place is not told.

use serde_json::{Value, json};

use super::*;

/// A secret as somebody may paste it, and where the checks look into a value, as a part of one.
const PASTED: [&str; 14] = [
    "s3cret-s3cret-s3cret-s3cret-s3cret",
    "s3cret",
    "s3cret\" and \\\" s3cret",
    "\u{1b}s3cret\n",
    " s3cret",
    "s3cret=s3cret",
    "s3cret:00",
    "7s3cret",
    "0 2 * * s3cret",
    "s3cret s3cret",
    "https://x:s3cret@graph.example.com",
    "http://s3cret",
    "UTC+s3cret",
    "-----BEGIN PRIVATE KEY-----\ns3cret\n-----END PRIVATE KEY-----",
];

#[test]
fn a_secret_in_the_wrong_place_is_in_no_message() {
    let tenant = |name: &str, more: Value| {
        let mut tenant = serde_json::Map::new();
        tenant.insert("name".to_owned(), name.into());
        tenant.extend(more.as_object().cloned().unwrap_or_default());
        json!({ "tenants": [tenant] })
    };
    let whole = || {
        json!({
            "directory": "contoso.com",
            "client_id": GUID,
            "credential": { "kind": "secret-env", "reference": "X" },
        })
    };
    for pasted in PASTED {
        let mut files = vec![
            json!(pasted),
            json!({ "tenants": pasted }),
            json!({ "tenants": [pasted] }),
        ];
        files.extend([json!({ "schema_version": pasted, "tenants": [] })]);
        for value in [
            json!(pasted),
            json!([pasted]),
            json!({ "kind": pasted }),
            json!({ "kind": "secret-env", pasted: 1 }),
        ] {
            let keys = TENANT_KEYS.iter().filter(|(key, _)| *key != "name");
            for (key, _) in keys {
                let mut more = whole();
                more[*key] = value.clone();
                files.push(tenant("contoso", more));
            }
            for (key, _) in SCHEDULE_KEYS.iter().filter(|(key, _)| *key != "name") {
                for when in [
                    json!({ "name": "a", "at": ["02:00"] }),
                    json!({ "name": "a" }),
                ] {
                    let (mut more, mut schedule) = (whole(), when);
                    schedule[*key] = value.clone();
                    more["schedules"] = json!([schedule]);
                    files.push(tenant("contoso", more));
                }
            }
        }
        for label in [
            json!({ pasted: "" }),
            json!({ pasted: 1 }),
            json!({ "": pasted }),
            json!({ "a=b": pasted }),
        ] {
            let mut more = whole();
            more["labels"] = label;
            files.push(tenant("contoso", more));
        }
        for kind in Credential::KINDS {
            let mut more = whole();
            more["credential"] = json!({ "kind": kind, "reference": pasted });
            files.push(tenant("contoso", more));
        }
        if check_name("tenant", pasted).is_err() {
            files.push(tenant(pasted, whole()));
        }
        let mut refused = 0;
        for file in files {
            let text = file.to_string();
            let faults = read_of(Format::Json, &text).err().unwrap_or_default();
            refused += usize::from(!faults.is_empty());
            for fault in faults {
                let error = fault.of_file("f");
                let told = format!("{} {:?}", error.message(), error.hint_text());
                // A short key is told: it is a slip more often than a secret.
                let told = told.replace(&format!("key {pasted:?}"), "");
                assert!(
                    !told.contains("s3cret") && !told.contains("BEGIN"),
                    "{text}: {told}"
                );
            }
        }
        assert!(refused > 40, "{pasted:?}: {refused}");
    }
    let long = format!("[[tenants]]\n{} = 1\n", "s3cret".repeat(6));
    assert!(
        told(Format::Toml, &long)
            .concat()
            .contains("a key of 36 characters is not known")
    );
    let twice = format!("{{\"{0}\": 1, \"{0}\": 2}}", "s3cret".repeat(6));
    assert_eq!(
        told(Format::Json, &twice),
        ["f, line 1: a key of 36 characters is there twice | -"]
    );
}
