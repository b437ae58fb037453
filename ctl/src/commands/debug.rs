//! `kctl debug`: a container of one's own tools in a running pod, beside a copy of it, or on a node.

use super::exec::{StreamFlags, attach};
use crate::cluster::objects::Item;
use crate::cluster::{Call, Session};
use crate::connect::connect;
use crate::error::Error;
use crate::flags::Global;
use crate::output;
use crate::remote::target;
use http::Method;
use rand::Rng;
use serde_json::{Value, json};
use std::time::Duration;

/// Debug a pod with a container of your own, or a node.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  kctl debug web-1 -it --image=busybox --target=web
  kctl debug web-1 -it --image=busybox --copy-to=web-debug
  kctl debug node/worker-1 -it --image=busybox")]
pub struct Args {
    /// A pod, or node/NAME
    #[arg(value_name = "POD | node/NAME")]
    target: String,
    /// The image of the debugging container
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// Always, IfNotPresent or Never
    #[arg(long, value_name = "POLICY")]
    image_pull_policy: Option<String>,
    /// Name of the debugging container; one is made up otherwise
    #[arg(long, short, value_name = "NAME")]
    container: Option<String>,
    /// The container whose processes the debugging container sees
    #[arg(long = "target", value_name = "CONTAINER")]
    target_container: Option<String>,
    /// Leave the pod alone and debug a copy of it with this name
    #[arg(long, value_name = "POD")]
    copy_to: Option<String>,
    /// The copy's containers see each other's processes
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    share_processes: bool,
    /// Variables of the debugging container
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// Keep the container's standard input open
    #[arg(long, short = 'i')]
    stdin: bool,
    /// Give the container a terminal
    #[arg(long, short)]
    tty: bool,
    /// Attach to the container once it runs; the default with -i
    #[arg(long, num_args = 0..=1, default_missing_value = "true")]
    attach: Option<bool>,
    /// Only what the process writes
    #[arg(long, short)]
    quiet: bool,
    /// The command and its arguments instead of the image's own
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// How often the pod is looked at until the container runs.
const LOOK: Duration = Duration::from_millis(200);

pub async fn run(args: Args, global: &Global) -> Result<(), Error> {
    let session = connect(global).await?;
    let item = target::object(&session, &args.target).await?;
    let (pod, container) = if item.resource.kind == "Node" {
        on_node(&session, &args, &item).await?
    } else if !target::is_pod(&item) {
        return Err(Error::usage(format!("\"{}\" not supported by debug", item.resource.kind)));
    } else if let Some(name) = &args.copy_to {
        copied(&session, &args, &item, name).await?
    } else {
        ephemeral(&session, &args, &item).await?
    };
    if !args.attach.unwrap_or(args.stdin) {
        return Ok(());
    }
    let pod = until_runs(&session, pod, &container).await?;
    let flags = StreamFlags { container: None, stdin: args.stdin, tty: args.tty, quiet: args.quiet };
    attach(&session, &pod, &container, &flags).await
}

fn random_name(prefix: &str) -> String {
    // Without vowels, so that no word comes out.
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut rng = rand::rng();
    let tail: String = (0..5).map(|_| char::from(LETTERS[rng.random_range(0..LETTERS.len())])).collect();
    format!("{prefix}{tail}")
}

/// The debugging container as the command line describes it.
fn debugger(args: &Args, taken: &[&str]) -> Result<Value, Error> {
    let image = args.image.as_deref().filter(|image| !image.is_empty());
    let image = image.ok_or_else(|| Error::usage("you must specify --image"))?;
    let name = match &args.container {
        Some(name) if taken.contains(&name.as_str()) => {
            return Err(Error::usage(format!("container {name} already exists in the pod")));
        }
        Some(name) => name.clone(),
        None => random_name("debugger-"),
    };
    let mut container = json!({"name": name, "image": image, "stdin": args.stdin, "tty": args.tty,
        "terminationMessagePolicy": "File", "resources": {}});
    if let Some(policy) = &args.image_pull_policy {
        container["imagePullPolicy"] = policy.as_str().into();
    }
    if !args.command.is_empty() {
        container["command"] = json!(args.command);
    }
    let variables: Option<Vec<Value>> = args
        .env
        .iter()
        .map(|variable| variable.split_once('=').map(|(name, value)| json!({"name": name, "value": value})))
        .collect();
    match variables {
        None => return Err(Error::usage("--env: variables are written NAME=VALUE")),
        Some(variables) if !variables.is_empty() => container["env"] = variables.into(),
        Some(_) => {}
    }
    Ok(container)
}

fn names(pod: &Value) -> Vec<&str> {
    let lists = ["containers", "initContainers", "ephemeralContainers"];
    let all = lists.iter().filter_map(|list| pod["spec"][list].as_array()).flatten();
    all.filter_map(|container| container["name"].as_str()).collect()
}

/// Adds the container to the running pod, which keeps it until the pod ends.
async fn ephemeral(session: &Session, args: &Args, pod: &Item) -> Result<(Item, String), Error> {
    let mut container = debugger(args, &names(&pod.object))?;
    let name = text(&container["name"]);
    match &args.target_container {
        Some(target) => {
            if !args.quiet {
                output::note(format!(
                    "Targeting container \"{target}\". If you don't see processes from this container it may be because the container runtime doesn't support this feature."
                ));
            }
            container["targetContainerName"] = target.as_str().into();
        }
        None if args.container.is_none() && !args.quiet => {
            output::note(format!("Defaulting debug container name to {name}."));
        }
        None => {}
    }
    let patch = json!({"spec": {"ephemeralContainers": [container]}});
    let call = Call::new(Method::PATCH, pod.path() + "/ephemeralcontainers")
        .body("application/strategic-merge-patch+json", patch.to_string());
    let object = session.json(call).await?;
    Ok((Item { object, ..pod.clone() }, name))
}

/// Makes a copy of the pod with the debugging container, or with the changes that the command line names.
async fn copied(session: &Session, args: &Args, pod: &Item, name: &str) -> Result<(Item, String), Error> {
    let mut container = debugger(args, &[])?;
    let (object, container) = {
        let known = args.container.as_deref().filter(|wanted| names(&pod.object).contains(wanted));
        let mut copy = copy_of(&pod.object, name);
        let list = copy["spec"]["containers"].as_array_mut().into_iter().flatten();
        match known.and_then(|known| list.into_iter().find(|one| one["name"] == known)) {
            // One that is there is changed in place.
            Some(changed) => {
                for field in ["image", "command", "env", "imagePullPolicy", "stdin", "tty"] {
                    if let Some(value) = container.as_object_mut().and_then(|fields| fields.remove(field)) {
                        changed[field] = value;
                    }
                }
                if container["command"].is_array() {
                    changed["args"] = Value::Null;
                }
            }
            None => {
                if args.container.is_none() && !args.quiet {
                    output::note(format!("Defaulting debug container name to {}.", text(&container["name"])));
                }
                if let Some(list) = copy["spec"]["containers"].as_array_mut() {
                    list.push(container.clone());
                }
            }
        }
        copy["spec"]["shareProcessNamespace"] = args.share_processes.into();
        (copy, text(&container["name"]))
    };
    let folder = pod.path();
    let folder = folder.rsplit_once('/').map_or(folder.as_str(), |(folder, _)| folder);
    let object = session.json(Call::new(Method::POST, folder).json(&object)).await?;
    Ok((Item { object, name: name.to_owned(), ..pod.clone() }, container))
}

/// A pod's spec under another name, without what belongs to the one that runs: labels, probes, node.
fn copy_of(pod: &Value, name: &str) -> Value {
    let mut spec = pod["spec"].clone();
    if let Some(spec) = spec.as_object_mut() {
        spec.retain(|field, _| !matches!(field.as_str(), "nodeName" | "ephemeralContainers"));
    }
    for container in spec["containers"].as_array_mut().into_iter().flatten() {
        if let Some(container) = container.as_object_mut() {
            container.retain(|field, _| !field.ends_with("Probe"));
        }
    }
    json!({"apiVersion": "v1", "kind": "Pod", "spec": spec,
        "metadata": {"name": name, "annotations": pod["metadata"]["annotations"]}})
}

/// A pod on the node that sees the node's processes and network, and its files under `/host`.
async fn on_node(session: &Session, args: &Args, node: &Item) -> Result<(Item, String), Error> {
    let mut container = debugger(args, &[])?;
    container["name"] = args.container.as_deref().unwrap_or("debugger").into();
    container["volumeMounts"] = json!([{"name": "host-root", "mountPath": "/host"}]);
    let name = random_name(&format!("node-debugger-{}-", node.name));
    let pod = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "kubectl-debug"}},
        "spec": {"nodeName": node.name, "hostPID": true, "hostIPC": true, "hostNetwork": true, "restartPolicy": "Never",
            "containers": [container], "tolerations": [{"operator": "Exists"}],
            "volumes": [{"name": "host-root", "hostPath": {"path": "/"}}]}});
    output::note(format!(
        "Creating debugging pod {name} with container {} on node {}.",
        text(&container["name"]),
        node.name
    ));
    let folder = format!("/api/v1/namespaces/{}/pods", session.namespace());
    let object = session.json(Call::new(Method::POST, folder).json(&pod)).await?;
    let resource = session.catalog().await?.resolve("pods")?.clone();
    let namespace = session.namespace().to_owned();
    Ok((Item { resource, namespace, name, object, source: None }, text(&container["name"])))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Looks at the pod until the container runs, or has ended already.
async fn until_runs(session: &Session, mut pod: Item, container: &str) -> Result<Item, Error> {
    let mut said = String::new();
    loop {
        pod.object = session.json(Call::get(pod.path())).await?;
        let lists = ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"];
        let all = lists.iter().filter_map(|list| pod.object["status"][list].as_array()).flatten();
        let state = all.into_iter().find(|status| status["name"] == container).map(|status| status["state"].clone());
        let state = state.unwrap_or_default();
        if state["running"].is_object() {
            return Ok(pod);
        }
        if let Some(ended) = state["terminated"].as_object() {
            let code = ended.get("exitCode").and_then(Value::as_i64).unwrap_or(0);
            return Err(Error::usage(format!(
                "container {container} ended before anybody could attach, with exit code {code}"
            )));
        }
        let waiting = &state["waiting"];
        if let Some(message) = waiting["message"].as_str()
            && said != message
        {
            output::note(format!("Warning: container {container}: {message}"));
            said = message.to_owned();
        }
        tokio::time::sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_keeps_the_spec_and_nothing_of_the_running_pod() {
        let pod = json!({"metadata": {"name": "p", "labels": {"app": "x"}, "uid": "u"}, "status": {"phase": "Running"},
            "spec": {"nodeName": "n", "containers": [{"name": "c", "image": "i", "livenessProbe": {}}]}});
        let copy = copy_of(&pod, "q");
        assert_eq!(copy["metadata"]["name"], "q");
        assert!(copy["metadata"].get("labels").is_none() && copy.get("status").is_none());
        assert_eq!(copy["spec"], json!({"containers": [{"name": "c", "image": "i"}]}));
    }

    #[test]
    fn made_up_names_hold_no_words() {
        let name = random_name("debugger-");
        assert_eq!(name.len(), "debugger-".len() + 5);
        assert!(!name["debugger-".len()..].contains(['a', 'e', 'i', 'o', 'u']));
    }
}
