use serde_json::json;
use timonier_client::Resource;

use crate::harness::Cluster;

const CLUSTER_ROLES: Resource = Resource::of("rbac.authorization.k8s.io", "v1", "clusterroles");

#[tokio::test]
async fn a_role_takes_in_the_rules_of_those_that_are_labelled_for_it() {
    let cluster = Cluster::start().await;
    let controllers = cluster.controllers(&["clusterrole-aggregation"], None);
    let rule = json!({"verbs": ["get"], "apiGroups": ["example.com"], "resources": ["widgets"]});
    let label = json!({"rbac.authorization.k8s.io/aggregate-to-view": "true"});
    let part = json!({"metadata": {"name": "widgets", "labels": label}, "rules": [rule]});
    cluster.create(&CLUSTER_ROLES, None, part).await;
    let until = async |name: &str, expected: bool| {
        let ask = async || {
            let role = cluster.get(&CLUSTER_ROLES, None, name).await.expect("is there");
            let has = role["rules"].as_array().is_some_and(|rules| rules.contains(&rule));
            if has == expected { Ok(()) } else { Err(role) }
        };
        cluster.until(&format!("{name} has the rule: {expected}"), ask).await;
    };
    // `edit` takes in `view`, and `admin` takes in `edit`.
    for name in ["view", "edit", "admin"] {
        until(name, true).await;
    }
    cluster.delete(&CLUSTER_ROLES, None, "widgets", "Background").await;
    for name in ["view", "edit", "admin"] {
        until(name, false).await;
    }
    controllers.stop().await;
}
