//! `nodes/proxy`: what a node's agent serves on its own port, such as `stats/summary`, for those who may read it here.

use axum::response::Response;
use http::{HeaderMap, Uri, header};
use timonier_api::status::Status;

use super::call::Call;
use super::log;
use crate::respond;

/// Passed on of the agent's answer.
const HEADERS: [header::HeaderName; 2] = [header::CONTENT_TYPE, header::CACHE_CONTROL];

pub async fn get(call: &mut Call) -> Result<Response, Status> {
    let node = call.info.name.clone();
    // `kubectl` may say which of the node's ports it means; there is only the agent's.
    let node = node.split(':').next().unwrap_or_default();
    let authority = log::agent(call, node).await?;
    let path = format!("/{}{}", rest(&call.info.path), call.query.to_text());
    let uri = Uri::builder().scheme("https").authority(authority).path_and_query(path).build();
    let uri = uri.map_err(|error| Status::bad_request(format!("the path to proxy to: {error}")))?;
    let answer = call.app.agents.get(uri).await?;
    let (code, headers) = (answer.status(), kept(answer.headers()));
    let mut response = respond::typed(code, "text/plain", log::stream(call, answer.into_body()));
    response.headers_mut().extend(headers);
    Ok(response)
}

fn kept(headers: &HeaderMap) -> HeaderMap {
    let kept = HEADERS.into_iter().filter_map(|name| Some((name.clone(), headers.get(name)?.clone())));
    kept.collect()
}

/// What follows `/proxy/`, as it was written.
fn rest(path: &str) -> &str {
    path.split_once("/proxy/").map_or("", |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_the_proxy_is_the_agents_path() {
        assert_eq!(rest("/api/v1/nodes/n1/proxy/stats/summary"), "stats/summary");
        assert_eq!(rest("/api/v1/nodes/n1/proxy/a/proxy/b"), "a/proxy/b");
        assert_eq!(rest("/api/v1/nodes/n1/proxy"), "");
    }
}
