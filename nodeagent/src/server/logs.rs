//! `/containerLogs`: a container's output as plain text.

use axum::{
    body::Body,
    extract::{Path, RawQuery, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use percent_encoding::percent_decode_str;

use super::Server;
use crate::{
    desired::roster,
    observed::{ObservedPod, State as ContainerState},
    runtime::{LogQuery, Runtime, RuntimeError},
};

/// `PodLogOptions` as the kubelet's port takes them.
#[derive(Debug, Default, PartialEq)]
struct Options {
    follow: bool,
    previous: bool,
    timestamps: bool,
    since_seconds: Option<i64>,
    since_time: Option<Timestamp>,
    tail_lines: Option<u64>,
    limit_bytes: Option<u64>,
}

impl Options {
    /// Unknown names are left to newer versions.
    fn parse(query: &str) -> Result<Options, String> {
        let mut options = Options::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value).decode_utf8_lossy();
            let value = value.as_ref();
            match name {
                "follow" => options.follow = boolean(name, value)?,
                "previous" => options.previous = boolean(name, value)?,
                "timestamps" => options.timestamps = boolean(name, value)?,
                "sinceSeconds" => options.since_seconds = Some(parsed(name, value)?),
                "sinceTime" => options.since_time = Some(parsed(name, value)?),
                "tailLines" => options.tail_lines = Some(parsed(name, value)?),
                "limitBytes" => options.limit_bytes = Some(parsed(name, value)?),
                _ => {}
            }
        }
        Ok(options)
    }

    fn query(&self, now: Timestamp) -> LogQuery {
        let ago = self.since_seconds.and_then(|seconds| now.checked_sub(SignedDuration::from_secs(seconds)).ok());
        LogQuery {
            follow: self.follow && !self.previous,
            tail: self.tail_lines,
            since: self.since_time.or(ago),
            timestamps: self.timestamps,
        }
    }
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(name: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|error| format!("{name}: {value:?}: {error}"))
}

/// As Go reads booleans in a query: present and empty is true.
pub fn boolean(name: &str, value: &str) -> Result<bool, String> {
    match value {
        "" | "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("{name}: {value:?} is neither true nor false")),
    }
}

pub type Refusal = (StatusCode, String);

pub async fn container_logs<R: Runtime>(
    State(server): State<Server<R>>,
    Path((namespace, pod, container)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    let options = match Options::parse(query.as_deref().unwrap_or_default()) {
        Ok(options) => options,
        Err(message) => return (StatusCode::BAD_REQUEST, message).into_response(),
    };
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
    let query = options.query(Timestamp::now());
    let missing = || format!("pod {name:?} not found in namespace {namespace:?}");
    let pod = server.pod(namespace, name, missing).await?;
    let uid = pod.metadata.uid.clone().unwrap_or_default();
    let observed = server.runtime.observe(&uid).await.map_err(failed)?;
    let id = instance(&pod, &observed, container, options.previous)?;
    let lines = server.runtime.logs(&id, &query).await.map_err(failed)?;
    let lines = lines.scan((), |(), chunk| {
        if let Err(error) = &chunk {
            tracing::debug!(%error, "log ended early");
        }
        futures::future::ready(chunk.ok())
    });
    Ok(Body::from_stream(limited(lines, options.limit_bytes).map(Ok::<_, std::convert::Infallible>)))
}

/// The runtime's id of the instance whose log is meant.
fn instance(pod: &Pod, observed: &ObservedPod, container: &str, previous: bool) -> Result<String, Refusal> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let refuse = |message: String| Err((StatusCode::BAD_REQUEST, message));
    let Some(member) = roster::member(pod, container) else {
        let message = format!("container {container:?} not found in pod {name:?}");
        return Err((StatusCode::NOT_FOUND, message));
    };
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
            let statuses = pod.status.as_ref().map(|status| member.sort.statuses(status)).unwrap_or_default();
            let said = statuses.iter().find(|status| status.name == container);
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

pub(super) fn failed(error: RuntimeError) -> Refusal {
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

    #[test]
    fn options_are_read_as_the_api_server_sends_them() {
        let read = Options::parse("follow=true&tailLines=5&sinceTime=2026-01-02T03%3A04%3A05Z&new=1").expect("read");
        assert!(read.follow && !read.previous);
        assert_eq!(read.tail_lines, Some(5));
        let since = read.query(Timestamp::UNIX_EPOCH).since.expect("a time");
        assert_eq!(since.to_string(), "2026-01-02T03:04:05Z");
        assert_eq!(
            Options::parse("tailLines=-1").err().as_deref(),
            Some("tailLines: \"-1\": invalid digit found in string")
        );
    }

    #[tokio::test]
    async fn a_limit_cuts_the_log_at_that_byte() {
        let chunks = stream::iter(["abc", "def", "ghi"].map(Bytes::from));
        let kept: Vec<_> = limited(chunks, Some(5)).collect().await;
        assert_eq!(kept.concat(), b"abcde");
    }
}
