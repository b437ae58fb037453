//! What everyone may know of the cluster's authority: `kube-root-ca.crt` in each namespace, and `kube-public/cluster-info`
//! for machines that want to join.

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use kube::api::Patch;
use serde_json::json;
use timonier_client::{Informer, Next, ObjectKey, Reconcile, Writer};

use crate::{
    objects::{ConfigMap, Namespace},
    refusal::{is_gone, namespace_ends},
    trust::Trust,
};

pub const ROOT_CA: &str = "kube-root-ca.crt";
pub const CLUSTER_INFO: &str = "cluster-info";

impl Trust {
    /// What a ConfigMap should hold; `None` for those that are not ours.
    fn data(&self, key: &ObjectKey) -> Option<BTreeMap<String, String>> {
        let ca = self.ca.as_ref()?;
        match (key.namespace(), &*key.name) {
            (Some(_), ROOT_CA) => Some(BTreeMap::from([("ca.crt".to_string(), ca.clone())])),
            (Some("kube-public"), CLUSTER_INFO) => {
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

pub struct Publisher {
    pub namespaces: Informer<Namespace>,
    pub published: Informer<ConfigMap>,
    pub info: Informer<ConfigMap>,
    pub trust: Trust,
}

/// The config maps of one namespace.
pub fn keys(namespace: &Arc<str>) -> Vec<ObjectKey> {
    let mut keys = vec![ObjectKey::namespaced(namespace.clone(), ROOT_CA)];
    if &**namespace == "kube-public" {
        keys.push(ObjectKey::namespaced(namespace.clone(), CLUSTER_INFO));
    }
    keys
}

impl Reconcile for Publisher {
    /// The namespace's name.
    type Key = Arc<str>;
    type Error = kube::Error;

    async fn reconcile(&self, namespace: &Arc<str>, writer: &Writer) -> Result<Next, kube::Error> {
        let there = self.namespaces.get(&ObjectKey::cluster(namespace.clone()));
        if there.is_none_or(|namespace| namespace.metadata.is_deleting()) {
            return Ok(Next::Settled);
        }
        for key in keys(namespace) {
            let Some(data) = self.trust.data(&key) else { continue };
            let found = if &*key.name == ROOT_CA { self.published.get(&key) } else { self.info.get(&key) };
            let outcome = match found {
                Some(found) if found.data == data => continue,
                Some(_) => writer.patch::<ConfigMap>(&key, &Patch::Merge(json!({"data": data}))).await,
                None => {
                    let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": data,
                        "metadata": {"name": key.name, "namespace": &**namespace}});
                    writer.create::<ConfigMap>(Some(namespace), &body).await
                }
            };
            match outcome {
                Ok(_) => {}
                Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => {}
                Err(error) if is_gone(&error) || namespace_ends(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Next::Settled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_namespace_gets_the_ca_and_one_gets_the_address() {
        let trust = Trust { ca: Some("PEM".into()), server: Some("https://10.0.0.5:6443".into()), authority: None };
        assert_eq!(keys(&"default".into()).len(), 1);
        let own = keys(&"kube-public".into());
        assert_eq!(own.len(), 2);
        assert_eq!(trust.data(&own[0]).and_then(|data| data.get("ca.crt").cloned()).as_deref(), Some("PEM"));
        let info = trust.data(&own[1]).expect("is published");
        assert!(info["kubeconfig"].contains("server: https://10.0.0.5:6443\n"), "{info:?}");
        assert!(info["kubeconfig"].contains(&STANDARD.encode("PEM")), "{info:?}");
        assert_eq!(trust.data(&ObjectKey::namespaced("default", CLUSTER_INFO)), None);
        assert_eq!(Trust::default().data(&own[0]), None);
    }
}
