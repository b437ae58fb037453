//! What requests are told apart by.

use prometheus_client::encoding::EncodeLabelSet;

use crate::request::RequestInfo;

/// A resource as it is served.
#[derive(Clone, Debug, Default, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Served {
    pub group: String,
    pub version: String,
    pub resource: String,
}

#[derive(Clone, Debug, Default, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Asked {
    pub verb: &'static str,
    #[prometheus(flatten)]
    pub served: Served,
    pub subresource: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct RequestLabels {
    #[prometheus(flatten)]
    pub of: Asked,
    pub code: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct CommitLabels {
    pub operation: &'static str,
    pub group: String,
    pub resource: String,
}

impl Asked {
    /// A request for a resource that is served, or for none.
    pub fn of(info: &RequestInfo) -> Asked {
        let served =
            Served { group: info.group.clone(), version: info.version.clone(), resource: info.resource.clone() };
        Asked { verb: verb(info.verb), served, subresource: subresource(&info.subresource) }
    }

    /// Resources that nobody serves share one line, so that no client can make up labels.
    pub fn unknown(info: &RequestInfo) -> Asked {
        Asked { verb: verb(info.verb), ..Asked::default() }
    }
}

impl CommitLabels {
    pub fn of(info: &RequestInfo) -> CommitLabels {
        let operation = match info.verb {
            "create" => "create",
            "delete" | "deletecollection" => "delete",
            _ => "update",
        };
        CommitLabels { operation, group: info.group.clone(), resource: info.resource.clone() }
    }
}

/// Whether the answer goes on for as long as the client likes.
pub fn is_long_running(info: &RequestInfo) -> bool {
    info.verb == "watch" || matches!(&*info.subresource, "log" | "exec" | "attach" | "portforward" | "proxy")
}

fn verb(verb: &str) -> &'static str {
    match verb {
        "get" => "GET",
        "list" => "LIST",
        "watch" => "WATCH",
        "create" => "CREATE",
        "update" => "UPDATE",
        "patch" => "PATCH",
        "delete" => "DELETE",
        "deletecollection" => "DELETECOLLECTION",
        "post" => "POST",
        "put" => "PUT",
        "head" => "HEAD",
        "options" => "OPTIONS",
        _ => "OTHER",
    }
}

fn subresource(name: &str) -> &'static str {
    const KNOWN: [&str; 14] = [
        "status",
        "scale",
        "binding",
        "eviction",
        "log",
        "exec",
        "attach",
        "portforward",
        "proxy",
        "token",
        "finalize",
        "approval",
        "ephemeralcontainers",
        "resize",
    ];
    match KNOWN.iter().find(|known| **known == name) {
        Some(known) => known,
        None if name.is_empty() => "",
        None => "other",
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::query::Query;

    #[test]
    fn nothing_that_a_client_makes_up_becomes_a_label() {
        let read = |method: Method, path: &str| RequestInfo::read(&method, path, &Query::default());
        let made_up = Asked::of(&read(Method::GET, "/api/v1/namespaces/a/pods/b/whatever"));
        assert_eq!((made_up.verb, made_up.subresource), ("GET", "other"));
        let unknown = Asked::unknown(&read(Method::POST, "/apis/my.group/v7/things"));
        assert_eq!((unknown.verb, unknown.served), ("CREATE", Served::default()));
        let strange = read(Method::from_bytes(b"BREW").unwrap(), "/coffee");
        assert_eq!(Asked::of(&strange).verb, "OTHER");
    }
}
