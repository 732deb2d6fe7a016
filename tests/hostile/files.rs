//! Folders, links and database files that are not what they seem.

use super::*;

#[test]
fn a_folder_to_import_is_believed_in_nothing() {
    let stage = place();
    let import = |folder: &str, layout: &str| {
        let args = [
            "backups", "import", folder, "--tenant", "1", "--layout", layout,
        ];
        tame(&stage.env, &words(&args)).0
    };
    // What other tools wrote: files that hold anything, links, pipes, folders in folders.
    let filters = stage.env.path("cd/Filters");
    fs::create_dir_all(&filters).unwrap();
    for (number, (_, bomb)) in bombs().iter().enumerate() {
        fs::write(filters.join(format!("bomb{number}.json")), bomb).unwrap();
    }
    fs::write(filters.join("good.json"), ODD[0]).unwrap();
    symlink("/etc/passwd", filters.join("link.json")).unwrap();
    let pipe = filters.join("pipe.json");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    fs::create_dir(filters.join("folder.json")).unwrap();
    symlink("..", filters.join("round")).unwrap();
    fs::write(filters.join("a\nb\u{1b}[2J.json"), ODD[1]).unwrap();
    let name = OsStr::from_bytes(b"\xff\xfe.json");
    fs::write(filters.join(name), ODD[2]).unwrap();
    let code = import("cd", "intunecd");
    assert!([0, 3].contains(&code), "{code}");
    let newest = stage.env.items(&["backups", "list"])[0].clone();
    let policies = newest["policies"].as_u64().unwrap();
    assert!((1..=4).contains(&policies), "{newest}");

    // An export of our own in which one thing at a time was changed.
    let exported = stage.env.path("exported");
    let manifest = exported.join("tenantpilot-export.json");
    let good = fs::read_to_string(&manifest).unwrap();
    let path = serde_json::from_str::<Value>(&good).unwrap()["files"][0]["path"].clone();
    let path = path.as_str().unwrap();
    let document = fs::read(exported.join(path)).unwrap();
    for (what, changed) in [
        ("up", good.replacen(path, "../secret", 1)),
        ("absolute", good.replacen(path, "/etc/passwd", 1)),
        (
            "deep",
            format!("{}{}", "[".repeat(50_000), "]".repeat(50_000)),
        ),
        ("short", good.chars().take(good.len() / 2).collect()),
        ("twice", good.replacen('{', "{\"format\":1,", 1)),
        (
            "number",
            good.replacen("\"format\": 1", "\"format\": 1e999", 1),
        ),
        (
            "names",
            good.replace("\"name\": \"", "\"name\": \"\\u001b[2J##vso[x]"),
        ),
    ] {
        fs::write(&manifest, changed).unwrap();
        let code = import("exported", "tenantpilot");
        assert!(code != 1, "{what}: {code}");
    }
    fs::write(&manifest, &good).unwrap();
    for (_, bomb) in bombs() {
        fs::write(exported.join(path), bomb).unwrap();
        let code = import("exported", "tenantpilot");
        assert!([0, 3, 14].contains(&code), "{code}");
    }
    fs::remove_file(exported.join(path)).unwrap();
    symlink("/dev/zero", exported.join(path)).unwrap();
    assert_ne!(import("exported", "tenantpilot"), 1);
    fs::remove_file(exported.join(path)).unwrap();
    fs::write(exported.join(path), document).unwrap();
    assert_eq!(import("exported", "tenantpilot"), 0);
    assert_sound(&stage.env);
}

#[test]
fn links_in_the_way_lead_nowhere() {
    let stage = Stage::of(&[FILTERS]);
    stage.success();
    let victim = stage.env.path("victim");
    fs::write(&victim, "precious").unwrap();
    let folder = stage.env.path("victims");
    fs::create_dir(&folder).unwrap();
    let locks = stage.env.path("state/tenantpilot.db-locks");
    let lock = locks.join("schedule-1");
    // A lock file, then the folder of all locks.
    fs::remove_file(&lock).unwrap();
    symlink(&victim, &lock).unwrap();
    let stderr = stage.env.run(&["run", "nightly"]).fails(16);
    assert!(stderr.contains("is a symbolic link"), "{stderr}");
    fs::remove_dir_all(&locks).unwrap();
    symlink(&folder, &locks).unwrap();
    for args in [&["run", "nightly"][..], &["retention", "nightly"]] {
        let stderr = stage.env.run(args).fails(16);
        assert!(stderr.contains("is no folder"), "{stderr}");
        assert!(stderr.contains("hint: remove it"), "{stderr}");
    }
    fs::remove_file(&locks).unwrap();
    // A copy, the name under which it is made, and the copied key.
    for name in ["copy", "copy.new", "copy-key"] {
        symlink(&victim, stage.env.path(name)).unwrap();
        let code = stage.env.run(&["db", "backup", "copy", "--with-key"]).code;
        assert!(
            code == Some(0) || code == Some(2) || code == Some(16),
            "{name}"
        );
        for name in [name, "copy", "copy-key"] {
            let _ = fs::remove_file(stage.env.path(name));
        }
    }
    // The file of metrics, and the name under which it is written.
    for name in ["m.prom", ".m.prom.tenantpilot-draft"] {
        symlink(&victim, stage.env.path(name)).unwrap();
        stage.env.run(&["dispatch", "--metrics", "m.prom"]).warned();
        let _ = fs::remove_file(stage.env.path(name));
    }
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    stage.success();
    assert_sound(&stage.env);
}

/// Files that are no database of ours, or no longer a whole one; each with the codes that say so.
fn databases(whole: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let folder = tempfile::tempdir().unwrap();
    let made = |name: &str, statements: &str| {
        let path = folder.path().join(name);
        let sql = rusqlite::Connection::open(&path).unwrap();
        sql.execute_batch(statements).unwrap();
        drop(sql);
        fs::read(path).unwrap()
    };
    let half = whole.len() / 2;
    let mut header = whole.to_vec();
    header[..100].fill(0);
    let mut schema = whole.to_vec();
    schema[100..4096].fill(0xff);
    let mut page = whole.to_vec();
    page[half..half + 4096].fill(0xff);
    let ours = "PRAGMA application_id = 1414556788;";
    vec![
        ("text", b"this is no database, but a text\n".repeat(200)),
        ("zeros", vec![0; 8192]),
        ("ones", vec![0xff; 8192]),
        ("the beginning of one", b"SQLite format 3\0".to_vec()),
        ("half of one", whole[..half].to_vec()),
        ("all but the last byte", whole[..whole.len() - 1].to_vec()),
        ("no header", header),
        ("no schema", schema),
        ("a lost page", page),
        ("another program's", made("a", "CREATE TABLE tenants (id)")),
        ("our mark and no tables", made("b", ours)),
        (
            "our mark and version on other tables",
            made(
                "c",
                &format!(
                    "{ours} PRAGMA user_version = {SCHEMA_VERSION}; CREATE TABLE tenants (name)"
                ),
            ),
        ),
        (
            "views with side effects in the place of tables",
            made(
                "d",
                &format!(
                    "{ours} PRAGMA user_version = {SCHEMA_VERSION};
                     CREATE VIEW tenants AS SELECT load_extension('x') AS name;
                     CREATE VIEW runs AS SELECT writefile('pwned', 'x') AS id;"
                ),
            ),
        ),
        (
            "an old version that is none",
            made(
                "e",
                &format!("{ours} PRAGMA user_version = 1; CREATE TABLE x (y)"),
            ),
        ),
        (
            "a version below all",
            made("f", &format!("{ours} PRAGMA user_version = -5;")),
        ),
    ]
}

#[test]
fn a_file_that_is_no_database_of_ours_is_told_and_left_alone() {
    let mut stage = place();
    stage.env.run(&["db", "backup", "whole"]).warned();
    let whole = fs::read(stage.env.path("whole")).unwrap();
    let looks = [
        &["tenants", "list"][..],
        &["status"],
        &["dispatch"],
        &["run", "--all"],
        &["db", "check"],
        &["backups", "verify"],
        &["backups", "export", "1", "--to", "out"],
        &["backups", "diff", "1", "2"],
    ];
    for (number, (what, bytes)) in databases(&whole).into_iter().enumerate() {
        let path = stage.env.path(&format!("other-{number}/tp.db"));
        fs::create_dir(path.parent().unwrap()).unwrap();
        fs::write(&path, &bytes).unwrap();
        stage.env.set("TENANTPILOT_DB", path.to_str().unwrap());
        let mut told = 0;
        for look in looks {
            let (code, _) = tame(&stage.env, &words(look));
            told += usize::from(matches!(code, 14 | 15));
        }
        assert!(told > 0, "{what} is never told");
        // What bears our mark and a version of ours is put into WAL mode before anything is read.
        let version = bytes.get(60..64).map_or(0, |at| i64::from(at[3]));
        let marked = bytes.get(68..72) == Some(b"TPlt") && (1..=SCHEMA_VERSION).contains(&version);
        if !marked {
            assert!(fs::read(&path).unwrap() == bytes, "{what} was written");
        }
    }
    assert!(!stage.env.path("pwned").exists());
}

/// Flips bits of a database and asks for everything. Gives how often somebody noticed.
fn flipped(rounds: u64) -> u64 {
    let mut stage = place();
    stage.env.run(&["db", "backup", "whole"]).warned();
    let whole = fs::read(stage.env.path("whole")).unwrap();
    let path = stage.env.path("flipped.db");
    stage.env.set("TENANTPILOT_DB", path.to_str().unwrap());
    let mut noticed = 0;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % below
    };
    for _ in 0..rounds {
        let mut bytes = whole.clone();
        for _ in 0..=random(3) {
            let at = random(bytes.len());
            bytes[at] ^= 1 << random(8);
        }
        for end in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(stage.env.path(&format!("flipped.db{end}")));
        }
        fs::write(&path, bytes).unwrap();
        let mut told = false;
        for look in [
            &["backups", "verify"][..],
            &["db", "check"],
            &["history", "--json"],
            &["backups", "show", "2"],
            &["backups", "diff", "1", "2"],
            &["audit", "list"],
        ] {
            told |= tame(&stage.env, &words(look)).0 == 14;
        }
        noticed += u64::from(told);
    }
    noticed
}

#[test]
fn flipped_bits_make_no_command_panic() {
    flipped(6);
}

#[test]
#[ignore = "minutes: cargo test --test hostile -- --ignored --nocapture"]
fn flipped_bits_many_times() {
    eprintln!("500 databases with flipped bits, {} noticed", flipped(500));
}
