//! The order of keys in kubectl's YAML: by character, but numbers by value and letters after everything else.

use std::cmp::Ordering;

pub fn natural(a: &str, b: &str) -> Ordering {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let Some(first) = (0..a.len().min(b.len())).find(|&i| a[i] != b[i]) else {
        return a.len().cmp(&b.len());
    };
    match (a[first].is_alphabetic(), b[first].is_alphabetic()) {
        (true, true) => return a[first].cmp(&b[first]),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    // A zero in the middle of a number is a digit like any other; at its start it is padding.
    let inside = (a[first] == '0' || b[first] == '0')
        && a[..first].iter().rev().take_while(|c| c.is_ascii_digit()).any(|&c| c != '0');
    let (a_number, a_digits) = number(&a[first..], inside);
    let (b_number, b_digits) = number(&b[first..], inside);
    a_number.cmp(&b_number).then(a_digits.cmp(&b_digits)).then(a[first].cmp(&b[first]))
}

/// The value of the leading digits (with a 1 before them if they continue a number) and how many they are.
fn number(text: &[char], inside: bool) -> (u64, usize) {
    let digits = text.iter().take_while(|c| c.is_ascii_digit());
    let start = u64::from(inside);
    digits.fold((start, 0), |(value, count), c| {
        let digit = u64::from(c.to_digit(10).unwrap_or(0));
        (value.wrapping_mul(10).wrapping_add(digit), count + 1)
    })
}
