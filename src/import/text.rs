//! Bytes of a file as JSON text: tools on Windows write UTF-16 or a byte-order mark.

/// The text; or what speaks against it.
pub fn decode(bytes: &[u8]) -> Result<String, String> {
    match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => narrow(rest),
        bytes => narrow(bytes),
    }
}

fn narrow(bytes: &[u8]) -> Result<String, String> {
    std::str::from_utf8(bytes)
        .map(str::to_owned)
        .map_err(|error| format!("it is no text: {error}"))
}

fn wide(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
    match (String::from_utf16(&units), rest) {
        (Ok(text), []) => Ok(text),
        _ => Err("it is no UTF-16".to_owned()),
    }
}

/// What holds whatever is in a file: it is text, or it is said why not.
#[cfg(any(test, fuzzing))]
pub(crate) fn probe(bytes: &[u8]) {
    if let Ok(text) = decode(bytes) {
        assert!(text.len() <= bytes.len() * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tools_on_windows_write_is_read() {
        assert_eq!(decode(b"{}").unwrap(), "{}");
        assert_eq!(decode(b"\xef\xbb\xbf{}").unwrap(), "{}");
        assert_eq!(decode(b"\xff\xfe{\0}\0").unwrap(), "{}");
        assert_eq!(decode(b"\xfe\xff\0{\0}").unwrap(), "{}");
        for bytes in [&b"\xff\xfe{"[..], b"\xc3", b"\xff\xfe\x00\xd8"] {
            assert!(decode(bytes).is_err(), "{bytes:?}");
        }
    }

    proptest::proptest! {
        #![proptest_config(crate::mutation::config())]

        #[test]
        fn whatever_a_file_holds_it_is_text_or_it_is_said_why_not(
            bytes in crate::mutation::mutated(vec![
                b"\xef\xbb\xbf{\"a\":1}".to_vec(),
                b"\xff\xfe{\0\"\0a\0\"\0:\x001\0}\0".to_vec(),
            ]),
        ) {
            probe(&bytes);
        }
    }
}
