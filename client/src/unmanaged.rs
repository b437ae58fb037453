//! Metadata without the record of who set which field: half of many objects, and nothing that a controller or an agent
//! reads. It is skipped rather than decoded and thrown away.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};
use serde::{Deserialize, Deserializer};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Unmanaged {
    annotations: Option<BTreeMap<String, String>>,
    creation_timestamp: Option<Time>,
    deletion_grace_period_seconds: Option<i64>,
    deletion_timestamp: Option<Time>,
    finalizers: Option<Vec<String>>,
    generate_name: Option<String>,
    generation: Option<i64>,
    labels: Option<BTreeMap<String, String>>,
    name: Option<String>,
    namespace: Option<String>,
    owner_references: Option<Vec<OwnerReference>>,
    resource_version: Option<String>,
    self_link: Option<String>,
    uid: Option<String>,
}

/// For `#[serde(deserialize_with)]` on the metadata of a view.
pub fn metadata<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let Unmanaged {
        annotations,
        creation_timestamp,
        deletion_grace_period_seconds,
        deletion_timestamp,
        finalizers,
        generate_name,
        generation,
        labels,
        name,
        namespace,
        owner_references,
        resource_version,
        self_link,
        uid,
    } = Unmanaged::deserialize(deserializer)?;
    Ok(ObjectMeta {
        annotations,
        creation_timestamp,
        deletion_grace_period_seconds,
        deletion_timestamp,
        finalizers,
        generate_name,
        generation,
        labels,
        managed_fields: None,
        name,
        namespace,
        owner_references,
        resource_version,
        self_link,
        uid,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_but_the_owners_of_fields_is_there() {
        let object = json!({
            "annotations": {"a": "1"}, "creationTimestamp": "2026-11-26T14:03:00Z", "deletionGracePeriodSeconds": 30,
            "deletionTimestamp": "2026-11-26T15:03:00Z", "finalizers": ["f"], "generateName": "n-", "generation": 2,
            "labels": {"l": "2"}, "name": "n-1", "namespace": "ns", "resourceVersion": "7", "selfLink": "/x", "uid": "u",
            "ownerReferences": [{"apiVersion": "v1", "kind": "K", "name": "o", "uid": "v", "controller": true}],
        });
        let mut managed = object.clone();
        managed["managedFields"] = json!([{"manager": "m", "fieldsV1": {"f:spec": {}}}]);
        let read = metadata(managed).expect("metadata");
        assert_eq!(serde_json::to_value(&read).expect("JSON"), object);
    }
}
