use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

fn place() -> (tempfile::TempDir, Folder) {
    let place = tempfile::tempdir().unwrap();
    std::fs::create_dir(place.path().join("in")).unwrap();
    let folder = Folder::open(&place.path().join("in")).unwrap().unwrap();
    (place, folder)
}

#[test]
fn files_are_private_and_go_with_their_folders() {
    let (place, folder) = place();
    folder.write("a/b/x.json", b"one").unwrap();
    folder.write("a/b/x.json", b"two").unwrap();
    assert_eq!(folder.read("a/b/x.json").unwrap().unwrap(), b"two");
    let mode = |below: &str| {
        let metadata = std::fs::metadata(place.path().join("in").join(below)).unwrap();
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(
        (mode("a/b/x.json"), mode("a"), mode("a/b")),
        (0o600, 0o700, 0o700)
    );
    folder.write("a/y.json", b"").unwrap();
    folder.remove("a/b/x.json").unwrap();
    folder.remove("a/b/x.json").unwrap();
    assert_eq!(folder.entry("a/b").unwrap(), Entry::Nothing);
    assert_eq!(folder.entry("a/y.json").unwrap(), Entry::File);
    assert_eq!(folder.names().unwrap(), ["a"]);
}

#[test]
fn a_link_is_refused_wherever_it_is() {
    let (place, folder) = place();
    let victim = place.path().join("victim");
    std::fs::create_dir(&victim).unwrap();
    std::fs::write(victim.join("x.json"), "theirs").unwrap();
    symlink(&victim, place.path().join("in/linked")).unwrap();
    symlink(victim.join("x.json"), place.path().join("in/x.json")).unwrap();
    symlink(victim.join("x.json"), place.path().join("in").join(DRAFT)).unwrap();
    for path in ["linked/x.json", "x.json"] {
        let error = folder.write(path, b"ours").unwrap_err();
        assert_eq!(error.kind(), Kind::Storage, "{path}: {error}");
        assert!(folder.read(path).is_err(), "{path}");
    }
    let error = Folder::open(&place.path().join("in/linked")).err().unwrap();
    assert!(error.message().contains("symbolic link"), "{error}");
    folder.write("y.json", b"ours").unwrap();
    assert_eq!(std::fs::read(victim.join("x.json")).unwrap(), b"theirs");
    assert_eq!(folder.read("y.json").unwrap().unwrap(), b"ours");
}

#[test]
fn one_process_at_a_time() {
    let (place, folder) = place();
    let other = Folder::open(&place.path().join("in")).unwrap().unwrap();
    let lock = folder.lock().unwrap();
    assert_eq!(other.lock().unwrap_err().kind(), Kind::Busy);
    drop(lock);
    let lock = other.lock().unwrap();
    drop(lock);
    let file = folder.own("x").unwrap();
    assert_eq!(other.own("x").unwrap_err().kind(), Kind::Busy);
    drop(file);
    other.own("x").unwrap();
    folder.make("new").unwrap();
    folder.publish("new", "published").unwrap();
    folder.make("new").unwrap();
    assert!(folder.publish("new", "x").is_err());
}

#[test]
fn what_others_may_write_to_is_made_private_or_refused() {
    let (place, folder) = place();
    let inside = |name: &str| place.path().join("in").join(name);
    let modes = |path: &Path, mode: u32| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    std::fs::write(inside("file"), "laid").unwrap();
    std::fs::create_dir(inside("draft")).unwrap();
    modes(&inside("file"), 0o666);
    modes(&inside("draft"), 0o777);
    folder.own("file").unwrap();
    folder.make_own("draft").unwrap();
    assert_eq!(
        (mode(&inside("file")), mode(&inside("draft"))),
        (0o600, 0o700)
    );
    std::fs::write(inside("kept"), "kept").unwrap();
    std::fs::hard_link(inside("kept"), inside("linked")).unwrap();
    assert_eq!(folder.own("linked").unwrap_err().kind(), Kind::Storage);
    assert_eq!(std::fs::read(inside("kept")).unwrap(), b"kept");
    // Only root can make something another's.
    if std::os::unix::fs::chown(inside("draft"), Some(12_345), None).is_ok() {
        std::os::unix::fs::chown(inside("file"), Some(12_345), None).unwrap();
        assert_eq!(folder.own("file").unwrap_err().kind(), Kind::Storage);
        assert_eq!(
            folder.make_own("draft").err().unwrap().kind(),
            Kind::Storage
        );
    }
}
