//! The proxy that the environment names: who does not answer is told, and nothing goes past it.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/env.rs"]
mod env;
#[path = "support/listener.rs"]
mod listener;

use std::net::TcpListener;

use env::Env;
use listener::{Answer, Listener};
use serde_json::Value;

/// A password that nobody may be told.
const PASSWORD: &str = "pr0xy-secret";

/// The tenant `contoso` of the global cloud, whose hosts only that proxy leads to.
fn behind(variable: &str, proxy: &str) -> Env {
    let mut env = Env::with_tenant();
    env.run(&[
        "schedules",
        "add",
        "nightly",
        "--tenant",
        "contoso",
        "--at",
        "02:00",
        "-q",
    ])
    .ok();
    env.unset("NO_PROXY").set(variable, proxy);
    env
}

/// What a run, a check and `doctor` say; the first two end with this code.
fn said(env: &Env, code: i32) -> [String; 3] {
    let run = env.run(&["run", "nightly"]).fails(code);
    let check = env.run(&["tenants", "check", "contoso"]).fails(code);
    let (doctor, stderr) = env.run(&["doctor"]).ends(19);
    let all = [run, check, doctor];
    for text in &all {
        assert!(
            !text.contains(PASSWORD) && !stderr.contains(PASSWORD),
            "{text}"
        );
        let hint = "hint: ALL_PROXY, HTTPS_PROXY, HTTP_PROXY: the first that can be used counts";
        assert!(text.contains(hint), "{text}");
    }
    all
}

#[test]
fn a_proxy_that_is_down_is_told_as_that() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    drop(socket);
    let env = behind("HTTPS_PROXY", &format!("http://me:{PASSWORD}@{address}"));
    let why = format!("proxy http://{address} (HTTPS_PROXY) refuses the connection");
    for text in said(&env, 13) {
        assert!(text.contains(&why), "{text}");
        assert!(!text.contains(".com refuses"), "{text}");
    }
}

#[test]
fn a_proxy_that_lets_nobody_through_is_told_with_its_answer() {
    let proxy = Listener::start();
    proxy.answers(Answer::status(407));
    let env = behind("all_proxy", &proxy.url(""));
    let url = proxy.url("");
    let named = format!("proxy {} (all_proxy)", url.trim_end_matches('/'));
    let why = format!("{named} gives no connection to login.microsoftonline.com: it answers 407");
    for text in said(&env, 13) {
        assert!(text.contains(&why), "{text}");
    }
    let asked = proxy.take();
    assert!(asked.iter().all(|one| one.method == "CONNECT"), "{asked:?}");
}

/// No name ends so (RFC 6761).
#[test]
fn a_proxy_whose_name_is_not_known_is_told_as_that() {
    let env = behind("HTTPS_PROXY", "http://nobody.invalid:3128");
    for text in said(&env, 13) {
        let why = "the host name of proxy http://nobody.invalid:3128 (HTTPS_PROXY) is not known: ";
        assert!(text.contains(why), "{text}");
    }
}

/// The library would go directly, past what somebody wanted everything to go through.
#[test]
fn a_proxy_that_cannot_be_used_is_not_gone_past() {
    let proxy = Listener::start();
    let socks = proxy.url("").replace("http:", "socks5:");
    for value in ["notaurl::", &format!("gopher://me:{PASSWORD}@x"), &socks] {
        let env = behind("HTTPS_PROXY", value);
        let [run, check, doctor] = said(&env, 17);
        let why = "HTTPS_PROXY names a proxy that cannot be used";
        let no_way = format!("no way to Graph at https://graph.microsoft.com: {why}\n");
        assert!(
            run.contains("CREDENTIAL_UNUSABLE") && run.contains(&no_way),
            "{run}"
        );
        assert!(check.contains(&no_way), "{check}");
        assert!(
            doctor.contains(why) && !doctor.contains("asked directly"),
            "{doctor}"
        );
        let run: Value = env.json(&["history", "show", "1"]);
        assert_eq!(run["error_code"], "CREDENTIAL_UNUSABLE", "{run}");
    }
    assert_eq!(proxy.heard(), []);
}
