//! `/containerLogs`: a container's output as plain text.

use axum::{
    body::Body,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use serde::Deserialize;

use super::Server;
use crate::{
    desired,
    observed::{ObservedPod, State as ContainerState},
    runtime::{LogQuery, Runtime, RuntimeError},
};

/// `PodLogOptions` as the kubelet's port takes them.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    follow: Option<String>,
    previous: Option<String>,
    timestamps: Option<String>,
    since_seconds: Option<i64>,
    since_time: Option<String>,
    tail_lines: Option<u64>,
    limit_bytes: Option<u64>,
}

type Refusal = (StatusCode, String);

pub async fn container_logs<R: Runtime>(
    State(server): State<Server<R>>,
    Path((namespace, pod, container)): Path<(String, String, String)>,
    Query(options): Query<Options>,
) -> Response {
    match open(&server, &namespace, &pod, &container, &options).await {
        Ok(body) => ([(header::CONTENT_TYPE, "text/plain")], body).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn open<R: Runtime>(
    server: &Server<R>,
    namespace: &str,
    name: &str,
    container: &str,
    options: &Options,
) -> Result<Body, Refusal> {
    let query = query(options, Timestamp::now())?;
    let missing = || (StatusCode::NOT_FOUND, format!("pod {name:?} not found in namespace {namespace:?}"));
    let pod = server.directory.get(namespace, name).ok_or_else(missing)?;
    let uid = pod.metadata.uid.clone().unwrap_or_default();
    let observed = server.runtime.observe(&uid).await.map_err(failed)?;
    let id = instance(&pod, &observed, container, is_true(&options.previous))?;
    let lines = server.runtime.logs(&id, &query).await.map_err(failed)?;
    let lines = lines.scan((), |(), chunk| {
        if let Err(error) = &chunk {
            tracing::debug!(%error, "log ended early");
        }
        futures::future::ready(chunk.ok())
    });
    Ok(Body::from_stream(limited(lines, options.limit_bytes).map(Ok::<_, std::convert::Infallible>)))
}

fn query(options: &Options, now: Timestamp) -> Result<LogQuery, Refusal> {
    let since = match (&options.since_time, options.since_seconds) {
        (Some(time), _) => Some(
            time.parse()
                .map_err(|error| (StatusCode::BAD_REQUEST, format!("sinceTime {time:?} is not a time: {error}")))?,
        ),
        (None, Some(seconds)) => now.checked_sub(SignedDuration::from_secs(seconds)).ok(),
        (None, None) => None,
    };
    Ok(LogQuery {
        follow: is_true(&options.follow) && !is_true(&options.previous),
        tail: options.tail_lines,
        since,
        timestamps: is_true(&options.timestamps),
    })
}

/// As Go reads booleans in a query: present and empty is true.
fn is_true(option: &Option<String>) -> bool {
    matches!(option.as_deref(), Some("" | "1" | "t" | "T" | "true" | "TRUE" | "True"))
}

/// The runtime's id of the instance whose log is meant.
fn instance(pod: &Pod, observed: &ObservedPod, container: &str, previous: bool) -> Result<String, Refusal> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let refuse = |message: String| Err((StatusCode::BAD_REQUEST, message));
    if !desired::spec(pod).containers.iter().any(|wanted| wanted.name == container) {
        let message = format!("container {container:?} not found in pod {name:?}");
        return Err((StatusCode::NOT_FOUND, message));
    }
    let mut ran = observed.instances(container).filter(|instance| instance.state != ContainerState::Created);
    if previous {
        let ended = match observed.container(container) {
            Some(newest) if newest.state.exit().is_some() => ran.next(),
            _ => ran.nth(usize::from(ran_now(observed, container))),
        };
        return match ended {
            Some(instance) => Ok(instance.id.clone()),
            None => refuse(format!("previous terminated container {container:?} in pod {name:?} not found")),
        };
    }
    match ran.next() {
        Some(instance) => Ok(instance.id.clone()),
        None => {
            let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
            let said = statuses.into_iter().flatten().find(|status| status.name == container);
            let waiting = said.and_then(|said| said.state.as_ref()?.waiting.as_ref()?.reason.as_deref());
            let reason = waiting.unwrap_or("ContainerCreating");
            refuse(format!("container {container:?} in pod {name:?} is waiting to start: {reason}"))
        }
    }
}

fn ran_now(observed: &ObservedPod, container: &str) -> bool {
    observed.container(container).is_some_and(|newest| newest.state.is_running())
}

fn limited(
    lines: impl Stream<Item = Bytes> + Send + 'static,
    limit: Option<u64>,
) -> impl Stream<Item = Bytes> + Send + 'static {
    let Some(limit) = limit else { return lines.boxed() };
    let limited = stream::unfold((lines.boxed(), limit), |(mut lines, left)| async move {
        if left == 0 {
            return None;
        }
        let mut chunk = lines.next().await?;
        chunk.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        let left = left - chunk.len() as u64;
        Some((chunk, (lines, left)))
    });
    limited.boxed()
}

fn failed(error: RuntimeError) -> Refusal {
    match error {
        RuntimeError::NotFound(message) => (StatusCode::NOT_FOUND, message),
        RuntimeError::Unavailable(message) => (StatusCode::SERVICE_UNAVAILABLE, message),
        other => (StatusCode::INTERNAL_SERVER_ERROR, other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::observed::{Container, Exit};

    fn pod() -> Pod {
        serde_json::from_value(json!({"metadata":{"name":"web"},"spec":{"containers":[{"name":"c"}]},
            "status":{"containerStatuses":[{"name":"c","image":"","imageID":"","ready":false,"restartCount":0,
                "state":{"waiting":{"reason":"ImagePullBackOff"}}}]}}))
        .expect("a pod")
    }

    fn observed(states: &[&str]) -> ObservedPod {
        let now = Timestamp::UNIX_EPOCH;
        let container = |(attempt, state): (usize, &&str)| Container {
            id: format!("id{attempt}"),
            name: "c".into(),
            attempt: attempt as u32,
            spec_hash: String::new(),
            image: String::new(),
            image_id: String::new(),
            sandbox: String::new(),
            state: match *state {
                "created" => ContainerState::Created,
                "running" => ContainerState::Running { started: now },
                _ => ContainerState::Exited(Exit {
                    started: None,
                    finished: now,
                    code: 1,
                    oom_killed: false,
                    error: String::new(),
                }),
            },
        };
        ObservedPod { sandboxes: vec![], containers: states.iter().enumerate().map(container).collect() }
    }

    #[test]
    fn previous_is_the_one_that_ended_last() {
        let previous = |states: &[&str]| instance(&pod(), &observed(states), "c", true).map_err(|(_, message)| message);
        let none = || Err("previous terminated container \"c\" in pod \"web\" not found".to_owned());
        assert_eq!(previous(&["exited", "running"]), Ok("id0".into()));
        assert_eq!(previous(&["exited"]), Ok("id0".into()));
        assert_eq!(previous(&["exited", "created"]), Ok("id0".into()));
        assert_eq!(previous(&["running"]), none());
        assert_eq!(previous(&[]), none());
    }

    #[test]
    fn the_current_log_is_the_newest_instances_that_ran() {
        let current = |states: &[&str]| instance(&pod(), &observed(states), "c", false).map_err(|(_, message)| message);
        assert_eq!(current(&["exited", "running"]), Ok("id1".into()));
        assert_eq!(current(&["exited", "created"]), Ok("id0".into()));
        assert_eq!(
            current(&[]),
            Err("container \"c\" in pod \"web\" is waiting to start: ImagePullBackOff".to_owned())
        );
        assert!(instance(&pod(), &observed(&[]), "other", false).is_err());
    }

    #[tokio::test]
    async fn a_limit_cuts_the_log_at_that_byte() {
        let chunks = stream::iter(["abc", "def", "ghi"].map(Bytes::from));
        let kept: Vec<_> = limited(chunks, Some(5)).collect().await;
        assert_eq!(kept.concat(), b"abcde");
    }
}
