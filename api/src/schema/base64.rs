//! Checking base64 without decoding it.

/// Standard base64 with padding; line breaks are allowed, as in Kubernetes. `Err`: the offset of the first fault.
pub(super) fn check(text: &str) -> Result<(), usize> {
    let mut symbols = 0usize;
    let mut padding = 0usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'\r' | b'\n' => {}
            b'=' if padding < 2 && (symbols + padding) % 4 >= 2 => padding += 1,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => symbols += 1,
            _ => return Err(at),
        }
    }
    if (symbols + padding).is_multiple_of(4) { Ok(()) } else { Err(text.len()) }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn padding_belongs_at_the_end_and_completes_a_group_of_four() {
        for good in ["", "YQ==", "YWI=", "YWJj", "YWJj\nYQ==\n"] {
            assert_eq!(check(good), Ok(()), "{good:?}");
        }
        for (bad, at) in [("YQ=", 3), ("YQ", 2), ("Y===", 1), ("YQ==YQ==", 4), ("YW-j", 2), ("====", 0)] {
            assert_eq!(check(bad), Err(at), "{bad:?}");
        }
    }
}
