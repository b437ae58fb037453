use serde_json::{Value, json};
use timonier_store::{Key, Options, Store, StoreUrl, Txn};

use super::*;
use crate::kinds::Table;
use crate::object;
use crate::registry::keys;

async fn put(store: &Store, kind: &str, mut o: Value) {
    let table = Table::builtin();
    let row = table.by_kind("rbac.authorization.k8s.io", "v1", kind).expect("a kind");
    row.hooks.default(&mut o);
    let (namespace, name) =
        (o["metadata"]["namespace"].as_str().unwrap_or(""), o["metadata"]["name"].as_str().unwrap());
    let key = Key::new(keys::object(row, namespace, name));
    let value = object::encode(&o, row).expect("encodes");
    let at = store.snapshot().get(&key).map(|entry| entry.revision);
    let txn = match at {
        None => Txn::create(key, value, None),
        Some(at) => Txn::update(key, at, value, None),
    };
    store.commit(txn).await.expect("is written");
}

fn role(name: &str, namespace: &str, rules: Value) -> Value {
    json!({"metadata": {"name": name, "namespace": namespace}, "rules": rules})
}

fn binding(namespace: &str, role: (&str, &str), subject: Value) -> Value {
    json!({"metadata": {"name": format!("{}-{}", role.1, subject["name"].as_str().unwrap()), "namespace": namespace},
        "roleRef": {"kind": role.0, "name": role.1}, "subjects": [subject]})
}

fn ask<'a>(verb: &'a str, resource: &'a str, namespace: &'a str, name: &'a str) -> Attributes<'a> {
    Attributes { verb, resource, namespace, name, is_resource: true, ..Attributes::default() }
}

#[tokio::test]
async fn bindings_give_rules_where_they_are() {
    let store = Store::open(&StoreUrl::Memory, Options::default()).await.expect("opens");
    let pods = json!([{"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]}]);
    let one =
        json!([{"verbs": ["get", "create"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["one"]}]);
    put(&store, "ClusterRole", role("reader", "", pods)).await;
    put(&store, "Role", role("one-secret", "a", one)).await;
    let user = |name: &str| json!({"kind": "User", "name": name});
    put(&store, "RoleBinding", binding("a", ("ClusterRole", "reader"), user("ann"))).await;
    put(&store, "ClusterRoleBinding", binding("", ("ClusterRole", "reader"), json!({"kind": "Group", "name": "ops"})))
        .await;
    put(&store, "RoleBinding", binding("a", ("Role", "one-secret"), json!({"kind": "ServiceAccount", "name": "s"})))
        .await;
    put(&store, "RoleBinding", binding("a", ("Role", "gone"), user("eve"))).await;
    let rbac = Rbac::default();
    rbac.refresh(&store.snapshot());
    let (ann, eve) = (Identity::new("ann", &[]), Identity::new("eve", &[]));
    let (op, account) = (Identity::new("op", &["ops"]), Identity::new("system:serviceaccount:a:s", &[]));
    let cases = [
        (&ann, ask("get", "pods", "a", "p"), true),
        (&ann, ask("get", "pods", "b", "p"), false),
        (&ann, ask("list", "pods", "", ""), false),
        (&ann, ask("delete", "pods", "a", "p"), false),
        (&op, ask("list", "pods", "", ""), true),
        (&op, ask("get", "pods", "b", "p"), true),
        (&account, ask("get", "secrets", "a", "one"), true),
        (&account, ask("get", "secrets", "a", "two"), false),
        (&account, ask("create", "secrets", "a", ""), false),
        (&eve, ask("get", "pods", "a", "p"), false),
    ];
    // Twice: what is remembered must be what is found.
    for (identity, asked, expected) in cases.iter().chain(&cases) {
        assert_eq!(rbac.decide(identity, asked).allowed, *expected, "{} {asked:?}", identity.user);
    }
    let reason = |identity, asked| rbac.decide(identity, &asked).reason;
    assert_eq!(
        reason(&ann, ask("get", "pods", "a", "p")),
        "RBAC: allowed by RoleBinding \"reader-ann/a\" of ClusterRole \"reader\" to User \"ann\""
    );
    assert_eq!(
        reason(&account, ask("get", "secrets", "a", "one")),
        "RBAC: allowed by RoleBinding \"one-secret-s/a\" of Role \"one-secret\" to ServiceAccount \"s/a\""
    );
    assert_eq!(reason(&eve, ask("get", "pods", "a", "p")), "RBAC: role.rbac.authorization.k8s.io \"gone\" not found");
}

#[tokio::test]
async fn what_changes_is_in_force_at_once() {
    let store = Store::open(&StoreUrl::Memory, Options::default()).await.expect("opens");
    let rbac = Arc::new(Rbac::default());
    let stop = CancellationToken::new();
    let follower = tokio::spawn({
        let (rbac, store, stop) = (rbac.clone(), store.clone(), stop.clone());
        async move { rbac.follow(&store, &stop).await }
    });
    let ann = Identity::new("ann", &[]);
    let may = |verb: &'static str| rbac.decide(&ann, &ask(verb, "pods", "a", "")).allowed;
    assert!(!may("list"));
    let allow = |verb: &str| role("r", "a", json!([{"verbs": [verb], "apiGroups": [""], "resources": ["pods"]}]));
    put(&store, "RoleBinding", binding("a", ("Role", "r"), json!({"kind": "User", "name": "ann"}))).await;
    put(&store, "Role", allow("list")).await;
    rbac.refresh(&store.snapshot());
    assert!(may("list") && !may("watch"));
    put(&store, "Role", allow("watch")).await;
    // Nobody refreshes: the follower does.
    let changed = async {
        while may("list") || !may("watch") {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), changed).await.expect("the change is followed");
    stop.cancel();
    follower.await.expect("ends");
}
