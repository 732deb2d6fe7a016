//! What starts dispatches, and with what.

use super::*;

#[test]
fn nobody_dispatches() {
    let mut stage = well();
    let look = |stage: &Stage, code| doctor(&stage.env, &["--offline"], code);
    says(&look(&stage, 0), "dispatch", "ok", "ago", "");
    dispatched(&stage.env, now() - Duration::from_secs(3600));
    let document = look(&stage, 19);
    says(
        &document,
        "dispatch",
        "fail",
        "1h ago",
        "(Fedora, RHEL: crond)",
    );
    crontab(&mut stage.env, "* * * * * /usr/bin/true\n");
    let document = look(&stage, 19);
    says(
        &document,
        "cron",
        "warn",
        "no line that starts dispatch",
        "tenantpilot cron print",
    );
    says(
        &document,
        "dispatch",
        "fail",
        "1 schedule waits",
        "tenantpilot cron print",
    );
    stage.env.unset("PATH").set("PATH", "/nowhere");
    says(
        &look(&stage, 19),
        "cron",
        "warn",
        "no line that starts dispatch",
        "cron print",
    );
    stage.env.run(&["schedules", "disable", "nightly"]).ok();
    says(
        &look(&stage, 0),
        "dispatch",
        "ok",
        "no enabled schedule",
        "",
    );
}

#[test]
fn a_dispatch_by_hand_is_no_proof_of_the_next_and_ten_minutes_of_them_are() {
    let mut stage = well();
    crontab(&mut stage.env, "* * * * * /usr/bin/true\n");
    dispatched_since(&stage.env, now());
    let look = |env: &Env| doctor(env, &["--offline"], 0);
    let hint = "if by hand: tenantpilot cron print";
    says(&look(&stage.env), "cron", "warn", "begun by hand", hint);
    says(&look(&stage.env), "dispatch", "ok", "ago", "");
    dispatched_since(&stage.env, now() - Duration::from_secs(11 * 60));
    stage.env.run(&["dispatch"]).ok();
    let document = look(&stage.env);
    says(&document, "cron", "ok", "something else has started it", "");
}

#[test]
fn a_crontab_line_that_will_not_do_is_told() {
    let mut stage = well();
    let mut look = |table: &str, code| {
        crontab(&mut stage.env, table);
        doctor(&stage.env, &["--offline"], code)
    };
    says(
        &look(&line(""), 0),
        "cron",
        "ok",
        "this user's crontab: * * * * *",
        "",
    );
    let gone = "* * * * * /nowhere/tenantpilot --db DATABASE dispatch\n";
    says(
        &look(gone, 19),
        "cron",
        "fail",
        "no program",
        "tenantpilot cron print",
    );
    let elsewhere = "* * * * * tenantpilot --db /other.db dispatch\n";
    says(
        &look(elsewhere, 0),
        "cron",
        "warn",
        "another database, /other.db",
        "--db /other.db doctor",
    );
    let of_machine = format!("* * * * * root {PROGRAM} --db DATABASE dispatch\n");
    says(
        &look(&of_machine, 19),
        "cron",
        "fail",
        "cron takes root for the program",
        "tenantpilot cron print",
    );
    let relative = "* * * * * tenantpilot --db tp.db dispatch\n";
    says(
        &look(relative, 19),
        "cron",
        "fail",
        "names no database",
        "cron print",
    );
    let silent = line(" >/dev/null 2>&1");
    says(&look(&silent, 0), "cron", "warn", "nobody hears", "MAILTO");
    let seldom = line("").replace("* * * * *", "0 2 * * *");
    says(
        &look(&seldom, 0),
        "cron",
        "warn",
        "are missed",
        "cron print",
    );
}

#[test]
fn a_program_that_cron_does_not_find_is_told_before_the_first_night() {
    let mut stage = well();
    dispatched_since(&stage.env, now());
    let folder = stage.env.path("bin").display().to_string();
    let unfound = format!("PATH={folder}\n* * * * * tenantpilot --db DATABASE dispatch\n");
    crontab(&mut stage.env, &unfound);
    let why =
        format!("tenantpilot is in none of the folders where cron looks for programs, {folder}");
    for flags in [&["--offline"][..], &["--offline", "--as-cron"]] {
        says(
            &doctor(&stage.env, flags, 19),
            "cron",
            "fail",
            &why,
            "tenantpilot cron print",
        );
    }
}

#[test]
fn what_a_crontab_line_gives_to_tell_others_is_looked_at() {
    let mut stage = well();
    let folder = stage.env.path("").display().to_string();
    let hook = stage.env.file("hook", "#!/bin/sh\n", 0o700);
    let plain = stage.env.file("plain", "", 0o600);
    let mut look = |table: &str, code| {
        crontab(&mut stage.env, table);
        doctor(&stage.env, &["--offline"], code)
    };
    let good = line(&format!(
        " --ping-url https://h.example/secret --hook '{hook} secret' --metrics {folder}tp.prom"
    ));
    let document = look(&good, 0);
    says(&document, "cron", "ok", "--ping-url … --hook '…'", "");
    assert!(!document.to_string().contains("secret"), "{document}");
    for (given, why) in [
        (
            "PING_URL=http://h.example/secret",
            "the ping URL is not https",
        ),
        ("WEBHOOK=secret", "the webhook's URL is no https URL"),
        ("HOOK=/nowhere/hook secret", "the hook /nowhere/hook is no"),
        (
            "HOOK=nowhere-to-be-found",
            "is in none of the folders where cron looks",
        ),
        (&format!("HOOK={plain} x"), "plain is no program"),
        ("HOOK='", "the hook is no command: a quote"),
        (
            "METRICS=/nowhere/tp.prom",
            "metrics, /nowhere, is not there",
        ),
    ] {
        let above = format!("TENANTPILOT_{given}\n{}", line(""));
        let document = look(&above, 19);
        says(&document, "cron", "fail", why, "crontab -e");
        assert!(!document.to_string().contains("secret"), "{document}");
    }
    for given in ["HOOK=true x", "HOOK=bin/hook", "METRICS=tp.prom"] {
        look(&format!("TENANTPILOT_{given}\n{}", line("")), 0);
    }
    let flag = line(" --ping-url=http://h.example/secret");
    let document = look(&flag, 19);
    says(&document, "cron", "fail", "the ping URL is not https", "");
    assert!(!document.to_string().contains("secret"), "{document}");
}

#[test]
fn as_cron_looks_with_what_cron_gives() {
    let mut stage = well();
    stage.env.set("TP_SECRET", "only-here");
    let url = stage.sandbox.url().to_owned();
    stage.add_tenant_by("variable", &["--secret-env", "TP_SECRET"], &url);
    doctor(&stage.env, &["--offline"], 0);
    let document = doctor(&stage.env, &["--offline", "--as-cron"], 19);
    says(
        &document,
        "database",
        "ok",
        stage.env.database().to_str().unwrap(),
        "",
    );
    says(
        &document,
        "as_cron",
        "fail",
        "credentials: here ok",
        "crontab -e",
    );
    says(&document, "credentials", "fail", "TP_SECRET is not set", "");

    // What the crontab sets above its line is there.
    crontab(&mut stage.env, &format!("TP_SECRET=x\n{}", line("")));
    let document = doctor(&stage.env, &["--offline", "--as-cron"], 0);
    assert!(
        !document.to_string().contains("credentials: here"),
        "{document}"
    );

    // Where its line does not name it, cron's process has another database.
    let another = format!("TENANTPILOT_DB=DATABASE-of-others\n* * * * * {PROGRAM} dispatch\n");
    crontab(&mut stage.env, &another);
    let document = doctor(&stage.env, &["--offline", "--as-cron"], 19);
    says(
        &document,
        "as_cron",
        "fail",
        "database: here ok",
        "cron print",
    );
    let told = document["findings"].as_array().unwrap().iter();
    let told = told.filter(|finding| finding["check"] == "as_cron");
    assert_eq!(told.count(), 1, "one cause is told once: {document}");
    let text = stage
        .env
        .run(&["doctor", "--as-cron", "--offline"])
        .ends(19)
        .0;
    assert!(text.contains("fail  as cron "), "{text}");

    // A name that counts from here means the same there.
    let line = "cd state && \"$0\" --db tenantpilot.db doctor --as-cron --offline";
    let (text, _) = stage.env.shell(line).ends(19);
    assert!(text.contains("ok    integrity "), "{text}");
}

#[test]
fn nothing_is_needed_of_the_environment() {
    let stage = well();
    let line = format!(
        "env -i \"$0\" --db {} doctor --offline",
        stage.env.database().display()
    );
    let (text, stderr) = stage.env.shell(&line).ends(0);
    assert!(text.contains("0 failed"), "{text}{stderr}");
}
