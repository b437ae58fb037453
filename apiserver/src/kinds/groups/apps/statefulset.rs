//! StatefulSet: pods with a name and storage of their own each.

use crate::kinds::claims;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use crate::kinds::checks::{grammar, not_negative, optional_choice};
use crate::kinds::workload::{at_most_all, number_or_percent};
use crate::kinds::{Column, Hooks, json, metadata, workload};

pub struct StatefulSet;

pub const COLUMNS: &[Column] =
    &[Column::NAME, Column::text("Ready"), Column::AGE, Column::wide("Containers"), Column::wide("Images")];

const RETENTION: &str = "persistentVolumeClaimRetentionPolicy";

/// What an update may change in a spec.
const MUTABLE: [&str; 7] =
    ["replicas", "ordinals", "template", "updateStrategy", RETENTION, "minReadySeconds", "revisionHistoryLimit"];

impl Hooks for StatefulSet {
    fn default(&self, o: &mut Value) {
        let Some(spec) = json::object_mut(o, "spec") else {
            return;
        };
        workload::default(spec);
        json::fill_text(spec, "podManagementPolicy", "OrderedReady");
        json::fill(spec, "revisionHistoryLimit", 10);
        if let Some(strategy) = json::object_mut(spec, "updateStrategy") {
            if json::text(strategy, "type").is_empty() {
                json::set(strategy, "type", "RollingUpdate");
                json::fill(strategy, "rollingUpdate", Map::new());
            }
            if json::text(strategy, "type") == "RollingUpdate"
                && let Some(rolling) = strategy.get_mut("rollingUpdate").filter(|rolling| rolling.is_object())
            {
                json::fill(rolling, "partition", 0);
            }
        }
        if let Some(policy) = json::object_mut(spec, RETENTION) {
            json::fill_text(policy, "whenDeleted", "Retain");
            json::fill_text(policy, "whenScaled", "Retain");
        }
        for claim in json::list_mut(spec, "volumeClaimTemplates").filter(|claim| claim.is_object()) {
            json::set(claim, "apiVersion", "v1");
            json::set(claim, "kind", "PersistentVolumeClaim");
            if let Some(spec) = json::object_mut(claim, "spec") {
                claims::default_spec(spec);
            }
            json::set(claim, "status", json!({"phase": "Pending"}));
        }
    }

    fn prepare_create(&self, o: &mut Value) {
        json::set(o, "status", json!({"replicas": 0, "availableReplicas": 0}));
    }

    fn prepare_update(&self, new: &mut Value, old: &Value) {
        metadata::keep_status(new, old);
    }

    fn validate(&self, o: &Value) -> Vec<FieldError> {
        let (spec, path) = (json::get(o, "spec"), Path::new("spec"));
        let mut errors = vec![];
        management(spec, &path, &mut errors);
        update_strategy(json::get(spec, "updateStrategy"), &path.child("updateStrategy"), &mut errors);
        for field in ["whenDeleted", "whenScaled"] {
            let policy = json::get(spec, RETENTION);
            optional_choice(policy, field, &["Retain", "Delete"], &path.child(RETENTION), &mut errors);
        }
        not_negative(spec, &["replicas", "minReadySeconds"], &path, &mut errors);
        not_negative(json::get(spec, "ordinals"), &["start"], &path.child("ordinals"), &mut errors);
        workload::selector(spec, &path, "statefulset", &mut errors);
        let service = json::text(spec, "serviceName");
        if !service.is_empty() {
            grammar(service, names::dns1123_label(service), &path.child("serviceName"), &mut errors);
        }
        let (template, path) = (with_claims(spec), path.child("template"));
        workload::matches(&template, json::get(spec, "selector"), &path, &mut errors);
        workload::pod_template(&template, &path, &mut errors);
        workload::runs_forever(&template, &path, "StatefulSet", &mut errors);
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        let mut allowed = json::get(old, "spec").clone();
        let wanted = json::get(new, "spec");
        for field in MUTABLE {
            json::set(&mut allowed, field, json::get(wanted, field).clone());
        }
        if json::equivalent(&allowed, wanted) {
            return vec![];
        }
        let detail = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
            'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are \
            forbidden";
        vec![FieldError::forbidden(&Path::new("spec"), detail)]
    }

    fn validate_status_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        let counts = ["readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"];
        let mut errors = workload::validate_status(new, &counts);
        let status = json::get(new, "status");
        let available = workload::count(status, "availableReplicas");
        if available > workload::count(status, "readyReplicas") {
            let path = Path::new("status").child("availableReplicas");
            errors.push(FieldError::invalid(&path, available, "cannot be greater than status.readyReplicas"));
        }
        workload::collisions(new, old, &mut errors);
        errors
    }

    fn cells(&self, o: &Value, now: Timestamp) -> Vec<Value> {
        let (spec, status) = (json::get(o, "spec"), json::get(o, "status"));
        let (ready, desired) = (workload::count(status, "readyReplicas"), workload::count(spec, "replicas"));
        let [names, images] = workload::container_cells(json::at(spec, &["template", "spec"]));
        vec![metadata::name(o).into(), format!("{ready}/{desired}").into(), metadata::age(o, now).into(), names, images]
    }

    fn warnings(&self, o: &Value) -> Vec<String> {
        workload::warnings(o)
    }
}

/// The template as its pods will be: with a volume for each claim.
fn with_claims(spec: &Value) -> Value {
    let mut template = json::get(spec, "template").clone();
    let claims = json::list(spec, "volumeClaimTemplates").iter().map(metadata::name);
    let claims: Vec<&str> = claims.filter(|name| !name.is_empty()).collect();
    if claims.is_empty() {
        return template;
    }
    if let Some(pod) = template.get_mut("spec").filter(|pod| pod.is_object()) {
        let own = json::list(pod, "volumes").iter().filter(|volume| !claims.contains(&json::text(volume, "name")));
        let claimed = claims.iter().map(|name| json!({"name": name, "persistentVolumeClaim": {"claimName": name}}));
        let volumes: Vec<Value> = own.cloned().chain(claimed).collect();
        json::set(pod, "volumes", volumes);
    }
    template
}

fn management(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let (policy, path) = (json::text(spec, "podManagementPolicy"), path.child("podManagementPolicy"));
    match policy {
        "" => errors.push(FieldError::required(&path, "")),
        "OrderedReady" | "Parallel" => {}
        other => errors.push(FieldError::invalid(&path, other, "must be 'OrderedReady' or 'Parallel'")),
    }
}

fn update_strategy(strategy: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let (rolling, rolling_path) = (json::get(strategy, "rollingUpdate"), path.child("rollingUpdate"));
    match json::text(strategy, "type") {
        "" => errors.push(FieldError::required(path, "")),
        "OnDelete" if rolling.is_object() => {
            let detail = "only allowed for updateStrategy 'RollingUpdate'";
            errors.push(FieldError::invalid(&rolling_path, rolling.clone(), detail));
        }
        "OnDelete" => {}
        "RollingUpdate" => {
            not_negative(rolling, &["partition"], &rolling_path, errors);
            let unavailable = json::get(rolling, "maxUnavailable");
            let path = rolling_path.child("maxUnavailable");
            number_or_percent(unavailable, &path, errors);
            if workload::amount(unavailable) == Some(0) {
                errors.push(FieldError::invalid(&path, unavailable.clone(), "cannot be 0"));
            }
            at_most_all(unavailable, &path, errors);
        }
        _ => {
            let detail = "must be 'RollingUpdate' or 'OnDelete'";
            errors.push(FieldError::invalid(path, strategy.clone(), detail));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::groups::faults_of;

    fn db(more: Value) -> Value {
        let mut o = json!({"metadata": {"name": "db"}, "spec": {"serviceName": "db",
            "selector": {"matchLabels": {"app": "db"}},
            "template": {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [
                {"name": "c", "image": "db:1", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]}},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}}}}]}});
        for (key, value) in more.as_object().into_iter().flatten() {
            o["spec"][key] = value.clone();
        }
        StatefulSet.default(&mut o);
        o
    }

    #[test]
    fn defaults_are_filled_in_once() {
        let o = db(json!({}));
        let spec = &o["spec"];
        assert_eq!(spec["updateStrategy"], json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}));
        assert_eq!(spec["podManagementPolicy"], "OrderedReady");
        assert_eq!(spec[RETENTION], json!({"whenDeleted": "Retain", "whenScaled": "Retain"}));
        let claim = &spec["volumeClaimTemplates"][0];
        assert_eq!(
            (&claim["kind"], &claim["spec"]["volumeMode"]),
            (&json!("PersistentVolumeClaim"), &json!("Filesystem"))
        );
        let mut again = o.clone();
        StatefulSet.default(&mut again);
        assert_eq!(o, again);
    }

    #[test]
    fn each_fault_names_its_field() {
        assert_eq!(faults_of(&StatefulSet, &db(json!({}))), Vec::<String>::new());
        for (more, expected) in [
            (
                json!({"podManagementPolicy": "Any"}),
                "spec.podManagementPolicy: Invalid value: \"Any\": must be 'OrderedReady' or 'Parallel'",
            ),
            (
                json!({"updateStrategy": {"type": "OnDelete", "rollingUpdate": {}}}),
                "spec.updateStrategy.rollingUpdate: Invalid value: {}: only allowed for updateStrategy 'RollingUpdate'",
            ),
            (
                json!({"updateStrategy": {"type": "Now"}}),
                "spec.updateStrategy: Invalid value: {\"type\":\"Now\"}: must be 'RollingUpdate' or 'OnDelete'",
            ),
            (
                json!({"updateStrategy": {"rollingUpdate": {"partition": -1}, "type": "RollingUpdate"}}),
                "spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0",
            ),
            (json!({"selector": {}}), "spec.selector: Invalid value: {}: empty selector is invalid for statefulset"),
            (
                json!({"ordinals": {"start": -1}}),
                "spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0",
            ),
            (
                json!({"volumeClaimTemplates": []}),
                "spec.template.spec.containers[0].volumeMounts[0].name: Not found: \"data\"",
            ),
            (
                json!({RETENTION: {"whenScaled": "Burn"}}),
                "spec.persistentVolumeClaimRetentionPolicy.whenScaled: \
                Unsupported value: \"Burn\": supported values: \"Retain\", \"Delete\"",
            ),
        ] {
            assert_eq!(faults_of(&StatefulSet, &db(more.clone())), [expected], "{more}");
        }
    }

    #[test]
    fn what_pods_are_known_by_stays() {
        let old = db(json!({}));
        for (more, ends) in [
            (json!({"replicas": 3, "minReadySeconds": 1, "ordinals": {"start": 2}}), None),
            (json!({"serviceName": "other"}), Some("and 'minReadySeconds' are forbidden")),
            (json!({"volumeClaimTemplates": []}), Some("and 'minReadySeconds' are forbidden")),
        ] {
            let found = StatefulSet.validate_update(&db(more.clone()), &old);
            match ends {
                None => assert!(found.is_empty(), "{more}"),
                Some(ends) => {
                    assert!(found[0].to_string().starts_with("spec: Forbidden") && found[0].to_string().ends_with(ends))
                }
            }
        }
    }

    #[test]
    fn a_status_counts_no_more_than_there_are() {
        let new = json!({"status": {"replicas": 2, "readyReplicas": 1, "availableReplicas": 2, "currentReplicas": 3}});
        let found = StatefulSet.validate_status_update(&new, &json!({"status": {"collisionCount": 1}}));
        let found: Vec<String> = found.iter().map(|e| e.to_string()).collect();
        assert_eq!(
            found,
            [
                "status.currentReplicas: Invalid value: 3: cannot be greater than status.replicas",
                "status.availableReplicas: Invalid value: 2: cannot be greater than status.readyReplicas",
                "status.collisionCount: Invalid value: null: cannot be decremented",
            ]
        );
    }

    #[test]
    fn it_is_shown_as_kubectl_shows_it() {
        let mut o = db(json!({"replicas": 3}));
        o["status"] = json!({"readyReplicas": 2});
        assert_eq!(
            StatefulSet.cells(&o, Timestamp::UNIX_EPOCH),
            [json!("db"), json!("2/3"), json!("<unknown>"), json!("c"), json!("db:1")]
        );
    }
}
