//! `kctl logs`

use crate::cluster::objects::{self, Item, Query, list};
use crate::cluster::{Call, Session};
use crate::connect::connect;
use crate::error::Error;
use crate::flags::{Global, parse_duration};
use crate::output;
use crate::select::Selector;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use std::time::Duration;

/// Print what containers write.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  kctl logs web-1
  kctl logs -f deployment/web
  kctl logs web-1 -c sidecar --tail=20
  kctl logs -l app=web --prefix --all-containers
  kctl logs web-1 --previous --since=10m")]
pub struct Args {
    /// A pod, or TYPE/NAME of something that has pods
    #[arg(value_name = "POD | TYPE/NAME")]
    target: Option<String>,
    /// The container, as with -c
    #[arg(value_name = "CONTAINER")]
    container_word: Option<String>,
    /// The container
    #[arg(long, short, value_name = "NAME")]
    container: Option<String>,
    /// All containers of the pods
    #[arg(long)]
    all_containers: bool,
    /// All pods of TYPE/NAME, each line with its origin
    #[arg(long)]
    all_pods: bool,
    /// Pods whose labels match
    #[arg(long, short = 'l', value_name = "SELECTOR")]
    selector: Option<String>,
    /// Go on as long as the containers write
    #[arg(long, short)]
    follow: bool,
    /// The container that ran before the present one
    #[arg(long, short)]
    previous: bool,
    /// Only what is younger than this, such as 10s or 2h
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    since: Option<Duration>,
    /// Only what was written after this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    since_time: Option<String>,
    /// Only so many of the last lines; -1 is all of them, and 10 with a selector
    #[arg(long, value_name = "LINES", allow_negative_numbers = true)]
    tail: Option<i64>,
    /// Only so many bytes
    #[arg(long, value_name = "BYTES")]
    limit_bytes: Option<u64>,
    /// Put its time before each line
    #[arg(long)]
    timestamps: bool,
    /// Put its pod and container before each line
    #[arg(long)]
    prefix: bool,
    /// Go on when one of several logs cannot be read
    #[arg(long)]
    ignore_errors: bool,
    /// How many logs to follow at once
    #[arg(long, value_name = "N", default_value_t = 5)]
    max_log_requests: usize,
}

/// One container's log.
struct Source {
    path: String,
    container: String,
    /// `[pod/web-1/web] `
    origin: String,
}

pub async fn run(args: Args, global: &Global) -> Result<(), Error> {
    check(&args)?;
    let session = connect(global).await?;
    let pods = pods(&session, &args).await?;
    let mut sources = Vec::new();
    for pod in &pods {
        for container in containers(&pod.object, &args)? {
            sources.push(Source {
                path: pod.path() + "/log",
                origin: format!("[pod/{}/{container}] ", pod.name),
                container,
            });
        }
    }
    if args.follow && sources.len() > args.max_log_requests {
        return Err(Error::usage(format!(
            "you are attempting to follow {} log streams, but maximum allowed concurrency is {}, use --max-log-requests to increase the limit",
            sources.len(),
            args.max_log_requests
        )));
    }
    let copies = sources.into_iter().map(|source| copy(&session, &args, source));
    let at_once = if args.follow { args.max_log_requests } else { 1 };
    let all = stream::iter(copies.map(Ok)).try_for_each_concurrent(at_once, |copy| copy);
    tokio::select! {
        done = all => done,
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

fn check(args: &Args) -> Result<(), Error> {
    let container = args.container.is_some() || args.container_word.is_some();
    let mistake = match args {
        Args { target: None, selector: None, .. } => {
            "expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument for the logs command\nSee 'kctl logs -h' for help and examples"
        }
        Args { target: Some(_), selector: Some(_), .. } => "only a selector (-l) or a POD name is allowed",
        Args { since: Some(_), since_time: Some(_), .. } => {
            "at most one of `sinceTime` or `sinceSeconds` may be specified"
        }
        Args { all_containers: true, .. } if container => {
            "--all-containers=true should not be specified with container name"
        }
        Args { container: Some(_), container_word: Some(_), .. } => {
            "only one of -c or an inline [CONTAINER] arg is allowed"
        }
        Args { tail: Some(..-1), .. } => "--tail must be greater than or equal to -1",
        _ => return Ok(()),
    };
    Err(Error::usage(mistake))
}

/// The pods whose logs are asked for.
async fn pods(session: &Session, args: &Args) -> Result<Vec<Item>, Error> {
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
fn telling(pod: &Value) -> impl Ord + use<> {
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
fn containers(pod: &Value, args: &Args) -> Result<Vec<String>, Error> {
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

fn call(args: &Args, source: &Source) -> Call {
    let tail = match (args.tail, &args.selector) {
        (Some(tail), _) => (tail >= 0).then_some(tail),
        (None, Some(_)) => Some(10),
        (None, None) => None,
    };
    let flag = |set: bool| set.then_some("true");
    Call::get(&source.path)
        .accept("*/*")
        .query("container", &source.container)
        .query_some("follow", flag(args.follow))
        .query_some("previous", flag(args.previous))
        .query_some("timestamps", flag(args.timestamps))
        .query_some("sinceSeconds", args.since.map(|since| since.as_secs_f64().ceil() as u64))
        .query_some("sinceTime", args.since_time.as_deref())
        .query_some("tailLines", tail)
        .query_some("limitBytes", args.limit_bytes)
}

/// Copies one log to standard output.
async fn copy(session: &Session, args: &Args, source: Source) -> Result<(), Error> {
    let copied = match args.prefix || args.all_pods {
        false => copy_bytes(session, args, &source).await,
        true => copy_lines(session, args, &source).await,
    };
    match copied {
        Err(error @ Error::Output(_)) => Err(error),
        Err(error) if args.ignore_errors => {
            output::note(error.report());
            Ok(())
        }
        result => result,
    }
}

async fn copy_bytes(session: &Session, args: &Args, source: &Source) -> Result<(), Error> {
    let mut pieces = std::pin::pin!(session.stream(call(args, source)).await?);
    while let Some(piece) = pieces.next().await {
        output::write(piece?)?;
    }
    Ok(())
}

/// Lines as bytes: a log need not be UTF-8.
async fn copy_lines(session: &Session, args: &Args, source: &Source) -> Result<(), Error> {
    let mut pieces = std::pin::pin!(session.stream(call(args, source)).await?);
    let mut rest: Vec<u8> = Vec::new();
    while let Some(piece) = pieces.next().await {
        rest.extend_from_slice(&piece?);
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            output::write([source.origin.as_bytes(), &line].concat())?;
        }
    }
    match rest.is_empty() {
        true => Ok(()),
        false => output::write([source.origin.as_bytes(), &rest].concat()),
    }
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
