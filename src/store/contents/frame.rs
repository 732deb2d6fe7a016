//! How one content is stored: a zstd frame, sealed.
//!
//! ```text
//! zstd frame ‖ first 4 bytes of the SHA-256 of the frame
//! ```
//!
//! The frame records the length of its contents and no dictionary id. Its dictionary is another
//! content's bytes, or empty.
//!
//! The seal is there because a frame has bits that mean nothing (the unused bit of its header,
//! padding): one of them can flip and the frame still gives the right bytes. That loses nothing
//! yet, but it is the first sign of a disk that rots, and verify must see it. Reading goes by the
//! content's own address and ignores the seal.

use std::cell::RefCell;

use sha2::{Digest as _, Sha256};
use zstd::zstd_safe::{self, CCtx, DCtx};

/// No content is longer than this many bytes: reading one never takes more memory.
pub(super) const MAX_BYTES: usize = 64 << 20;

// Measured with examples/storage.rs over 120 days: levels 9, 12, 15 and 19 store the first set in
// 0.17, 0.42, 0.88 and 1.97 s, and the frames that stand alone take 1.72, 1.72, 1.70 and 1.69 MB.
// Versions upon a dictionary are few and gain more: 6 % from level 9 to 15, hardly anything from
// there to 19.
const LEVEL_ALONE: i32 = 9;
const LEVEL_UPON: i32 = 15;

const SEAL: usize = 4;

// Making a context costs more than a small frame does.
thread_local! {
    static COMPRESSION: RefCell<CCtx<'static>> = RefCell::new(CCtx::create());
    static DECOMPRESSION: RefCell<DCtx<'static>> = RefCell::new(DCtx::create());
}

/// Compresses `bytes` with `dictionary`, and reads the result back before handing it out. Fails
/// with the reason, which can only be a lack of memory or a bug.
pub(super) fn encode(bytes: &[u8], dictionary: &[u8]) -> Result<Vec<u8>, String> {
    let mut data = Vec::with_capacity(zstd_safe::compress_bound(bytes.len()) + SEAL);
    let level = if dictionary.is_empty() {
        LEVEL_ALONE
    } else {
        LEVEL_UPON
    };
    COMPRESSION
        .with_borrow_mut(|context| context.compress_using_dict(&mut data, bytes, dictionary, level))
        .map_err(named)?;
    let seal = seal_of(&data);
    data.extend_from_slice(&seal);
    match decode(&data, dictionary, bytes.len()) {
        Ok(back) if back == bytes => Ok(data),
        Ok(_) => Err("compression does not give back what it took".to_owned()),
        Err(reason) => Err(reason),
    }
}

/// Decompresses `data`, which must give exactly `size` bytes. Fails with the reason.
pub(super) fn decode(data: &[u8], dictionary: &[u8], size: usize) -> Result<Vec<u8>, String> {
    let (frame, _) = split(data)?;
    let promised = zstd_safe::get_frame_content_size(frame)
        .map_err(|_| "its stored bytes are no zstd frame")?
        .and_then(|promised| usize::try_from(promised).ok());
    if promised != Some(size) || size > MAX_BYTES {
        return Err("its stored bytes and its recorded length do not agree".to_owned());
    }
    let mut bytes = Vec::with_capacity(size);
    DECOMPRESSION
        .with_borrow_mut(|context| context.decompress_using_dict(&mut bytes, frame, dictionary))
        .map_err(named)?;
    if bytes.len() == size {
        Ok(bytes)
    } else {
        Err("its stored bytes and its recorded length do not agree".to_owned())
    }
}

/// Whether not one stored bit has changed since [`encode`].
pub(super) fn is_sealed(data: &[u8]) -> bool {
    split(data).is_ok_and(|(frame, seal)| seal == seal_of(frame))
}

fn split(data: &[u8]) -> Result<(&[u8], &[u8]), String> {
    data.len()
        .checked_sub(SEAL)
        .and_then(|at| data.split_at_checked(at))
        .ok_or_else(|| "its stored bytes are cut off".to_owned())
}

fn seal_of(frame: &[u8]) -> [u8; SEAL] {
    let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(frame));
    [a, b, c, d]
}

fn named(code: usize) -> String {
    format!("zstd says: {}", zstd_safe::get_error_name(code))
}

/// What holds whatever is stored: it gives bytes of the recorded length, or a reason.
#[cfg(any(test, fuzzing))]
pub(crate) fn probe(data: &[u8]) {
    for size in [0, 1, 315, 4096, MAX_BYTES, usize::MAX] {
        for dictionary in [&b""[..], b"{\"displayName\":\"x\"}"] {
            if let Ok(bytes) = decode(data, dictionary, size) {
                assert_eq!(bytes.len(), size);
            }
        }
    }
    let _ = is_sealed(data);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dictionary_that_looks_like_a_trained_one_is_refused_not_trusted() {
        let mut magic = vec![0x37, 0xA4, 0x30, 0xEC];
        magic.extend_from_slice(&[7; 100]);
        match encode(b"some text, some text", &magic) {
            Ok(data) => assert!(decode(&data, &magic, 20).is_ok()),
            Err(reason) => assert!(reason.contains("zstd"), "{reason}"),
        }
    }

    #[test]
    fn every_flip_breaks_the_seal_and_none_gives_other_bytes_of_the_right_length_unnoticed() {
        let bytes = b"{\"displayName\":\"Windows baseline\",\"version\":1}".repeat(3);
        let dictionary = b"{\"displayName\":\"Windows baseline\",\"version\":0}";
        for dictionary in [dictionary.as_slice(), &[]] {
            let data = encode(&bytes, dictionary).unwrap();
            assert!(is_sealed(&data));
            for at in 0..data.len() {
                for bit in 0..8 {
                    let mut flipped = data.clone();
                    flipped[at] ^= 1 << bit;
                    assert!(!is_sealed(&flipped), "byte {at} bit {bit}");
                    if let Ok(read) = decode(&flipped, dictionary, bytes.len()) {
                        assert_eq!(read.len(), bytes.len());
                    }
                }
            }
        }
    }

    #[test]
    fn a_promise_of_more_than_was_recorded_is_not_kept() {
        let data = encode(&vec![0; 1 << 20], &[]).unwrap();
        assert!(data.len() < 200, "a bomb");
        for size in [0, 1000, (1 << 20) - 1, usize::MAX] {
            assert!(decode(&data, &[], size).is_err());
        }
        for data in [&[][..], &[1, 2, 3], &[0; 64]] {
            assert!(decode(data, &[], 0).is_err());
            assert!(!is_sealed(data));
        }
    }

    proptest::proptest! {
        #![proptest_config(crate::mutation::config())]

        #[test]
        fn whatever_is_stored_gives_bytes_of_the_recorded_length_or_a_reason(
            data in crate::mutation::mutated(vec![
                encode(&b"{\"displayName\":\"Windows baseline\"}".repeat(9), &[]).unwrap(),
                encode(&b"{\"displayName\":\"Windows baseline\"}".repeat(9), b"{\"displayName\":\"x\"}").unwrap(),
            ]),
        ) {
            probe(&data);
        }
    }
}
