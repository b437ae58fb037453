//! From a file's text to the pod that it wants. Pure.

use std::path::Path;

use k8s_openapi::api::core::v1::Pod;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use timonier_api::{names, static_pod, yaml};

/// The pod of a file, complete. `written`: when the file was, for whoever looks. Errors say what is wrong, not where.
pub fn pod(path: &Path, text: &str, written: &str, node: &str) -> Result<Pod, String> {
    let documents = yaml::parse_documents(text, &path.display().to_string()).map_err(|error| error.to_string())?;
    let [mut pod] = <[Value; 1]>::try_from(documents)
        .map_err(|documents| format!("has {} documents, and must have one: a v1 Pod", documents.len()))?;
    let (version, kind) = (text_of(&pod["apiVersion"]), text_of(&pod["kind"]));
    if (version, kind) != ("v1", "Pod") {
        return Err(format!("holds apiVersion {version:?}, kind {kind:?}, and must hold a v1 Pod"));
    }
    check(&pod)?;
    let name = format!("{}-{}", text_of(&pod["metadata"]["name"]), node.to_lowercase());
    if let Some(wrong) = names::dns1123_subdomain(&name).first() {
        return Err(format!("metadata.name: {name:?} on this node: {wrong}"));
    }
    let namespace = match text_of(&pod["metadata"]["namespace"]) {
        "" => "default".to_owned(),
        namespace => namespace.to_owned(),
    };
    let digest = Sha256::digest(format!("{node}\0{}\0{text}", path.display()));
    let uid = hex::encode(&digest[..16]);
    let mut annotations = pod["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
    annotations.remove(static_pod::CONFIG_MIRROR);
    for (key, value) in [
        (static_pod::CONFIG_HASH, uid.as_str()),
        (static_pod::CONFIG_SEEN, written),
        (static_pod::CONFIG_SOURCE, "file"),
    ] {
        annotations.insert(key.to_owned(), value.into());
    }
    let labels = pod["metadata"]["labels"].take();
    pod["metadata"] = json!({"name": name, "namespace": namespace, "uid": uid, "annotations": annotations});
    if !labels.is_null() {
        pod["metadata"]["labels"] = labels;
    }
    if let Some(pod) = pod.as_object_mut() {
        pod.remove("status");
    }
    complete(&mut pod["spec"], node);
    serde_json::from_value(pod).map_err(|error| error.to_string())
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What the agent itself could not do without; everything else the API server says of the mirror.
fn check(pod: &Value) -> Result<(), String> {
    if text_of(&pod["metadata"]["name"]).is_empty() {
        return Err("metadata.name: Required value".to_owned());
    }
    if let Some(plural) = static_pod::api_reference(&pod["spec"]) {
        return Err(format!("static pods may not reference {plural}"));
    }
    if pod["spec"]["containers"].as_array().is_none_or(Vec::is_empty) {
        return Err("spec.containers: Required value".to_owned());
    }
    let mut seen = Vec::new();
    for list in ["initContainers", "containers"] {
        for (index, container) in pod["spec"][list].as_array().into_iter().flatten().enumerate() {
            let (name, at) = (text_of(&container["name"]), format!("spec.{list}[{index}]"));
            if let Some(wrong) = names::dns1123_label(name).first() {
                return Err(format!("{at}.name: Invalid value: {name:?}: {wrong}"));
            }
            if seen.contains(&name) {
                return Err(format!("{at}.name: Duplicate value: {name:?}"));
            }
            seen.push(name);
            if text_of(&container["image"]).is_empty() {
                return Err(format!("{at}.image: Required value"));
            }
        }
    }
    Ok(())
}

/// What the API server would have filled in and the agent goes by.
fn complete(spec: &mut Value, node: &str) {
    let Some(spec) = spec.as_object_mut() else { return };
    spec.insert("nodeName".to_owned(), node.into());
    fill(spec, "restartPolicy", "Always".into());
    fill(spec, "dnsPolicy", "ClusterFirst".into());
    fill(spec, "terminationGracePeriodSeconds", 30.into());
    // A node's own pods outlast whatever befalls the node.
    let stays = json!({"operator": "Exists", "effect": "NoExecute"});
    fill(spec, "tolerations", json!([]));
    if let Some(tolerations) = spec["tolerations"].as_array_mut()
        && !tolerations.contains(&stays)
    {
        tolerations.push(stays);
    }
    for list in ["initContainers", "containers"] {
        let containers = spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
        for container in containers.filter_map(Value::as_object_mut) {
            let image = container.get("image").map(text_of).unwrap_or_default();
            let last = image.rsplit('/').next().unwrap_or_default();
            let newest = !image.contains('@') && last.split_once(':').is_none_or(|(_, tag)| tag == "latest");
            fill(container, "imagePullPolicy", if newest { "Always" } else { "IfNotPresent" }.into());
            fill(container, "terminationMessagePath", "/dev/termination-log".into());
            fill(container, "terminationMessagePolicy", "File".into());
            let ports = container.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten();
            for port in ports.filter_map(Value::as_object_mut) {
                fill(port, "protocol", "TCP".into());
            }
        }
    }
}

fn fill(object: &mut Map<String, Value>, field: &str, value: Value) {
    if object.get(field).is_none_or(Value::is_null) {
        object.insert(field.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str =
        "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers: [{name: c, image: x}]\n";

    fn read(path: &str, text: &str, node: &str) -> Result<Pod, String> {
        pod(Path::new(path), text, "2026-01-01T00:00:00Z", node)
    }

    #[test]
    fn a_file_becomes_a_pod_of_this_node() {
        let pod = read("/m/web.yaml", PLAIN, "N1").expect("a pod");
        let (meta, spec) = (pod.metadata, pod.spec.expect("a spec"));
        assert_eq!((meta.name.as_deref(), meta.namespace.as_deref()), (Some("web-n1"), Some("default")));
        assert_eq!(spec.node_name.as_deref(), Some("N1"));
        let uid = meta.uid.expect("a uid");
        assert_eq!(uid.len(), 32);
        let annotations = meta.annotations.expect("annotations");
        assert_eq!(annotations[static_pod::CONFIG_HASH], uid);
        assert_eq!(annotations[static_pod::CONFIG_SOURCE], "file");
        let tolerations = serde_json::to_value(spec.tolerations).expect("JSON");
        assert_eq!(tolerations, json!([{"operator": "Exists", "effect": "NoExecute"}]));
        assert_eq!(spec.containers[0].image_pull_policy.as_deref(), Some("Always"));
    }

    #[test]
    fn the_uid_tells_contents_files_and_nodes_apart() {
        let uid = |path: &str, text: &str, node: &str| read(path, text, node).expect("a pod").metadata.uid;
        let first = uid("/m/web.yaml", PLAIN, "n1");
        assert_eq!(first, uid("/m/web.yaml", PLAIN, "n1"));
        for (path, text, node) in [
            ("/m/web2.yaml", PLAIN.to_owned(), "n1"),
            ("/m/web.yaml", PLAIN.replace("image: x", "image: z"), "n1"),
            ("/m/web.yaml", PLAIN.to_owned(), "n2"),
        ] {
            assert_ne!(first, uid(path, &text, node), "{path} {node}");
        }
    }

    #[test]
    fn json_is_read_as_well() {
        let text = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "b"},
            "spec": {"containers": [{"name": "c", "image": "x:1"}]}});
        let pod = read("/m/a.json", &text.to_string(), "n").expect("a pod");
        assert_eq!(pod.metadata.namespace.as_deref(), Some("b"));
        assert_eq!(pod.spec.expect("a spec").containers[0].image_pull_policy.as_deref(), Some("IfNotPresent"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, expected) in [
            (String::new(), "has 0 documents"),
            (format!("{PLAIN}---\n{PLAIN}"), "has 2 documents"),
            (PLAIN.replace("kind: Pod", "kind: Service"), "must hold a v1 Pod"),
            (PLAIN.replace("name: web", "name: We_b"), "metadata.name: \"We_b-n1\""),
            (PLAIN.replace("{name: web}", "{}"), "metadata.name: Required value"),
            (PLAIN.replace("[{name: c, image: x}]", "[]"), "spec.containers: Required value"),
            (PLAIN.replace(", image: x", ""), "spec.containers[0].image: Required value"),
            (PLAIN.replace("{name: c", "{name: C"), "spec.containers[0].name: Invalid value: \"C\""),
            (format!("{PLAIN}  serviceAccountName: me\n"), "static pods may not reference serviceaccounts"),
            (format!("{PLAIN}  hostNetwork: maybe\n"), "maybe"),
            (format!("{PLAIN}  : :\n :"), "/m/web.yaml"),
        ] {
            let error = read("/m/web.yaml", &text, "n1").expect_err(expected);
            assert!(error.contains(expected), "{error:?} does not say {expected:?}");
        }
    }
}
