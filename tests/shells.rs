//! What bash, zsh and fish make of what `complete` answers. Of the shells only bash is there for sure;
//! without the others their tests say so and try nothing.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by it; one that cannot be tried here says so"
)]

#[path = "support/env.rs"]
mod env;

use std::path::Path;
use std::process::Command;

use env::{Env, PROGRAM, Run};

/// Names that a shell could take for something else.
const NAMES: [&str; 14] = [
    "two words",
    "it's",
    "say \"hi\"",
    "$HOME",
    "$(touch pwned)",
    "`touch pwned`",
    "x;touch pwned&",
    "*?[a-z]{b,c}",
    "back\\slash\\",
    "bang!!end!",
    "~root #no =ls",
    "y:b@c=d|e>f<g",
    "Zürich 東京 🚀",
    "(sub) %s %n ^x",
];

/// Adds a tenant of any name.
fn add_tenant(env: &Env, name: &str) {
    let secret = env.path("secret");
    let args = ["--directory", "contoso.onmicrosoft.com", "--client-id"];
    let file = ["--secret-file", secret.to_str().unwrap(), "--", name];
    env.run(&[&["tenants", "add"], &args[..], &[env::CLIENT_ID], &file].concat())
        .ok();
}

/// The program where a shell finds it.
fn path_of_program() -> String {
    let folder = Path::new(PROGRAM).parent().unwrap();
    format!("{}:/usr/bin:/bin", folder.display())
}

/// A script of a shell, with the program in its path; none where there is no such shell.
fn script(env: &Env, shell: &str, flags: &[&str], text: &str) -> Option<Run> {
    let file = env.file(&format!("script.{shell}"), text, 0o600);
    let mut command = Command::new(shell);
    command.args(flags).arg(file).current_dir(env.path(""));
    command.env_clear().env("PATH", path_of_program());
    for (name, value) in [
        ("HOME", env.path("")),
        ("TENANTPILOT_DB", env.database()),
        ("LC_ALL", "C.UTF-8".into()),
        ("TERM", "dumb".into()),
    ] {
        command.env(name, value);
    }
    match command.output() {
        Ok(output) => Some(Run::from_output(shell, output)),
        Err(_) => {
            eprintln!("there is no {shell} here: nothing was tried");
            None
        }
    }
}

/// A place with a tenant of each name.
fn with_names() -> Env {
    let env = Env::with_tenant();
    NAMES.iter().for_each(|name| add_tenant(&env, name));
    env
}

/// What is typed of a name, in each kind of quotes, up to where they all can be written.
fn begun(name: &str) -> &str {
    let plain = |c: char| c.is_alphanumeric();
    let end = name.find(|c| !plain(c)).unwrap_or(name.len());
    &name[..end]
}

/// bash replaces the end of the line by what the function gives, and closes open quotes unless it
/// sees the closing one at the end. Then the line is evaluated, as Enter would do it.
#[test]
fn bash_inserts_every_name_so_that_it_is_that_name() {
    let env = with_names();
    let text = r#"
source <(tenantpilot completions bash)
complete -p tenantpilot || exit 1
while IFS= read -r quote && IFS= read -r typed && IFS= read -r name; do
    COMP_LINE="tenantpilot tenants show $quote$typed" COMP_POINT=${#COMP_LINE} COMP_TYPE=9
    _tenantpilot tenantpilot "$typed" show
    found=
    for reply in "${COMPREPLY[@]}"; do
        line=${COMP_LINE%"$typed"}$reply
        end=${quote#\$}
        [[ ! $end || $reply == *"$end" ]] || line+=$end
        eval "set -- $line"
        [[ $# == 4 && $4 == "$name" ]] && found=1
    done
    [[ $found ]] || printf 'not found: %s %s: %s\n' "$quote" "$name" "${COMPREPLY[@]}"
done <<'END'
CASES
END
"#;
    let mut cases = String::new();
    for name in NAMES {
        for quote in ["", "'", "\"", "$'"] {
            for typed in ["", begun(name)] {
                cases.push_str(&format!("{quote}\n{typed}\n{name}\n"));
            }
        }
    }
    let run = script(&env, "bash", &["--norc"], &text.replace("CASES\n", &cases)).unwrap();
    assert_eq!(run.ok(), "complete -F _tenantpilot tenantpilot\n");
    assert!(!env.path("pwned").exists(), "a name was executed");
}

/// The same at a terminal, with the keys that somebody would press; history is expanded, too.
#[test]
fn bash_at_a_terminal_calls_the_command_with_that_name() {
    let env = with_names();
    let mut keys = String::new();
    let mut expected = String::new();
    for name in NAMES.iter().filter(|name| !begun(name).is_empty()) {
        for quote in ["", "'", "\"", "$'"] {
            keys.push_str(&format!(
                "tenantpilot tenants show {quote}{}\t\r",
                begun(name)
            ));
            expected.push_str(&format!("{name}\n"));
        }
    }
    assert!(keys.len() < 4_000, "a terminal takes no more at once");
    env.file("keys", &keys, 0o600);
    let inner = r#"
source <(command tenantpilot completions bash)
tenantpilot() { printf '%s\n' "${!#}" >>got; }
HISTFILE=/dev/null PS1= PROMPT_COMMAND='touch ready'
bind 'set bell-style none'
"#;
    env.file("inner", inner, 0o600);
    let outer = r#"
command -v script >/dev/null || { echo 'no terminal'; exit; }
{
    for ((i = 0; i < 1200; i++)); do [[ -e ready ]] && break; sleep 0.05; done
    cat keys
    printf 'exit\r'
} | script -qec 'bash --noprofile --rcfile inner -i' /dev/null >/dev/null
cat got
"#;
    let got = script(&env, "bash", &["--norc"], outer).unwrap().ok();
    if got == "no terminal\n" {
        eprintln!("there is no script(1) here: nothing was tried");
        return;
    }
    assert_eq!(got, expected);
    assert!(!env.path("pwned").exists(), "a name was executed");
}

#[test]
fn bash_completes_lines_as_they_are_typed() {
    let env = Env::with_tenant();
    let add = ["schedules", "add", "a:b c", "--tenant", "contoso", "--at"];
    env.run(&[&add[..], &["02:00"]].concat()).ok();
    let text = r#"
source <(tenantpilot completions bash)
try() {
    COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=${3-9}
    _tenantpilot tenantpilot "$2"
    printf '%s => ' "$1"
    printf '[%s]' "${COMPREPLY[@]}"
    echo
}
try 'tenantpilot sched' sched
try 'tenantpilot run a' a
try 'tenantpilot run a:b' b
try 'tenantpilot run "a:b ' 'b '
try 'tenantpilot schedules show contoso/' contoso/
try 'tenantpilot --color=al' al
try 'tenantpilot schedules add x --types default,settingsC' default,settingsC
try 'tenantpilot db backup x' x
try 'tenantpilot history > x' x
try 'tenantpilot --db /nowhere run ' ''
try 'tenantpilot run "$(touch pwned)' 'pwned)'
COLUMNS=40
try 'tenantpilot --color ' '' 63
try 'tenantpilot tenants show ' '' 63
"#;
    let run = script(&env, "bash", &["--norc"], text).unwrap();
    insta::assert_snapshot!(run.ok(), @r#"
    tenantpilot sched => [schedules]
    tenantpilot run a => [a:b\ c]
    tenantpilot run a:b => [b\ c]
    tenantpilot run "a:b  => [b c]
    tenantpilot schedules show contoso/ => [contoso/a:b\ c]
    tenantpilot --color=al => [always]
    tenantpilot schedules add x --types default,settingsC => [default,settingsCatalogPolicy]
    tenantpilot db backup x => []
    tenantpilot history > x => []
    tenantpilot --db /nowhere run  => []
    tenantpilot run "$(touch pwned) => []
    tenantpilot --color  => [auto    On a terminal that can show it][always  Even into a file or pipe][never   Not at all]
    tenantpilot tenants show  => [contoso]
    "#);
    assert!(!env.path("pwned").exists());
}

/// A line editor of zsh in a terminal of its own completes each line and says what became of it.
#[test]
fn zsh_inserts_every_name_so_that_it_is_that_name() {
    let env = with_names();
    let mut lines = String::new();
    let mut expected = String::new();
    for name in NAMES.iter().filter(|name| !begun(name).is_empty()) {
        for quote in ["", "'", "\""] {
            // Between double quotes zsh keeps it from being history, which only a history undoes.
            if quote == "\"" && name.contains('!') {
                continue;
            }
            lines.push_str(&format!(
                "tenantpilot tenants show {quote}{}\n",
                begun(name)
            ));
            expected.push_str(&format!("{name}\n"));
        }
    }
    for (line, last) in [
        ("tenantpilot sched", "schedules"),
        ("tenantpilot --color=alw", "--color=always"),
        (
            "tenantpilot schedules add x --types=default,settingsC",
            "--types=default,settingsCatalogPolicy",
        ),
        ("tenantpilot db backup secr", "secret"),
        ("tenantpilot --db=secr", "--db=secret"),
    ] {
        lines.push_str(&format!("{line}\n"));
        expected.push_str(&format!("{last}\n"));
    }
    env.file("lines", &lines, 0o600);
    let inner = r#"
autoload -Uz compinit && compinit -D -u
source <(tenantpilot completions zsh)
complete-lines() {
    local line
    for line in "${(@f)$(<lines)}"; do
        BUFFER=$line CURSOR=$#line
        zle complete-word
        # The last word as the command would get it.
        print -r -- "${(Q)${(z)BUFFER}[-1]}" >>completed
    done
    BUFFER=
    touch over
}
zle -N complete-lines
bindkey '^T' complete-lines
touch ready
"#;
    env.file(".zshrc", inner, 0o600);
    let outer = r#"
zmodload zsh/zpty zsh/zselect
zpty -b inner zsh -i
await() {
    integer tries=0
    until [[ -e $1 ]]; do
        zpty -r inner said 2>/dev/null
        zselect -t 5
        (( tries++ < 1200 )) || { print "no $1"; return 1 }
    done
}
await ready && zselect -t 20 && : ; zpty -w -n inner $'\x14' && await over
cat completed
"#;
    let Some(run) = script(&env, "zsh", &["-f"], outer) else {
        return;
    };
    assert_eq!(run.ok(), expected);
    assert!(!env.path("pwned").exists(), "a name was executed");
}

#[test]
fn fish_inserts_every_name_so_that_it_is_that_name() {
    let env = with_names();
    let mut text = "source (tenantpilot completions fish | psub)\n".to_owned();
    let mut expected = String::new();
    for name in NAMES {
        for typed in ["", begun(name)] {
            let typed = format!("tenantpilot tenants show {typed}");
            text.push_str(&format!("for one in (complete --escape -C '{typed}')\n"));
            let quoted = name.replace('\\', "\\\\").replace('\'', "\\'");
            text.push_str("    eval set word (string split --fields 1 \\t -- $one)\n");
            text.push_str(&format!(
                "    test \"$word\" = '{quoted}'; and echo $word\nend\n"
            ));
            expected.push_str(&format!("{name}\n"));
        }
    }
    for (line, first) in [
        ("tenantpilot sched", "schedules"),
        ("tenantpilot --color=alw", "--color=always"),
        (
            "tenantpilot schedules add x --types=default,settingsC",
            "--types=default,settingsCatalogPolicy",
        ),
        ("tenantpilot db backup secr", "secret"),
        ("tenantpilot --db=secr", "--db=secret"),
        ("tenantpilot tenants show \"two w", "two words"),
    ] {
        text.push_str(&format!(
            "complete -C '{line}' | string split --fields 1 \\t\n"
        ));
        expected.push_str(&format!("{first}\n"));
    }
    let Some(run) = script(&env, "fish", &["--no-config"], &text) else {
        return;
    };
    assert_eq!(run.ok(), expected);
    assert!(!env.path("pwned").exists(), "a name was executed");
}
