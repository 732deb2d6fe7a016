use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Instant;

use secrecy::ExposeSecret as _;

use super::*;
use crate::clock::SystemClock;
use crate::error::ExitCode;
use crate::stop::Reason;

fn read(credential: &Credential, clock: &dyn Clock, stop: &Stop) -> Result<SecretString> {
    match credential {
        Credential::SecretEnv(variable) => from_env(variable),
        Credential::SecretFile(path) => from_file(path),
        Credential::SecretCommand(command) => from_command(command, clock, stop),
        other => panic!("{other:?} is no client secret"),
    }
}

fn get(credential: &Credential) -> Result<String> {
    read(credential, &SystemClock, &Stop::default()).map(|s| s.expose_secret().to_owned())
}

fn check_credential(credential: &Credential) -> Result<()> {
    super::check_credential(credential, DateTime::UNIX_EPOCH)
}

fn command(line: &str) -> Credential {
    Credential::SecretCommand(line.to_owned())
}

fn file(directory: &tempfile::TempDir, content: &[u8], mode: u32) -> PathBuf {
    let path = directory.path().join(format!("secret of {mode:o}"));
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

#[test]
fn a_private_file_gives_its_content_without_the_line_end() {
    let directory = tempfile::tempdir().unwrap();
    for (content, secret) in [
        (&b"s3~.cret\n"[..], "s3~.cret"),
        (b"two words\r\n", "two words"),
        (b" kept ", " kept "),
    ] {
        let path = file(&directory, content, 0o600);
        assert_eq!(get(&Credential::SecretFile(path)).unwrap(), secret);
    }
}

#[test]
fn a_file_that_others_can_read_is_refused_with_the_command_that_mends_it() {
    let directory = tempfile::tempdir().unwrap();
    for mode in [0o640, 0o604, 0o620, 0o777] {
        let path = file(&directory, b"marker-of-the-secret", mode);
        let credential = Credential::SecretFile(path.clone());
        for error in [
            get(&credential).unwrap_err(),
            check_credential(&credential).unwrap_err(),
            check_credential(&Credential::Certificate(path.clone())).unwrap_err(),
            check_credential(&Credential::FederatedTokenFile(path.clone())).unwrap_err(),
        ] {
            assert_eq!(error.kind().exit_code(), ExitCode::Config);
            assert!(error.message().contains(&format!("{mode:04o}")), "{error}");
            assert!(error.message().contains(&path.display().to_string()));
            assert_eq!(
                error.hint_text().unwrap(),
                format!("chmod 600 '{}'", path.display())
            );
            assert!(!format!("{error:?}").contains("marker-of"));
        }
    }
}

#[test]
fn a_file_without_a_usable_secret_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    for content in [&b"\n"[..], b"", b" \t\r\n", b"\xff\xfe"] {
        let path = file(&directory, content, 0o600);
        let secret = Credential::SecretFile(path.clone());
        for error in [
            get(&secret).unwrap_err(),
            check_credential(&secret).unwrap_err(),
            check_credential(&Credential::FederatedTokenFile(path)).unwrap_err(),
        ] {
            assert_eq!(error.kind(), Kind::CredentialUnusable);
        }
    }
    for path in [
        directory.path().join("missing"),
        directory.path().to_owned(),
    ] {
        let error = check_credential(&Credential::SecretFile(path)).unwrap_err();
        assert_eq!(error.kind(), Kind::CredentialUnusable);
    }
}

#[test]
fn a_missing_variable_is_named_and_the_hint_speaks_of_cron() {
    let credential = Credential::SecretEnv("TENANTPILOT_TEST_UNSET".to_owned());
    let error = get(&credential).unwrap_err();
    assert!(error.message().contains("TENANTPILOT_TEST_UNSET"));
    assert!(error.hint_text().unwrap().contains("cron"));
    assert!(check_credential(&credential).is_ok());
    assert!(!is_set("TENANTPILOT_TEST_UNSET"));
    assert!(is_set("PATH"));
    assert!(
        !get(&Credential::SecretEnv("PATH".into()))
            .unwrap()
            .is_empty()
    );
    assert!(check_credential(&Credential::SecretEnv("A=B".into())).is_err());
}

#[test]
fn a_command_gives_its_first_line_without_a_shell() {
    assert_eq!(
        get(&command("printf '%s\\n%s\\n' 'a $HOME' rest")).unwrap(),
        "a $HOME"
    );
    for line in ["", "printf 'open", "tenantpilot-no-such-program", "true"] {
        let error = get(&command(line)).unwrap_err();
        assert_eq!(error.kind(), Kind::CredentialUnusable, "{line}");
    }
    assert!(check_credential(&command("printf 'open")).is_err());
    assert!(check_credential(&command("tenantpilot-no-such-program")).is_ok());
}

#[test]
fn of_a_command_that_fails_only_the_status_is_told() {
    let error = get(&command(
        "sh -c 'echo marker-of-the-secret; echo marker-of-the-secret >&2; exit 3'",
    ))
    .unwrap_err();
    assert!(error.message().contains("exit status: 3"), "{error}");
    assert!(!format!("{error:?}").contains("marker-of"));
    let error = get(&command("sh -c 'head -c 70000 /dev/zero'")).unwrap_err();
    assert!(error.message().contains("more than 65536 bytes"), "{error}");
}

#[test]
fn a_command_that_hangs_is_ended_by_the_time_limit_and_by_a_stop() {
    let clock = crate::clock::FixedClock::new(DateTime::UNIX_EPOCH);
    let error = read(&command("sleep 600"), &clock, &Stop::default()).unwrap_err();
    assert!(error.message().contains("not done after 30 s"), "{error}");

    let stop = Stop::default();
    let other = stop.clone();
    let began = Instant::now();
    let error = std::thread::scope(|scope| {
        scope.spawn(move || other.request(Reason::Terminate));
        read(&command("sleep 600"), &SystemClock, &stop).unwrap_err()
    });
    assert_eq!(error.kind(), Kind::Canceled);
    assert!(error.message().ends_with(": stopped by SIGTERM"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(20));
}
