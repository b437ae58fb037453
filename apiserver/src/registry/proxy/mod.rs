//! `proxy` of pods, services and nodes: any request, passed on to what they serve over HTTP.
//!
//! A pod is reached through the agent of its node, which connects from inside: pods of other machines need no route to the API
//! server. `target` reads who is meant, `service` chooses the pod of a service, `pod` and `node` connect, `headers` and `links`
//! say what changes on the way.

mod headers;
mod links;
mod node;
mod pod;
mod service;
mod target;
mod unverified;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, Method, Request, StatusCode, header};
use hyper::body::Incoming;
use timonier_api::status::Status;

use self::headers::Place;
use self::target::Target;
use super::call::Call;
use super::{log, tunnel};
use crate::object::Object;

pub async fn proxy(call: &mut Call, body: Body) -> Result<Response, Status> {
    let what = match &*call.info.resource {
        "pods" => "pod",
        "services" => "service",
        _ => "node",
    };
    let id = call.info.name.clone();
    let target = Target::parse(&id).ok_or_else(|| Status::bad_request(format!("invalid {what} request {id:?}")))?;
    let upgrades = call.upgrade.is_some() && headers::upgrades(&call.headers);
    let asked = call.uri.path().to_string();
    let (prefix, path) = target::split(&asked, call.row.kind.namespaced);
    if path.is_empty() && !upgrades && matches!(call.method, Method::GET | Method::HEAD) {
        return Ok(with_slash(&asked, call.uri.query()));
    }
    let place = Place { prefix: prefix.to_string(), host: headers::host(call) };
    let request = headers::request(call, &place, path, body, upgrades)?;
    let answer = match what {
        "node" => node::send(call, &target, request).await?,
        "service" => {
            let backend = service::backend(&call.fresh().await?, call.namespace(), &target)?;
            pod::send(call, &backend.pod, target.https, backend.port, request).await?
        }
        _ => {
            let pod = Object::of(&*call.entry(target.name).await?)?.stored_value()?;
            let port = target::port(&pod, &target)?;
            pod::send(call, &pod, target.https, port, request).await?
        }
    };
    match answer.status() {
        StatusCode::SWITCHING_PROTOCOLS if upgrades => Ok(hand_through(call, answer)),
        _ => Ok(pass_on(call, &place, answer)),
    }
}

/// What is found relative to a page should be found below it.
fn with_slash(path: &str, query: Option<&str>) -> Response {
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    if let Ok(location) = HeaderValue::from_str(&format!("{path}/{query}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

fn pass_on(call: &Call, place: &Place, answer: http::Response<Incoming>) -> Response {
    let (mut head, body) = answer.into_parts();
    headers::answer(&mut head.headers, place);
    let rewritten = call.method != Method::HEAD && links::are_in(&head.headers);
    let body = log::stream(call, body);
    let body = if rewritten { links::rewritten(&mut head.headers, place, body) } else { body };
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    *response.headers_mut() = head.headers;
    response
}

/// The connection has become another protocol's, which passes both ways as it is.
fn hand_through(call: &mut Call, answer: http::Response<Incoming>) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = answer.headers().clone();
    let Some(client) = call.upgrade.take() else { return response };
    let counted = call.app.metrics.long_running(&call.info);
    let stop = call.app.stop.clone();
    tokio::spawn(async move {
        let _counted = counted;
        match tokio::try_join!(client, hyper::upgrade::on(answer)) {
            Ok((client, server)) => tunnel::run(client, server, stop).await,
            Err(error) => tracing::debug!("connection not handed through: {error}"),
        }
    });
    response
}

/// 503 in Kubernetes' words.
fn unreachable(reason: impl std::fmt::Display) -> Status {
    Status::service_unavailable(format!("error trying to reach service: {reason}"))
}

/// A request to a connection of its own.
async fn over<S>(stream: S, request: Request<Body>) -> Result<http::Response<Incoming>, Status>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let stream = hyper_util::rt::TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.map_err(unreachable)?;
    tokio::spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!("connection to what is proxied to: {error}");
        }
    });
    sender.send_request(request).await.map_err(unreachable)
}
