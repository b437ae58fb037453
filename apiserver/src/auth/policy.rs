//! The layer that gives a request its seat and then decides whether an identity may do what it asks: a fixed policy.
//!
//! What depends on the object itself (is this pod bound to that node?) is decided in [`crate::admission`].

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use timonier_api::kind::GroupResource;
use timonier_api::status::Status;

use crate::app::App;
use crate::identity::{BOOTSTRAPPERS, CONTROLLER_MANAGER, Identity, MASTERS, SCHEDULER};
use crate::limits::PriorityLevel;
use crate::request::RequestInfo;
use crate::respond;

/// The seat is held until the answer's head is there: what a watch or a log sends later takes none.
pub async fn layer(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let identity = request.extensions().get::<Arc<Identity>>();
    let info = request.extensions().get::<RequestInfo>();
    let (Some(identity), Some(info)) = (identity, info) else {
        return respond::status(Status::internal("the request was not read or authenticated"));
    };
    let seat = app.fairness.seat(PriorityLevel::of(identity, info), &identity.user).await;
    match seat {
        Err(rejection) => respond::status(rejection.into()),
        Ok(_) if !may(identity, info) => respond::status(refusal(identity, info)),
        Ok(_seat) => next.run(request).await,
    }
}

const READS: [&str; 3] = ["get", "list", "watch"];

/// Whether the policy allows the request.
pub fn may(identity: &Identity, info: &RequestInfo) -> bool {
    if identity.has_group(MASTERS) {
        return true;
    }
    if !info.is_resource {
        return may_path(identity, info);
    }
    if is_cluster_info(info) {
        return true;
    }
    if identity.is_anonymous() {
        return false;
    }
    if identity.has_group(BOOTSTRAPPERS) {
        return may_request_certificate(info);
    }
    // Anyone who is someone may ask about oneself.
    let about_oneself = ["selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"];
    if info.verb == "create" && about_oneself.contains(&&*info.resource) && info.group.ends_with("ation.k8s.io") {
        return true;
    }
    if matches!(&*identity.user, CONTROLLER_MANAGER | SCHEDULER) {
        // A node's heartbeat is written by its agent alone.
        let heartbeat = info.resource == "leases" && info.namespace == "kube-node-lease";
        return !heartbeat || READS.contains(&info.verb) || info.verb.starts_with("delete");
    }
    match identity.node_name() {
        Some(node) => node_may(node, info),
        None => false,
    }
}

/// Where the cluster is, and its CA: what a machine reads before it can trust or be trusted.
fn is_cluster_info(info: &RequestInfo) -> bool {
    info.verb == "get"
        && (&*info.group, &*info.resource, &*info.subresource) == ("", "configmaps", "")
        && (&*info.namespace, &*info.name) == ("kube-public", "cluster-info")
}

/// For which name, and whether it gets it, is decided by admission and by the approver.
fn may_request_certificate(info: &RequestInfo) -> bool {
    (&*info.group, &*info.resource, &*info.subresource) == ("certificates.k8s.io", "certificatesigningrequests", "")
        && matches!(info.verb, "create" | "get")
}

fn may_path(identity: &Identity, info: &RequestInfo) -> bool {
    let path = info.path.trim_end_matches('/');
    if !matches!(info.verb, "get" | "head") {
        return false;
    }
    let first = path.split('/').nth(1).unwrap_or("");
    if matches!(first, "healthz" | "livez" | "readyz" | "version") {
        return true;
    }
    !identity.is_anonymous() && matches!(first, "api" | "apis" | "openapi" | "openid" | ".well-known")
}

/// What the agent of `node` needs. Writes to objects of others are refused in admission.
fn node_may(node: &str, info: &RequestInfo) -> bool {
    let read = READS.contains(&info.verb);
    let write = matches!(info.verb, "create" | "update" | "patch");
    match (&*info.group, &*info.resource, &*info.subresource) {
        ("", "nodes", "") => read || (write && (info.verb == "create" || info.name == node)),
        ("", "nodes", "status") => (read || write) && info.name == node,
        // What it creates are mirrors, which admission sees to.
        ("", "pods", "") => read || matches!(info.verb, "create" | "delete"),
        ("", "pods", "status") => matches!(info.verb, "get" | "update" | "patch"),
        ("", "services" | "configmaps" | "secrets" | "namespaces" | "serviceaccounts", "") => read,
        // Only for pods of its own, which the registry sees to.
        ("", "serviceaccounts", "token") => info.verb == "create",
        ("certificates.k8s.io", "certificatesigningrequests", "") => matches!(info.verb, "create" | "get"),
        ("", "persistentvolumeclaims", "") => read,
        ("", "persistentvolumes", "") => read || info.verb == "patch",
        ("coordination.k8s.io", "leases", "") => {
            info.namespace == "kube-node-lease"
                && (info.verb == "create" || (info.name == node && (read || write || info.verb == "delete")))
        }
        ("" | "events.k8s.io", "events", "") => write,
        _ => false,
    }
}

/// The 403 that `kubectl` users know.
pub fn refusal(identity: &Identity, info: &RequestInfo) -> Status {
    if !info.is_resource {
        let detail = format!("User {:?} cannot {} path {:?}", identity.user, info.verb, info.path);
        return Status::forbidden(&GroupResource::new("", ""), "", detail);
    }
    let resource = if info.subresource.is_empty() {
        info.resource.clone()
    } else {
        format!("{}/{}", info.resource, info.subresource)
    };
    let scope = if info.namespace.is_empty() {
        "at the cluster scope".to_string()
    } else {
        format!("in the namespace {:?}", info.namespace)
    };
    let detail = format!(
        "User {:?} cannot {} resource {resource:?} in API group {:?} {scope}",
        identity.user, info.verb, info.group
    );
    Status::forbidden(&GroupResource::new(&info.group, &info.resource), &info.name, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Query;
    use http::Method;

    fn ask(identity: &Identity, method: Method, uri: &str) -> Result<(), String> {
        let info = RequestInfo::read(&method, uri, &Query::default());
        if may(identity, &info) { Ok(()) } else { Err(refusal(identity, &info).message) }
    }

    #[test]
    fn each_identity_may_do_its_own_work_and_no_more() {
        let node = Identity::node("n1");
        let stranger = Identity::new("bob", &[]);
        let machine = Identity::new("system:bootstrap:abcdef", &[BOOTSTRAPPERS]);
        let requests = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
        let approval = format!("{requests}/a/approval");
        let allowed = [
            (Identity::admin(), Method::DELETE, "/api/v1/nodes/n1"),
            (Identity::anonymous(), Method::GET, "/readyz"),
            (Identity::anonymous(), Method::GET, "/version"),
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
            assert_eq!(ask(&identity, method, uri), Ok(()), "{} {uri}", identity.user);
        }
        let refused = [
            (Identity::anonymous(), Method::GET, "/"),
            (Identity::anonymous(), Method::GET, "/api"),
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
            assert!(ask(&identity, method, uri).is_err(), "{} {uri}", identity.user);
        }
    }

    #[test]
    fn refusals_are_worded_as_kubernetes_words_them() {
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
            assert_eq!(ask(&bob, method, uri), Err(expected.to_string()));
        }
    }
}
