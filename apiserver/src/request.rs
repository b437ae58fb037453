//! What a request is about, read from its method and path alone: the verb, the resource, the object.

use axum::extract::Request;
use http::Method;
use percent_encoding::percent_decode_str;

use crate::query::Query;

/// The attributes that authorization, metrics and dispatch use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestInfo {
    /// `get list watch create update patch delete deletecollection`, or the lower-cased method outside the resources.
    pub verb: &'static str,
    pub path: String,
    /// False for `/healthz`, discovery and the like.
    pub is_resource: bool,
    /// Empty for the core group.
    pub group: String,
    pub version: String,
    /// Empty at cluster scope.
    pub namespace: String,
    pub resource: String,
    pub subresource: String,
    /// Empty for a collection.
    pub name: String,
}

impl RequestInfo {
    pub fn read(method: &Method, path: &str, query: &Query) -> RequestInfo {
        let mut info = RequestInfo { verb: plain_verb(method), path: path.to_string(), ..RequestInfo::default() };
        let parts: Vec<String> = path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
            .collect();
        let mut rest: &[String] = match parts.as_slice() {
            [api, version, rest @ ..] if api == "api" && !rest.is_empty() => {
                info.version = version.clone();
                rest
            }
            [apis, group, version, rest @ ..] if apis == "apis" && !rest.is_empty() => {
                info.group = group.clone();
                info.version = version.clone();
                rest
            }
            _ => return info,
        };
        info.is_resource = true;
        // `/api/v1/watch/pods` is the old spelling of `?watch=true`.
        let mut watch = query.flag("watch").unwrap_or(false);
        if rest[0] == "watch" && rest.len() > 1 {
            watch = true;
            rest = &rest[1..];
        }
        if rest[0] == "namespaces" {
            match rest {
                [_, name] => {
                    info.namespace = name.clone();
                }
                [_, name, sub] if matches!(sub.as_str(), "status" | "finalize") => {
                    info.namespace = name.clone();
                    info.subresource = sub.clone();
                }
                [_, name, inner @ ..] if !inner.is_empty() => {
                    info.namespace = name.clone();
                    rest = inner;
                }
                _ => {}
            }
        }
        info.resource = rest[0].clone();
        if info.resource == "namespaces" && rest.len() > 1 {
            info.name = rest[1].clone();
        } else {
            info.name = rest.get(1).cloned().unwrap_or_default();
            info.subresource = rest.get(2).cloned().unwrap_or_default();
        }
        // What is asked of a part of an object is its own business.
        info.verb = resource_verb(method, info.name.is_empty(), watch && info.subresource.is_empty());
        info
    }
}

fn plain_verb(method: &Method) -> &'static str {
    match *method {
        Method::GET => "get",
        Method::HEAD => "head",
        Method::POST => "post",
        Method::PUT => "put",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        Method::OPTIONS => "options",
        _ => "unknown",
    }
}

fn resource_verb(method: &Method, collection: bool, watch: bool) -> &'static str {
    match *method {
        Method::GET | Method::HEAD if watch => "watch",
        Method::GET | Method::HEAD if collection => "list",
        Method::GET | Method::HEAD => "get",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE if collection => "deletecollection",
        Method::DELETE => "delete",
        _ => "",
    }
}

/// Reads the request once, for all that come after.
pub fn read(request: &mut Request) {
    let query = Query::parse(request.uri().query());
    let info = RequestInfo::read(request.method(), request.uri().path(), &query);
    request.extensions_mut().insert(query);
    request.extensions_mut().insert(info);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(method: Method, uri: &str) -> String {
        let (path, query) = uri.split_once('?').map_or((uri, None), |(p, q)| (p, Some(q)));
        let i = RequestInfo::read(&method, path, &Query::parse(query));
        format!(
            "{} {} {}/{} ns={} {}/{} {}",
            i.verb, i.is_resource, i.group, i.version, i.namespace, i.resource, i.name, i.subresource
        )
    }

    #[test]
    fn a_path_says_verb_resource_namespace_name_and_subresource() {
        let cases = [
            (Method::GET, "/api/v1/pods", "list true /v1 ns= pods/ "),
            (Method::GET, "/api/v1/namespaces/a/pods/b", "get true /v1 ns=a pods/b "),
            (Method::GET, "/api/v1/namespaces/a/pods?watch=1", "watch true /v1 ns=a pods/ "),
            (Method::GET, "/api/v1/watch/namespaces/a/pods", "watch true /v1 ns=a pods/ "),
            (Method::GET, "/api/v1/namespaces", "list true /v1 ns= namespaces/ "),
            (Method::GET, "/api/v1/namespaces/a", "get true /v1 ns=a namespaces/a "),
            (Method::PUT, "/api/v1/namespaces/a/finalize", "update true /v1 ns=a namespaces/a finalize"),
            (
                Method::PATCH,
                "/apis/apps/v1/namespaces/a/deployments/w/scale",
                "patch true apps/v1 ns=a deployments/w scale",
            ),
            (
                Method::DELETE,
                "/apis/apps/v1/namespaces/a/deployments",
                "deletecollection true apps/v1 ns=a deployments/ ",
            ),
            (Method::POST, "/api/v1/namespaces/a/pods/p/binding", "create true /v1 ns=a pods/p binding"),
            (Method::GET, "/api/v1/nodes/n/proxy/a?watch=1", "get true /v1 ns= nodes/n proxy"),
            (Method::OPTIONS, "/api/v1/nodes/n/proxy/a", " true /v1 ns= nodes/n proxy"),
            (Method::GET, "/apis/apps/v1", "get false / ns= / "),
            (Method::GET, "/healthz", "get false / ns= / "),
        ];
        for (method, uri, expected) in cases {
            assert_eq!(read(method, uri), expected, "{uri}");
        }
    }
}
