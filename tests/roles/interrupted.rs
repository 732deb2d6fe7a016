//! Runs whose process is gone: who may not try them again closes none, and hears of none.

use std::time::Duration;

use sandbox::server::faults::{Fault, Kind};

use super::*;

/// Run 3, of fabrikam, was killed, and nobody answers its pings; cleo is operator in contoso and has no
/// role in fabrikam.
fn killed() -> Stage {
    let mut stage = stage();
    let ping = ["--ping-url", "http://127.0.0.1:1/check"];
    let edit = [&["schedules", "edit", "fabrikam/nightly"][..], &ping].concat();
    stage.env.run(&edit).ok();
    grant(&stage.env, "cleo", "operator", Some("contoso"));
    stage.sandbox.fault(Fault::on("", Kind::Hang));
    let doomed = stage.env.start(&["run", "fabrikam/nightly"]);
    assert!(stage.sandbox.await_hanging(1, Duration::from_secs(30)));
    doomed.kill();
    stage.sandbox.clear_faults();
    stage.sandbox.release();
    act_as(&mut stage.env, "cleo");
    stage
}

fn status_of_run_3(env: &Env) -> String {
    let status = "SELECT status FROM runs WHERE id = 3";
    let sql = env.sql();
    sql.query_row(status, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_retry_that_is_denied_closes_no_run() {
    let stage = killed();
    for retry in [&["retry", "3"][..], &["retry", "1", "3"]] {
        let before = contents(&stage.env);
        let denied = events(&stage.env, "denied").len();
        stage.env.run(retry).fails(20);
        assert_eq!(contents(&stage.env), before, "{retry:?}");
        assert_eq!(status_of_run_3(&stage.env), "running");
        let events = events(&stage.env, "denied");
        assert_eq!(events.len(), denied + 1, "{retry:?}");
        let (actor, action, object, _) = events.last().unwrap();
        assert_eq!([&**actor, action, object], ["cleo", "retry", "run 3"]);
    }
    let actions = stage.env.audit_actions();
    assert!(!actions.contains(&"run.interrupted".to_owned()));
}

#[test]
fn who_closes_a_run_of_another_tenant_on_the_way_is_not_told_of_it() {
    for command in [&["run", "contoso/nightly"][..], &["retry", "--failed"]] {
        let stage = killed();
        let run = stage.env.run(command);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(
            !said.contains("fabrikam") && !said.contains("interrupted"),
            "{said}"
        );
        assert_eq!(status_of_run_3(&stage.env), "failed");
    }
}
