//! Credentials, and the hosts that are asked.

use super::*;

#[test]
fn credentials_are_tried_and_not_shown() {
    let mut stage = well();
    let url = stage.sandbox.url().to_owned();
    let secret = stage.env.path("client-secret");
    let text = fs::read_to_string(&secret).unwrap();
    let look = |env: &Env, code| {
        let document = doctor(env, &["--offline", "-vv"], code);
        assert!(!document.to_string().contains(text.trim()), "{document}");
        document
    };
    says(
        &look(&stage.env, 0),
        "credentials",
        "ok",
        "1 of 1 tenant",
        "",
    );
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    let document = look(&stage.env, 19);
    says(
        &document,
        "credentials",
        "fail",
        "tenant contoso (id 1)",
        "chmod 600",
    );
    assert!(!document.to_string().contains("usable for 0"), "{document}");
    stage.env.shell(&found(&document, "credentials").2).ok();
    says(
        &look(&stage.env, 0),
        "credentials",
        "ok",
        "1 of 1 tenant",
        "",
    );

    stage.add_tenant_by("variable", &["--secret-env", "TP_SECRET"], &url);
    let document = look(&stage.env, 19);
    says(
        &document,
        "credentials",
        "fail",
        "TP_SECRET is not set",
        "set TP_SECRET in the crontab",
    );
    stage.env.set("TP_SECRET", text.trim());
    says(
        &look(&stage.env, 0),
        "credentials",
        "ok",
        "2 of 2 tenants",
        "",
    );

    stage.add_tenant_by("command", &["--secret-command", "/bin/false"], &url);
    says(
        &look(&stage.env, 19),
        "credentials",
        "fail",
        "failed with",
        "by hand",
    );
    stage
        .env
        .run(&[
            "tenants",
            "edit",
            "command",
            "--secret-command",
            "/bin/echo x",
        ])
        .warned();
    let identity = [
        "tenants",
        "add",
        "identity",
        "--managed-identity",
        "--directory",
    ];
    let identity = [&identity[..], &["contoso.com", "--graph-url", &url, "-q"]].concat();
    stage.env.run(&identity).warned();
    let document = look(&stage.env, 0);
    says(&document, "credentials", "ok", "3 of 4 tenants", "");
    says(
        &document,
        "credentials",
        "ok",
        "1 signs in by a managed identity",
        "",
    );
}

#[test]
fn a_certificate_is_told_a_month_before_its_end() {
    let stage = well();
    let today: DateTime<Utc> = now().into();
    let days = |count| TimeDelta::try_days(count).unwrap();
    let until = |end: DateTime<Utc>| {
        let pem = certificate::valid_between(today - days(100), end);
        stage.env.file("certificate.pem", &pem, 0o600)
    };
    let file = until(today + days(90));
    let url = stage.sandbox.url().to_owned();
    stage.add_tenant_by("signed", &["--certificate", &file], &url);
    let look = |code| doctor(&stage.env, &["--offline"], code);
    says(&look(0), "credentials", "ok", "2 of 2 tenants", "");
    until(today + days(20));
    says(
        &look(0),
        "credentials",
        "warn",
        "in 19 days",
        "tenantpilot tenants check signed",
    );
    until(today - days(1));
    says(&look(19), "credentials", "fail", "expired on", "");
    stage
        .env
        .file("certificate.pem", certificate::key_pem(), 0o600);
    says(
        &look(19),
        "credentials",
        "fail",
        "holds no certificate",
        "cat",
    );
}

#[test]
fn hosts_are_asked_for_what_anybody_may_know() {
    let mut stage = well();
    let document = doctor(&stage.env, &[], 0);
    says(&document, "hosts", "ok", " answers", "");
    says(&document, "proxy", "ok", "none", "");
    stage
        .env
        .set("HTTPS_PROXY", "http://me:pr0xy-secret@127.0.0.1:9");
    stage.env.set("ALL_PROXY", "gopher://x");
    let document = doctor(&stage.env, &[], 0);
    says(&document, "hosts", "ok", "answers", "");
    says(
        &document,
        "proxy",
        "warn",
        "ALL_PROXY names a proxy that cannot be used",
        "http://HOST:PORT",
    );
    let text = document.to_string();
    assert!(
        text.contains("http://127.0.0.1:9, by HTTPS_PROXY, with a user name"),
        "{text}"
    );
    assert!(
        text.contains("none of the hosts in use goes through it"),
        "{text}"
    );
    assert!(!text.contains("pr0xy-secret"), "{text}");
    stage.env.unset("ALL_PROXY").unset("HTTPS_PROXY");

    stage.env.set(
        "SSL_CERT_FILE",
        stage.env.path("none.pem").to_str().unwrap(),
    );
    let document = doctor(&stage.env, &["--offline"], 0);
    says(
        &document,
        "trust_roots",
        "warn",
        "0 authorities, from SSL_CERT_FILE=",
        "ca-certificates",
    );
    says(&document, "hosts", "ok", "not asked", "");
    stage.env.unset("SSL_CERT_FILE");

    let Stage { env, sandbox } = stage;
    drop(sandbox);
    says(
        &doctor(&env, &[], 19),
        "hosts",
        "fail",
        "refuses the connection",
        "tenantpilot tenants show",
    );
}
