//! Which pods of a node may be evicted, and what is to be said about the others. Pure.

use serde_json::Value;
use std::collections::BTreeMap;

/// What the flags allow.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowed {
    pub force: bool,
    pub ignore_daemon_sets: bool,
    pub delete_empty_dir: bool,
    /// Seconds since their deletion after which ending pods are not waited for; 0 waits for all.
    pub skip_after: i64,
}

/// What is known of the DaemonSet that a pod names as its controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DaemonSet {
    There,
    Gone,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Evict,
    /// It goes, and is spoken of.
    EvictBut(String),
    /// It stays, and is spoken of, or not.
    Skip(Option<&'static str>),
    /// Nothing may go while it is there.
    Refuse(String),
}

const DAEMON_SET_FATAL: &str = "DaemonSet-managed Pods (use --ignore-daemonsets to ignore)";
const DAEMON_SET_WARNING: &str = "ignoring DaemonSet-managed Pods";
const LOCAL_STORAGE_FATAL: &str = "Pods with local storage (use --delete-emptydir-data to override)";
const LOCAL_STORAGE_WARNING: &str = "deleting Pods with local storage";
const UNMANAGED_FATAL: &str = "cannot delete Pods that declare no controller (use --force to override)";
const UNMANAGED_WARNING: &str = "deleting Pods that declare no controller";

/// The kind and name of the pod's controller.
pub fn controller(pod: &Value) -> Option<(&str, &str)> {
    let owners = pod["metadata"]["ownerReferences"].as_array()?;
    let owner = owners.iter().find(|owner| owner["controller"] == true)?;
    Some((owner["kind"].as_str()?, owner["name"].as_str()?))
}

/// `daemon_set`: asked for only if the pod's controller is one. `now`: seconds since 1970.
pub fn verdict(pod: &Value, allowed: &Allowed, daemon_set: Option<DaemonSet>, now: i64) -> Verdict {
    if ends_for_longer_than(pod, allowed.skip_after, now) {
        return Verdict::Skip(None);
    }
    let ended = matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    let mut said = None;
    if let (Some(("DaemonSet", name)), false) = (controller(pod), ended) {
        match daemon_set {
            Some(DaemonSet::Gone) if allowed.force => {
                said = Some(format!("daemonsets.apps {name:?} not found"));
            }
            Some(DaemonSet::Gone) => return Verdict::Refuse(format!("daemonsets.apps {name:?} not found")),
            _ if !allowed.ignore_daemon_sets => return Verdict::Refuse(DAEMON_SET_FATAL.into()),
            _ => return Verdict::Skip(Some(DAEMON_SET_WARNING)),
        }
    }
    if pod["metadata"]["annotations"]["kubernetes.io/config.mirror"].is_string() {
        return Verdict::Skip(None);
    }
    if ended {
        return Verdict::Evict;
    }
    let volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
    if volumes.into_iter().any(|volume| volume["emptyDir"].is_object()) {
        if !allowed.delete_empty_dir {
            return Verdict::Refuse(LOCAL_STORAGE_FATAL.into());
        }
        said = Some(LOCAL_STORAGE_WARNING.into());
    }
    if controller(pod).is_some() {
        // A controller makes another in its place: there is nothing to warn of.
        return Verdict::Evict;
    }
    match allowed.force {
        true => Verdict::EvictBut(UNMANAGED_WARNING.into()),
        false => Verdict::Refuse(UNMANAGED_FATAL.into()),
    }
    .or_said(said)
}

impl Verdict {
    /// The last thing said about a pod is what is told of it.
    fn or_said(self, said: Option<String>) -> Verdict {
        match (self, said) {
            (Verdict::Evict, Some(said)) => Verdict::EvictBut(said),
            (verdict, _) => verdict,
        }
    }
}

fn ends_for_longer_than(pod: &Value, seconds: i64, now: i64) -> bool {
    let deleted = pod["metadata"]["deletionTimestamp"].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok());
    seconds > 0 && deleted.is_some_and(|at| now - at.as_second() > seconds)
}

/// Pods with the words about them, as one line: `words: ns/a, ns/b; other words: ns/c`.
pub fn told<'a>(about: impl IntoIterator<Item = (String, &'a Value)>) -> Vec<String> {
    let mut by_words: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (words, pod) in about {
        by_words.entry(words).or_default().push(full_name(pod));
    }
    by_words.into_iter().map(|(words, pods)| format!("{words}: {}", pods.join(", "))).collect()
}

/// `namespace/name`
pub fn full_name(pod: &Value) -> String {
    let text = |field: &str| pod["metadata"][field].as_str().unwrap_or_default();
    format!("{}/{}", text("namespace"), text("name"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(more: Value) -> Value {
        let mut pod = json!({"metadata": {"name": "a", "namespace": "x"}, "spec": {}, "status": {"phase": "Running"}});
        for (path, value) in more.as_object().into_iter().flatten() {
            if let Some(at) = pod.pointer_mut(path) {
                *at = value.clone();
            } else {
                let (parent, field) = path.rsplit_once('/').expect("a path");
                pod.pointer_mut(parent).expect("a parent")[field] = value.clone();
            }
        }
        pod
    }

    fn owned(kind: &str) -> Value {
        json!([{"kind": kind, "name": "o", "controller": true}])
    }

    const NOTHING: Allowed =
        Allowed { force: false, ignore_daemon_sets: false, delete_empty_dir: false, skip_after: 0 };
    const ALL: Allowed = Allowed { force: true, ignore_daemon_sets: true, delete_empty_dir: true, skip_after: 0 };

    #[test]
    fn a_pod_that_somebody_makes_anew_goes_freely() {
        let managed = pod(json!({"/metadata/ownerReferences": owned("ReplicaSet")}));
        assert_eq!(verdict(&managed, &NOTHING, None, 0), Verdict::Evict);
        let lonely = pod(json!({}));
        assert_eq!(verdict(&lonely, &NOTHING, None, 0), Verdict::Refuse(UNMANAGED_FATAL.into()));
        assert_eq!(verdict(&lonely, &ALL, None, 0), Verdict::EvictBut(UNMANAGED_WARNING.into()));
        let ended = pod(json!({"/status/phase": "Succeeded"}));
        assert_eq!(verdict(&ended, &NOTHING, None, 0), Verdict::Evict);
    }

    #[test]
    fn what_would_be_lost_must_be_allowed() {
        let storing = pod(json!({"/metadata/ownerReferences": owned("ReplicaSet"),
            "/spec/volumes": [{"name": "v", "emptyDir": {}}]}));
        assert_eq!(verdict(&storing, &NOTHING, None, 0), Verdict::Refuse(LOCAL_STORAGE_FATAL.into()));
        assert_eq!(verdict(&storing, &ALL, None, 0), Verdict::Evict);
    }

    #[test]
    fn pods_of_daemon_sets_and_mirrors_stay() {
        let daemon = pod(json!({"/metadata/ownerReferences": owned("DaemonSet")}));
        let there = Some(DaemonSet::There);
        assert_eq!(verdict(&daemon, &NOTHING, there, 0), Verdict::Refuse(DAEMON_SET_FATAL.into()));
        assert_eq!(verdict(&daemon, &ALL, there, 0), Verdict::Skip(Some(DAEMON_SET_WARNING)));
        let missing = "daemonsets.apps \"o\" not found".to_string();
        assert_eq!(verdict(&daemon, &NOTHING, Some(DaemonSet::Gone), 0), Verdict::Refuse(missing));
        assert_eq!(verdict(&daemon, &ALL, Some(DaemonSet::Gone), 0), Verdict::Evict);
        let mirror = pod(json!({"/metadata/annotations": {"kubernetes.io/config.mirror": "x"}}));
        assert_eq!(verdict(&mirror, &NOTHING, None, 0), Verdict::Skip(None));
    }

    #[test]
    fn pods_that_have_been_ending_for_long_are_not_waited_for() {
        let ending = pod(json!({"/metadata/deletionTimestamp": "1970-01-01T00:01:00Z"}));
        let patient = Allowed { skip_after: 10, ..ALL };
        assert_eq!(verdict(&ending, &patient, None, 71), Verdict::Skip(None));
        assert_ne!(verdict(&ending, &patient, None, 70), Verdict::Skip(None));
        assert_ne!(verdict(&ending, &ALL, None, 1000), Verdict::Skip(None));
    }

    #[test]
    fn words_are_said_once_for_all_their_pods() {
        let (a, b) = (pod(json!({})), pod(json!({"/metadata/name": "b"})));
        let told = told([("w".to_string(), &a), ("w".to_string(), &b), ("v".to_string(), &a)]);
        assert_eq!(told, ["v: x/a", "w: x/a, x/b"]);
    }
}
