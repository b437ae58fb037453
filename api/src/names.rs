//! The grammars of names, label keys and values, ports, environment variables…
//!
//! Every check returns what is wrong, in Kubernetes' words; an empty list means fine.
//! Messages quote the grammar as a regular expression, but nothing here compiles one.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

const LABEL_1123: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN_1123: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const LABEL_1035: &str = "[a-z]([-a-z0-9]*[a-z0-9])?";
const LABEL_KEY: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const LABEL_VALUE: &str = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?";

/// `must be no more than N bytes`.
fn max_length(max: usize) -> String {
    format!("must be no more than {max} bytes")
}

/// Says a grammar with examples, as Kubernetes does.
fn grammar(message: &str, examples: &[&str], pattern: &str) -> String {
    let mut text = message.to_owned();
    text.push_str(if examples.is_empty() { " (" } else { " (e.g. " });
    for (i, example) in examples.iter().enumerate() {
        if i > 0 {
            text.push_str(" or ");
        }
        text.push_str(&format!("'{example}', "));
    }
    text.push_str(&format!("regex used for validation is '{pattern}')"));
    text
}

fn lower_alnum(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit()
}

/// `[a-z0-9]([-a-z0-9]*[a-z0-9])?`
fn is_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    match (bytes.first(), bytes.last()) {
        (Some(&first), Some(&last)) => {
            lower_alnum(first) && lower_alnum(last) && bytes.iter().all(|&b| lower_alnum(b) || b == b'-')
        }
        _ => false,
    }
}

fn is_subdomain(text: &str) -> bool {
    text.split('.').all(is_label)
}

/// `([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]`
fn is_key_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    match (bytes.first(), bytes.last()) {
        (Some(first), Some(last)) => {
            first.is_ascii_alphanumeric()
                && last.is_ascii_alphanumeric()
                && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        }
        _ => false,
    }
}

/// A label of RFC 1123, at most 63 bytes: namespaces, containers, volumes.
pub fn dns1123_label(name: &str) -> Vec<String> {
    let mut errors = vec![];
    if name.len() > 63 {
        errors.push(max_length(63));
    }
    if !is_label(name) {
        errors.push(if is_subdomain(name) {
            "must not contain dots".to_owned()
        } else {
            grammar(
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
                &["my-name", "123-abc"],
                LABEL_1123,
            )
        });
    }
    errors
}

/// A subdomain of RFC 1123, at most 253 bytes: the name of most objects.
pub fn dns1123_subdomain(name: &str) -> Vec<String> {
    let mut errors = vec![];
    if name.len() > 253 {
        errors.push(max_length(253));
    }
    if !is_subdomain(name) {
        errors.push(grammar(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
            &["example.com"],
            SUBDOMAIN_1123,
        ));
    }
    errors
}

/// A label of RFC 1035, at most 63 bytes: services.
pub fn dns1035_label(name: &str) -> Vec<String> {
    let mut errors = vec![];
    if name.len() > 63 {
        errors.push(max_length(63));
    }
    if !(is_label(name) && name.as_bytes()[0].is_ascii_lowercase()) {
        errors.push(grammar(
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
            &["my-name", "abc-123"],
            LABEL_1035,
        ));
    }
    errors
}

/// An optional subdomain, a slash, and a name of at most 63 bytes: label and annotation keys, finalizers, resources.
pub fn qualified_name(name: &str) -> Vec<String> {
    const EXAMPLES: &[&str] = &["MyName", "my.name", "123-abc"];
    const MESSAGE: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
    let mut errors = vec![];
    let local = match name.split_once('/') {
        None => name,
        Some((_, local)) if local.contains('/') => {
            errors.push(format!(
                "a valid label key {} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
                grammar(MESSAGE, EXAMPLES, LABEL_KEY)
            ));
            return errors;
        }
        Some((prefix, local)) => {
            if prefix.is_empty() {
                errors.push("prefix part must be non-empty".to_owned());
            } else {
                let found = dns1123_subdomain(prefix);
                errors.extend(found.into_iter().map(|e| format!("prefix part {e}")));
            }
            local
        }
    };
    if local.is_empty() {
        errors.push("name part must be non-empty".to_owned());
    } else if local.len() > 63 {
        errors.push(format!("name part {}", max_length(63)));
    }
    if !is_key_name(local) {
        errors.push(format!("name part {}", grammar(MESSAGE, EXAMPLES, LABEL_KEY)));
    }
    errors
}

/// Empty, or like the name part of a qualified name; at most 63 bytes.
pub fn label_value(value: &str) -> Vec<String> {
    let mut errors = vec![];
    if value.len() > 63 {
        errors.push(max_length(63));
    }
    if !value.is_empty() && !is_key_name(value) {
        errors.push(grammar(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
            &["MyValue", "my_value", "12345"],
            LABEL_VALUE,
        ));
    }
    errors
}

/// A name that can be one segment of a URL's path: RBAC's names, and the least that any name must satisfy.
pub fn path_segment(name: &str) -> Vec<String> {
    match name {
        "." => return vec!["may not be '.'".to_owned()],
        ".." => return vec!["may not be '..'".to_owned()],
        _ => {}
    }
    ["/", "%"]
        .iter()
        .filter(|illegal| name.contains(**illegal))
        .map(|illegal| format!("may not contain '{illegal}'"))
        .collect()
}

/// A key of a ConfigMap's or Secret's data.
pub fn config_map_key(key: &str) -> Vec<String> {
    let mut errors = vec![];
    if key.len() > 253 {
        errors.push(max_length(253));
    }
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if key.is_empty() || !key.bytes().all(allowed) {
        errors.push(grammar(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
            &["key.name", "KEY_NAME", "key-name"],
            "[-._a-zA-Z0-9]+",
        ));
    }
    errors.extend(relative_dots(key));
    errors
}

/// Refuses `.`, `..` and what starts with two dots: such a key would be a path of its own.
fn relative_dots(value: &str) -> Option<String> {
    match value {
        "." => Some("must not be '.'".to_owned()),
        ".." => Some("must not be '..'".to_owned()),
        _ if value.starts_with("..") => Some("must not start with '..'".to_owned()),
        _ => None,
    }
}

/// An environment variable's name: printable ASCII without `=` (the relaxed rule, standard since Kubernetes 1.34).
pub fn env_var_name(name: &str) -> Vec<String> {
    let mut errors = vec![];
    if name.is_empty() {
        errors.push("environment variable name must be non-empty".to_owned());
    }
    if !name.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'=') {
        errors.push(
            "a valid environment variable name must consist only of printable ASCII characters other than '='"
                .to_owned(),
        );
    }
    errors
}

/// A C identifier: the prefix of `envFrom`, before the rule was relaxed, and downward API keys.
pub fn c_identifier(name: &str) -> Vec<String> {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let starts_well = name.bytes().next().is_some_and(|b| !b.is_ascii_digit());
    if starts_well && name.bytes().all(word) {
        return vec![];
    }
    vec![grammar(
        "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'",
        &["my_name", "MY_NAME", "MyName"],
        "[A-Za-z_][A-Za-z0-9_]*",
    )]
}

/// The name of a port (an IANA service name): at most 15 of `[-a-z0-9]`, at least one letter, no stray hyphens.
pub fn port_name(name: &str) -> Vec<String> {
    let mut errors = vec![];
    if name.len() > 15 {
        errors.push(max_length(15));
    }
    if name.is_empty() || !name.bytes().all(|b| lower_alnum(b) || b == b'-') {
        errors.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".to_owned());
    }
    if !name.bytes().any(|b| b.is_ascii_lowercase()) {
        errors.push("must contain at least one letter (a-z)".to_owned());
    }
    if name.contains("--") {
        errors.push("must not contain consecutive hyphens".to_owned());
    }
    if name.starts_with('-') || name.ends_with('-') {
        errors.push("must not begin or end with a hyphen".to_owned());
    }
    errors
}

/// A port's number.
pub fn port_number(port: i64) -> Vec<String> {
    in_range(port, 1, 65535)
}

/// `min..=max`, both included.
pub fn in_range(value: i64, min: i64, max: i64) -> Vec<String> {
    if (min..=max).contains(&value) { vec![] } else { vec![format!("must be between {min} and {max}, inclusive")] }
}

/// `25%`: digits and a percent sign.
pub fn percent(text: &str) -> Vec<String> {
    let digits = text.strip_suffix('%').unwrap_or("");
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        return vec![];
    }
    vec![grammar(
        "a valid percent string must be a numeric string followed by an ending '%'",
        &["1%", "93%"],
        "[0-9]+%",
    )]
}

/// The name of an HTTP header in a probe.
pub fn http_header_name(name: &str) -> Vec<String> {
    if !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return vec![];
    }
    vec![grammar(
        "a valid HTTP header must consist of alphanumeric characters or '-'",
        &["X-Header-Name"],
        "[-A-Za-z0-9]+",
    )]
}

/// An IPv4 or IPv6 address.
pub fn ip_address(text: &str) -> Vec<String> {
    if text.parse::<std::net::IpAddr>().is_ok() {
        return vec![];
    }
    vec!["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)".to_owned()]
}

/// Letters and digits of generated names: no vowels, so no words, and nothing that looks like something else.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// Longest prefix kept by [`generate_name`], so that the result fits a label (63).
const LONGEST_PREFIX: usize = 58;

/// `prefix` (cut to 58 bytes) and five random characters, as for `metadata.generateName`.
pub fn generate_name(prefix: &str) -> String {
    let mut cut = prefix.len().min(LONGEST_PREFIX);
    while !prefix.is_char_boundary(cut) {
        cut -= 1;
    }
    let mut name = prefix[..cut].to_owned();
    name.push_str(&random_suffix(5));
    name
}

/// `length` random characters of the alphabet of generated names (at most 12: one random word's worth).
pub fn random_suffix(length: usize) -> String {
    // A fresh `RandomState` has keys of its own: its hash of nothing is a random word.
    suffix_of(RandomState::new().build_hasher().finish(), length)
}

/// The same of this word.
pub fn suffix_of(mut word: u64, length: usize) -> String {
    let mut suffix = String::with_capacity(length);
    for _ in 0..length.min(12) {
        suffix.push(char::from(ALPHABET[(word % 27) as usize]));
        word /= 27;
    }
    suffix
}

/// A hash as the characters of generated names: `pod-template-hash` and the like. Each decimal digit becomes a letter.
pub fn safe_encode(text: &str) -> String {
    text.bytes().map(|b| char::from(ALPHABET[usize::from(b) % 27])).collect()
}

#[cfg(test)]
#[path = "names_tests.rs"]
mod tests;
