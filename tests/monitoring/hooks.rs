//! The hook: what it finds around it, how often it is called, and what it cannot hold up.

use super::*;

/// A variable that the hook found.
fn found(fleet: &Fleet, name: &str) -> Option<String> {
    let told = fs::read_to_string(fleet.env.path("told")).unwrap();
    let prefix = format!("{name}=");
    told.lines()
        .find_map(|line| line.strip_prefix(&prefix))
        .map(str::to_owned)
}

#[test]
fn a_hook_that_fails_for_one_schedule_is_called_for_the_others() {
    let mut fleet = Fleet::nightly();
    fleet.add("weekly", "contoso", &[]);
    let last = "echo $TENANTPILOT_SCHEDULE >> names; [ $TENANTPILOT_SCHEDULE != nightly ]";
    hook(&mut fleet, last);
    fleet.env.run(&["dispatch"]).ok();
    fail(&fleet, true);
    fleet.env.run(&["run", "nightly"]).fails(12);
    fleet.env.run(&["run", "weekly"]).fails(12);
    fleet.env.run(&["dispatch"]).warned();
    let names = fs::read_to_string(fleet.env.path("names")).unwrap();
    assert_eq!(names, "nightly\nweekly\n");
    assert_eq!(waiting(&fleet), 1);
}

#[test]
fn a_hook_that_ends_with_us_was_not_tried() {
    let mut fleet = Fleet::nightly();
    hook(&mut fleet, "echo $$ > id; exec sleep 60");
    fleet.env.run(&["dispatch"]).ok();
    fail(&fleet, true);
    fleet.env.run(&["run", "nightly"]).fails(12);
    let started = fleet.env.start(&["dispatch"]);
    let id = fleet.env.path("id");
    env::until("the hook", Duration::from_secs(60), || {
        fs::read_to_string(&id).ok().filter(|id| id.ends_with('\n'))
    });
    let tries = "SELECT tries FROM state_changes";
    assert_eq!(number(&fleet, tries), 1, "it counts while it lasts");
    started.signal("TERM");
    assert_eq!(started.end().ok(), "");
    assert_eq!(number(&fleet, tries), 0);
}

#[test]
fn a_hook_gets_names_as_variables_no_shell_no_secret_and_no_file_of_ours() {
    let mut fleet = Fleet::new();
    let name = "$(touch pwned) `touch pwned`; touch pwned";
    fleet.add_tenant(name, sandbox::server::DIRECTORY);
    fleet.add(name, name, &[]);
    hook(&mut fleet, "exit 0");
    fleet
        .env
        .set("PATH", "/usr/bin:/bin")
        .set("OF_USER", "mine");
    fleet.env.set("FABRIKAM_SECRET", "Marker~1");
    let args = ["tenants", "edit", name, "--secret-env", "FABRIKAM_SECRET"];
    fleet.env.run(&args).warned();
    for secret in [
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
        "SYSTEM_ACCESSTOKEN",
        "IDENTITY_HEADER",
    ] {
        fleet.env.set(secret, "Marker~2");
    }
    let listener = Listener::start();
    fleet
        .env
        .set("TENANTPILOT_PING_URL", &listener.url("Marker~3"));
    fleet.env.set(
        "TENANTPILOT_METRICS",
        fleet.env.path("Marker~4.prom").to_str().unwrap(),
    );
    let slot = fleet.slots(1, 1).remove(0);
    let stderr = fleet.env.run(&["dispatch", "-v", "--at", &slot]).fails(12);
    assert!(stderr.contains("hook: heard it"), "{stderr}");
    assert!(!fleet.env.path("pwned").exists());
    for (variable, value) in [
        ("TENANTPILOT_EVENT", "failed"),
        ("TENANTPILOT_TENANT", name),
        ("TENANTPILOT_SCHEDULE", name),
        ("TENANTPILOT_SCHEDULE_ID", "1"),
        ("TENANTPILOT_RUN_ID", "1"),
        ("TENANTPILOT_STATUS", "failed"),
        ("TENANTPILOT_ERROR_CODE", "AUTH_FAILED"),
        ("TENANTPILOT_SCHEDULED_FOR", &slot),
        ("TENANTPILOT_PREVIOUS_STATE", "well"),
        ("PATH", "/usr/bin:/bin"),
        ("OF_USER", "mine"),
        ("TENANTPILOT_DB", fleet.env.database().to_str().unwrap()),
    ] {
        assert_eq!(
            found(&fleet, variable).as_deref(),
            Some(value),
            "{variable}"
        );
    }
    let told = fs::read_to_string(fleet.env.path("told")).unwrap();
    assert!(!told.contains("Marker~"), "{told}");
    let open = fs::read_to_string(fleet.env.path("open")).unwrap();
    let strange = open.lines().filter(|line| {
        line.contains("tenantpilot.db") || line.contains("-locks/") || line.contains("socket:")
    });
    assert_eq!(strange.count(), 0, "{open}");
}

#[test]
fn a_hook_that_fails_is_given_up_after_three_calls() {
    let mut fleet = Fleet::nightly();
    hook(&mut fleet, "exit 7");
    fail(&fleet, true);
    let slot = fleet.slots(1, 1).remove(0);
    let stderr = fleet.dispatch(&slot).fails(12);
    assert!(stderr.contains("the hook fails, runs do not: "), "{stderr}");
    assert!(
        stderr.contains("hook.sh failed with exit status: 7"),
        "{stderr}"
    );
    for _ in 0..4 {
        assert_eq!(fleet.env.run(&["dispatch"]).ok(), "");
    }
    let calls = fs::read_to_string(fleet.env.path("calls")).unwrap();
    assert_eq!(calls.lines().count(), 3);
    assert_eq!(waiting(&fleet), 0);
}

#[test]
fn a_hook_that_cannot_be_started_uses_up_no_try() {
    let mut fleet = Fleet::nightly();
    hook(&mut fleet, "exit 0");
    fleet.env.run(&["dispatch"]).ok();
    let script = fleet.env.path("hook.sh");
    let whole = fs::read_to_string(&script).unwrap();
    // It may be started, as far as that shows before it is: its interpreter is gone.
    fs::write(&script, "#!/no/such/interpreter\n").unwrap();
    fail(&fleet, true);
    fleet.env.run(&["run", "nightly"]).fails(12);
    let (_, stderr) = fleet.env.run(&["dispatch"]).warned();
    assert!(stderr.contains("hook.sh cannot be started: "), "{stderr}");
    for _ in 0..3 {
        fleet.env.run(&["dispatch"]).ok();
    }
    let tries = "SELECT tries FROM state_changes";
    assert_eq!((waiting(&fleet), number(&fleet, tries)), (1, 0));
    fs::write(&script, whole).unwrap();
    fleet.env.run(&["dispatch"]).warned();
    let calls = fs::read_to_string(fleet.env.path("calls")).unwrap();
    assert_eq!(calls.lines().count(), 1);
}

#[test]
fn a_lock_is_free_though_a_hook_that_was_started_lives_on() {
    let mut fleet = Fleet::nightly();
    hook(&mut fleet, "sleep 30 & echo $! > id; exit 0");
    fail(&fleet, true);
    let slots = fleet.slots(1, 2);
    fleet.dispatch(&slots[0]).fails(12);
    let id = fs::read_to_string(fleet.env.path("id")).unwrap();
    assert!(Path::new("/proc").join(id.trim()).exists(), "it lives on");
    fail(&fleet, false);
    fleet.env.run(&["run", "nightly"]).ok();
    assert_eq!(fleet.dispatch(&slots[1]).ok(), "");
    let other = fs::read_to_string(fleet.env.path("id")).unwrap();
    for id in [id, other] {
        let ended = std::process::Command::new("kill").arg(id.trim()).status();
        assert!(ended.unwrap().success());
    }
}
