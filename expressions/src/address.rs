//! Addresses: of machines, of networks, of what is on the web.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::budget::RunError;

/// A network, with the address that it was written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    pub ip: IpAddr,
    pub prefix: u8,
}

impl Cidr {
    pub fn parse(text: &str) -> Result<Cidr, RunError> {
        let wrong = || RunError::new(format!("network address parse error during conversion from string: {text:?}"));
        let (ip, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let ip = parse_ip(ip).map_err(|_| wrong())?;
        let plain = prefix.bytes().all(|byte| byte.is_ascii_digit()) && (prefix.len() == 1 || !prefix.starts_with('0'));
        let prefix = prefix.parse().ok().filter(|prefix| plain && *prefix <= width(ip)).ok_or_else(wrong)?;
        Ok(Cidr { ip, prefix })
    }

    pub fn masked(&self) -> Cidr {
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

    pub fn contains(&self, ip: IpAddr) -> bool {
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

pub fn parse_ip(text: &str) -> Result<IpAddr, RunError> {
    let wrong =
        |why: &str| RunError::new(format!("IP Address {text:?} parse error during conversion from string: {why}"));
    let ip: IpAddr = text.parse().map_err(|_| wrong("unable to parse IP"))?;
    match ip {
        IpAddr::V6(six) if six.to_ipv4_mapped().is_some() => Err(wrong("IPv4-mapped IPv6 address is not allowed")),
        ip => Ok(ip),
    }
}

/// A URL with a scheme, or a path from the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    text: String,
    pub scheme: String,
    /// With its port, without who asks.
    pub host: String,
    pub path: String,
    pub query: String,
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

    pub fn name_and_port(&self) -> (&str, &str) {
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
