//! Who may do what, by roles and bindings; and that nobody gives away more than one has.

use http::Method;
use serde_json::{Value, json};

use super::fixture::{As, Client, Cluster, Protocol};
use super::{CONFIG_MAPS, config_map};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

fn cluster_path(plural: &str) -> String {
    format!("{RBAC}/{plural}")
}

fn path(plural: &str) -> String {
    format!("{RBAC}/namespaces/default/{plural}")
}

fn user(name: &str) -> Value {
    json!([{"kind": "User", "name": name}])
}

fn role(name: &str, verbs: &[&str], resource: &str) -> Value {
    json!({"metadata": {"name": name}, "rules": [{"verbs": verbs, "apiGroups": [""], "resources": [resource]}]})
}

fn binding(name: &str, kind: &str, role: &str, subjects: Value) -> Value {
    json!({"metadata": {"name": name}, "roleRef": {"kind": kind, "name": role}, "subjects": subjects})
}

fn someone(cluster: &Cluster, name: &'static str) -> Client {
    cluster.client(As::Certificate(name, "people"), Protocol::Http1)
}

#[tokio::test]
async fn a_binding_is_in_force_when_its_write_is_answered() {
    let cluster = Cluster::start().await;
    let (admin, ann) = (cluster.admin(), someone(&cluster, "ann"));
    let refused = ann.get(CONFIG_MAPS).await.refused();
    let expected = "configmaps is forbidden: User \"ann\" cannot list resource \"configmaps\" in API group \"\" in the namespace \"default\"";
    assert_eq!((refused.0, &*refused.2), (403, expected));
    admin.post(&path("rolebindings"), &binding("b", "Role", "reader", user("ann"))).await.ok();
    let refused = ann.get(CONFIG_MAPS).await.refused();
    assert_eq!(refused.2, format!("{expected}: RBAC: role.rbac.authorization.k8s.io \"reader\" not found"));
    admin.post(&path("roles"), &role("reader", &["get", "list"], "configmaps")).await.ok();
    assert_eq!(ann.get(CONFIG_MAPS).await.code, 200);
    assert_eq!(ann.post(CONFIG_MAPS, &config_map("c")).await.code, 403);
    assert_eq!(ann.get("/api/v1/configmaps").await.code, 403);
    admin.put(&format!("{}/reader", path("roles")), &role("reader", &["create"], "configmaps")).await.ok();
    assert_eq!(ann.get(CONFIG_MAPS).await.code, 403);
    assert_eq!(ann.post(CONFIG_MAPS, &config_map("c")).await.code, 201);
    admin.delete(&format!("{}/b", path("rolebindings"))).await.ok();
    assert_eq!(ann.post(CONFIG_MAPS, &config_map("d")).await.code, 403);
}

#[tokio::test]
async fn the_roles_of_every_cluster_are_there_and_mean_what_they_say() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    for (name, role) in [("viewer", "view"), ("editor", "edit"), ("owner", "admin")] {
        admin.post(&path("rolebindings"), &binding(name, "ClusterRole", role, user(name))).await.ok();
    }
    let (viewer, editor, owner) =
        (someone(&cluster, "viewer"), someone(&cluster, "editor"), someone(&cluster, "owner"));
    let secrets = "/api/v1/namespaces/default/secrets";
    for (client, reads, writes, secret, grants) in
        [(&viewer, 200, 403, 403, 403), (&editor, 200, 201, 200, 403), (&owner, 200, 201, 200, 200)]
    {
        assert_eq!(client.get(CONFIG_MAPS).await.code, reads);
        let mut map = config_map("");
        map["metadata"] = json!({"generateName": "c-"});
        assert_eq!(client.post(CONFIG_MAPS, &map).await.code, writes);
        assert_eq!(client.get(secrets).await.code, secret);
        assert_eq!(client.get(&path("roles")).await.code, grants);
        assert_eq!(client.get("/api/v1/nodes").await.code, 403);
    }
    let again = Cluster::on(cluster.store.clone()).await;
    let first = admin.get(&format!("{}/view", cluster_path("clusterroles"))).await.ok();
    let second = again.admin().get(&format!("{}/view", cluster_path("clusterroles"))).await.ok();
    assert_eq!(first, second);
}

#[tokio::test]
async fn nobody_grants_what_one_does_not_hold() {
    let cluster = Cluster::start().await;
    let (admin, owner) = (cluster.admin(), someone(&cluster, "owner"));
    admin.post(&path("rolebindings"), &binding("owner", "ClusterRole", "admin", user("owner"))).await.ok();
    owner.post(&path("roles"), &role("reader", &["get", "list"], "configmaps")).await.ok();
    let refused = owner.post(&path("roles"), &role("much", &["get", "drain"], "nodes")).await.refused();
    assert_eq!(
        refused.2,
        "roles.rbac.authorization.k8s.io \"much\" is forbidden: user \"owner\" (groups=[\"people\" \"system:authenticated\"]) \
         is attempting to grant RBAC permissions not currently held:\n{APIGroups:[\"\"], Resources:[\"nodes\"], Verbs:[\"get\" \"drain\"]}"
    );
    let widen = json!({"rules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]});
    assert_eq!(owner.merge(&format!("{}/reader", path("roles")), &widen).await.code, 403);
    let label = json!({"metadata": {"labels": {"a": "b"}}});
    assert_eq!(owner.merge(&format!("{}/reader", path("roles")), &label).await.code, 200);

    let all = binding("all", "ClusterRole", "cluster-admin", user("owner"));
    let refused = owner.post(&path("rolebindings"), &all).await.refused();
    assert!(refused.2.contains("not currently held"), "{}", refused.2);
    owner.post(&path("rolebindings"), &binding("more", "ClusterRole", "edit", user("friend"))).await.ok();
    let missing = owner.post(&path("rolebindings"), &binding("gone", "Role", "gone", user("friend"))).await.refused();
    assert_eq!(missing.0, 404);
    // Who may `bind` a role gives it without holding it; who may `escalate` writes any.
    let mut special = role("special", &["bind"], "clusterroles");
    special["rules"][0]["apiGroups"] = json!(["rbac.authorization.k8s.io"]);
    special["rules"][0]["resourceNames"] = json!(["cluster-admin"]);
    let escalate = json!({"verbs": ["escalate"], "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"]});
    special["rules"].as_array_mut().expect("rules").push(escalate);
    admin.post(&path("roles"), &special).await.ok();
    admin.post(&path("rolebindings"), &binding("special", "Role", "special", user("owner"))).await.ok();
    owner.post(&path("rolebindings"), &all).await.ok();
    assert_eq!(owner.get("/api/v1/nodes").await.code, 403);
    let second = someone(&cluster, "second");
    admin.post(&path("rolebindings"), &binding("second", "Role", "special", user("second"))).await.ok();
    assert_eq!(second.post(&path("roles"), &role("much", &["get"], "nodes")).await.code, 403, "may not create roles");
    owner.post(&path("roles"), &role("much", &["get"], "nodes")).await.ok();
}

#[tokio::test]
async fn reviews_say_what_roles_allow_and_why() {
    let cluster = Cluster::start().await;
    let (admin, ann) = (cluster.admin(), someone(&cluster, "ann"));
    admin.post(&path("roles"), &role("reader", &["get"], "configmaps")).await.ok();
    admin.post(&path("rolebindings"), &binding("b", "Role", "reader", user("ann"))).await.ok();
    let own = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let ask = async |client: &Client, attributes: Value| {
        client.post(own, &json!({"spec": {"resourceAttributes": attributes}})).await.ok()["status"].clone()
    };
    let attributes = json!({"verb": "get", "resource": "configmaps", "namespace": "default"});
    let reason = "RBAC: allowed by RoleBinding \"b/default\" of Role \"reader\" to User \"ann\"";
    assert_eq!(ask(&ann, attributes).await, json!({"allowed": true, "reason": reason}));
    let escalate =
        json!({"verb": "escalate", "group": "rbac.authorization.k8s.io", "resource": "roles", "namespace": "default"});
    assert_eq!(ask(&ann, escalate.clone()).await, json!({"allowed": false}));
    assert_eq!(ask(&admin, escalate).await, json!({"allowed": true}));
    let rules = json!({"spec": {"namespace": "default"}});
    let answer = ann.post("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", &rules).await.ok();
    let found = json!({"verbs": ["get"], "apiGroups": [""], "resources": ["configmaps"]});
    assert!(answer["status"]["resourceRules"].as_array().is_some_and(|rules| rules.contains(&found)), "{answer}");
    assert_eq!(answer["status"]["incomplete"], false);
}

#[tokio::test]
async fn who_may_act_as_another_is_taken_for_that_one() {
    let cluster = Cluster::start().await;
    let (admin, ann) = (cluster.admin(), someone(&cluster, "ann"));
    let me = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let as_bob = [("impersonate-user", "bob"), ("impersonate-group", "ops"), ("content-type", "application/json")];
    let answer = admin.send(Method::POST, me, &as_bob, "{}").await.ok();
    let info = &answer["status"]["userInfo"];
    assert_eq!((&info["username"], &info["groups"]), (&json!("bob"), &json!(["ops", "system:authenticated"])));
    let refused = admin.send(Method::GET, CONFIG_MAPS, &as_bob, "").await.refused();
    assert!(refused.2.contains("User \"bob\" cannot list"), "{}", refused.2);
    let refused = ann.send(Method::GET, CONFIG_MAPS, &as_bob, "").await.refused();
    assert_eq!(
        refused.2,
        "users \"bob\" is forbidden: User \"ann\" cannot impersonate resource \"users\" in API group \"\" at the cluster scope"
    );
    let mut act = role("act", &["impersonate"], "users");
    act["rules"][0]["resourceNames"] = json!(["bob"]);
    admin.post(&cluster_path("clusterroles"), &act).await.ok();
    admin.post(&cluster_path("clusterrolebindings"), &binding("act", "ClusterRole", "act", user("ann"))).await.ok();
    let refused = ann.send(Method::GET, CONFIG_MAPS, &as_bob, "").await.refused();
    assert!(refused.2.starts_with("groups \"ops\" is forbidden"), "{}", refused.2);
    let answer = ann.send(Method::POST, me, &[as_bob[0], as_bob[2]], "{}").await.ok();
    assert_eq!(answer["status"]["userInfo"]["username"], "bob");
}
