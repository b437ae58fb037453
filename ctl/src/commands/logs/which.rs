//! Which pods and containers a command line of `kctl logs` means.

use super::Args;
use crate::cluster::Session;
use crate::cluster::objects::{self, Item, list};
use crate::error::Error;
use crate::output;
use crate::select::Query;
use crate::select::Selector;
use serde_json::Value;

/// The pods whose logs are asked for.
pub async fn pods(session: &Session, args: &Args) -> Result<Vec<Item>, Error> {
    let catalog = session.catalog().await?;
    let pods = catalog.resolve("pods")?;
    let selected = |selector: Option<String>| Selector { selector, ..Selector::default() };
    let Some(target) = &args.target else {
        let found = list(session, pods, &selected(args.selector.clone())).await?;
        if found.is_empty() {
            output::note(format!("No resources found in {} namespace.", session.namespace()));
        }
        return Ok(found);
    };
    let word = if target.contains('/') { target.clone() } else { format!("pod/{target}") };
    let query = Query { words: &[word], files: None, selector: &selected(None), all: false, read: true };
    let objects::Selection { items, errors } = objects::select(session, query).await?;
    Error::collect(errors).map_err(|error| match error {
        Error::Api(status) if status.reason.as_deref() == Some("NotFound") => Error::usage(format!(
            "error from server (NotFound): {} in namespace \"{}\"",
            status.message.unwrap_or_default(),
            session.namespace()
        )),
        other => other,
    })?;
    let owner = items.into_iter().next().ok_or_else(|| Error::usage("no object to read logs of"))?;
    if owner.resource.plural == "pods" && owner.resource.group.is_empty() {
        return Ok(vec![owner]);
    }
    let mut found = list(session, pods, &selected(Some(pod_selector(&owner)?))).await?;
    if found.is_empty() {
        return Err(Error::usage(format!("timed out waiting for the condition: {} has no pods", owner.title())));
    }
    found.sort_by_cached_key(|pod| telling(&pod.object));
    if !args.all_pods {
        if found.len() > 1 {
            output::note(format!("Found {} pods, using pod/{}", found.len(), found[0].name));
        }
        found.truncate(1);
    }
    Ok(found)
}

/// The label selector of something that has pods, as text.
pub fn pod_selector(owner: &Item) -> Result<String, Error> {
    let selector = &owner.object["spec"]["selector"];
    let labels = selector.get("matchLabels").unwrap_or(selector).as_object();
    let mut terms: Vec<String> =
        labels.into_iter().flatten().filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?))).collect();
    for expression in selector["matchExpressions"].as_array().into_iter().flatten() {
        let key = expression["key"].as_str().unwrap_or_default();
        let values = expression["values"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let values = values.collect::<Vec<_>>().join(",");
        terms.push(match expression["operator"].as_str() {
            Some("In") => format!("{key} in ({values})"),
            Some("NotIn") => format!("{key} notin ({values})"),
            Some("DoesNotExist") => format!("!{key}"),
            _ => key.to_string(),
        });
    }
    match terms.is_empty() {
        true => Err(Error::usage(format!("cannot get the logs from {}: it selects no pods", owner.resource.kind))),
        false => Ok(terms.join(",")),
    }
}

/// Pods sorted by this have the one first that has most to say: placed, running, ready for long, restarted often.
pub fn telling(pod: &Value) -> impl Ord + use<> {
    let ready = pod["status"]["conditions"].as_array().into_iter().flatten();
    let ready = ready.into_iter().find(|c| c["type"] == "Ready" && c["status"] == "True");
    let ready_since = ready.and_then(|condition| condition["lastTransitionTime"].as_str()).unwrap_or_default();
    let phase = match pod["status"]["phase"].as_str() {
        Some("Running") => 0,
        Some("Pending") => 2,
        _ => 1,
    };
    let statuses = pod["status"]["containerStatuses"].as_array().into_iter().flatten();
    let restarts = statuses.filter_map(|status| status["restartCount"].as_u64()).max().unwrap_or(0);
    (
        pod["spec"]["nodeName"].as_str().is_none_or(str::is_empty),
        phase,
        ready.is_none(),
        ready_since.to_string(),
        std::cmp::Reverse(restarts),
        pod["metadata"]["creationTimestamp"].as_str().unwrap_or_default().to_string(),
    )
}

fn names<'a>(pod: &'a Value, field: &str) -> impl Iterator<Item = &'a str> {
    pod["spec"][field].as_array().into_iter().flatten().filter_map(|container| container["name"].as_str())
}

/// The containers of a pod that are meant.
pub fn containers(pod: &Value, args: &Args) -> Result<Vec<String>, Error> {
    let every =
        || names(pod, "initContainers").chain(names(pod, "containers")).chain(names(pod, "ephemeralContainers"));
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    if args.all_containers {
        return Ok(every().map(str::to_string).collect());
    }
    if let Some(wanted) = args.container.as_deref().or(args.container_word.as_deref()) {
        return match every().any(|known| known == wanted) {
            true => Ok(vec![wanted.to_string()]),
            false => Err(Error::usage(format!("container {wanted} is not valid for pod {name}"))),
        };
    }
    let chosen = pod["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"].as_str();
    if let Some(chosen) = chosen.filter(|chosen| every().any(|known| known == *chosen)) {
        return Ok(vec![chosen.to_string()]);
    }
    let Some(first) = names(pod, "containers").next() else {
        return Err(Error::usage(format!("no container found in pod {name}")));
    };
    let others: Vec<String> = names(pod, "containers")
        .map(str::to_string)
        .chain(names(pod, "initContainers").map(|init| format!("{init} (init)")))
        .chain(names(pod, "ephemeralContainers").map(|ephemeral| format!("{ephemeral} (ephem)")))
        .collect();
    if others.len() > 1 {
        output::note(format!("Defaulted container \"{first}\" out of: {}", others.join(", ")));
    }
    Ok(vec![first.to_string()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Resource;
    use serde_json::json;

    fn owner(spec: Value) -> Item {
        Item {
            resource: Resource { kind: "Deployment".into(), ..Resource::default() },
            namespace: "default".into(),
            name: "web".into(),
            object: json!({"spec": spec}),
            source: None,
        }
    }

    #[test]
    fn both_kinds_of_selectors_become_text() {
        let service = owner(json!({"selector": {"app": "web"}}));
        assert_eq!(pod_selector(&service).ok().as_deref(), Some("app=web"));
        let deployment = owner(json!({"selector": {
            "matchLabels": {"app": "web"},
            "matchExpressions": [{"key": "env", "operator": "In", "values": ["a", "b"]}, {"key": "x", "operator": "DoesNotExist"}],
        }}));
        assert_eq!(pod_selector(&deployment).ok().as_deref(), Some("app=web,env in (a,b),!x"));
        assert!(pod_selector(&owner(json!({}))).is_err());
    }

    #[test]
    fn the_running_pod_speaks_first() {
        let pod = |phase: &str, node: &str| json!({"status": {"phase": phase}, "spec": {"nodeName": node}});
        assert!(telling(&pod("Running", "n1")) < telling(&pod("Pending", "n1")));
        assert!(telling(&pod("Pending", "n1")) < telling(&pod("Pending", "")));
    }
}
