//! Addresses: of machines, of networks, of what is on the web.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::called::Called;
use crate::address::{Cidr, Url, parse_ip};
use crate::budget::RunError;
use crate::value::{Key, Value};

pub fn call(name: &str, method: bool, args: &[Value]) -> Called {
    match args {
        [Value::Text(text)] if !method => of_text(name, text),
        [Value::Url(url)] if method => of_url(name, url),
        [Value::Ip(ip)] if method => of_ip(name, *ip),
        [Value::Cidr(cidr), rest @ ..] if method => of_cidr(name, cidr, rest),
        _ => None,
    }
}

fn of_text(name: &str, text: &str) -> Called {
    Some(match name {
        "url" => Url::parse(text).map(|url| Value::Url(Arc::new(url))).ok_or_else(|| {
            RunError::new(format!("URL parse error during conversion from string: parse {text:?}: invalid URI"))
        }),
        "isURL" => Ok(Value::Bool(Url::parse(text).is_some())),
        "ip" => parse_ip(text).map(Value::Ip),
        "isIP" => Ok(Value::Bool(parse_ip(text).is_ok())),
        "ip.isCanonical" => parse_ip(text).map(|ip| Value::Bool(ip.to_string() == text)),
        "cidr" => Cidr::parse(text).map(Value::Cidr),
        "isCIDR" => Ok(Value::Bool(Cidr::parse(text).is_ok())),
        _ => return None,
    })
}

fn of_ip(name: &str, ip: IpAddr) -> Called {
    let link_local_multicast = match ip {
        IpAddr::V4(ip) => ip.octets()[..3] == [224, 0, 0],
        IpAddr::V6(ip) => ip.segments()[0] & 0xff0f == 0xff02,
    };
    let link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    let broadcast = ip == IpAddr::V4(Ipv4Addr::BROADCAST);
    Some(Ok(match name {
        "family" => Value::Int(if ip.is_ipv4() { 4 } else { 6 }),
        "isUnspecified" => Value::Bool(ip.is_unspecified()),
        "isLoopback" => Value::Bool(ip.is_loopback()),
        "isLinkLocalMulticast" => Value::Bool(link_local_multicast),
        "isLinkLocalUnicast" => Value::Bool(link_local),
        "isGlobalUnicast" => {
            Value::Bool(!(broadcast || ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() || link_local))
        }
        _ => return None,
    }))
}

fn of_cidr(name: &str, cidr: &Cidr, rest: &[Value]) -> Called {
    let within = |other: Cidr| Value::Bool(other.prefix >= cidr.prefix && cidr.contains(other.ip));
    Some(match (name, rest) {
        ("containsIP", [Value::Ip(ip)]) => Ok(Value::Bool(cidr.contains(*ip))),
        ("containsIP", [Value::Text(text)]) => parse_ip(text).map(|ip| Value::Bool(cidr.contains(ip))),
        ("containsCIDR", [Value::Cidr(other)]) => Ok(within(*other)),
        ("containsCIDR", [Value::Text(text)]) => Cidr::parse(text).map(within),
        ("ip", []) => Ok(Value::Ip(cidr.ip)),
        ("masked", []) => Ok(Value::Cidr(cidr.masked())),
        ("prefixLength", []) => Ok(Value::Int(cidr.prefix.into())),
        _ => return None,
    })
}

fn of_url(name: &str, url: &Url) -> Called {
    let (host, port) = url.name_and_port();
    Some(Ok(match name {
        "getScheme" => Value::text(&url.scheme),
        "getHost" => Value::text(&url.host),
        "getHostname" => Value::text(host.trim_matches(['[', ']'])),
        "getPort" => Value::text(port),
        "getEscapedPath" => Value::text(&url.path),
        "getQuery" => {
            let mut query: BTreeMap<Key, Vec<Value>> = BTreeMap::new();
            for pair in url.query.split('&').filter(|pair| !pair.is_empty()) {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                query.entry(Key::Text(decoded(key).into())).or_default().push(Value::text(decoded(value)));
            }
            Value::Map(Arc::new(query.into_iter().map(|(key, values)| (key, Value::list(values))).collect()))
        }
        _ => return None,
    }))
}

/// A part of a query without its escapes.
fn decoded(text: &str) -> String {
    let mut bytes = vec![];
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        let hex = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match (first, hex.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            (b'+', _) => bytes.push(b' '),
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
