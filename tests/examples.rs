//! What lies in `examples/` to be copied is what it says: each command is one that the program has,
//! each format is read by a parser of it, and what matters in it is there. Tools that judge better than
//! a parser (shellcheck, systemd-analyze, visudo, restic) are asked where they are installed.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by it; what could not be asked is said"
)]

#[path = "support/env.rs"]
mod env;
#[path = "support/example.rs"]
mod example;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use clap::Parser as _;
use env::{Env, PROGRAM};
use example::{calls, crontab_entries, documents, lines, names, root, scalars, shell_lines, text};
use tenantpilot::cli::Cli;
use tenantpilot::crontab;
use tenantpilot::recurrence::Recurrence;
use yaml_rust2::Yaml;

const README: &str = include_str!("../README.md");
/// The examples that start something, in a line or in a comment.
const STARTS: [&str; 9] = [
    "azure-pipelines.yml",
    "cron.d",
    "crontab",
    "github-actions.yml",
    "gitlab-ci.yml",
    "kubernetes.yaml",
    "litestream.yml",
    "off-site.sh",
    "tenantpilot-dispatch.service",
];
const DISPATCH: &str = "/usr/local/bin/tenantpilot dispatch";

/// What a program says, where it is installed.
fn asked(program: &str, args: &[&str]) -> Option<Output> {
    match Command::new(program).args(args).output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("{program} is not installed: not asked");
            None
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

/// A program's verdict is that all is well; returns what it says beside, if it is installed.
fn assert_content(program: &str, args: &[&str]) -> String {
    let Some(output) = asked(program, args) else {
        return String::new();
    };
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{program} {args:?}: {said}");
    said
}

#[test]
fn every_command_is_one_that_the_program_takes() {
    for name in names() {
        let calls: Vec<Vec<String>> = shell_lines(&name)
            .iter()
            .flat_map(|line| calls(line))
            .collect();
        for call in &calls {
            Cli::try_parse_from(call).unwrap_or_else(|error| panic!("{name}: {call:?}: {error}"));
        }
        if STARTS.contains(&name.as_str()) {
            assert!(!calls.is_empty(), "{name}");
        }
    }
}

#[test]
fn the_readme_names_each() {
    for name in names() {
        assert!(README.contains(&name), "{name}");
    }
}

#[test]
fn a_wrong_command_would_be_noticed() {
    let line =
        "sleep 1 && A=b tenantpilot runn nightly > /x || /usr/local/bin/tenantpilot -q status";
    let calls = calls(line);
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert!(Cli::try_parse_from(&calls[0]).is_err());
    assert!(Cli::try_parse_from(&calls[1]).is_ok());
    let comments = "# tenantpilot is prose\n#   tenantpilot a \\\n#     b\n#tenantpilot c\n#!d";
    assert_eq!(lines(comments), ["tenantpilot a b", "tenantpilot c"]);
}

#[test]
fn both_crontabs_are_what_cron_reads() {
    for (name, user) in [("crontab", None), ("cron.d", Some("tenantpilot"))] {
        let text = text(name);
        assert!(
            text.ends_with('\n'),
            "{name}: cron ignores a last line without its end"
        );
        let entries = crontab_entries(name);
        assert!(entries.len() >= 4, "{name}: {entries:?}");
        for entry in &entries {
            Recurrence::cron(&entry.when).unwrap_or_else(|error| panic!("{entry:?}: {error}"));
            assert_eq!(entry.user.as_deref(), user, "{name}");
            assert!(
                entry.command.starts_with('/'),
                "cron has no PATH: {entry:?}"
            );
        }
        assert!(!text.contains('%'), "{name}: cron makes a line break of it");
        let active = crontab::entries(&text, user.is_some());
        let commands: Vec<&str> = active.iter().map(|entry| entry.command.as_str()).collect();
        assert_eq!(commands, [DISPATCH], "{name}");
        assert_eq!(active[0].when, crontab::EACH_MINUTE);
        assert_eq!(active[0].variables["MAILTO"], "backup@example.com");
    }
}

/// The one item of a list, or of all of a job's steps the one with that key.
fn with_key<'a>(list: &'a Yaml, key: &str, text: &str) -> &'a Yaml {
    let items = list.as_vec().unwrap();
    let has = |item: &&Yaml| {
        item[key]
            .as_str()
            .is_some_and(|found| found.starts_with(text))
    };
    items
        .iter()
        .find(has)
        .unwrap_or_else(|| panic!("no {key}: {text} in {list:?}"))
}

const RUN: &str = "tenantpilot run contoso/nightly";

#[test]
fn github_actions_signs_in_without_a_secret_and_one_at_a_time() {
    let workflow = &documents("github-actions.yml")[0];
    let when = workflow["on"]["schedule"][0]["cron"].as_str().unwrap();
    Recurrence::cron(when).unwrap();
    assert_eq!(workflow["permissions"]["id-token"].as_str(), Some("write"));
    assert_eq!(workflow["permissions"]["contents"].as_str(), Some("read"));
    assert!(workflow["concurrency"]["group"].as_str().is_some());
    assert_eq!(
        workflow["concurrency"]["cancel-in-progress"].as_bool(),
        Some(false)
    );
    let job = &workflow["jobs"]["backup"];
    let runner = job["runs-on"].as_vec().unwrap();
    assert!(runner.contains(&Yaml::String("self-hosted".to_owned())));
    assert!(
        job["timeout-minutes"].as_i64().unwrap() > 60,
        "longer than a run may take"
    );
    with_key(&job["steps"], "run", RUN);
}

#[test]
fn azure_pipelines_hands_its_token_to_the_step_that_runs() {
    let pipeline = &documents("azure-pipelines.yml")[0];
    let nightly = &pipeline["schedules"][0];
    Recurrence::cron(nightly["cron"].as_str().unwrap()).unwrap();
    assert_eq!(nightly["always"].as_bool(), Some(true));
    assert!(nightly["branches"]["include"][0].as_str().is_some());
    assert_eq!(pipeline["trigger"].as_str(), Some("none"));
    assert!(
        pipeline["pool"]["vmImage"].is_badvalue(),
        "a hosted agent forgets its disk"
    );
    let job = &pipeline["jobs"][0];
    assert!(job["timeoutInMinutes"].as_i64().unwrap() > 60);
    let run = with_key(&job["steps"], "script", RUN);
    assert_eq!(
        run["env"]["SYSTEM_ACCESSTOKEN"].as_str(),
        Some("$(System.AccessToken)")
    );
}

#[test]
fn gitlab_writes_its_token_where_the_tenant_reads_it_and_runs_one_at_a_time() {
    let job = &documents("gitlab-ci.yml")[0]["intune-backup"];
    let audience = &job["id_tokens"]["ENTRA_TOKEN"]["aud"];
    assert_eq!(audience.as_str(), Some("api://AzureADTokenExchange"));
    assert!(job["resource_group"].as_str().is_some());
    let script: Vec<&str> = job["script"]
        .as_vec()
        .unwrap()
        .iter()
        .filter_map(Yaml::as_str)
        .collect();
    let file = "/home/gitlab-runner/entra-token";
    assert_eq!(
        script[0],
        format!("umask 077 && printf '%s' \"$ENTRA_TOKEN\" > {file}")
    );
    assert!(script[1].starts_with(RUN));
    let added = format!("--federated-token-file {file}");
    assert!(text("gitlab-ci.yml").contains(&added));
}

#[test]
fn kubernetes_runs_one_pod_at_a_time_whose_token_is_its_own() {
    let documents = documents("kubernetes.yaml");
    let named = |kind: &str, name: &str| {
        let is = |one: &&Yaml| {
            one["kind"].as_str() == Some(kind) && one["metadata"]["name"].as_str() == Some(name)
        };
        documents
            .iter()
            .find(is)
            .unwrap_or_else(|| panic!("no {kind} {name}"))
    };
    let volume = &named("PersistentVolumeClaim", "tenantpilot")["spec"];
    assert_eq!(volume["accessModes"][0].as_str(), Some("ReadWriteOnce"));
    let cron = &named("CronJob", "tenantpilot")["spec"];
    Recurrence::cron(cron["schedule"].as_str().unwrap()).unwrap();
    cron["timeZone"]
        .as_str()
        .unwrap()
        .parse::<chrono_tz::Tz>()
        .unwrap();
    assert_eq!(cron["concurrencyPolicy"].as_str(), Some("Forbid"));
    assert!(cron["startingDeadlineSeconds"].as_i64().unwrap() > 0);
    let job = &cron["jobTemplate"]["spec"];
    assert_eq!(job["backoffLimit"].as_i64(), Some(0));
    assert!(job["activeDeadlineSeconds"].as_i64().unwrap() > 3600);
    let pod = &job["template"]["spec"];
    let account = pod["serviceAccountName"].as_str().unwrap();
    named("ServiceAccount", account);
    let user = pod["securityContext"]["runAsUser"].as_i64().unwrap();
    assert_eq!(pod["securityContext"]["runAsNonRoot"].as_bool(), Some(true));
    // With one, the group may read the token, and tenantpilot refuses it.
    assert!(pod["securityContext"]["fsGroup"].is_badvalue());
    let containers = pod["containers"].as_vec().unwrap();
    for container in containers {
        let security = &container["securityContext"];
        assert!(
            security["runAsUser"].is_badvalue(),
            "one user for all of the pod"
        );
        assert_eq!(security["readOnlyRootFilesystem"].as_bool(), Some(true));
        assert_eq!(security["allowPrivilegeEscalation"].as_bool(), Some(false));
        assert_eq!(security["capabilities"]["drop"][0].as_str(), Some("ALL"));
    }
    let mount = |name: &str| {
        let mounts = &containers[0]["volumeMounts"];
        with_key(mounts, "name", name)["mountPath"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let volumes = &pod["volumes"];
    let token =
        &with_key(volumes, "name", "token")["projected"]["sources"][0]["serviceAccountToken"];
    assert_eq!(
        token["audience"].as_str(),
        Some("api://AzureADTokenExchange")
    );
    let file = format!("{}/{}", mount("token"), token["path"].as_str().unwrap());
    assert!(text("kubernetes.yaml").contains(&format!("--federated-token-file {file}\n")));
    let database = with_key(&containers[0]["env"], "name", "TENANTPILOT_DB");
    assert!(
        database["value"]
            .as_str()
            .unwrap()
            .starts_with(&mount("database"))
    );
    let made = &named("Job", "tenantpilot-volume")["spec"]["template"]["spec"]["containers"][0];
    assert!(
        made["command"][2]
            .as_str()
            .unwrap()
            .contains(&format!("chown {user}:{user} {}", mount("database")))
    );
}

#[test]
fn litestream_is_told_of_the_database_that_the_account_has() {
    let database = &documents("litestream.yml")[0]["dbs"][0];
    let path = database["path"].as_str().unwrap();
    assert_eq!(
        path,
        "/var/lib/tenantpilot/.local/state/tenantpilot/tenantpilot.db"
    );
    let replica = database["replicas"][0]["url"].as_str().unwrap();
    assert!(
        text("litestream.yml").contains(&format!("litestream restore -o fetched.db {replica}\n"))
    );
}

#[test]
fn the_timer_starts_in_each_minute_and_the_service_changes_one_folder() {
    let (service, timer) = (
        text("tenantpilot-dispatch.service"),
        text("tenantpilot-dispatch.timer"),
    );
    let said = |unit: &str, line: &str| assert!(unit.lines().any(|l| l == line), "{line}");
    for line in [
        "OnCalendar=*-*-* *:*:00",
        "AccuracySec=1s",
        "RandomizedDelaySec=0",
        "Persistent=no",
    ] {
        said(&timer, line);
    }
    for line in [
        "Type=oneshot",
        "User=tenantpilot",
        "ProtectSystem=strict",
        "StateDirectory=tenantpilot",
        "NoNewPrivileges=yes",
    ] {
        said(&service, line);
    }
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str, unit: &str| {
        let path = folder.path().join(name);
        fs::write(&path, unit).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let here = service
        .replace("/usr/local/bin/tenantpilot", PROGRAM)
        .replace("Documentation=", "#");
    let service = place("tenantpilot-dispatch.service", &here);
    let timer = place("tenantpilot-dispatch.timer", &timer);
    // A key that it does not know costs no more than a word.
    let said = assert_content("systemd-analyze", &["verify", &service, &timer]);
    assert_eq!(said, "");
}

#[test]
fn every_script_is_one_that_its_shell_reads() {
    let mut scripts: Vec<PathBuf> = Vec::new();
    for folder in ["examples", ".ci", ".ci/debian"] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() && fs::read(&path).unwrap().starts_with(b"#!") {
                scripts.push(path);
            }
        }
    }
    let named = |name: &str| scripts.iter().any(|path| path.ends_with(name));
    assert!(named("examples/off-site.sh") && named(".ci/release") && named(".ci/debian/postinst"));
    for script in &scripts {
        let path = script.to_str().unwrap();
        let shell = if path.contains("debian") {
            "sh"
        } else {
            "bash"
        };
        assert_content(shell, &["-n", path]);
        assert_content("shellcheck", &[path]);
    }
    for name in ["github-actions.yml", "azure-pipelines.yml", "gitlab-ci.yml"] {
        let mut found = Vec::new();
        documents(name)
            .iter()
            .for_each(|document| scalars(document, &mut found));
        for script in found.iter().filter(|text| text.contains("tenantpilot ")) {
            assert_content("bash", &["-n", "-c", script]);
        }
    }
    assert_content(
        "visudo",
        &["-cf", root().join("examples/sudoers").to_str().unwrap()],
    );
}

#[test]
fn an_off_site_copy_is_made_fetched_back_and_proved() {
    if asked("restic", &["version"]).is_none() {
        return;
    }
    let mut env = Env::with_tenant();
    let bin = env.path("bin");
    fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(PROGRAM, bin.join("tenantpilot")).unwrap();
    env.set("PATH", &format!("{}:/usr/bin:/bin", bin.display()));
    env.set("TMPDIR", env.path("").to_str().unwrap());
    let repository = env.path("repository");
    let repository = env.file("restic-repository", repository.to_str().unwrap(), 0o600);
    let password = env.file("restic-password", "not a secret", 0o600);
    let restic = |args: &[&str]| {
        let access = [
            "--repository-file",
            &repository,
            "--password-file",
            &password,
        ];
        env.start_by("restic", &[&access, args].concat()).end().ok()
    };
    restic(&["--quiet", "init"]);
    let script = root().join("examples/off-site.sh");
    for _ in 0..2 {
        let said = env.start_by("bash", &[script.to_str().unwrap()]).end().ok();
        assert_eq!(said, "", "silent when all is well");
    }
    let listed = restic(&["--json", "snapshots"]);
    let copies = listed.matches("\"/tenantpilot.db\"").count();
    assert_eq!(copies, 1, "of one day the last stays: {listed}");
    let left: Vec<_> = fs::read_dir(env.path(""))
        .unwrap()
        .filter(|entry| {
            entry
                .as_ref()
                .unwrap()
                .file_name()
                .to_string_lossy()
                .starts_with("tenantpilot-off-site")
        })
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
