//! Roles of users whom the system does not know, as by a slip of the pen.

use super::*;

/// From now on `getent` is this.
fn getent(env: &mut Env, script: &str) {
    let folder = env.path("bin");
    std::fs::create_dir_all(&folder).unwrap();
    env.file("bin/getent", &format!("#!/bin/sh\n{script}\n"), 0o755);
    let path = format!("{}:/usr/bin:/bin", folder.display());
    env.set("PATH", &path);
}

/// What doctor says of roles: how bad it is, what, and the hint.
fn doctor(env: &Env) -> (Value, String, Value) {
    let stdout = env.run(&["doctor", "--offline", "--json"]).stdout;
    let document: Value = serde_json::from_str(&stdout).unwrap();
    let findings = document["findings"].as_array().unwrap();
    let of_roles = findings.iter().find(|one| one["check"] == "roles");
    let of_roles = of_roles.unwrap();
    let message = of_roles["message"].as_str().unwrap().to_owned();
    (of_roles["level"].clone(), message, of_roles["hint"].clone())
}

#[test]
fn a_role_of_nobody_is_warned_of_and_given_all_the_same() {
    let env = Env::with_tenant();
    env.run(&["roles", "grant", "root", "owner"]).ok();
    assert_eq!(doctor(&env).1, "1 is given");
    let slip = ["roles", "grant", "rooot", "operator", "--tenant", "contoso"];
    let (stdout, stderr) = env.run(&slip).warned();
    assert_eq!(stdout, "rooot is operator in tenant contoso (id 1)\n");
    assert_eq!(
        stderr,
        "warning: the system knows no user rooot: as long as it does not, nobody has this role\n\
         hint: was it meant otherwise? tenantpilot roles revoke rooot --tenant contoso\n"
    );
    // A number is none that a user is called by, though getent finds root by it.
    env.run(&["roles", "grant", "0", "readonly", "-q"]).ok();
    let (level, message, hint) = doctor(&env);
    assert_eq!(level, "warn");
    assert_eq!(
        message,
        "the system knows no such user: 0, readonly for all tenants; \
         rooot, operator in tenant contoso (id 1)"
    );
    let hint = hint.as_str().unwrap();
    assert!(hint.ends_with(": tenantpilot roles revoke 0"), "{hint}");
    for slip in [&["rooot", "--tenant", "contoso"][..], &["0"]] {
        env.run(&[&["roles", "revoke"], slip].concat()).ok();
    }
    assert_eq!(doctor(&env).1, "1 is given");
}

#[test]
fn where_users_come_from_is_for_the_system_to_say() {
    let mut env = Env::with_tenant();
    let ben = ["roles", "grant", "ben", "readonly"];
    getent(
        &mut env,
        "shift; for one; do echo \"$one:x:1:1::/:/bin/sh\"; done",
    );
    env.run(&ben).ok();
    assert_eq!(doctor(&env).1, "1 is given");
    // Nothing is known by what fails, and nobody is accused.
    for silent in ["exit 1", "kill -9 $$"] {
        getent(&mut env, silent);
        env.run(&ben).ok();
        let (level, message, _) = doctor(&env);
        assert_eq!(level, "ok");
        assert!(message.ends_with("the users cannot be told"), "{message}");
    }
    env.set("PATH", "/nowhere");
    env.run(&ben).ok();
}
