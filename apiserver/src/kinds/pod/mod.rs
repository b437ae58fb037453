//! Pod: containers that share a network and a life on one node.

use jiff::Timestamp;
use serde_json::{Value, json};
use timonier_api::field::{FieldError, Path};
use timonier_scheduling::DECIDED_AT;

use super::{Column, Deep, Hooks, Subresource, json, metadata};

mod admission;
mod columns;
pub mod defaults;
mod ephemeral;
mod fields;
mod mirror;
mod not_enforced;
mod patience;
pub mod qos;
mod resize;
mod update;
pub mod validate;

pub use columns::status_word;
pub use mirror::is_mirror;
pub use not_enforced::warnings_of_spec;
pub use patience::Patience;

/// Hooks of `v1 Pod`.
pub struct Pod {
    pub patience: Patience,
}

pub const COLUMNS: &[Column] = columns::COLUMNS;

/// Nine tenths of most pods.
const DEEP: Deep = Deep {
    spec: &[
        "affinity",
        "containers",
        "dnsConfig",
        "ephemeralContainers",
        "hostAliases",
        "initContainers",
        "resourceClaims",
        "securityContext",
        "tolerations",
        "topologySpreadConstraints",
        "volumes",
    ],
    status: &["conditions", "containerStatuses", "ephemeralContainerStatuses", "initContainerStatuses"],
};

impl Hooks for Pod {
    fn default(&self, o: &mut Value) {
        defaults::default_pod(o);
    }

    fn prepare_create(&self, o: &mut Value) {
        admission::mutate(o, self.patience);
        let mut status = json!({"phase": "Pending", "qosClass": qos::class(json::get(o, "spec"))});
        if !json::list(json::get(o, "spec"), "schedulingGates").is_empty() {
            let gated = json!({"type": "PodScheduled", "status": "False", "reason": "SchedulingGated",
                "message": "Scheduling is blocked due to non-empty scheduling gates"});
            json::set(&mut status, "conditions", vec![gated]);
        }
        json::set(o, "status", status);
    }

    fn prepare_update(&self, new: &mut Value, old: &Value) {
        metadata::keep_status(new, old);
        admission::mutate_update(new, old, self.patience);
    }

    fn prepare_status_update(&self, new: &mut Value, old: &Value) {
        let decided_at = json::at(new, &["metadata", "annotations", DECIDED_AT]).clone();
        metadata::keep_all_but_status(new, old);
        // It says which state a condition rests on, so both are written at once.
        if decided_at.is_string() {
            new["metadata"]["annotations"][DECIDED_AT] = decided_at;
        }
        let class = json::text(json::get(old, "status"), "qosClass");
        if !class.is_empty()
            && let Some(status) = json::object_mut(new, "status")
        {
            json::fill_text(status, "qosClass", class);
        }
    }

    fn prepare_subresource_update(&self, part: Subresource, new: &mut Value, old: &Value) {
        match part {
            Subresource::EphemeralContainers => ephemeral::prepare(new, old),
            Subresource::Resize => resize::prepare(new, old),
            _ => {}
        }
    }

    fn validate_subresource_update(&self, part: Subresource, new: &Value, old: &Value) -> Vec<FieldError> {
        match part {
            Subresource::EphemeralContainers => ephemeral::validate(new, old),
            Subresource::Resize => {
                let mut errors = resize::validate(new, old);
                errors.extend(self.validate(new));
                errors
            }
            _ => vec![],
        }
    }

    fn validate_create(&self, o: &Value) -> Vec<FieldError> {
        ephemeral::validate_create(o)
    }

    fn validate(&self, o: &Value) -> Vec<FieldError> {
        let mut errors = vec![];
        let spec = json::get(o, "spec");
        validate::pod_spec(spec, &Path::new("spec"), validate::Of::Pod, &mut errors);
        mirror::validate(o, &mut errors);
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = mirror::validate_update(new, old);
        errors.extend(update::validate(new, old));
        errors
    }

    fn validate_status_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        update::validate_status(new, old)
    }

    fn deep(&self) -> Deep {
        DEEP
    }

    fn validate_metadata_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        mirror::validate_update(new, old)
    }

    fn fields(&self, o: &Value) -> Vec<(&'static str, String)> {
        fields::of(o)
    }

    fn selectable(&self) -> &'static [&'static str] {
        fields::SELECTABLE
    }

    fn tag(&self, o: &Value) -> Option<String> {
        let node = json::text(json::get(o, "spec"), "nodeName");
        (!node.is_empty()).then(|| node.to_owned())
    }

    fn cells(&self, o: &Value, now: Timestamp) -> Vec<Value> {
        columns::cells(o, now)
    }

    fn warnings(&self, o: &Value) -> Vec<String> {
        not_enforced::warnings_of_spec(json::get(o, "spec"), "spec")
    }

    /// The time asked for, or the pod's own; none at all for a pod that no node knows or that has ended.
    fn grace_period(&self, o: &Value, requested: Option<i64>) -> Option<i64> {
        let spec = json::get(o, "spec");
        let own = json::int(spec, "terminationGracePeriodSeconds").unwrap_or(30);
        let phase = json::text(json::get(o, "status"), "phase");
        let unassigned = json::text(spec, "nodeName").is_empty();
        if unassigned || matches!(phase, "Succeeded" | "Failed") {
            return Some(0);
        }
        Some(match requested.unwrap_or(own) {
            negative if negative < 0 => 1,
            seconds => seconds,
        })
    }
}

#[cfg(test)]
mod tests;
