//! Grammars of networks: blocks of addresses, domains, hosts with a wildcard.

use std::net::IpAddr;

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use crate::kinds::checks::{grammar, required_text};
use crate::kinds::json;

/// A block of addresses, as `10.9.8.0/24`: where it begins, and how many leading bits are common.
pub fn parse_cidr(text: &str) -> Option<(IpAddr, u32)> {
    let (address, bits) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    if bits.is_empty() || !bits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let bits: u32 = bits.parse().ok()?;
    (bits <= if address.is_ipv4() { 32 } else { 128 }).then_some((address, bits))
}

/// The address as a number whose leading bits are those of the network.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)) << 96,
        IpAddr::V6(address) => u128::from(address),
    }
}

/// Whether the block contains the address.
pub fn contains((network, bits): (IpAddr, u32), address: IpAddr) -> bool {
    let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
    network.is_ipv4() == address.is_ipv4() && number(network) & mask == number(address) & mask
}

/// Whether the address of the block has no bits beyond the common ones.
pub fn is_first((address, bits): (IpAddr, u32)) -> bool {
    number(address).checked_shl(bits).unwrap_or(0) == 0
}

/// What is wrong with a block of addresses.
pub fn cidr(text: &str) -> Vec<String> {
    match parse_cidr(text) {
        Some(_) => vec![],
        None => vec!["must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)".to_owned()],
    }
}

/// What is wrong with `*.example.com`.
fn wildcard(text: &str) -> Vec<String> {
    const PATTERN: &str = r"\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
    let domain = text.strip_prefix("*.");
    if domain.is_some_and(|domain| names::dns1123_subdomain(domain).is_empty()) {
        return vec![];
    }
    vec![format!(
        "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of \
         lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', \
         regex used for validation is '{PATTERN}')"
    )]
}

/// A domain, whose first label may be `*`.
pub fn host(text: &str, path: &Path, errors: &mut Vec<FieldError>) {
    let found = if text.contains('*') { wildcard(text) } else { names::dns1123_subdomain(text) };
    grammar(text, found, path, errors);
}

/// A domain of at least so many labels.
pub fn qualified_domain(text: &str, labels: usize, path: &Path, errors: &mut Vec<FieldError>) {
    if text.is_empty() {
        errors.push(FieldError::required(path, ""));
        return;
    }
    let found = names::dns1123_subdomain(text);
    if !found.is_empty() {
        grammar(text, found, path, errors);
    } else if text.split('.').count() < labels {
        let words = if labels == 2 { "two" } else { "three" };
        let detail = format!("should be a domain with at least {words} segments separated by dots");
        errors.push(FieldError::invalid(path, text, detail));
    }
}

/// `acme.io/foo`
pub fn domain_prefixed_path(text: &str, path: &Path, errors: &mut Vec<FieldError>) {
    let Some((domain, rest)) = text.split_once('/').filter(|(domain, rest)| !domain.is_empty() && !rest.is_empty())
    else {
        let detail = "must be a domain-prefixed path (such as \"acme.io/foo\")";
        errors.push(FieldError::invalid(path, text, detail));
        return;
    };
    grammar(domain, names::dns1123_subdomain(domain), path, errors);
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&b);
    if !rest.bytes().all(allowed) {
        let detail = r"Invalid path (regex used for validation is '[A-Za-z0-9/\-._~%!$&'()*+,;=:]+')";
        errors.push(FieldError::invalid(path, rest, detail));
    }
}

/// A field that is required, and can be a segment of a URL's path.
pub fn required_segment(o: &Value, field: &'static str, path: &Path, errors: &mut Vec<FieldError>) {
    if required_text(o, field, path, errors) {
        let value = json::text(o, field);
        grammar(value, names::path_segment(value), &path.child(field), errors);
    }
}

/// A field that is absent, or a subdomain of RFC 1123.
pub fn optional_subdomain(o: &Value, field: &'static str, path: &Path, errors: &mut Vec<FieldError>) {
    let value = json::text(o, field);
    if !value.is_empty() {
        grammar(value, names::dns1123_subdomain(value), &path.child(field), errors);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_an_address_and_its_common_bits() {
        for (text, first) in [("10.0.0.0/8", true), ("10.0.0.1/8", false), ("::/0", true), ("2001:db8::1/128", true)] {
            assert!(cidr(text).is_empty(), "{text}");
            assert_eq!(parse_cidr(text).map(is_first), Some(first), "{text}");
        }
        for text in ["", "10.0.0.0", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/+8", "::/129", "a/8"] {
            assert_eq!(cidr(text).len(), 1, "{text}");
        }
        let block = parse_cidr("10.1.0.0/16").expect("a block");
        let inside = |address: &str| contains(block, address.parse().expect("an address"));
        assert!(inside("10.1.2.3") && !inside("10.2.0.0") && !inside("::a01:0"));
    }
}
