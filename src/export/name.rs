//! Names of files, made of what people called a policy.
//!
//! Pure. A name comes from outside and may hold anything; what becomes a part of a path is harmless
//! on every file system: one component, no separator, no control or invisible character, nothing
//! hidden, no device of Windows, at most [`LONGEST`] bytes before the id.
//!
//! Names neither tell policies apart nor stay, ids do both. So every stem ends in a short form of
//! the id, which also keeps names apart that a file system folds into one.

use crate::backup_set::ContentHash;

/// The most bytes of a policy's name in a file's name.
pub const LONGEST: usize = 100;

/// Names that Windows takes for devices, whatever follows the first dot.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// The name as words joined by `-`: `Wi-Fi / guests` becomes `Wi-Fi-guests`.
pub fn slug(name: &str) -> String {
    cleaned(name, '-', |c| {
        c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | '(' | ')')
    })
}

/// The name with as little changed as a file system allows: `Wi-Fi / guests` becomes
/// `Wi-Fi _ guests`.
pub fn plain(name: &str) -> String {
    cleaned(name, '_', |c| {
        c.is_alphanumeric() || c == ' ' || (c.is_ascii_graphic() && !"/\\:*?<>\"|%`$".contains(c))
    })
}

fn cleaned(name: &str, substitute: char, keeps: impl Fn(char) -> bool) -> String {
    let mut text = String::new();
    for c in name.chars().filter(|c| !is_mark(*c)) {
        if keeps(c) {
            text.push(c);
        } else if !text.ends_with(substitute) {
            text.push(substitute);
        }
        if text.len() > LONGEST {
            text.pop();
            break;
        }
    }
    let text = text.trim_matches([' ', '.', '-', substitute]);
    match text {
        "" => "unnamed".to_owned(),
        text if is_device(text) => {
            let mut text = format!("_{text}");
            if text.len() > LONGEST {
                text.pop();
            }
            text.trim_end_matches([' ', '.', '-', substitute])
                .to_owned()
        }
        text => text.to_owned(),
    }
}

/// Whether `c` only changes the character before it: é may come as one character or as two.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}')
}

fn is_device(text: &str) -> bool {
    let stem = text.split('.').next().unwrap_or_default().to_lowercase();
    let stem = stem.trim_end_matches(' ');
    let port = ["com", "lpt"].iter().any(|port| {
        let number = stem.strip_prefix(port).unwrap_or_default();
        number.chars().count() == 1
    });
    port || DEVICES.contains(&stem)
}

/// Eight characters that stand for an id: its first ones where they tell it apart, as in a GUID,
/// else of its SHA-256. Ids of enrollment configurations all begin with the same GUID.
pub fn short_id(id: &str) -> String {
    let is_guid = id.len() == 36
        && id.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    let text = if is_guid {
        id.to_lowercase()
    } else {
        digest(id)
    };
    text.chars().take(8).collect()
}

/// The id as a part of a path, whole where it can be one.
pub fn whole_id(id: &str) -> String {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if (1..=LONGEST).contains(&id.len()) && id.bytes().all(harmless) {
        id.to_owned()
    } else {
        digest(id)
    }
}

/// 64 characters that stand for an id.
pub fn digest(id: &str) -> String {
    ContentHash::of(id.as_bytes()).to_string()
}

/// Whether a path that came from outside is one that an export can have written: relative, of at
/// most eight components, nothing hidden, nothing that leads elsewhere.
pub fn is_ours(path: &str) -> bool {
    let mut parts = 0;
    path.split('/').all(|part| {
        parts += 1;
        parts <= 8
            && (1..=255).contains(&part.len())
            && !part.starts_with('.')
            && !part.contains(|c: char| c.is_control() || c == '\\')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_become_harmless() {
        let long = "é".repeat(300);
        let names = [
            "../../etc/x",
            "/abs",
            "C:\\x",
            "con",
            "CON",
            "nul.txt",
            "com1",
            "LPT9.log",
            ".",
            "..",
            "",
            "   ",
            ".git",
            "-rf",
            "a\0b",
            "a\nb",
            "\u{202e}gpj.exe",
            "a/b\\c",
            &long,
            "trailing. ",
            "\u{1f600}\u{1f600}",
            "~",
            "%PATH%",
            "$(id)",
        ];
        for name in names {
            for made in [slug(name), plain(name)] {
                let whole = format!("{made}_{}.json", short_id(name));
                assert!(
                    !made.is_empty() && made.len() <= LONGEST + 1,
                    "{name:?}: {made:?}"
                );
                assert!(
                    is_ours(&whole) && !whole.contains('/'),
                    "{name:?}: {whole:?}"
                );
                assert!(
                    !whole.starts_with('-') && !is_device(&made),
                    "{name:?}: {whole:?}"
                );
                assert!(
                    !made.chars().any(|c| c.is_control() || c == '\u{202e}'),
                    "{made:?}"
                );
            }
        }
        assert_eq!(slug("../../etc/x"), "etc-x");
        assert_eq!(slug("Wi-Fi / guests"), "Wi-Fi-guests");
        assert_eq!(plain("Wi-Fi / guests"), "Wi-Fi _ guests");
        assert_eq!(slug("東京 basis"), "東京-basis");
        assert_eq!(slug("con.fig"), "_con.fig");
        assert_eq!(slug(&format!("con.{}", "x".repeat(300))).len(), LONGEST);
        assert_eq!(slug("console"), "console");
    }

    #[test]
    fn ids_are_told_apart() {
        let guid = "5C4B1D0E-0b6c-4f7e-9d51-0c9c4f7e9d51";
        assert_eq!(short_id(guid), "5c4b1d0e");
        let (one, other) = (format!("{guid}_A"), format!("{guid}_B"));
        assert_ne!(short_id(&one), short_id(&other));
        assert_eq!(whole_id(&one), one);
        assert_eq!(whole_id("../x").len(), 64);
        assert_eq!(short_id("").len(), 8);
    }

    #[test]
    fn a_path_from_outside_leads_nowhere_else() {
        assert!(is_ours("deviceConfiguration/x_1.json"));
        for path in [
            "",
            "/x",
            "x/",
            "a//b",
            "../x",
            "a/../b",
            ".git/config",
            "a/.hidden",
            "a\\b",
            "a\nb",
            &"a/".repeat(9),
            &"x".repeat(256),
        ] {
            assert!(!is_ours(path), "{path:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_name_is_one_component(name in "\\PC{0,200}") {
            for made in [slug(&name), plain(&name)] {
                proptest::prop_assert!(is_ours(&made), "{made:?}");
                proptest::prop_assert!(made.len() <= LONGEST + 1, "{made:?}");
            }
        }
    }
}
