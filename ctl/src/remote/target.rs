//! Which pod and which of its containers a command line means.

use crate::cluster::Session;
use crate::cluster::objects::{self, Item, list};
use crate::commands::logs::{pod_selector, telling};
use crate::error::Error;
use crate::output;
use crate::select::Query;
use crate::select::Selector;
use serde_json::Value;

/// The object that `POD` or `TYPE/NAME` names.
pub async fn object(session: &Session, word: &str) -> Result<Item, Error> {
    let word = if word.contains('/') { word.to_owned() } else { format!("pod/{word}") };
    let selector = Selector::default();
    let query = Query { words: &[word], files: None, selector: &selector, all: false, read: true };
    let objects::Selection { items, errors } = objects::select(session, query).await?;
    Error::collect(errors)?;
    items.into_iter().next().ok_or_else(|| Error::usage("no object is named"))
}

pub fn is_pod(item: &Item) -> bool {
    item.resource.plural == "pods" && item.resource.group.is_empty()
}

/// The pod itself, or the one of something's pods that runs best.
pub async fn pod_of(session: &Session, owner: Item) -> Result<Item, Error> {
    if is_pod(&owner) {
        return Ok(owner);
    }
    let pods = session.catalog().await?.resolve("pods")?;
    let selector = Selector { selector: Some(pod_selector(&owner)?), ..Selector::default() };
    let mut found = list(session, pods, &selector).await?;
    found.sort_by_cached_key(|pod| telling(&pod.object));
    let none = || Error::usage(format!("timed out waiting for the condition: {} has no pods", owner.title()));
    found.into_iter().next().ok_or_else(none)
}

fn names<'a>(pod: &'a Value, list: &str) -> impl Iterator<Item = &'a str> {
    pod["spec"][list].as_array().into_iter().flatten().filter_map(|container| container["name"].as_str())
}

/// The container that is named, else the pod's default one; several others are mentioned unless `quiet`.
pub fn container(pod: &Value, asked: Option<&str>, quiet: bool) -> Result<String, Error> {
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let every =
        || names(pod, "containers").chain(names(pod, "initContainers")).chain(names(pod, "ephemeralContainers"));
    if let Some(asked) = asked {
        let missing = || Error::usage(format!("container {asked} not found in pod {name}"));
        return every().find(|known| *known == asked).map(str::to_owned).ok_or_else(missing);
    }
    let chosen = pod["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"].as_str();
    if let Some(chosen) = chosen.filter(|chosen| every().any(|known| known == *chosen)) {
        return Ok(chosen.to_owned());
    }
    let first = names(pod, "containers").next();
    let first = first.ok_or_else(|| Error::usage(format!("no container found in pod {name}")))?;
    if every().count() > 1 && !quiet {
        let marked = |list, mark: &'static str| names(pod, list).map(move |name| format!("{name}{mark}"));
        let all = marked("containers", "")
            .chain(marked("initContainers", " (init)"))
            .chain(marked("ephemeralContainers", " (ephem)"));
        output::note(format!("Defaulted container \"{first}\" out of: {}", all.collect::<Vec<_>>().join(", ")));
    }
    Ok(first.to_owned())
}

/// Refuses a pod that has ended.
pub fn not_completed(pod: &Value, doing: &str) -> Result<(), Error> {
    match pod["status"]["phase"].as_str() {
        Some(phase @ ("Succeeded" | "Failed")) => {
            Err(Error::usage(format!("cannot {doing} a container in a completed pod; current phase is {phase}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_container_is_named_or_annotated_or_the_first() {
        let mut pod = json!({"metadata": {"name": "p"}, "spec": {
            "containers": [{"name": "a"}, {"name": "b"}], "ephemeralContainers": [{"name": "e"}]}});
        assert_eq!(container(&pod, None, true).ok().as_deref(), Some("a"));
        assert_eq!(container(&pod, Some("e"), true).ok().as_deref(), Some("e"));
        let refused = container(&pod, Some("x"), true).map_err(|error| error.report());
        assert_eq!(refused, Err("error: container x not found in pod p".into()));
        pod["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/default-container": "b"});
        assert_eq!(container(&pod, None, true).ok().as_deref(), Some("b"));
    }
}
