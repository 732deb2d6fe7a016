//! Every kind of credential, from the command line to a backup set, against a sandbox that checks
//! what it is shown.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/certificate.rs"]
mod certificate;
#[path = "support/env.rs"]
mod env;
#[path = "../examples/sandbox/server.rs"]
mod server;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use env::{CLIENT_ID, Env};
use serde_json::{Value, json};
use server::faults::{Fault, Kind};
use server::issuers::{IDENTITY_HEADER, REQUEST_TOKEN};
use server::{DIRECTORY, Options, Sandbox};

/// A place and a sandbox, without a tenant.
struct Place {
    env: Env,
    sandbox: Sandbox,
}

impl Place {
    fn new() -> Self {
        Self {
            env: Env::new(),
            sandbox: Sandbox::start(Options::default()),
        }
    }

    /// Adds the tenant `contoso` with a client id and this credential.
    fn add(&self, credential: &[&str]) -> env::Run {
        self.add_plainly(&[&["--client-id", CLIENT_ID], credential].concat())
    }

    fn add_plainly(&self, rest: &[&str]) -> env::Run {
        let url = self.sandbox.url();
        let first = ["tenants", "add", "contoso", "--directory", DIRECTORY];
        let urls = ["--graph-url", url, "--authority-url", url];
        self.env.run(&[&first[..], &urls, rest].concat())
    }

    /// A schedule of one policy type.
    fn schedule(&self) {
        let args = "schedules add nightly --tenant contoso --at 02:00 --types assignmentFilter --no-foundations --quiet";
        let args: Vec<&str> = args.split(' ').collect();
        self.env.run(&args).ok();
    }

    /// A run, which has to end with this code.
    fn run(&self, code: i32) -> Value {
        let (stdout, _) = self.env.run(&["run", "nightly", "--json"]).ends(code);
        let document: Value = serde_json::from_str(&stdout).unwrap();
        document["items"][0].clone()
    }

    /// The tenant can be added, and a run succeeds.
    fn works(&self, added: env::Run) {
        added.ok();
        self.schedule();
        assert_eq!(self.run(0)["status"], "success");
    }

    fn check(&self, code: i32) -> (String, String) {
        self.env.run(&["tenants", "check", "contoso"]).ends(code)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "certificates follow the machine's clock"
)]
fn days_from_now(days: i64) -> DateTime<Utc> {
    Utc::now() + chrono::TimeDelta::try_days(days).unwrap()
}

fn ending_in(days: i64) -> String {
    certificate::valid_between(days_from_now(-100), days_from_now(days))
}

#[test]
fn a_certificate_signs_in() {
    let place = Place::new();
    let pem = ending_in(100);
    assert!(place.sandbox.register_certificate(&pem));
    let file = place.env.file("key.pem", &pem, 0o600);
    place.works(place.add(&["--certificate", "key.pem"]));
    let shown = place.env.json(&["tenants", "show", "contoso"])["credential"].clone();
    assert_eq!(shown["kind"], "certificate");
    assert_eq!(shown["reference"], file);
    assert_eq!(
        shown["certificate"]["subject"],
        "CN=tenantpilot test,O=Sandbox"
    );
    assert_eq!(
        shown["certificate"]["thumbprint"].as_str().unwrap().len(),
        40
    );
    let not_after = shown["certificate"]["not_after"].as_str().unwrap();
    let table = place.env.run(&["tenants", "show", "contoso"]).ok();
    assert!(
        table.contains(not_after) && table.contains("thumbprint"),
        "{table}"
    );
    assert_eq!(
        place.env.items(&["tenants", "list"])[0]["credential"],
        json!({ "kind": "certificate", "reference": file })
    );

    place.sandbox.forget_certificates();
    let failed = place.run(12);
    assert_eq!(failed["error_code"], "AUTH_FAILED");
    let stderr = place.env.run(&["run", "nightly"]).ends(12).1;
    assert!(stderr.contains("AADSTS700027"), "{stderr}");
    assert!(stderr.contains("hint: upload the certificate"), "{stderr}");

    std::fs::remove_file(&file).unwrap();
    let shown = place.env.json(&["tenants", "show", "contoso"]);
    assert_eq!(shown["credential"]["certificate"], Value::Null);
    let table = place.env.run(&["tenants", "show", "contoso"]).ok();
    assert!(table.contains("cannot read"), "{table}");
}

#[test]
fn a_certificate_that_ends_soon_is_warned_of_and_does_its_work() {
    let place = Place::new();
    let pem = ending_in(10);
    place.sandbox.register_certificate(&pem);
    place.env.file("key.pem", &pem, 0o600);
    let warning = "in 9 days: upload a new one";
    let (_, stderr) = place.add(&["--certificate", "key.pem"]).warned();
    assert!(
        stderr.starts_with("warning: certificate CN=") && stderr.contains(warning),
        "{stderr}"
    );
    place.schedule();
    let run = place.run(0);
    assert_eq!(run["status"], "success");
    let warnings = run["summary"]["warnings"].as_array().unwrap();
    assert!(warnings[0].as_str().unwrap().contains(warning), "{run}");
    let (_, stderr) = place.check(0);
    assert!(stderr.contains(warning), "{stderr}");
    let document: Value = serde_json::from_str(
        &place
            .env
            .run(&["tenants", "check", "contoso", "--json"])
            .warned()
            .0,
    )
    .unwrap();
    assert!(document["warnings"][0].as_str().unwrap().contains(warning));
    assert_eq!(document["ok"], true);
    let edit = ["tenants", "edit", "contoso", "--certificate", "key.pem"];
    assert!(place.env.run(&edit).warned().1.contains(warning));

    // cron mails every line, and nothing has failed.
    let slot = place
        .env
        .items(&["schedules", "next", "nightly", "-n", "1"])[0]["slot"]
        .clone();
    let at = ["dispatch", "--at", slot.as_str().unwrap()];
    assert_eq!(place.env.run(&at).ok(), "");
    assert_eq!(
        place.env.items(&["history", "--status", "success"]).len(),
        2
    );
}

#[test]
fn a_certificate_that_has_expired_is_refused_before_anybody_is_asked() {
    let place = Place::new();
    let pem = ending_in(-1);
    place.sandbox.register_certificate(&pem);
    place.env.file("key.pem", &pem, 0o600);
    let add = || place.add(&["--certificate", "key.pem"]);
    let stderr = add().fails(17);
    assert!(
        stderr.contains("expired on ") && stderr.contains("hint: make a new one"),
        "{stderr}"
    );
    place.env.file("key.pem", &ending_in(100), 0o600);
    add().ok();
    place.schedule();
    place.env.file("key.pem", &pem, 0o600);
    place.sandbox.forget_requests();
    assert_eq!(place.run(17)["error_code"], "CREDENTIAL_UNUSABLE");
    place.check(17);
    assert_eq!(place.sandbox.requests().len(), 0);
}

#[test]
fn files_that_others_can_read_are_refused_when_given_and_when_used() {
    for flag in ["--secret-file", "--certificate", "--federated-token-file"] {
        let place = Place::new();
        let content = ending_in(100);
        let path = place.env.file("it", &content, 0o644);
        let hint = format!("hint: chmod 600 {path}");
        let stderr = place.add(&[flag, "it"]).fails(17);
        assert!(stderr.contains(&hint), "{stderr}");
        place.env.file("it", &content, 0o600);
        place.add(&[flag, "it"]).ok();
        place.schedule();
        place.env.file("it", &content, 0o640);
        let stderr = place.env.run(&["run", "nightly"]).ends(17).1;
        assert!(
            stderr.contains("0640") && stderr.contains(&hint),
            "{stderr}"
        );
        assert_eq!(place.sandbox.requests().len(), 0, "{flag}");
    }
}

#[test]
fn a_federated_token_is_read_anew_at_each_use() {
    let place = Place::new();
    place.env.file("token", "sandbox-assertion.one.x\n", 0o600);
    place.sandbox.trust("sandbox-assertion.one.x");
    place.works(place.add(&["--federated-token-file", "token"]));
    place.sandbox.trust("sandbox-assertion.two.x");
    let stderr = place.env.run(&["run", "nightly"]).ends(12).1;
    assert!(
        stderr.contains("AADSTS70021") && stderr.contains("issuer, subject"),
        "{stderr}"
    );
    place.env.file("token", "sandbox-assertion.two.x\n", 0o600);
    assert_eq!(place.run(0)["status"], "success");
}

#[test]
fn a_job_of_github_actions_signs_in() {
    let mut place = Place::new();
    let url = format!("{}/github/token?api-version=2.0", place.sandbox.url());
    place.env.set("ACTIONS_ID_TOKEN_REQUEST_URL", &url);
    place
        .env
        .set("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN);
    place.works(place.add(&["--github-oidc"]));
    place.env.set("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "wrong");
    let stderr = place.env.run(&["run", "nightly"]).ends(12).1;
    assert!(stderr.contains("GitHub Actions: answered 403"), "{stderr}");
    assert!(stderr.contains("id-token: write"), "{stderr}");
    place.env.unset("ACTIONS_ID_TOKEN_REQUEST_TOKEN");
    assert_eq!(place.run(17)["error_code"], "CREDENTIAL_UNUSABLE");
    let edit = [
        "tenants",
        "edit",
        "contoso",
        "--github-oidc",
        "api://AzureADTokenExchangeX",
    ];
    place.env.run(&edit).ok();
    place
        .env
        .set("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN);
    assert_eq!(place.run(0)["status"], "success");
    let asked = place.sandbox.requests();
    let last = asked
        .iter()
        .rfind(|request| request.path() == "github/token")
        .unwrap();
    assert!(
        last.url.ends_with("&audience=api://AzureADTokenExchangeX"),
        "{last:?}"
    );
}

#[test]
fn a_job_of_azure_pipelines_signs_in() {
    let mut place = Place::new();
    let url = format!("{}/pipelines/token", place.sandbox.url());
    place.env.set("SYSTEM_OIDCREQUESTURI", &url);
    place.env.set("SYSTEM_ACCESSTOKEN", REQUEST_TOKEN);
    place.works(place.add(&["--azure-pipelines-oidc", CLIENT_ID]));
    place.env.set("SYSTEM_ACCESSTOKEN", "wrong");
    let stderr = place.env.run(&["run", "nightly"]).ends(12).1;
    assert!(stderr.contains("Azure Pipelines: answered 401"), "{stderr}");
}

#[test]
fn a_managed_identity_needs_no_client_id_and_has_its_own() {
    let mut place = Place::new();
    let host = place.sandbox.url().to_owned();
    place.env.set("AZURE_POD_IDENTITY_AUTHORITY_HOST", &host);
    let stderr = place.add(&["--managed-identity"]).fails(2);
    assert!(
        stderr.contains("a managed identity has its own"),
        "{stderr}"
    );
    place.works(place.add_plainly(&["--managed-identity"]));
    let shown = place.env.json(&["tenants", "show", "contoso"]);
    assert_eq!(shown["client_id"], Value::Null);
    let credential = json!({ "kind": "managed-identity", "reference": null });
    assert_eq!(shown["credential"], credential);
    let edit = ["tenants", "edit", "contoso", "--secret-command", "true"];
    let stderr = place.env.run(&edit).fails(2);
    assert!(stderr.contains("--client-id GUID"), "{stderr}");
    place
        .env
        .run(&[&edit[..], &["--client-id", CLIENT_ID]].concat())
        .ok();
    let edit = [
        "tenants",
        "edit",
        "contoso",
        "--managed-identity",
        CLIENT_ID,
    ];
    place.env.run(&edit).ok();
    let shown = place.env.json(&["tenants", "show", "contoso"]);
    assert_eq!(shown["client_id"], Value::Null);
    assert_eq!(shown["credential"]["reference"], CLIENT_ID);
    assert_eq!(place.run(0)["status"], "success");
    let last = place.sandbox.requests();
    let asked = last
        .iter()
        .rfind(|request| request.path().ends_with("identity/oauth2/token"));
    assert!(
        asked
            .unwrap()
            .url
            .ends_with(&format!("&client_id={CLIENT_ID}"))
    );
    let stderr = place.add_plainly(&["--managed-identity", "x"]).fails(2);
    assert!(stderr.contains("is not a GUID"), "{stderr}");
}

#[test]
fn the_identity_service_of_a_vm_may_be_unwell() {
    let mut place = Place::new();
    let host = place.sandbox.url().to_owned();
    place.env.set("AZURE_POD_IDENTITY_AUTHORITY_HOST", &host);
    place.add_plainly(&["--managed-identity"]).ok();
    place.schedule();
    for kind in [Kind::Status(410), Kind::Reset, Kind::Html, Kind::Truncated] {
        place
            .sandbox
            .fault(Fault::on("vm-identity", kind.clone()).times(1));
        assert_eq!(place.run(0)["status"], "success", "{kind:?}");
    }
    place
        .sandbox
        .fault(Fault::on("vm-identity", Kind::Status(400)));
    let stderr = place.env.run(&["run", "nightly"]).ends(12).1;
    assert!(stderr.contains("az vm identity assign"), "{stderr}");
}

#[test]
fn an_app_signs_in_by_what_its_platform_sets() {
    let mut place = Place::new();
    let endpoint = format!("{}/msi/token", place.sandbox.url());
    place.env.set("IDENTITY_ENDPOINT", &endpoint);
    place.env.set("IDENTITY_HEADER", IDENTITY_HEADER);
    place.works(place.add_plainly(&["--managed-identity"]));
    place.env.set("IDENTITY_HEADER", "wrong");
    let stderr = place.env.run(&["run", "nightly"]).ends(12).1;
    assert!(
        stderr.contains("identity service of the app: answered 401"),
        "{stderr}"
    );
}

#[test]
fn a_hostile_agent_of_azure_arc_gets_no_file() {
    let mut place = Place::new();
    let endpoint = format!("{}/arc/token", place.sandbox.url());
    place.env.set("IDENTITY_ENDPOINT", &endpoint);
    place.env.set("IMDS_ENDPOINT", "http://localhost:40342");
    place.add_plainly(&["--managed-identity"]).ok();
    place.schedule();
    let file = place.env.file("a.key", "content", 0o600);
    place.sandbox.set_arc_key(&file, "content");
    let stderr = place.env.run(&["run", "nightly"]).ends(12).1;
    assert!(
        stderr.contains("not below /var/opt/azcmagent/tokens"),
        "{stderr}"
    );
    assert_eq!(place.sandbox.requests().len(), 1, "the key is not shown");
}

#[test]
fn an_assertion_is_checked_by_the_sandbox() {
    let place = Place::new();
    let pem = ending_in(100);
    place.sandbox.register_certificate(&pem);
    place.env.file("key.pem", &pem, 0o600);
    place.add(&["--certificate", "key.pem"]).ok();
    place.schedule();
    let url = place.sandbox.url().replace("127.0.0.1", "localhost");
    place
        .env
        .run(&["tenants", "edit", "contoso", "--authority-url", &url])
        .ok();
    let stderr = place.env.run(&["run", "nightly"]).ends(12).1;
    assert!(
        stderr.contains("AADSTS700023"),
        "the audience is the URL: {stderr}"
    );
}

/// The number of the error with which the sandbox answers an assertion; 0 for a token.
fn judged(sandbox: &Sandbox, header: &Value, claims: &Value, spoil: bool) -> u64 {
    let encoded = |text: &[u8]| URL_SAFE_NO_PAD.encode(text);
    let signed = format!(
        "{}.{}",
        encoded(header.to_string().as_bytes()),
        encoded(claims.to_string().as_bytes())
    );
    let mut signature = certificate::sign(signed.as_bytes());
    signature[0] ^= u8::from(spoil);
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT_ID),
        ("scope", "https://graph.example/.default"),
        (
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        ),
        (
            "client_assertion",
            &format!("{signed}.{}", encoded(&signature)),
        ),
    ];
    let url = format!("{}/{DIRECTORY}/oauth2/v2.0/token", sandbox.url());
    let mut answer = agent.post(url).send_form(form).unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    let answer: Value = serde_json::from_str(&text).unwrap();
    answer["error_codes"][0].as_u64().unwrap_or_default()
}

#[test]
fn the_sandbox_knows_a_good_assertion_from_others() {
    let sandbox = Sandbox::start(Options::default());
    let now = days_from_now(0).timestamp();
    let good_header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": certificate::sha256() });
    let good = json!({
        "aud": format!("{}/{DIRECTORY}/oauth2/v2.0/token", sandbox.url()),
        "iss": CLIENT_ID, "sub": CLIENT_ID, "jti": CLIENT_ID,
        "nbf": now - 60, "exp": now + 500,
    });
    let header = |name: &str, value: Value| {
        let mut header = good_header.clone();
        header[name] = value;
        (header, good.clone())
    };
    let claim = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        (good_header.clone(), claims)
    };
    let unknown = judged(&sandbox, &good_header, &good, false);
    assert_eq!(unknown, 700_027, "nothing is registered yet");
    assert!(sandbox.register_certificate(certificate::PEM));
    for ((header, claims), code) in [
        (header("alg", "RS256".into()), 700_027),
        (header("typ", "x".into()), 700_027),
        (header("x5t#S256", "x".into()), 700_027),
        (claim("aud", "https://elsewhere.example".into()), 700_023),
        (claim("iss", "x".into()), 700_021),
        (claim("sub", "x".into()), 700_021),
        (claim("nbf", (now + 60).into()), 700_024),
        (claim("exp", (now - 1).into()), 700_024),
        (claim("exp", (now + 600).into()), 700_024),
        (claim("exp", Value::Null), 700_024),
        (claim("jti", "x".into()), 50_013),
    ] {
        assert_eq!(
            judged(&sandbox, &header, &claims, false),
            code,
            "{header} {claims}"
        );
    }
    assert_eq!(judged(&sandbox, &good_header, &good, true), 700_027);
    assert_eq!(judged(&sandbox, &good_header, &good, false), 0);
    assert_eq!(
        judged(&sandbox, &good_header, &good, false),
        50_013,
        "it was used"
    );
}

#[test]
fn what_the_token_grants_is_told_beside_what_is_missing() {
    let place = Place::new();
    let secret = place
        .env
        .file("secret", &Options::default().client_secret, 0o600);
    place.add(&["--secret-file", &secret]).ok();
    place.sandbox.fault(Fault::on(
        "deviceManagement/deviceManagementScripts",
        Kind::Forbidden,
    ));
    for (roles, line) in [
        (
            &["Policy.Read.All"][..],
            "application permissions that the token holds:\n  Policy.Read.All\n",
        ),
        (&[], ""),
    ] {
        place.sandbox.set_roles(roles);
        let (stdout, _) = place.check(12);
        assert!(stdout.contains(line), "{stdout}");
        assert_eq!(
            stdout.contains("token holds"),
            !roles.is_empty(),
            "{stdout}"
        );
        let args = ["tenants", "check", "contoso", "--json"];
        let document: Value = serde_json::from_str(&place.env.run(&args).ends(12).0).unwrap();
        let expected = if roles.is_empty() {
            Value::Null
        } else {
            json!(roles)
        };
        assert_eq!(document["permissions_granted"], expected);
    }
    place.sandbox.clear_faults();
    place.sandbox.set_roles(&["Policy.Read.All"]);
    assert!(!place.check(0).0.contains("token holds"));
}

/// No name ends so (RFC 6761).
#[test]
fn a_name_that_is_not_known_has_a_hint() {
    let place = Place::new();
    place.add(&["--secret-command", "echo x"]).ok();
    let nobody = "https://nobody.invalid";
    let urls = ["--graph-url", nobody, "--authority-url", nobody];
    let edit = [&["tenants", "edit", "contoso"], &urls[..]].concat();
    place.env.run(&edit).ok();
    let check = ["tenants", "check", "contoso"];
    let stderr = place.env.run(&check).fails(13);
    let (findings, _) = place.env.run(&["doctor"]).ends(19);
    for said in [stderr, findings] {
        let name = "host name nobody.invalid is not known: ";
        assert!(said.contains(name), "{said}");
        let hint = "hint: check the name service of this machine, and the URLs: tenantpilot \
                    tenants show contoso\n";
        assert!(said.contains(hint), "{said}");
    }
}

#[test]
fn a_refused_connection_has_a_hint() {
    let place = Place::new();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    let url = format!("http://{address}");
    drop(nobody);
    place.add(&["--secret-command", "echo x"]).ok();
    let name = "contoso & sons";
    place
        .env
        .run(&["tenants", "edit", "contoso", "--authority-url", &url])
        .ok();
    place
        .env
        .run(&["tenants", "edit", "contoso", "--name", name])
        .ok();
    let stderr = place.env.run(&["tenants", "check", name]).fails(13);
    assert!(
        stderr.contains(&format!("{address} refuses the connection")),
        "{stderr}"
    );
    assert!(
        stderr.contains("hint: check firewall and proxy"),
        "{stderr}"
    );
    assert!(
        stderr.contains("tenantpilot tenants show 'contoso & sons'"),
        "{stderr}"
    );
    let (findings, _) = place.env.run(&["doctor", "--json"]).ends(19);
    assert!(
        findings.contains("tenantpilot tenants show 'contoso & sons'"),
        "{findings}"
    );
}

/// Somebody who speaks TLS, to whoever does not: a fatal alert, and no more.
fn alerting() -> std::net::SocketAddr {
    use std::io::{Read as _, Write as _};

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(&[0x15, 3, 3, 0, 2, 2, 10]);
        }
    });
    address
}

#[test]
fn a_port_that_speaks_tls_otherwise_than_its_url_says_has_a_hint() {
    let place = Place::new();
    let secret = place
        .env
        .file("secret", &Options::default().client_secret, 0o600);
    place.add(&["--secret-file", &secret]).ok();
    let plain = place.sandbox.url().to_owned();
    let (with_tls, alerting) = (plain.replace("http:", "https:"), alerting());
    let tls = format!("http://{alerting}");
    for flag in ["--authority-url", "--graph-url"] {
        let edit = format!("tenantpilot tenants edit contoso {flag}");
        let of_plain = format!("hint: that port speaks plain HTTP: {edit} {plain}");
        let of_tls = format!("hint: if that port speaks TLS: {edit} https://{alerting}");
        for (url, hint) in [(&with_tls, of_plain), (&tls, of_tls)] {
            place
                .env
                .run(&["tenants", "edit", "contoso", flag, url])
                .ok();
            let (_, stderr) = place.check(13);
            assert!(stderr.contains(&hint), "{stderr}");
        }
        place
            .env
            .run(&["tenants", "edit", "contoso", flag, &plain])
            .ok();
    }
}
