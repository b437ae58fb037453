//! What Kubernetes' standard admission adds to a pod without a look at others: an account, and some patience with its node.

use serde_json::{Value, json};

use super::{Patience, defaults, is_mirror};
use crate::kinds::json;

/// Admission of a new pod.
pub fn mutate(o: &mut Value, patience: Patience) {
    let mirror = is_mirror(o);
    let Some(spec) = json::object_mut(o, "spec") else {
        return;
    };
    // A mirror shows what the node runs, which has no account.
    if !mirror {
        json::fill_text(spec, "serviceAccountName", "default");
    }
    defaults::both_account_names(spec);
    tolerate_node_troubles(spec, patience);
}

/// Admission of a changed pod: what was added on creation need not be repeated by the writer.
pub fn mutate_update(new: &mut Value, old: &Value, patience: Patience) {
    let old = json::get(old, "spec");
    let Some(spec) = json::object_mut(new, "spec") else {
        return;
    };
    for field in ["priority", "preemptionPolicy"] {
        if json::has(old, field) {
            json::fill(spec, field, json::get(old, field).clone());
        }
    }
    tolerate_node_troubles(spec, patience);
}

fn tolerate_node_troubles(spec: &mut Value, patience: Patience) {
    let tolerates = |taint: &str| {
        json::list(spec, "tolerations").iter().any(|toleration| {
            let (key, effect) = (json::text(toleration, "key"), json::text(toleration, "effect"));
            (key.is_empty() || key == taint) && (effect.is_empty() || effect == "NoExecute")
        })
    };
    let missing: Vec<Value> = patience
        .by_taint()
        .into_iter()
        .filter(|(taint, _)| !tolerates(taint))
        .map(|(taint, seconds)| {
            json!({"key": taint, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds})
        })
        .collect();
    if missing.is_empty() {
        return;
    }
    json::fill(spec, "tolerations", Vec::<Value>::new());
    if let Some(tolerations) = spec.get_mut("tolerations").and_then(Value::as_array_mut) {
        tolerations.extend(missing);
    }
}
