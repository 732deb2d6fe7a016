//! Next links: made here, and taken back only byte for byte.
//!
//! A link is the request's own target followed by `$skiptoken=…`; the token holds the offset and a
//! checksum of everything before it. So nothing has to be remembered, and a client that takes the
//! link apart and puts it together differently is refused.

use super::collections::TokenStyle;

/// A place in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The target without the token.
    pub base: String,
    /// How many items come before.
    pub offset: usize,
    /// Whether it came by a next link.
    pub continued: bool,
}

/// The target (path and query) that continues `base` at `offset`.
pub fn continuation(base: &str, offset: usize, style: TokenStyle) -> String {
    let joint = if base.contains('?') { '&' } else { '?' };
    format!("{base}{joint}$skiptoken={}", token(base, offset, style))
}

/// Where a request's target points to; `None` when its token is not one that was given out.
pub fn place(target: &str, style: TokenStyle) -> Option<Place> {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    if !query.to_ascii_lowercase().contains("skiptoken") {
        return Some(Place {
            base: target.to_owned(),
            offset: 0,
            continued: false,
        });
    }
    let at = target.rfind("$skiptoken=")?;
    let base = target.get(..at.checked_sub(1)?)?;
    let offset = offset(target.get(at..)?)?;
    (continuation(base, offset, style) == target).then(|| Place {
        base: base.to_owned(),
        offset,
        continued: true,
    })
}

fn token(base: &str, offset: usize, style: TokenStyle) -> String {
    let checksum = checksum(base, offset);
    match style {
        TokenStyle::Double => {
            format!("%255Bcosmosdb%255D%255B{offset}%255D%255B{checksum:016x}%255D")
        }
        TokenStyle::Single => format!("LastId%3d{checksum:016x}%26Row%3d{offset}%2f"),
    }
}

fn offset(token: &str) -> Option<usize> {
    let after = token
        .split_once("%255D%255B")
        .or_else(|| token.split_once("Row%3d"))?
        .1;
    let end = after.find('%')?;
    after.get(..end)?.parse().ok()
}

fn checksum(base: &str, offset: usize) -> u64 {
    base.bytes()
        .chain(offset.to_be_bytes())
        .fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
            (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
}
