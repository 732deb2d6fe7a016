//! A command line up to the cursor: its words as the program would get them.
//!
//! Of bash comes the line as typed, and it is taken apart as bash does it, as far as that is known
//! without evaluating anything: variables and substitutions stay as they stand there.

/// The words up to the cursor.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// Those before the one at the cursor, without the program's name.
    pub(super) before: Vec<String>,
    /// The word at the cursor, as far as the cursor.
    pub(super) current: String,
    /// Whether that word is where output goes to or input comes from.
    pub(super) redirected: bool,
    /// What of that word stays when bash replaces the rest, and in which quotes the rest stands.
    stays: (String, Quote),
}

/// What quotes a character.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Quote {
    #[default]
    None,
    /// `'…'`
    Single,
    /// `"…"`
    Double,
    /// `$'…'`
    Escaping,
}

impl Line {
    /// Words that the shell took apart.
    pub(super) fn of_words(before: Vec<String>, current: String) -> Self {
        Self {
            before,
            current,
            ..Self::default()
        }
    }

    /// A line of bash, of which it is about to replace `word`, the end of it.
    pub(super) fn of_bash(text: &str, word: &str) -> Self {
        let whole = Scan::of(text);
        let stays = Scan::of(text.strip_suffix(word).unwrap_or(text));
        let mut words = whole.words.into_iter();
        // The program.
        words.next();
        Self {
            before: words.collect(),
            current: whole.current,
            redirected: whole.redirected,
            stays: (stays.current, stays.quote),
        }
    }

    /// What bash has to put in place of the rest of the word at the cursor, so that it becomes
    /// `word`; none where it cannot.
    pub(super) fn rest(&self, word: &str) -> Option<String> {
        let (stays, quote) = &self.stays;
        if !word.starts_with(&self.current) {
            return None;
        }
        let mut rest = quoted(word.strip_prefix(stays.as_str())?, *quote);
        // bash closes the quotes unless it takes the last character for their end.
        if let Some(end) = quote.end()
            && rest.ends_with(end)
        {
            rest.push(end);
        }
        Some(rest)
    }
}

impl Quote {
    /// The character that ends it.
    fn end(self) -> Option<char> {
        match self {
            Self::None => None,
            Self::Double => Some('"'),
            Self::Single | Self::Escaping => Some('\''),
        }
    }
}

/// `text` as it has to stand within such quotes.
fn quoted(text: &str, quote: Quote) -> String {
    let mut quoted = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match (quote, c) {
            (Quote::None, 'a'..='z' | 'A'..='Z' | '0'..='9') => {}
            (Quote::None, '_' | '-' | '.' | '/' | ':' | ',' | '+' | '@' | '%' | '=') => {}
            (Quote::None, c) if !c.is_ascii() => {}
            (Quote::None, _)
            | (Quote::Double, '"' | '$' | '`' | '\\')
            | (Quote::Escaping, '\'' | '\\') => quoted.push('\\'),
            // Nothing between double quotes keeps it from being history.
            (Quote::Double, '!') => {
                quoted.push_str("\"'!'\"");
                continue;
            }
            (Quote::Single, '\'') => {
                quoted.push_str("'\\''");
                continue;
            }
            _ => {}
        }
        quoted.push(c);
    }
    quoted
}

/// A line as bash reads it.
#[derive(Debug, Default)]
struct Scan {
    words: Vec<String>,
    current: String,
    /// Whether there is a word at the end, even an empty one in quotes.
    begun: bool,
    quote: Quote,
    redirected: bool,
}

impl Scan {
    fn of(text: &str) -> Self {
        let mut scan = Self::default();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match (scan.quote, c) {
                (Quote::None, ' ' | '\t' | '\n') => scan.end_word(),
                (Quote::None, '<' | '>') => scan.redirect(),
                (Quote::None, '\'') => scan.open(Quote::Single),
                (Quote::None, '"') => scan.open(Quote::Double),
                (Quote::None, '$') if chars.next_if_eq(&'\'').is_some() => {
                    scan.open(Quote::Escaping);
                }
                (Quote::Single | Quote::Escaping, '\'') | (Quote::Double, '"') => {
                    scan.quote = Quote::None;
                }
                (Quote::None | Quote::Escaping, '\\') => scan.current.extend(chars.next()),
                (Quote::Double, '\\') => {
                    match chars.next_if(|next| matches!(next, '"' | '$' | '`' | '\\')) {
                        Some(next) => scan.current.push(next),
                        None => scan.current.push('\\'),
                    }
                }
                (_, c) => scan.current.push(c),
            }
            scan.begun |= !scan.current.is_empty();
        }
        scan
    }

    fn open(&mut self, quote: Quote) {
        self.quote = quote;
        self.begun = true;
    }

    fn end_word(&mut self) {
        if !std::mem::take(&mut self.begun) {
            return;
        }
        let word = std::mem::take(&mut self.current);
        if !std::mem::take(&mut self.redirected) {
            self.words.push(word);
        }
    }

    /// The next word is a file. A number that touches the arrow is none of ours.
    fn redirect(&mut self) {
        if self.current.bytes().all(|byte| byte.is_ascii_digit()) {
            self.current.clear();
            self.begun = false;
        }
        self.end_word();
        self.redirected = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &str) -> (Vec<String>, String) {
        let line = Line::of_bash(text, "");
        (line.before, line.current)
    }

    fn words(text: &str) -> Vec<String> {
        text.split('|').map(str::to_owned).collect()
    }

    #[test]
    fn a_line_is_taken_apart_as_bash_does_it() {
        for (text, before, current) in [
            ("tenantpilot ", None, ""),
            ("tenantpilot run ni", Some("run"), "ni"),
            ("tp run 'a b' \"c d", Some("run|a b"), "c d"),
            (r"tp run a\ b\$c ", Some(r"run|a b$c"), ""),
            (
                r#"tp run "a\"b\z$x" $'it\'s'x"#,
                Some(r#"run|a"b\z$x"#),
                "it'sx",
            ),
            ("tp --db=a:b --types a,b", Some("--db=a:b|--types"), "a,b"),
            ("tp run '' ", Some("run|"), ""),
            ("tp history 2>/dev/null --js", Some("history"), "--js"),
            (r"tp run a\", Some("run"), "a"),
        ] {
            let before = before.map(words).unwrap_or_default();
            assert_eq!(scan(text), (before, current.to_owned()), "{text}");
        }
        assert!(Line::of_bash("tp history --json > o", "o").redirected);
        assert!(!Line::of_bash("tp history > out ", "").redirected);
    }

    #[test]
    fn what_bash_replaces_is_quoted_as_what_stays_has_it() {
        let name = "a b:it's $(x) \"!`\\é";
        for (text, word, rest) in [
            ("tp run ", "", r#"a\ b:it\'s\ \$\(x\)\ \"\!\`\\é"#),
            ("tp run a", "a", r#"a\ b:it\'s\ \$\(x\)\ \"\!\`\\é"#),
            (r"tp run a\ b:i", "i", r#"it\'s\ \$\(x\)\ \"\!\`\\é"#),
            ("tp run 'a b", "a b", r#"a b:it'\''s $(x) "!`\é"#),
            ("tp run \"a b:", "", r#"it's \$(x) \""'!'"\`\\é"#),
            ("tp run $'a", "a", r#"a b:it\'s $(x) "!`\\é"#),
            ("tp run 'a 'b", "b", r#"b:it\'s\ \$\(x\)\ \"\!\`\\é"#),
        ] {
            let line = Line::of_bash(text, word);
            assert_eq!(line.rest(name).as_deref(), Some(rest), "{text}");
        }
        assert_eq!(Line::of_bash("tp run b", "b").rest(name), None);
        for (text, name, rest) in [
            ("tp run 'a", "a'", r"a'\'''"),
            ("tp run \"a", "a\"", r#"a\"""#),
            ("tp run \"a", "a!", r#"a"'!'"""#),
            ("tp run 'a", "a\"", "a\""),
        ] {
            let line = Line::of_bash(text, "a");
            assert_eq!(line.rest(name).as_deref(), Some(rest), "{text}");
        }
    }
}
