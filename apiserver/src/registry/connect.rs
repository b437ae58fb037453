//! `pods/exec`, `pods/attach`, `pods/portforward`: connections handed through to the agent of the pod's node.
//!
//! What is upgraded to, agent and client settle between them; here only who may, which container, which node.

use axum::body::Body;
use axum::response::Response;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderMap, HeaderName, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Limited};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use timonier_api::kind::GroupResource;
use timonier_api::status::Status;

use super::call::Call;
use super::{log, tunnel};
use crate::auth::Attributes;
use crate::kinds::Subresource;
use crate::object::Object;
use crate::request::RequestInfo;

/// What is read of an agent's refusal, in bytes.
const REFUSAL_LIMIT: usize = 64 << 10;

/// The headers that both sides of an upgrade settle it with.
const HANDSHAKE: [HeaderName; 8] = [
    CONNECTION,
    UPGRADE,
    http::header::SEC_WEBSOCKET_KEY,
    http::header::SEC_WEBSOCKET_VERSION,
    http::header::SEC_WEBSOCKET_PROTOCOL,
    http::header::SEC_WEBSOCKET_ACCEPT,
    HeaderName::from_static("x-stream-protocol-version"),
    HeaderName::from_static("x-accepted-stream-protocol-versions"),
];

pub async fn connect(call: &mut Call, part: Subresource) -> Result<Response, Status> {
    may_create(call)?;
    let name = call.info.name.clone();
    let pod = Object::of(&*call.entry(&name).await?)?.stored_value()?;
    let route = match part {
        Subresource::PortForward => format!("portForward/{}/{name}", call.namespace()),
        _ => {
            let container = log::container(&pod, call.query.get("container"))?;
            let route = if part == Subresource::Exec { "exec" } else { "attach" };
            format!("{route}/{}/{name}/{container}", call.namespace())
        }
    };
    let node = pod["spec"]["nodeName"].as_str().unwrap_or("");
    if node.is_empty() {
        return Err(Status::bad_request(format!("pod {name} does not have a host assigned")));
    }
    let authority = authority(call, node).await?;
    let client = call.upgrade.take().filter(|_| call.headers.contains_key(UPGRADE));
    let client = client.ok_or_else(|| Status::bad_request("Upgrade request required"))?;

    let path = format!("/{route}?{}", query(call, part)?);
    let uri = Uri::builder().scheme("https").authority(authority).path_and_query(path).build();
    let method = if call.info.verb == "create" { Method::POST } else { Method::GET };
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method;
    *request.uri_mut() = uri.map_err(Status::internal)?;
    *request.headers_mut() = handshake(&call.headers);
    let answer = call.app.agents.send(request).await?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(refusal(answer).await);
    }

    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = handshake(answer.headers());
    let counted = call.app.metrics.long_running(&call.info);
    let stop = call.app.stop.clone();
    tokio::spawn(async move {
        let _counted = counted;
        match tokio::try_join!(client, hyper::upgrade::on(answer)) {
            Ok((client, agent)) => tunnel::run(client, agent, stop).await,
            Err(error) => tracing::debug!("connection not handed through: {error}"),
        }
    });
    Ok(response)
}

/// A WebSocket begins with a GET, but what it does is no reading: it takes the right to create, too.
fn may_create(call: &Call) -> Result<(), Status> {
    let info = RequestInfo { verb: "create", ..call.info.clone() };
    call.app.authorizer.check(&call.identity, &Attributes::from(&info))
}

async fn authority(call: &Call, node: &str) -> Result<String, Status> {
    let snapshot = call.fresh().await?;
    let missing = || Status::not_found(&GroupResource::new("", "nodes"), node);
    let entry = snapshot.get(&format!("nodes/{node}")).ok_or_else(missing)?;
    crate::agents::authority(&Object::of(entry)?.stored_value()?, node)
}

fn handshake(headers: &HeaderMap) -> HeaderMap {
    let mut handshake = HeaderMap::new();
    for name in HANDSHAKE {
        for value in headers.get_all(&name) {
            handshake.append(name.clone(), value.clone());
        }
    }
    handshake
}

/// The options by the names that an agent knows, the kubelet's.
fn query(call: &Call, part: Subresource) -> Result<String, Status> {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let mut pairs = Vec::new();
    if part == Subresource::PortForward {
        for ports in call.query.all("ports") {
            pairs.push(format!("port={}", encode(ports)));
        }
        return Ok(pairs.join("&"));
    }
    for (option, theirs) in [("stdin", "input"), ("stdout", "output"), ("stderr", "error"), ("tty", "tty")] {
        if call.query.flag(option) == Some(true) {
            pairs.push(format!("{theirs}=1"));
        }
    }
    if part == Subresource::Exec {
        for word in call.query.all("command") {
            pairs.push(format!("command={}", encode(word)));
        }
    }
    Ok(pairs.join("&"))
}

pub(super) async fn refusal(answer: Response<hyper::body::Incoming>) -> Status {
    let code = answer.status();
    let body = Limited::new(answer.into_body(), REFUSAL_LIMIT).collect().await;
    let text = body.map(|body| String::from_utf8_lossy(&body.to_bytes()).trim().to_string()).unwrap_or_default();
    let reason = match code {
        StatusCode::BAD_REQUEST => "BadRequest",
        StatusCode::FORBIDDEN => "Forbidden",
        StatusCode::NOT_FOUND => "NotFound",
        StatusCode::CONFLICT => "Conflict",
        StatusCode::SERVICE_UNAVAILABLE => "ServiceUnavailable",
        // The agent refuses us, not the client.
        _ => return Status::internal(text),
    };
    Status::failure(code.as_u16(), reason, text)
}
