//! Makes pods go, one by eviction or deletion each, all at once, and waits until they are gone.

use super::filter::full_name;
use crate::cluster::objects::Item;
use crate::cluster::until::until;
use crate::cluster::{Call, Session};
use crate::error::Error;
use crate::flags::DryRun;
use crate::output;
use futures::{StreamExt, stream};
use http::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How pods are made to go.
#[derive(Clone, Copy, Debug)]
pub struct Means {
    /// Seconds; negative: the pod's own.
    pub grace_period: i64,
    /// Deletes, so that nothing can refuse.
    pub disable_eviction: bool,
    /// None waits as long as it takes.
    pub timeout: Option<Duration>,
    pub dry_run: DryRun,
}

/// After a refusal by a disruption budget.
const AGAIN: Duration = Duration::from_secs(5);
/// Pods at once.
const IN_FLIGHT: usize = 100;

pub async fn all(session: &Session, pods: Vec<Item>, means: Means) -> Result<(), Error> {
    let end = means.timeout.map(|limit| Instant::now() + limit);
    let going = stream::iter(pods).map(|pod| one(session, pod, means, end)).buffer_unordered(IN_FLIGHT);
    let errors = going.filter_map(|result| async { result.err() }).collect().await;
    Error::collect(errors)
}

async fn one(session: &Session, pod: Item, means: Means, end: Option<Instant>) -> Result<(), Error> {
    let uid = pod.object["metadata"]["uid"].clone();
    let title = format!("pods/{:?} -n {:?}", pod.name, pod.namespace);
    if means.disable_eviction {
        match delete(session, &pod, means).await {
            Err(error) if !error.is_not_found() => return Err(error),
            _ => {}
        }
    } else {
        loop {
            output::line(format!("evicting pod {}{}", full_name(&pod.object), means.dry_run.suffix()))?;
            match evict(session, &pod, means).await {
                Ok(()) => break,
                Err(error) if error.is_not_found() => break,
                Err(error) if error.reason() == Some("TooManyRequests") => {
                    let after = go_duration(AGAIN);
                    output::note(format!("error when evicting {title} (will retry after {after}): {error}"));
                    if end.is_some_and(|end| end <= Instant::now() + AGAIN) {
                        let limit = go_duration(means.timeout.unwrap_or_default());
                        let why = format!("error when evicting {title}: global timeout reached: {limit}");
                        return Err(Error::usage(why));
                    }
                    tokio::time::sleep(AGAIN).await;
                }
                Err(error) => return Err(error.context(&format!("error when evicting {title}"))),
            }
        }
    }
    if means.dry_run == DryRun::Server {
        return Ok(());
    }
    let gone = |found: Option<&Value>| Ok(found.is_none_or(|found| found["metadata"]["uid"] != uid).then_some(()));
    let left = end.map(|end| end.saturating_duration_since(Instant::now()));
    if until(session, &pod, left, gone).await?.is_none() {
        return Err(Error::usage(format!(
            "error when waiting for pod {:?} in namespace {:?} to terminate: context deadline exceeded",
            pod.name, pod.namespace
        )));
    }
    let verb = if means.disable_eviction { "deleted" } else { "evicted" };
    output::line(format!("{} {verb}", pod.title()))
}

fn options(means: Means) -> Value {
    let mut options = json!({});
    if means.grace_period >= 0 {
        options["gracePeriodSeconds"] = means.grace_period.into();
    }
    if means.dry_run == DryRun::Server {
        options["dryRun"] = json!(["All"]);
    }
    options
}

async fn evict(session: &Session, pod: &Item, means: Means) -> Result<(), Error> {
    let eviction = json!({
        "apiVersion": "policy/v1", "kind": "Eviction",
        "metadata": {"name": pod.name, "namespace": pod.namespace},
        "deleteOptions": options(means),
    });
    session.json(Call::new(Method::POST, format!("{}/eviction", pod.path())).json(&eviction)).await.map(drop)
}

async fn delete(session: &Session, pod: &Item, means: Means) -> Result<(), Error> {
    session.json(Call::new(Method::DELETE, pod.path()).json(&options(means))).await.map(drop)
}

/// As Go prints whole seconds: `5s`, `1m30s`.
fn go_duration(duration: Duration) -> String {
    let (seconds, millis) = (duration.as_secs(), duration.subsec_millis());
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0) => format!("{millis}ms"),
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds}s"),
        (hours, minutes, seconds) => format!("{hours}h{minutes}m{seconds}s"),
    }
}
