//! Which mirrors the API server should have. Pure.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use k8s_openapi::api::core::v1::Pod;
use timonier_api::static_pod::CONFIG_MIRROR;

use super::Name;

/// One write.
#[derive(Clone, Debug, PartialEq)]
pub enum Todo {
    /// Make the mirror of this static pod.
    Create(Arc<Pod>),
    Delete {
        name: Name,
        uid: String,
    },
}

/// The uid of the static pod that this one mirrors.
pub fn shown_by(pod: &Pod) -> Option<&str> {
    pod.metadata.annotations.as_ref()?.get(CONFIG_MIRROR).map(String::as_str)
}

/// A static pod as the API is told of it, but for its owner.
pub fn mirror(pod: &Pod) -> Pod {
    let mut mirror = pod.clone();
    let hash = mirror.metadata.uid.take().unwrap_or_default();
    mirror.metadata.annotations.get_or_insert_default().insert(CONFIG_MIRROR.to_owned(), hash);
    mirror
}

/// A mirror goes when nothing of its pod runs any more. One that somebody deletes goes at once, and comes back.
pub fn plan(wanted: &BTreeMap<Name, Arc<Pod>>, mirrors: &BTreeMap<Name, Arc<Pod>>, live: &HashSet<&str>) -> Vec<Todo> {
    let uid = |pod: &Pod| pod.metadata.uid.clone().unwrap_or_default();
    let shown = |name: &Name, hash: &str| wanted.get(name).is_some_and(|pod| uid(pod) == hash);
    let useless = mirrors.iter().filter(|(name, mirror)| {
        let hash = shown_by(mirror).unwrap_or_default();
        let deleted = mirror.metadata.deletion_timestamp.is_some();
        if shown(name, hash) { deleted } else { !live.contains(hash) }
    });
    let delete = useless.map(|(name, mirror)| Todo::Delete { name: name.clone(), uid: uid(mirror) });
    let missing = wanted.iter().filter(|(name, _)| !mirrors.contains_key(*name));
    delete.chain(missing.map(|(_, pod)| Todo::Create(pod.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pods(pods: &[(&str, Value)]) -> BTreeMap<Name, Arc<Pod>> {
        let pod = |metadata: &Value| serde_json::from_value(json!({"metadata": metadata})).expect("a pod");
        pods.iter().map(|(name, meta)| (("d".to_owned(), (*name).to_owned()), Arc::new(pod(meta)))).collect()
    }

    #[test]
    fn every_static_pod_has_one_mirror_of_its_own() {
        let file = |uid: &str| json!({"name": "a", "uid": uid});
        let shows = |hash: &str| json!({"uid": "m", "annotations": {CONFIG_MIRROR: hash}});
        let mut deleted = shows("1");
        deleted["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        let wanted = pods(&[("a", file("1"))]);
        let create = || Todo::Create(wanted[&("d".to_owned(), "a".to_owned())].clone());
        let delete = || Todo::Delete { name: ("d".into(), "a".into()), uid: "m".into() };
        for (wanted, mirrors, live, expected) in [
            (wanted.clone(), pods(&[]), vec!["1"], vec![create()]),
            (wanted.clone(), pods(&[("a", shows("1"))]), vec!["1"], vec![]),
            (wanted.clone(), pods(&[("a", deleted.clone())]), vec!["1"], vec![delete()]),
            (wanted.clone(), pods(&[("a", shows("0"))]), vec!["0"], vec![]),
            (wanted.clone(), pods(&[("a", shows("0"))]), vec!["1"], vec![delete()]),
            (pods(&[]), pods(&[("a", shows("1"))]), vec!["1"], vec![]),
            (pods(&[]), pods(&[("a", deleted)]), vec!["1"], vec![]),
            (pods(&[]), pods(&[("a", shows("1"))]), vec![], vec![delete()]),
        ] {
            assert_eq!(plan(&wanted, &mirrors, &live.iter().copied().collect()), expected, "{mirrors:?} {live:?}");
        }
    }

    #[test]
    fn a_mirror_names_its_pod_and_leaves_its_uid_to_the_server() {
        let pod = pods(&[("a", json!({"name": "a", "uid": "1"}))]).into_values().next().expect("a pod");
        let mirror = mirror(&pod);
        assert_eq!((mirror.metadata.uid.as_deref(), shown_by(&mirror), shown_by(&pod)), (None, Some("1"), None));
    }
}
