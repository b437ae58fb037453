//! Telling the API server a pod's status: the newest only, when it differs from what the server has, one write at a time.

use std::{sync::Arc, time::Duration};

use futures::FutureExt;
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kube::{
    Client,
    api::{Patch, PatchParams},
    core::Request,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use timonier_client::{Resource, Revision};
use timonier_telemetry::span;
use tokio::{
    sync::Semaphore,
    task::JoinHandle,
    time::{Instant, sleep_until},
};
use tracing::Instrument;

use crate::{
    node::{WriteError, in_time},
    status,
};

const PODS: Resource = Resource::of("", "v1", "pods");
const FIELD_MANAGER: &str = "timonier-nodeagent";
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LAST_RETRY: Duration = Duration::from_secs(10);

/// The fields of a pod's status that the agent owns.
const FIELDS: [&str; 12] = [
    "observedGeneration",
    "conditions",
    "phase",
    "reason",
    "message",
    "hostIPs",
    "podIP",
    "podIPs",
    "startTime",
    "initContainerStatuses",
    "containerStatuses",
    "ephemeralContainerStatuses",
];

/// What the server says that it has after a write.
#[derive(Deserialize)]
struct Reported {
    metadata: Version,
    #[serde(default)]
    status: PodStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    resource_version: Revision,
}

type Answer = Result<Reported, WriteError>;

pub struct Reporter {
    client: Client,
    turns: Arc<Semaphore>,
    namespace: String,
    name: String,
    uid: String,
    /// What should be there.
    wanted: Option<Value>,
    /// The status that this was made of.
    told: Option<PodStatus>,
    /// What the server has, at this revision.
    known: Value,
    revision: u64,
    /// What was accepted last, until somebody else writes: the server may keep it in other words.
    accepted: Option<Value>,
    in_flight: Option<(Value, JoinHandle<Answer>)>,
    retry: Option<(Instant, Duration)>,
    /// The pod is gone: nobody wants to know.
    gone: bool,
}

impl Reporter {
    /// `turns` bounds the writes at once of all pods together.
    pub fn new(client: Client, turns: Arc<Semaphore>, namespace: String, name: String, uid: String) -> Self {
        Reporter {
            client,
            turns,
            namespace,
            name,
            uid,
            wanted: None,
            told: None,
            known: Value::Null,
            revision: 0,
            accepted: None,
            in_flight: None,
            retry: None,
            gone: false,
        }
    }

    /// Takes what a watch or an answer says the server has; older news are ignored.
    pub fn seen(&mut self, pod: &Pod) {
        let revision = pod.metadata.resource_version.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0);
        self.know(revision, pod.status.as_ref().unwrap_or(&PodStatus::default()));
    }

    fn know(&mut self, revision: u64, status: &PodStatus) {
        if revision > self.revision || self.revision == 0 {
            self.revision = revision;
            self.known = own(status);
            self.accepted = None;
        }
    }

    /// Takes whom to tell from now on: a mirror, which comes and goes while its pod runs. `None`: nobody yet.
    pub fn address(&mut self, mirror: Option<&Pod>) {
        let uid = mirror.and_then(|mirror| mirror.metadata.uid.as_deref()).unwrap_or_default();
        if self.uid != uid {
            if let Some((_, write)) = self.in_flight.take() {
                write.abort();
            }
            self.uid = uid.to_owned();
            (self.known, self.revision, self.accepted, self.retry) = (Value::Null, 0, None, None);
            self.gone = mirror.is_none();
        }
        if let Some(mirror) = mirror {
            self.seen(mirror);
        }
    }

    pub fn want(&mut self, status: &PodStatus) {
        // Most turns of a worker change nothing.
        if self.told.as_ref() != Some(status) {
            self.wanted = Some(own(status));
            self.told = Some(status.clone());
        }
    }

    pub fn is_clean(&self) -> bool {
        let said = self.wanted.is_none() || self.wanted.as_ref() == Some(&self.known) || self.wanted == self.accepted;
        self.gone || (said && self.in_flight.is_none())
    }

    /// Writes what is to be written, if no write is under way and none must wait.
    pub fn start(&mut self) {
        if self.is_clean() || self.in_flight.is_some() || self.retry.is_some_and(|(at, _)| at > Instant::now()) {
            return;
        }
        let Some(wanted) = self.wanted.clone() else { return };
        let patch = patch(&self.uid, &wanted, &self.known);
        let (client, turns) = (self.client.clone(), self.turns.clone());
        let (namespace, name) = (self.namespace.clone(), self.name.clone());
        let span = span!("report status", namespace = &*namespace, pod = &*name);
        let write = async move {
            let _turn = turns.acquire().await;
            let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
            let request = Request::new(PODS.path(Some(&namespace)));
            let request = request.patch_subresource("status", &name, &parameters, &Patch::Strategic(patch));
            in_time(client.request(request.map_err(kube::Error::BuildRequest)?)).await
        };
        self.in_flight = Some((wanted, tokio::spawn(write.instrument(span))));
    }

    /// Works until everything is said, then never ends. Safe to drop at any point.
    pub async fn work(&mut self) {
        loop {
            self.start();
            let clean = self.is_clean();
            match (&mut self.in_flight, self.retry) {
                (Some((_, write)), _) => {
                    let answer = write.await;
                    self.answered(answer.ok());
                }
                (None, Some((at, _))) if !clean => sleep_until(at).await,
                _ => std::future::pending().await,
            }
        }
    }

    /// Says everything now. `false`: the server did not take it; try again later.
    pub async fn flush(&mut self) -> bool {
        self.retry = None;
        while !self.is_clean() {
            self.start();
            if let Some((_, write)) = &mut self.in_flight {
                let answer = write.await;
                self.answered(answer.ok());
            }
            if self.retry.is_some() {
                return false;
            }
        }
        true
    }

    /// Takes an answer that has come, without waiting for it.
    pub fn collect(&mut self) {
        if let Some((_, write)) = &mut self.in_flight
            && let Some(answer) = write.now_or_never()
        {
            self.answered(answer.ok());
        }
    }

    /// `None`: the write itself was lost.
    fn answered(&mut self, answer: Option<Answer>) {
        let sent = self.in_flight.take().map(|(sent, _)| sent);
        match answer {
            Some(Ok(Reported { metadata, status })) => {
                self.know(metadata.resource_version.0, &status);
                self.accepted = sent;
                self.retry = None;
            }
            Some(Err(WriteError::Api(kube::Error::Api(status)))) => match status.code {
                404 => self.gone = true,
                // Another pod of this name is there by now.
                409 if status.message.contains("uid") => self.gone = true,
                // The same again would be refused again.
                400 | 403 | 422 => {
                    tracing::warn!(pod = self.name, message = status.message, "status refused");
                    self.accepted = sent;
                    self.retry = None;
                }
                _ => self.try_later(&status.message),
            },
            Some(Err(error)) => self.try_later(&error.to_string()),
            None => self.try_later("the write was lost"),
        }
    }

    fn try_later(&mut self, error: &str) {
        let delay = self.retry.map_or(FIRST_RETRY, |(_, delay)| (delay * 2).min(LAST_RETRY));
        tracing::debug!(pod = self.name, error, "status not written");
        self.retry = Some((Instant::now() + delay, delay));
    }
}

fn own(status: &PodStatus) -> Value {
    let all = serde_json::to_value(status).unwrap_or_default();
    let field = |name: &str| Some((name.to_owned(), all.get(name).filter(|value| !value.is_null())?.clone()));
    Value::Object(FIELDS.into_iter().filter_map(field).collect())
}

/// A strategic merge patch. Lists that merge by key need their leftovers named.
fn patch(uid: &str, wanted: &Value, known: &Value) -> Value {
    let mut status: Map<String, Value> = wanted.as_object().cloned().unwrap_or_default();
    for field in FIELDS {
        if wanted.get(field).is_none() && known.get(field).is_some() {
            status.insert(field.to_owned(), Value::Null);
        }
    }
    for condition in status.get_mut("conditions").and_then(Value::as_array_mut).into_iter().flatten() {
        for field in ["reason", "message"] {
            if condition.get(field).is_none() {
                condition[field] = Value::Null;
            }
        }
    }
    for gone in named(known, "conditions").filter(|type_| status::PASSING_CONDITIONS.contains(type_)) {
        if !named(wanted, "conditions").any(|type_| type_ == gone)
            && let Some(conditions) = status.get_mut("conditions").and_then(Value::as_array_mut)
        {
            conditions.push(json!({"$patch": "delete", "type": gone}));
        }
    }
    for list in ["podIPs", "hostIPs"] {
        let (before, after) = (known.get(list), status.get_mut(list));
        if let (Some(before), Some(Value::Array(after))) = (before, after)
            && *before != Value::Array(after.clone())
        {
            after.push(json!({"$patch": "replace"}));
        }
    }
    if let Some(ip) = status.get("hostIPs").and_then(|ips| ips[0]["ip"].as_str()).map(str::to_owned) {
        status.insert("hostIP".to_owned(), ip.into());
    }
    json!({"metadata": {"uid": uid}, "status": status})
}

/// The types of a list of conditions.
fn named<'a>(status: &'a Value, list: &str) -> impl Iterator<Item = &'a str> {
    status.get(list).and_then(Value::as_array).into_iter().flatten().filter_map(|one| one["type"].as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_takes_back_what_is_no_longer_said() {
        let known = json!({"phase":"Failed","reason":"Evicted","podIPs":[{"ip":"10.0.0.2"}]});
        let wanted = json!({"phase":"Running","podIPs":[{"ip":"10.0.0.3"}],
            "conditions":[{"type":"Ready","status":"True"}]});
        let patch = patch("u", &wanted, &known);
        assert_eq!(
            patch,
            json!({"metadata":{"uid":"u"},"status":{
                "phase":"Running","reason":null,
                "podIPs":[{"ip":"10.0.0.3"},{"$patch":"replace"}],
                "conditions":[{"type":"Ready","status":"True","reason":null,"message":null}]}})
        );
    }
}
