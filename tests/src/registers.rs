//! ConfigMaps as registers: each holds one value that is read and changed under compare-and-set. What was answered is told
//! apart by what it means for the register.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use anyhow::{Context, Result};
use http::Request;
use kube::Client;
use serde_json::{Value, json};

/// What a register holds, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub revision: u64,
    pub value: String,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<T> {
    Done(T),
    /// Nothing was done, says the server.
    Refused(Refusal),
    /// It may have been done, or may still be. The reason.
    Unknown(String),
    /// It never left.
    Unsent,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: u16,
    pub reason: String,
    pub message: String,
}

/// How old an answer may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// Linearizable: `resourceVersion` unset.
    Newest,
    /// `resourceVersion=0`.
    Any,
    /// At this revision or later.
    NotOlderThan(u64),
}

/// All registers of a namespace, through one server.
#[derive(Clone)]
pub struct Registers {
    client: Client,
    /// When an answer is given up.
    patience: Duration,
}

const PATH: &str = "/api/v1/namespaces/default/configmaps";
/// Other ConfigMaps are nobody's registers.
const LABEL: &str = "register";

impl Registers {
    pub fn new(client: Client, patience: Duration) -> Registers {
        Registers { client, patience }
    }

    pub async fn create(&self, name: &str, value: &str) -> Outcome<Version> {
        self.send(Request::post(PATH), object(name, None, value)).await.and_then(version)
    }

    /// Replaces what was written at revision `at`.
    pub async fn replace(&self, name: &str, at: u64, value: &str) -> Outcome<Version> {
        self.send(Request::put(format!("{PATH}/{name}")), object(name, Some(at), value)).await.and_then(version)
    }

    /// Deletes what was written at revision `at`.
    pub async fn delete(&self, name: &str, at: u64) -> Outcome<()> {
        let options = json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"resourceVersion": at.to_string()},
        });
        self.send(Request::delete(format!("{PATH}/{name}")), options).await.and_then(|_| Ok(()))
    }

    /// `None`: there is no such register.
    pub async fn read(&self, name: &str, age: Age) -> Outcome<Option<Version>> {
        let query = match age {
            Age::Newest => String::new(),
            Age::Any => "?resourceVersion=0".to_owned(),
            Age::NotOlderThan(revision) => format!("?resourceVersion={revision}"),
        };
        match self.send(Request::get(format!("{PATH}/{name}{query}")), Value::Null).await {
            Outcome::Refused(refusal) if refusal.code == 404 => Outcome::Done(None),
            other => other.and_then(version).map(Some),
        }
    }

    /// All registers, as they were at a revision, or as they are; and the revision of that state.
    pub async fn list(&self, at: Option<u64>) -> Outcome<(u64, BTreeMap<String, Version>)> {
        let at = at.map(|at| format!("&resourceVersion={at}&resourceVersionMatch=Exact")).unwrap_or_default();
        let request = Request::get(format!("{PATH}?labelSelector={LABEL}{at}"));
        self.send(request, Value::Null).await.and_then(|list| {
            let revision = revision(&list)?;
            let items = list["items"].as_array().context("a list without items")?;
            let named = items.iter().map(|item| {
                let name = item["metadata"]["name"].as_str().context("an item without a name")?;
                Ok((name.to_owned(), version(item.clone())?))
            });
            Ok((revision, named.collect::<Result<_>>()?))
        })
    }

    async fn send(&self, request: http::request::Builder, body: Value) -> Outcome<Value> {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let request = match request.header("content-type", "application/json").body(body) {
            Ok(request) => request,
            Err(error) => return Outcome::Unknown(error.to_string()),
        };
        match tokio::time::timeout(self.patience, self.client.request_text(request)).await {
            Ok(Ok(text)) => match serde_json::from_str(&text) {
                Ok(answer) => Outcome::Done(answer),
                Err(error) => Outcome::Unknown(format!("{error} in the answer {text}")),
            },
            Ok(Err(kube::Error::Api(status))) => {
                let (reason, message) = (status.reason.clone(), status.message.clone());
                let refusal = Refusal { code: status.code, reason, message };
                match refusal.code {
                    503 | 400..500 => Outcome::Refused(refusal),
                    _ => Outcome::Unknown(format!("{} {}: {}", refusal.code, refusal.reason, refusal.message)),
                }
            }
            Ok(Err(error)) if never_left(&error) => Outcome::Unsent,
            Ok(Err(error)) => Outcome::Unknown(error.to_string()),
            Err(_) => Outcome::Unknown(format!("no answer within {:?}", self.patience)),
        }
    }
}

impl<T> Outcome<T> {
    pub fn done(self) -> Option<T> {
        match self {
            Outcome::Done(done) => Some(done),
            _ => None,
        }
    }

    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Outcome<U> {
        self.and_then(|done| Ok(change(done)))
    }

    fn and_then<U>(self, read: impl FnOnce(T) -> Result<U>) -> Outcome<U> {
        match self {
            Outcome::Done(done) => match read(done) {
                Ok(read) => Outcome::Done(read),
                Err(error) => Outcome::Unknown(format!("an answer that is not understood: {error:#}")),
            },
            Outcome::Refused(refusal) => Outcome::Refused(refusal),
            Outcome::Unknown(reason) => Outcome::Unknown(reason),
            Outcome::Unsent => Outcome::Unsent,
        }
    }
}

fn object(name: &str, at: Option<u64>, value: &str) -> Value {
    let mut object = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {LABEL: ""}},
        "data": {"value": value},
    });
    if let Some(at) = at {
        object["metadata"]["resourceVersion"] = at.to_string().into();
    }
    object
}

fn version(object: Value) -> Result<Version> {
    let value = object["data"]["value"].as_str().context("a register without a value")?;
    Ok(Version { revision: revision(&object)?, value: value.to_owned() })
}

fn revision(object: &Value) -> Result<u64> {
    let revision = object["metadata"]["resourceVersion"].as_str().context("no resourceVersion")?;
    revision.parse().with_context(|| format!("resourceVersion {revision:?} is no number"))
}

/// Whether the connection for a request could not even be made.
fn never_left(error: &kube::Error) -> bool {
    let mut cause: Option<&dyn Error> = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<hyper_util::client::legacy::Error>().is_some_and(|error| error.is_connect()) {
            return true;
        }
        cause = error.source();
    }
    false
}
