//! Pods that a node reads from files of its own, and the mirrors that show them in the API.

use serde_json::Value;

/// Where a node has the pod from: `file`; `api` for all others.
pub const CONFIG_SOURCE: &str = "kubernetes.io/config.source";
/// Tells versions of a file apart; also the static pod's uid.
pub const CONFIG_HASH: &str = "kubernetes.io/config.hash";
/// When the file was written.
pub const CONFIG_SEEN: &str = "kubernetes.io/config.seen";
/// On a mirror: the hash of the pod that it shows.
pub const CONFIG_MIRROR: &str = "kubernetes.io/config.mirror";

/// The plural of what a pod's spec refers to that only the API server could tell about, if it does.
pub fn api_reference(spec: &Value) -> Option<&'static str> {
    let account = ["serviceAccountName", "serviceAccount"].iter().any(|field| names_something(&spec[*field]));
    if account {
        return Some("serviceaccounts");
    }
    if !items(&spec["imagePullSecrets"]).is_empty() {
        return Some("secrets");
    }
    if !items(&spec["resourceClaims"]).is_empty() {
        return Some("resourceclaims");
    }
    let lists = ["initContainers", "containers", "ephemeralContainers"];
    let containers = lists.iter().flat_map(|list| items(&spec[*list]));
    containers.flat_map(of_container).chain(items(&spec["volumes"]).iter().filter_map(of_volume)).next()
}

fn names_something(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

fn of_container(container: &Value) -> Option<&'static str> {
    let whole = items(&container["envFrom"]).iter().map(|from| (from, "configMapRef", "secretRef"));
    let single = items(&container["env"]).iter().map(|one| (&one["valueFrom"], "configMapKeyRef", "secretKeyRef"));
    whole.chain(single).find_map(|(from, map, secret)| match from {
        from if from[map].is_object() => Some("configmaps"),
        from if from[secret].is_object() => Some("secrets"),
        _ => None,
    })
}

fn of_volume(volume: &Value) -> Option<&'static str> {
    let kinds = [
        ("secret", "secrets"),
        ("configMap", "configmaps"),
        ("persistentVolumeClaim", "persistentvolumeclaims"),
        ("ephemeral", "persistentvolumeclaims"),
        ("serviceAccountToken", "serviceaccounts"),
        ("clusterTrustBundle", "clustertrustbundles"),
        ("podCertificate", "podcertificaterequests"),
    ];
    let of = |source: &Value| kinds.iter().find(|(field, _)| source[*field].is_object()).map(|(_, plural)| *plural);
    let projected = items(&volume["projected"]["sources"]).iter().find_map(of);
    // Drivers of storage keep what opens it in Secrets.
    let opened = volume
        .as_object()
        .into_iter()
        .flatten()
        .any(|(_, source)| ["secretRef", "nodePublishSecretRef"].iter().any(|field| source[*field].is_object()));
    of(volume).or(projected).or(opened.then_some("secrets"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whatever_only_the_api_server_has_is_found() {
        for (spec, expected) in [
            (json!({"containers": [{"name": "a", "env": [{"name": "A", "value": "b"}]}]}), None),
            (json!({"volumes": [{"name": "v", "emptyDir": {}}, {"name": "h", "hostPath": {"path": "/"}}]}), None),
            (json!({"volumes": [{"projected": {"sources": [{"downwardAPI": {}}]}}]}), None),
            (json!({"serviceAccountName": ""}), None),
            (json!({"serviceAccountName": "default"}), Some("serviceaccounts")),
            (json!({"imagePullSecrets": [{"name": "s"}]}), Some("secrets")),
            (json!({"resourceClaims": [{"name": "s"}]}), Some("resourceclaims")),
            (json!({"initContainers": [{"envFrom": [{"configMapRef": {"name": "m"}}]}]}), Some("configmaps")),
            (json!({"containers": [{"env": [{"valueFrom": {"secretKeyRef": {"name": "m"}}}]}]}), Some("secrets")),
            (json!({"volumes": [{"secret": {"secretName": "s"}}]}), Some("secrets")),
            (json!({"volumes": [{"projected": {"sources": [{"serviceAccountToken": {}}]}}]}), Some("serviceaccounts")),
            (json!({"volumes": [{"persistentVolumeClaim": {"claimName": "c"}}]}), Some("persistentvolumeclaims")),
            (json!({"volumes": [{"csi": {"nodePublishSecretRef": {"name": "c"}}}]}), Some("secrets")),
        ] {
            assert_eq!(api_reference(&spec), expected, "{spec}");
        }
    }
}
