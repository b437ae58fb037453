//! What is wrong with a pod spec, in a pod or in a workload's template.
//!
//! The rules are those of Kubernetes' core validation; each file looks at one part of the spec.

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use crate::kinds::checks::{choice, grammar, optional_choice, required_text};
use crate::kinds::{json, metadata};

mod containers;
mod env;
mod network;
mod of;
mod probes;
mod resources;
mod restart;
mod scheduling;
mod security;
mod volumes;

use of::Errors;
pub use of::Of;
pub use resources::resources;
pub use scheduling::toleration;
pub use volumes::HOST_PATH_TYPES;

/// Checks the pod spec at `path`.
pub fn pod_spec(spec: &Value, path: &Path, of: Of, errors: &mut Errors) {
    let volumes = volumes::volumes(spec, &path.child("volumes"), errors);
    containers::containers(spec, path, &volumes, of, errors);
    choice(spec, "restartPolicy", &["Always", "Never", "OnFailure"], path, errors);
    network::network(spec, path, of, errors);
    errors.extend(metadata::validate_labels(spec, "nodeSelector", path));
    security::pod_security_context(spec, path, errors);
    for (i, secret) in json::list(spec, "imagePullSecrets").iter().enumerate() {
        required_text(secret, "name", &path.child("imagePullSecrets").index(i), errors);
    }
    scheduling::scheduling(spec, path, errors);
    account_and_node(spec, path, errors);
    if let Some(seconds) = json::int(spec, "activeDeadlineSeconds") {
        let path = path.child("activeDeadlineSeconds");
        for message in names::in_range(seconds, 1, i64::from(i32::MAX)) {
            errors.push(FieldError::invalid(&path, seconds, message));
        }
    }
    optional_choice(spec, "preemptionPolicy", &["Never", "PreemptLowerPriority"], path, errors);
    let class = json::text(spec, "priorityClassName");
    if !class.is_empty() {
        grammar(class, names::dns1123_subdomain(class), &path.child("priorityClassName"), errors);
    }
}

fn account_and_node(spec: &Value, path: &Path, errors: &mut Errors) {
    for field in ["serviceAccountName", "nodeName", "runtimeClassName"] {
        let name = json::text(spec, field);
        if !name.is_empty() {
            let path = path.child(field);
            let found = names::dns1123_subdomain(name).into_iter();
            errors.extend(found.map(|message| FieldError::invalid(&path, name, message)));
        }
    }
    for (i, gate) in json::list(spec, "readinessGates").iter().enumerate() {
        let name = json::text(gate, "conditionType");
        let path = path.child("readinessGates").index(i).child("conditionType");
        let found = names::qualified_name(name).into_iter();
        errors.extend(found.map(|message| FieldError::invalid(&path, name, message)));
    }
    let gates = json::list(spec, "schedulingGates");
    let mut seen: Vec<&str> = vec![];
    for (i, gate) in gates.iter().enumerate() {
        let name = json::text(gate, "name");
        let path = path.child("schedulingGates").index(i);
        let found = names::qualified_name(name).into_iter();
        errors.extend(found.map(|message| FieldError::invalid(&path, name, message)));
        if seen.contains(&name) {
            errors.push(FieldError::duplicate(&path, name));
        }
        seen.push(name);
    }
    if !gates.is_empty() && !json::text(spec, "nodeName").is_empty() {
        let detail = "cannot be set until all schedulingGates have been cleared";
        errors.push(FieldError::forbidden(&path.child("nodeName"), detail));
    }
}
