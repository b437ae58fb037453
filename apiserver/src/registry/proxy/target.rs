//! Who is meant: `NAME`, `NAME:PORT` or `SCHEME:NAME:PORT`, and which path there.

use serde_json::Value;
use timonier_api::status::Status;

use crate::kinds::json as of;

/// What stands in a path where a name would.
#[derive(Debug, PartialEq, Eq)]
pub struct Target<'a> {
    pub https: bool,
    pub name: &'a str,
    /// A number or a name; empty if none is given.
    pub port: &'a str,
}

impl<'a> Target<'a> {
    pub fn parse(id: &'a str) -> Option<Target<'a>> {
        let parts: Vec<&str> = id.split(':').collect();
        let (scheme, name, port) = match parts[..] {
            [name] => ("", name, ""),
            [name, port] => ("", name, port),
            [scheme, name, port] => (scheme, name, port),
            _ => return None,
        };
        let known = matches!(scheme, "" | "http" | "https");
        (known && !name.is_empty()).then_some(Target { https: scheme == "https", name, port })
    }

    /// Where a protocol is when nobody says.
    pub fn default_port(&self) -> u16 {
        if self.https { 443 } else { 80 }
    }
}

/// A request's path up to and with `proxy`, and what follows it, as it was written: empty, or with its slash.
pub fn split(path: &str, namespaced: bool) -> (&str, &str) {
    // `api v1 nodes NAME proxy`; `api v1 namespaces NS pods NAME proxy`.
    let mut left = if namespaced { 7 } else { 5 };
    let mut inside = false;
    for (position, character) in path.char_indices() {
        if character != '/' {
            inside = true;
            continue;
        }
        if std::mem::take(&mut inside) {
            left -= 1;
            if left == 0 {
                return path.split_at(position);
            }
        }
    }
    (path, "")
}

/// The port of a pod that is asked for: by number, or the first that its containers name.
pub fn port(pod: &Value, target: &Target<'_>) -> Result<u16, Status> {
    if !target.port.is_empty() {
        let invalid = || Status::bad_request(format!("invalid pod request: port {:?} is no port number", target.port));
        return target.port.parse().ok().filter(|port| *port > 0).ok_or_else(invalid);
    }
    let containers = of::list(of::get(pod, "spec"), "containers").iter();
    let mut first = containers.filter_map(|container| of::list(container, "ports").first());
    let port = first.next().and_then(|port| port["containerPort"].as_u64()).and_then(|port| port.try_into().ok());
    Ok(port.unwrap_or_else(|| target.default_port()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_may_say_scheme_and_port() {
        let target = |https, name, port| Some(Target { https, name, port });
        let cases = [
            ("web", target(false, "web", "")),
            ("web:8080", target(false, "web", "8080")),
            ("web:http", target(false, "web", "http")),
            ("http:web:8080", target(false, "web", "8080")),
            (":web:8080", target(false, "web", "8080")),
            ("https:web:", target(true, "web", "")),
            ("ftp:web:21", None),
            ("", None),
            (":8080", None),
            ("a:b:c:d", None),
        ];
        for (id, expected) in cases {
            assert_eq!(Target::parse(id), expected, "{id}");
        }
    }

    #[test]
    fn what_follows_the_proxy_is_as_it_was_written() {
        let cases = [
            (false, "/api/v1/nodes/n1/proxy/stats/summary", "/stats/summary"),
            (false, "/api/v1/nodes/n1/proxy/a/proxy/b", "/a/proxy/b"),
            (false, "/api/v1/nodes/n1/proxy", ""),
            (true, "/api/v1/namespaces/d/pods/p:80/proxy/", "/"),
            (true, "/api/v1/namespaces/d/pods/proxy/proxy/a%2Fb//c/", "/a%2Fb//c/"),
            (true, "/api/v1//namespaces/d/pods/p/proxy/x", "/x"),
        ];
        for (namespaced, path, expected) in cases {
            let (prefix, rest) = split(path, namespaced);
            assert_eq!(rest, expected, "{path}");
            assert!(prefix.ends_with("/proxy"), "{prefix}");
        }
    }

    #[test]
    fn a_pods_port_is_the_one_named_or_the_first() {
        let pod = json!({"spec": {"containers": [{"name": "a"}, {"name": "b", "ports": [{"containerPort": 81}]}]}});
        let of = |id: &str, pod: &Value| port(pod, &Target::parse(id).expect("a target")).ok();
        assert_eq!(of("p", &pod), Some(81));
        assert_eq!(of("p:7", &pod), Some(7));
        assert_eq!(of("p", &json!({})), Some(80));
        assert_eq!(of("https:p:", &json!({})), Some(443));
        for bad in ["p:http", "p:0", "p:65536", "p:-1"] {
            assert_eq!(of(bad, &pod), None, "{bad}");
        }
    }
}
