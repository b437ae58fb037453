//! The heads of what is passed on: what is for the next hop only stays here, and places are those that the client knows.

use axum::body::Body;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, header};
use timonier_api::status::Status;

use super::super::call::Call;

/// Where the client sees what is proxied to.
pub struct Place {
    /// `/api/v1/…/proxy`.
    pub prefix: String,
    /// As the client calls the API server.
    pub host: String,
}

/// RFC 9110, 7.6.1, and those that proxies have used all along.
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
];

/// What a page of a pod must not say in the API server's name.
const CORS: [HeaderName; 4] = [
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
];

/// Whether the connection is to become another protocol's.
pub fn upgrades(headers: &HeaderMap) -> bool {
    let connection = headers.get_all(header::CONNECTION).into_iter().filter_map(|value| value.to_str().ok());
    let mut tokens = connection.flat_map(|value| value.split(','));
    tokens.any(|token| token.trim().eq_ignore_ascii_case("upgrade")) && headers.contains_key(header::UPGRADE)
}

/// How the client calls this server: HTTP/1.1 says it in a header, HTTP/2 in the address.
pub fn host(call: &Call) -> String {
    let header = call.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    header.or_else(|| call.uri.authority().map(|authority| authority.as_str())).unwrap_or_default().to_string()
}

/// The request as it is passed on.
pub fn request(call: &Call, place: &Place, path: &str, body: Body, upgrades: bool) -> Result<Request<Body>, Status> {
    let path = if path.is_empty() { "/" } else { path };
    let query = call.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let uri: Result<Uri, _> = format!("{path}{query}").parse();
    let mut request = Request::new(body);
    *request.uri_mut() = uri.map_err(|error| Status::bad_request(format!("the path to proxy to: {error}")))?;
    *request.method_mut() = call.method.clone();
    *request.headers_mut() = asked(&call.headers, upgrades);
    let forwarded = [
        (header::HOST, place.host.clone()),
        (HeaderName::from_static("x-forwarded-uri"), format!("{}{path}", place.prefix)),
        (HeaderName::from_static("x-forwarded-host"), place.host.clone()),
        (HeaderName::from_static("x-forwarded-proto"), "https".to_string()),
    ];
    for (name, value) in forwarded {
        if let Ok(value) = HeaderValue::from_str(&value) {
            request.headers_mut().insert(name, value);
        }
    }
    Ok(request)
}

/// Without what is for this server alone: who the client is, above all.
fn asked(headers: &HeaderMap, upgrades: bool) -> HeaderMap {
    let mut kept = headers.clone();
    let upgrade = kept.get(header::UPGRADE).cloned().filter(|_| upgrades);
    end_to_end(&mut kept);
    kept.remove(header::AUTHORIZATION);
    let ours: Vec<HeaderName> = kept.keys().filter(|name| name.as_str().starts_with("impersonate-")).cloned().collect();
    for name in ours {
        kept.remove(name);
    }
    if let Some(upgrade) = upgrade {
        kept.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        kept.insert(header::UPGRADE, upgrade);
    }
    kept
}

/// The head of an answer as it is passed on.
pub fn answer(headers: &mut HeaderMap, place: &Place) {
    end_to_end(headers);
    for name in CORS {
        headers.remove(name);
    }
    let location = headers.get(header::LOCATION).and_then(|location| location.to_str().ok());
    if let Some(location) = location.and_then(|location| rewritten(location, place))
        && let Ok(location) = HeaderValue::from_str(&location)
    {
        headers.insert(header::LOCATION, location);
    }
}

fn end_to_end(headers: &mut HeaderMap) {
    let connection = headers.get_all(header::CONNECTION).into_iter().filter_map(|value| value.to_str().ok());
    let named: Vec<HeaderName> =
        connection.flat_map(|value| value.split(',')).filter_map(|name| name.trim().parse().ok()).collect();
    for name in named.into_iter().chain(HOP_BY_HOP) {
        headers.remove(name);
    }
    headers.remove(header::UPGRADE);
}

/// A link of what is proxied to, as the client can follow it; `None`: it may stay as it is, since it is relative or leads
/// elsewhere.
pub fn rewritten(link: &str, place: &Place) -> Option<String> {
    let path = match link.split_once("://") {
        Some(("http" | "https", rest)) => {
            let (host, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
            if host != place.host {
                return None;
            }
            path
        }
        // `//host/path` is another host's.
        _ if link.starts_with("//") => return None,
        _ => link,
    };
    if !path.starts_with('/') {
        return None;
    }
    let own =
        path.strip_prefix(&*place.prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']));
    if own { None } else { Some(format!("{}{path}", place.prefix)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place { prefix: "/api/v1/nodes/n/proxy".into(), host: "here:6443".into() }
    }

    #[test]
    fn links_lead_where_the_client_finds_them() {
        let cases = [
            ("/login?next=/x", Some("/api/v1/nodes/n/proxy/login?next=/x")),
            ("/", Some("/api/v1/nodes/n/proxy/")),
            ("https://here:6443/a", Some("/api/v1/nodes/n/proxy/a")),
            ("http://here:6443", Some("/api/v1/nodes/n/proxy/")),
            ("https://elsewhere/a", None),
            ("//elsewhere/a", None),
            ("a/b", None),
            ("?q=1", None),
            ("mailto:a@b", None),
            ("/api/v1/nodes/n/proxy/a", None),
            ("/api/v1/nodes/n/proxying", Some("/api/v1/nodes/n/proxy/api/v1/nodes/n/proxying")),
        ];
        for (link, expected) in cases {
            assert_eq!(rewritten(link, &place()).as_deref(), expected, "{link}");
        }
    }

    #[test]
    fn nobody_behind_learns_who_the_client_is_to_this_server() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer secret"),
            ("impersonate-user", "ann"),
            ("impersonate-extra-a", "b"),
            ("connection", "x-own, Upgrade"),
            ("x-own", "1"),
            ("upgrade", "websocket"),
            ("te", "trailers"),
            ("cookie", "a=b"),
            ("x-app", "kept"),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let names = |headers: &HeaderMap| {
            let mut names: Vec<_> = headers.keys().map(|name| name.as_str().to_string()).collect();
            names.sort();
            names
        };
        assert!(upgrades(&headers));
        assert_eq!(names(&asked(&headers, false)), ["cookie", "x-app"]);
        assert_eq!(names(&asked(&headers, true)), ["connection", "cookie", "upgrade", "x-app"]);
    }

    #[test]
    fn an_answer_says_nothing_in_the_servers_name() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(header::LOCATION, HeaderValue::from_static("/next"));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        answer(&mut headers, &place());
        assert_eq!(headers.len(), 2);
        assert_eq!(headers[header::LOCATION], "/api/v1/nodes/n/proxy/next");
    }
}
