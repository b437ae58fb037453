//! `pods/log`: what a container wrote, streamed from the agent of its node.

use axum::body::Body;
use axum::response::Response;
use futures::StreamExt;
use http::{HeaderValue, StatusCode, Uri, header};
use http_body_util::{BodyExt, BodyStream, Limited};
use hyper::body::Incoming;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use timonier_api::status::Status;

use super::call::Call;
use crate::object::{Object, meta};
use crate::respond;

/// What is read of an agent's error, in bytes.
pub(super) const ERROR_LIMIT: usize = 64 << 10;

const OPTIONS: [&str; 8] =
    ["follow", "previous", "sinceSeconds", "sinceTime", "timestamps", "tailLines", "limitBytes", "stream"];

pub async fn log(call: &mut Call) -> Result<Response, Status> {
    let name = call.info.name.clone();
    let pod = Object::of(&*call.entry(&name).await?)?.stored_value()?;
    let container = container(&pod, call.query.get("container"))?;
    let node = pod["spec"]["nodeName"].as_str().unwrap_or("");
    if node.is_empty() {
        return Err(Status::bad_request(format!("pod {name} does not have a host assigned")));
    }
    let uri = uri(call, node, &container).await?;
    let answer = call.app.agents.get(uri).await?;
    let code = answer.status();
    if !code.is_success() {
        let body = Limited::new(answer.into_body(), ERROR_LIMIT).collect().await;
        let text = body.map(|body| String::from_utf8_lossy(&body.to_bytes()).trim().to_string()).unwrap_or_default();
        if let Ok(status) = serde_json::from_str::<Status>(&text) {
            return Err(status);
        }
        let reason = if code == StatusCode::NOT_FOUND { "NotFound" } else { "BadRequest" };
        return Err(Status::failure(code.as_u16(), reason, text));
    }
    let mut response = respond::typed(StatusCode::OK, "text/plain", stream(call, answer.into_body()));
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

/// What an agent sends, passed on as it comes, until the server drains.
pub(super) fn stream(call: &Call, body: Incoming) -> Body {
    let counted = call.app.metrics.long_running(&call.info);
    let stop = call.app.stop.clone().cancelled_owned();
    let frames = BodyStream::new(body)
        .filter_map(async |frame| frame.map(|frame| frame.into_data().ok()).transpose())
        .take_until(stop)
        .inspect(move |_| {
            // Counted for as long as the stream lives.
            let _ = &counted;
        });
    Body::from_stream(frames)
}

/// The container whose log is asked for: the one named, the only one, or the one that an annotation names.
pub(super) fn container(pod: &Value, asked: Option<&str>) -> Result<String, Status> {
    let names = |list: &str| -> Vec<String> {
        let containers = pod["spec"][list].as_array();
        containers
            .map(|list| list.iter().filter_map(|c| c["name"].as_str().map(str::to_string)).collect())
            .unwrap_or_default()
    };
    let (main, init, ephemeral) = (names("containers"), names("initContainers"), names("ephemeralContainers"));
    let pod_name = meta::text(pod, "name");
    let asked = asked.or_else(|| pod["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"].as_str());
    match asked {
        Some(asked) if main.iter().chain(&init).chain(&ephemeral).any(|name| name == asked) => Ok(asked.to_string()),
        Some(asked) => Err(Status::bad_request(format!("container {asked} is not valid for pod {pod_name}"))),
        None if main.len() == 1 && init.is_empty() && ephemeral.is_empty() => Ok(main[0].clone()),
        None => {
            let mut message =
                format!("a container name must be specified for pod {pod_name}, choose one of: [{}]", main.join(" "));
            if !init.is_empty() {
                message.push_str(&format!(" or one of the init containers: [{}]", init.join(" ")));
            }
            if !ephemeral.is_empty() {
                message.push_str(&format!(" or one of the ephemeral containers: [{}]", ephemeral.join(" ")));
            }
            Err(Status::bad_request(message))
        }
    }
}

/// Address and port of a node's agent.
pub(super) async fn agent(call: &Call, node: &str) -> Result<String, Status> {
    let snapshot = call.fresh().await?;
    let entry = snapshot
        .get(&format!("nodes/{node}"))
        .ok_or_else(|| Status::not_found(&timonier_api::kind::GroupResource::new("", "nodes"), node))?;
    crate::agents::authority(&Object::of(entry)?.stored_value()?, node)
}

async fn uri(call: &Call, node: &str, container: &str) -> Result<Uri, Status> {
    let authority = agent(call, node).await?;
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let options: Vec<String> =
        OPTIONS.iter().filter_map(|option| Some(format!("{option}={}", encode(call.query.get(option)?)))).collect();
    let path = format!("/containerLogs/{}/{}/{container}?{}", call.namespace(), call.info.name, options.join("&"));
    Uri::builder().scheme("https").authority(authority).path_and_query(path).build().map_err(Status::internal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_container_is_the_one_named_or_the_only_one() {
        let two = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "a"}, {"name": "b"}]}});
        let one = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "a"}]}});
        let mut debugged = one.clone();
        debugged["spec"]["initContainers"] = json!([{"name": "i"}]);
        debugged["spec"]["ephemeralContainers"] = json!([{"name": "e"}]);
        assert_eq!(container(&debugged, Some("e")).ok().as_deref(), Some("e"));
        assert_eq!(container(&debugged, Some("i")).ok().as_deref(), Some("i"));
        assert_eq!(container(&one, None).ok().as_deref(), Some("a"));
        assert_eq!(container(&two, Some("b")).ok().as_deref(), Some("b"));
        let refused = |pod: &Value, asked| container(pod, asked).err().map(|status| status.message);
        assert_eq!(
            refused(&two, None).as_deref(),
            Some("a container name must be specified for pod p, choose one of: [a b]")
        );
        assert_eq!(
            refused(&debugged, None).as_deref(),
            Some(
                "a container name must be specified for pod p, choose one of: [a] or one of the init containers: [i] or one of the ephemeral containers: [e]"
            )
        );
        assert_eq!(refused(&one, Some("x")).as_deref(), Some("container x is not valid for pod p"));
    }
}
