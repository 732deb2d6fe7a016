//! The console blocks of a document: what is typed, what is shown, and whether that is what came.
//!
//! In a block a line that begins with `$ ` is typed (one that ends with `\` goes on in the next), one that
//! begins with `# ` and stands right before such a line is a remark, and everything else is shown. In what
//! is shown, `…` stands for anything: alone in a line for any lines, else for the rest of a word or more. Times, hashes, sizes, offsets of zones and the widths of columns are not compared.

/// A line that is typed in a console block, and what is shown then.
#[derive(Debug)]
pub struct Step {
    pub line: String,
    pub shown: Vec<String>,
}

/// The steps of all console blocks, in order.
pub fn steps(document: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut inside = false;
    let mut lines = document.lines().peekable();
    while let Some(line) = lines.next() {
        match (inside, line) {
            (false, "```console") => inside = true,
            (false, _) => {}
            (true, "```") => inside = false,
            (true, _) if is_remark(line, lines.peek()) => {}
            (true, _) => match line.strip_prefix("$ ") {
                Some(typed) => {
                    let mut whole = typed.to_owned();
                    while let Some(begun) = whole.strip_suffix('\\') {
                        whole = format!("{begun}{}", lines.next().unwrap().trim_start());
                    }
                    let (line, shown) = (whole, Vec::new());
                    steps.push(Step { line, shown });
                }
                None => match steps.last_mut() {
                    Some(step) => step.shown.push(line.to_owned()),
                    None => panic!("{line:?} is shown before anything is typed"),
                },
            },
        }
    }
    assert!(!inside, "a console block does not end");
    steps
}

fn is_remark(line: &str, next: Option<&&str>) -> bool {
    line.starts_with("# ") && next.is_some_and(|next| next.starts_with("$ "))
}

/// Whether `came` is what is `shown`.
pub fn fits(shown: &[String], came: &str) -> bool {
    let shown: Vec<String> = shown.iter().map(|line| plain(line)).collect();
    let came: Vec<String> = came.lines().map(plain).collect();
    lines_fit(&shown, &came)
}

fn lines_fit(shown: &[String], came: &[String]) -> bool {
    match shown {
        [] => came.is_empty(),
        [any, rest @ ..] if any == "…" => {
            (0..=came.len()).any(|skipped| lines_fit(rest, &came[skipped..]))
        }
        [line, rest @ ..] => match came {
            [first, more @ ..] => line_fits(line, first) && lines_fit(rest, more),
            [] => false,
        },
    }
}

fn line_fits(shown: &str, came: &str) -> bool {
    let mut parts = shown.split('…');
    let Some(mut left) = came.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return left.is_empty();
    };
    for part in middle {
        match left.split_once(part) {
            Some((_, after)) => left = after,
            None => return false,
        }
    }
    left.ends_with(last)
}

/// The line without what differs from one time to the next.
fn plain(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let plain = words.iter().enumerate().map(|(at, word)| {
        let before = at.checked_sub(1).and_then(|at| words.get(at));
        let after = words
            .get(at + 1)
            .map(|word| word.trim_end_matches([',', ':']));
        let (core, end) = match word.find(|c: char| ",:;".contains(c) && word.ends_with(c)) {
            Some(end) => word.split_at(end),
            None => (*word, ""),
        };
        let counted = matches!(after, Some("bytes" | "contents" | "ms" | "s"))
            || matches!(before, Some(&("\"bytes\":" | "\"contents\":")));
        let is_number = core
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
        match core {
            _ if is_time(core) => format!("TIME{end}"),
            _ if is_hash(core) => format!("HASH{end}"),
            _ if is_offset(core) => format!("OFFSET{end}"),
            _ if counted && is_number => format!("N{end}"),
            _ => (*word).to_owned(),
        }
    });
    plain.collect::<Vec<_>>().join(" ")
}

/// `2026-12-01`, alone or as the beginning of a time.
fn is_time(word: &str) -> bool {
    word.len() >= 10 && shaped(word.get(..10).unwrap_or_default(), "dddd-dd-dd")
}

fn is_offset(word: &str) -> bool {
    shaped(word, "+dd:dd") || shaped(word, "-dd:dd")
}

fn is_hash(word: &str) -> bool {
    word.len() >= 12 && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn shaped(word: &str, shape: &str) -> bool {
    word.len() == shape.len()
        && word
            .chars()
            .zip(shape.chars())
            .all(|(c, wanted)| match wanted {
                'd' => c.is_ascii_digit(),
                other => c == other,
            })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(shown: &str, came: &str) -> bool {
        let shown: Vec<String> = shown.lines().map(str::to_owned).collect();
        fits(&shown, came)
    }

    #[test]
    fn what_differs_each_time_is_not_compared_and_all_else_is() {
        assert!(fit(
            "a  2026-12-01T02:00:00Z b",
            "a 2031-01-09T11:12:13Z   b\n"
        ));
        assert!(fit("12 bytes: x, 0.5 s", "9999 bytes: x, 1.25 s"));
        assert!(fit("ROOT 18fe1291712f", "ROOT 000000000000"));
        assert!(!fit("12 policies", "13 policies"));
        assert!(!fit("a\nb", "a"));
        assert!(!fit("a", "a\nb"));
        assert!(!fit("02:00", "03:00"));
    }

    #[test]
    fn an_ellipsis_stands_for_anything() {
        assert!(fit("a\n…\nd", "a\nb\nc\nd"));
        assert!(fit("a\n…\nd", "a\nd"));
        assert!(fit("a … c …", "a b c d"));
        assert!(!fit("a\n…\nd", "a\nb"));
        assert!(!fit("a … d", "a b c"));
    }

    #[test]
    fn steps_are_found_in_order() {
        let steps =
            steps("$ no\n```console\n$ a \\\n    b\nx\n# y\n```\n$ no\n```console\n$ c\n```\n");
        let [first, last] = &steps[..] else {
            panic!("{steps:?}");
        };
        assert_eq!((&*first.line, &*first.shown[0]), ("a b", "x"));
        assert_eq!((&*last.line, last.shown.len()), ("c", 0));
    }
}
