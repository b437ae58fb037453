//! The account that a pod acts as: its token, and what is needed to use it, are mounted into every container.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Value, json};
use timonier_api::names;
use timonier_store::Snapshot;

use crate::kinds::json;
use crate::kinds::pod::is_mirror;
use crate::object::Object;

/// Where clients inside pods look for a token.
const MOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const AUTOMOUNT: &str = "automountServiceAccountToken";
/// An hour and a few seconds, by which Kubernetes knows tokens that were asked for like this one.
const TOKEN_SECONDS: i64 = 3607;

/// Completes a new pod. An account that is not there yet says nothing against a token: the pod's agent waits for it.
/// A mirror shows what the node runs, which has no account.
pub fn complete(pod: &mut Value, namespace: &str, snapshot: &Snapshot) {
    if is_mirror(pod) {
        return;
    }
    let Some(spec) = json::object_mut(pod, "spec") else {
        return;
    };
    let name = json::text(spec, "serviceAccountName").to_owned();
    let account = snapshot.get(&format!("serviceaccounts/{namespace}/{name}"));
    let account = account.and_then(|entry| {
        let account = Object::of(entry).ok()?;
        let says = account.may_have(AUTOMOUNT) || account.may_have("imagePullSecrets");
        if says { account.stored_value().ok() } else { None }
    });
    let account = account.unwrap_or_default();
    if mounts_token(spec, &account) {
        mount_token(spec, &suffix(namespace, &name));
    }
    if json::list(spec, "imagePullSecrets").is_empty() && !json::list(&account, "imagePullSecrets").is_empty() {
        json::set(spec, "imagePullSecrets", json::list(&account, "imagePullSecrets").to_vec());
    }
}

/// The pod's own word counts before its account's.
fn mounts_token(spec: &Value, account: &Value) -> bool {
    match (json::get(spec, AUTOMOUNT).as_bool(), json::get(account, AUTOMOUNT).as_bool()) {
        (Some(wanted), _) | (None, Some(wanted)) => wanted,
        (None, None) => true,
    }
}

/// What tells the volume from others. It depends on the account alone, so that pods made from one template stay equal, and are
/// kept once.
fn suffix(namespace: &str, account: &str) -> String {
    let mut hasher = DefaultHasher::new();
    (namespace, account).hash(&mut hasher);
    names::suffix_of(hasher.finish(), 5)
}

/// Adds the volume, unless every container has something of its own there.
fn mount_token(spec: &mut Value, suffix: &str) {
    let volumes = json::list(spec, "volumes").iter();
    let given = volumes.map(|volume| json::text(volume, "name")).find(|name| name.starts_with("kube-api-access-"));
    let is_new = given.is_none();
    let name = given.map_or_else(|| format!("kube-api-access-{suffix}"), str::to_owned);
    let mut used = false;
    for list in ["initContainers", "containers"] {
        for container in json::list_mut(spec, list) {
            let mut mounts = json::list(container, "volumeMounts").iter();
            if !container.is_object() || mounts.any(|mount| json::text(mount, "mountPath") == MOUNT_PATH) {
                continue;
            }
            used = true;
            push(container, "volumeMounts", json!({"name": name, "readOnly": true, "mountPath": MOUNT_PATH}));
        }
    }
    if used && is_new {
        push(spec, "volumes", volume(&name));
    }
}

fn push(o: &mut Value, list: &str, item: Value) {
    json::fill(o, list, Vec::<Value>::new());
    if let Some(list) = o.get_mut(list).and_then(Value::as_array_mut) {
        list.push(item);
    }
}

fn volume(name: &str) -> Value {
    json!({"name": name, "projected": {"defaultMode": 0o644, "sources": [
        {"serviceAccountToken": {"expirationSeconds": TOKEN_SECONDS, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [
            {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
    ]}})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(mut spec: Value) -> Value {
        mount_token(&mut spec, "abcde");
        spec
    }

    #[test]
    fn every_container_finds_a_token_unless_it_has_something_else_there() {
        let own = json!([{"name": "mine", "mountPath": MOUNT_PATH}]);
        let spec = completed(json!({"initContainers": [{"name": "i"}], "containers": [
            {"name": "a"}, {"name": "b", "volumeMounts": own}]}));
        let volume = &spec["volumes"][0];
        assert!(volume["name"].as_str().is_some_and(|name| name.starts_with("kube-api-access-") && name.len() == 21));
        assert_eq!(volume["projected"]["sources"].as_array().map(Vec::len), Some(3));
        let expected = json!([{"name": volume["name"], "readOnly": true, "mountPath": MOUNT_PATH}]);
        assert_eq!(spec["containers"][0]["volumeMounts"], expected);
        assert_eq!(spec["initContainers"][0]["volumeMounts"], expected);
        assert_eq!(spec["containers"][1]["volumeMounts"], own);
        let all_have = json!({"containers": [{"name": "b", "volumeMounts": own}]});
        assert_eq!(completed(all_have.clone()), all_have);
    }

    #[test]
    fn a_pod_and_its_account_may_do_without() {
        let field = |wanted: bool| json!({"automountServiceAccountToken": wanted});
        for (spec, account, expected) in [
            (json!({}), json!({}), true),
            (json!({}), Value::Null, true),
            (json!({}), field(false), false),
            (field(true), field(false), true),
            (field(false), field(true), false),
        ] {
            assert_eq!(mounts_token(&spec, &account), expected, "{spec} {account}");
        }
    }
}
