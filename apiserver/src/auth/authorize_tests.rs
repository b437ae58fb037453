use http::Method;
use timonier_store::{Options, Store, StoreUrl};

use super::*;
use crate::auth::rbac;
use crate::identity::BOOTSTRAPPERS;
use crate::kinds::Table;
use crate::query::Query;

/// An authorizer with the roles that every cluster has.
async fn authorizer() -> Authorizer {
    let store = Store::open(&StoreUrl::Memory, Options::default()).await.expect("opens");
    crate::wanted::see_to(&store, &Table::builtin(), rbac::bootstrap::wanted()).await.expect("are written");
    let authorizer = Authorizer::default();
    authorizer.rbac.refresh(&store.snapshot());
    authorizer
}

fn ask(authorizer: &Authorizer, identity: &Identity, method: Method, uri: &str) -> Result<(), String> {
    let info = RequestInfo::read(&method, uri, &Query::default());
    authorizer.check(identity, &Attributes::from(&info)).map_err(|refusal| refusal.message)
}

#[tokio::test]
async fn each_identity_may_do_its_own_work_and_no_more() {
    let authorizer = authorizer().await;
    let node = Identity::node("n1");
    let stranger = Identity::new("bob", &[]);
    let machine = Identity::new("system:bootstrap:abcdef", &[BOOTSTRAPPERS]);
    let requests = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
    let approval = format!("{requests}/a/approval");
    let allowed = [
        (Identity::admin(), Method::DELETE, "/api/v1/nodes/n1"),
        (Identity::anonymous(), Method::GET, "/readyz"),
        (Identity::anonymous(), Method::GET, "/version"),
        (Identity::anonymous(), Method::GET, "/ui/"),
        (Identity::anonymous(), Method::GET, "/ui/assets/index.js"),
        (Identity::anonymous(), Method::POST, "/timonier/v1/viewer/token"),
        (stranger.clone(), Method::POST, "/timonier/v1/viewer/codes"),
        (stranger.clone(), Method::GET, "/timonier/history"),
        (Identity::anonymous(), Method::GET, "/api/v1/namespaces/kube-public/configmaps/cluster-info"),
        (machine.clone(), Method::POST, requests),
        (node.clone(), Method::POST, requests),
        (stranger.clone(), Method::GET, "/apis"),
        (Identity::controller_manager(), Method::POST, "/api/v1/namespaces/a/pods"),
        (Identity::scheduler(), Method::POST, "/api/v1/namespaces/a/pods/p/binding"),
        (node.clone(), Method::PATCH, "/api/v1/nodes/n1/status"),
        (node.clone(), Method::PUT, "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1"),
        (node.clone(), Method::GET, "/api/v1/pods"),
        (node.clone(), Method::POST, "/api/v1/namespaces/a/pods"),
        (node.clone(), Method::POST, "/api/v1/namespaces/a/events"),
    ];
    for (identity, method, uri) in allowed {
        assert_eq!(ask(&authorizer, &identity, method, uri), Ok(()), "{} {uri}", identity.user);
    }
    let refused = [
        (Identity::anonymous(), Method::GET, "/"),
        (Identity::anonymous(), Method::GET, "/api"),
        (Identity::anonymous(), Method::POST, "/ui/"),
        (Identity::anonymous(), Method::GET, "/uint"),
        (Identity::anonymous(), Method::POST, "/timonier/v1/viewer/codes"),
        (Identity::anonymous(), Method::GET, "/timonier/history"),
        (stranger.clone(), Method::GET, "/timonier/v1/backup"),
        (Identity::anonymous(), Method::GET, "/api/v1/namespaces/kube-public/configmaps"),
        (Identity::anonymous(), Method::PUT, "/api/v1/namespaces/kube-public/configmaps/cluster-info"),
        (machine.clone(), Method::GET, requests),
        (machine.clone(), Method::PUT, &*approval),
        (node.clone(), Method::PUT, &*approval),
        (machine, Method::GET, "/api/v1/nodes"),
        (Identity::anonymous(), Method::GET, "/api/v1/pods"),
        (stranger, Method::GET, "/api/v1/namespaces/a/pods"),
        (node.clone(), Method::PATCH, "/api/v1/nodes/n2/status"),
        (node.clone(), Method::PUT, "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n2"),
        (node.clone(), Method::PATCH, "/api/v1/namespaces/a/pods/p"),
        (node, Method::POST, "/apis/apps/v1/namespaces/a/deployments"),
    ];
    for (identity, method, uri) in refused {
        assert!(ask(&authorizer, &identity, method, uri).is_err(), "{} {uri}", identity.user);
    }
}

#[tokio::test]
async fn refusals_are_worded_as_kubernetes_words_them() {
    let authorizer = authorizer().await;
    let bob = Identity::new("bob", &[]);
    let cases = [
        (
            Method::GET,
            "/api/v1/namespaces/y/pods",
            "pods is forbidden: User \"bob\" cannot list resource \"pods\" in API group \"\" in the namespace \"y\"",
        ),
        (
            Method::PATCH,
            "/apis/apps/v1/namespaces/y/deployments/d/scale",
            "deployments.apps \"d\" is forbidden: User \"bob\" cannot patch resource \"deployments/scale\" in API group \"apps\" in the namespace \"y\"",
        ),
        (
            Method::GET,
            "/api/v1/nodes",
            "nodes is forbidden: User \"bob\" cannot list resource \"nodes\" in API group \"\" at the cluster scope",
        ),
        (Method::GET, "/metrics", "forbidden: User \"bob\" cannot get path \"/metrics\""),
    ];
    for (method, uri, expected) in cases {
        assert_eq!(ask(&authorizer, &bob, method, uri), Err(expected.to_string()));
    }
}
