//! A connection to a pod's port, through the agent of its node.

use axum::body::Body;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use timonier_api::status::Status;

use super::super::call::Call;
use super::super::{connect, log};
use super::{over, unreachable, unverified};
use crate::kinds::metadata;
use crate::object::meta;

/// What the agent hands through as it is.
const PROTOCOL: HeaderValue = HeaderValue::from_static("tcp");

pub async fn send(
    call: &Call,
    pod: &Value,
    https: bool,
    port: u16,
    request: Request<Body>,
) -> Result<Response<Incoming>, Status> {
    let name = metadata::name(pod);
    let node = pod["spec"]["nodeName"].as_str().unwrap_or("");
    if node.is_empty() {
        return Err(Status::bad_request(format!("pod {name} does not have a host assigned")));
    }
    let authority = log::agent(call, node).await?;
    let path = format!("/portForward/{}/{name}?port={port}", meta::text(pod, "namespace"));
    let uri = Uri::builder().scheme("https").authority(authority).path_and_query(path).build();
    let mut opening = Request::new(Body::empty());
    *opening.uri_mut() = uri.map_err(Status::internal)?;
    opening.headers_mut().insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    opening.headers_mut().insert(UPGRADE, PROTOCOL);
    let opened = call.app.agents.try_send(opening).await.map_err(unreachable)?;
    if opened.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(unreachable(connect::refusal(opened).await.message));
    }
    let stream = TokioIo::new(hyper::upgrade::on(opened).await.map_err(unreachable)?);
    if !https {
        return over(stream, request).await;
    }
    let address = pod["status"]["podIP"].as_str().unwrap_or(name);
    over(unverified::wrap(stream, address).await.map_err(unreachable)?, request).await
}
