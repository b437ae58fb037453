//! Addresses: of machines, of networks, of what is on the web.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::Called;
use crate::run::RunError;
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

fn parse_ip(text: &str) -> Result<IpAddr, RunError> {
    let wrong =
        |why: &str| RunError::new(format!("IP Address {text:?} parse error during conversion from string: {why}"));
    let ip: IpAddr = text.parse().map_err(|_| wrong("unable to parse IP"))?;
    match ip {
        IpAddr::V6(six) if six.to_ipv4_mapped().is_some() => Err(wrong("IPv4-mapped IPv6 address is not allowed")),
        ip => Ok(ip),
    }
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

/// A network, with the address that it was written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    ip: IpAddr,
    prefix: u8,
}

impl Cidr {
    fn parse(text: &str) -> Result<Cidr, RunError> {
        let wrong = || RunError::new(format!("network address parse error during conversion from string: {text:?}"));
        let (ip, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let ip = parse_ip(ip).map_err(|_| wrong())?;
        let plain = prefix.bytes().all(|byte| byte.is_ascii_digit()) && (prefix.len() == 1 || !prefix.starts_with('0'));
        let prefix = prefix.parse().ok().filter(|prefix| plain && *prefix <= width(ip)).ok_or_else(wrong)?;
        Ok(Cidr { ip, prefix })
    }

    fn masked(&self) -> Cidr {
        let ip = match self.ip {
            IpAddr::V4(ip) => {
                let mask = u32::MAX.checked_shl(u32::from(32 - self.prefix)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from(u32::from(ip) & mask))
            }
            IpAddr::V6(ip) => {
                let mask = u128::MAX.checked_shl(u32::from(128 - self.prefix)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from(u128::from(ip) & mask))
            }
        };
        Cidr { ip, ..*self }
    }

    fn contains(&self, ip: IpAddr) -> bool {
        ip.is_ipv4() == self.ip.is_ipv4() && Cidr { ip, ..*self }.masked() == self.masked()
    }
}

fn width(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.prefix)
    }
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

/// A URL with a scheme, or a path from the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    text: String,
    scheme: String,
    /// With its port, without who asks.
    host: String,
    path: String,
    query: String,
}

impl Url {
    pub fn parse(text: &str) -> Option<Url> {
        if text.contains(|c: char| c.is_control() || c == ' ') {
            return None;
        }
        let (rest, _fragment) = text.split_once('#').unwrap_or((text, ""));
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let scheme_end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)));
        let (scheme, rest) = match scheme_end {
            Some(end)
                if end > 0 && rest[end..].starts_with(':') && rest.starts_with(|c: char| c.is_ascii_alphabetic()) =>
            {
                (&rest[..end], &rest[end + 1..])
            }
            _ if rest.starts_with('/') => ("", rest),
            _ => return None,
        };
        let (host, path) = match rest.strip_prefix("//") {
            Some(rest) => {
                let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
                (authority.rsplit_once('@').map_or(authority, |(_, host)| host), path)
            }
            None => ("", rest),
        };
        let port = host.rsplit_once(':').filter(|(_, port)| !port.contains(']')).map_or("", |(_, port)| port);
        if !port.bytes().all(|byte| byte.is_ascii_digit()) || !escapes_are_whole(path) || host.contains(['<', '>', '"'])
        {
            return None;
        }
        let (scheme, host) = (scheme.to_ascii_lowercase(), host.to_owned());
        Some(Url { text: text.to_owned(), scheme, host, path: path.to_owned(), query: query.to_owned() })
    }

    fn name_and_port(&self) -> (&str, &str) {
        match self.host.rsplit_once(':') {
            Some((name, port)) if !port.contains(']') => (name, port),
            _ => (&self.host, ""),
        }
    }
}

fn escapes_are_whole(path: &str) -> bool {
    path.split('%').skip(1).all(|rest| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
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
