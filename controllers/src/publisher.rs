//! What everyone may know of the cluster's authority: `kube-root-ca.crt` in each namespace, and `kube-public/cluster-info`
//! for machines that want to join.

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use kube::api::Patch;
use serde_json::{Value, json};
use timonier_client::{Informer, Next, ObjectKey, Reconcile, Writer};

use crate::{
    objects::{ConfigMap, Namespace},
    refusal::{is_gone, namespace_ends},
    trust::Trust,
};

pub const ROOT_CA: &str = "kube-root-ca.crt";
pub const CLUSTER_INFO: &str = "cluster-info";
/// Where everybody may read.
pub const PUBLIC: &str = "kube-public";
const DESCRIPTION: &str = "kubernetes.io/description";
const ROOT_CA_DESCRIPTION: &str = "The CA by which clients inside the cluster, such as pods, know the API server.";

impl Trust {
    /// What a ConfigMap should hold; `None` for those that are not ours.
    fn data(&self, key: &ObjectKey) -> Option<BTreeMap<String, String>> {
        let ca = self.ca.as_ref()?;
        match (key.namespace(), &*key.name) {
            (Some(_), ROOT_CA) => Some(BTreeMap::from([("ca.crt".to_string(), ca.clone())])),
            (Some(PUBLIC), CLUSTER_INFO) => {
                let (server, ca) = (self.server.as_ref()?, STANDARD.encode(ca));
                let kubeconfig = format!(
                    "apiVersion: v1\nkind: Config\nclusters:\n- name: \"\"\n  cluster:\n    \
                     server: {server}\n    certificate-authority-data: {ca}\n\
                     contexts: null\ncurrent-context: \"\"\npreferences: {{}}\nusers: null\n"
                );
                Some(BTreeMap::from([("kubeconfig".to_string(), kubeconfig)]))
            }
            _ => None,
        }
    }
}

/// The CA in each namespace.
pub struct RootCa {
    pub namespaces: Informer<Namespace>,
    pub published: Informer<ConfigMap>,
    pub trust: Trust,
}

/// Where the cluster is, for machines that know nothing yet. It has a copy and a run of its own: what one copy does not
/// show, a key would wait for in vain.
pub struct ClusterInfo {
    pub namespaces: Informer<Namespace>,
    pub published: Informer<ConfigMap>,
    pub trust: Trust,
}

impl Reconcile for RootCa {
    /// The namespace's name.
    type Key = Arc<str>;
    type Error = kube::Error;

    async fn reconcile(&self, namespace: &Arc<str>, writer: &Writer) -> Result<Next, kube::Error> {
        let key = ObjectKey::namespaced(namespace.clone(), ROOT_CA);
        publish(&key, &self.trust, &self.namespaces, &self.published, writer).await
    }
}

impl Reconcile for ClusterInfo {
    type Key = ();
    type Error = kube::Error;

    async fn reconcile(&self, _one: &(), writer: &Writer) -> Result<Next, kube::Error> {
        let key = ObjectKey::namespaced(PUBLIC, CLUSTER_INFO);
        publish(&key, &self.trust, &self.namespaces, &self.published, writer).await
    }
}

async fn publish(
    key: &ObjectKey,
    trust: &Trust,
    namespaces: &Informer<Namespace>,
    published: &Informer<ConfigMap>,
    writer: &Writer,
) -> Result<Next, kube::Error> {
    let namespace = namespaces.get(&ObjectKey::cluster(key.namespace().unwrap_or_default()));
    let Some(data) = trust.data(key).filter(|_| namespace.is_some_and(|there| !there.metadata.is_deleting())) else {
        return Ok(Next::Settled);
    };
    let outcome = match published.get(key) {
        Some(found) => match correction(&found, &data) {
            Some(patch) => writer.patch::<ConfigMap>(key, &Patch::Merge(patch)).await,
            None => return Ok(Next::Settled),
        },
        None => {
            let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": data,
                "metadata": {"name": key.name, "namespace": key.namespace(), "annotations": annotations(key)}});
            writer.create::<ConfigMap>(key.namespace(), &body).await
        }
    };
    match outcome {
        Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => Ok(Next::Settled),
        Err(error) if is_gone(&error) || namespace_ends(&error) => Ok(Next::Settled),
        other => other.map(|_| Next::Settled),
    }
}

fn annotations(key: &ObjectKey) -> BTreeMap<&'static str, &'static str> {
    if &*key.name == ROOT_CA { BTreeMap::from([(DESCRIPTION, ROOT_CA_DESCRIPTION)]) } else { BTreeMap::new() }
}

/// What makes the ConfigMap say this and nothing else; None when it does.
fn correction(found: &ConfigMap, data: &BTreeMap<String, String>) -> Option<Value> {
    let key = found.metadata.key();
    let described = |name: &&str| found.metadata.annotations.get(*name).is_some_and(|text| !text.is_empty());
    let annotations = annotations(&key);
    if found.data == *data && annotations.keys().all(described) {
        return None;
    }
    let mut wanted = json!(data);
    found.data.keys().filter(|name| !data.contains_key(*name)).for_each(|name| wanted[name] = Value::Null);
    Some(json!({"metadata": {"uid": &*found.metadata.uid, "annotations": annotations}, "data": wanted}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_namespace_gets_the_ca_and_one_gets_the_address() {
        let trust = Trust { ca: Some("PEM".into()), server: Some("https://10.0.0.5:6443".into()), authority: None };
        let key = |name: &str| ObjectKey::namespaced(PUBLIC, name);
        assert_eq!(trust.data(&key(ROOT_CA)).and_then(|data| data.get("ca.crt").cloned()).as_deref(), Some("PEM"));
        let info = trust.data(&key(CLUSTER_INFO)).expect("is published");
        assert!(info["kubeconfig"].contains("server: https://10.0.0.5:6443\n"), "{info:?}");
        assert!(info["kubeconfig"].contains(&STANDARD.encode("PEM")), "{info:?}");
        assert_eq!(trust.data(&ObjectKey::namespaced("default", CLUSTER_INFO)), None);
        assert_eq!(Trust::default().data(&key(ROOT_CA)), None);
    }

    #[test]
    fn what_others_change_is_put_right() {
        let wanted = BTreeMap::from([("ca.crt".to_owned(), "PEM".to_owned())]);
        let check = |name: &str, data: Value, annotations: Value, expect: Value| {
            let map = json!({"metadata": {"name": name, "uid": "u", "annotations": annotations}, "data": data});
            let found: ConfigMap = serde_json::from_value(map).expect("a config map");
            let correction = correction(&found, &wanted);
            let (data, annotated) = match &correction {
                Some(patch) => (patch["data"].clone(), patch["metadata"]["annotations"][DESCRIPTION].is_string()),
                None => (Value::Null, false),
            };
            assert_eq!(json!([data, annotated]), expect, "{found:?}");
        };
        let (good, said) = (json!({"ca.crt": "PEM"}), json!({DESCRIPTION: "mine"}));
        check(ROOT_CA, good.clone(), said.clone(), json!([null, false]));
        check(ROOT_CA, good.clone(), json!({}), json!([{"ca.crt": "PEM"}, true]));
        check(ROOT_CA, good.clone(), json!({DESCRIPTION: ""}), json!([{"ca.crt": "PEM"}, true]));
        check(ROOT_CA, json!({"ca.crt": "OLD"}), said.clone(), json!([{"ca.crt": "PEM"}, true]));
        check(ROOT_CA, json!({"ca.crt": "PEM", "x": "1"}), said.clone(), json!([{"ca.crt": "PEM", "x": null}, true]));
        check(ROOT_CA, Value::Null, said, json!([{"ca.crt": "PEM"}, true]));
        check(CLUSTER_INFO, good, json!({}), json!([null, false]));
    }
}
