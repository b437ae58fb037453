//! The roles and bindings that every cluster has, under Kubernetes' names.

use timonier_scheduling::configuration::{PUBLISHED_NAME, PUBLISHED_NAMESPACE};

use crate::identity::{AUTHENTICATED, BOOTSTRAPPERS, CONTROLLER_MANAGER, MASTERS, SCHEDULER, UNAUTHENTICATED};
use crate::why;

/// What a role allows; lists are separated by spaces. The core group is `core`.
pub enum Allows {
    /// Verbs, groups, resources.
    Resources(&'static str, &'static str, &'static str),
    /// Verbs, groups, resources, names.
    Named(&'static str, &'static str, &'static str, &'static str),
    /// Verbs, paths.
    Paths(&'static str, &'static str),
}

pub struct Role {
    pub name: &'static str,
    /// Empty for a ClusterRole.
    pub namespace: &'static str,
    /// Of a role whose rules another one takes in: which.
    pub into: &'static str,
    /// Whether it takes in the rules of all that say so, by a label.
    pub aggregates: bool,
    pub allows: &'static [Allows],
}

pub enum Subject {
    User(&'static str),
    Group(&'static str),
}

/// Gives the role of the same name and place.
pub struct Binding {
    pub name: &'static str,
    pub namespace: &'static str,
    pub role: &'static str,
    pub subjects: &'static [Subject],
}

use Allows::{Named, Paths, Resources};
use Subject::{Group, User};

const READ: &str = "get list watch";
const CHANGE: &str = "create delete deletecollection patch update";
const WRITE: &str = "create delete deletecollection get list patch update watch";

const fn role(name: &'static str, allows: &'static [Allows]) -> Role {
    Role { name, namespace: "", into: "", aggregates: false, allows }
}

const fn aggregate(name: &'static str, into: &'static str) -> Role {
    Role { name, namespace: "", into, aggregates: true, allows: &[] }
}

const fn part(name: &'static str, into: &'static str, allows: &'static [Allows]) -> Role {
    Role { name, namespace: "", into, aggregates: false, allows }
}

pub const ROLES: &[Role] = &[
    role("cluster-admin", &[Resources("*", "*", "*"), Paths("*", "*")]),
    aggregate("admin", ""),
    aggregate("edit", "admin"),
    aggregate("view", "edit"),
    part(
        "system:aggregate-to-admin",
        "admin",
        &[
            Resources("create", "authorization.k8s.io", "localsubjectaccessreviews"),
            Resources(WRITE, "rbac.authorization.k8s.io", "rolebindings roles"),
        ],
    ),
    part(
        "system:aggregate-to-edit",
        "edit",
        &[
            Resources(READ, "core", "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy"),
            Resources("impersonate", "core", "serviceaccounts"),
            Resources(CHANGE, "core", "pods pods/attach pods/exec pods/portforward pods/proxy"),
            Resources("create", "core", "pods/eviction"),
            Resources(
                CHANGE,
                "core",
                "configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets \
                 serviceaccounts services services/proxy",
            ),
            Resources("create", "core", "serviceaccounts/token"),
            Resources(
                CHANGE,
                "apps",
                "daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale \
                 statefulsets statefulsets/scale",
            ),
            Resources(CHANGE, "autoscaling", "horizontalpodautoscalers"),
            Resources(CHANGE, "batch", "cronjobs jobs"),
            Resources(CHANGE, "policy", "poddisruptionbudgets"),
            Resources(CHANGE, "networking.k8s.io", "ingresses networkpolicies"),
            Resources(WRITE, "coordination.k8s.io", "leases"),
            Resources(CHANGE, "resource.k8s.io", "resourceclaims resourceclaimtemplates"),
        ],
    ),
    part(
        "system:aggregate-to-view",
        "view",
        &[
            Resources(
                READ,
                "core",
                "bindings configmaps endpoints events limitranges namespaces namespaces/status persistentvolumeclaims \
                 persistentvolumeclaims/status pods pods/log pods/status replicationcontrollers \
                 replicationcontrollers/scale replicationcontrollers/status resourcequotas resourcequotas/status \
                 serviceaccounts services services/status",
            ),
            Resources("get", why::GROUP, "pods/why"),
            Resources("list", why::GROUP, "explanations"),
            Resources(READ, "discovery.k8s.io", "endpointslices"),
            Resources(
                READ,
                "apps",
                "controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status \
                 replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status",
            ),
            Resources(READ, "autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status"),
            Resources(READ, "batch", "cronjobs cronjobs/status jobs jobs/status"),
            Resources(READ, "policy", "poddisruptionbudgets poddisruptionbudgets/status"),
            Resources(READ, "networking.k8s.io", "ingresses ingresses/status networkpolicies"),
            Resources(READ, "resource.k8s.io", "resourceclaims resourceclaims/status resourceclaimtemplates"),
        ],
    ),
    role(
        "system:discovery",
        &[Paths("get", "/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/")],
    ),
    role(
        "system:basic-user",
        &[
            Resources("create", "authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews"),
            Resources("create", "authentication.k8s.io", "selfsubjectreviews"),
        ],
    ),
    role("system:public-info-viewer", &[Paths("get", "/healthz /livez /readyz /version /version/")]),
    role(
        "system:monitoring",
        &[Paths("get", "/healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/*")],
    ),
    role(
        "system:auth-delegator",
        &[
            Resources("create", "authentication.k8s.io", "tokenreviews"),
            Resources("create", "authorization.k8s.io", "subjectaccessreviews"),
        ],
    ),
    role(
        "system:kubelet-api-admin",
        &[
            Resources("get list watch proxy", "core", "nodes"),
            Resources("*", "core", "nodes/log nodes/metrics nodes/proxy nodes/stats"),
        ],
    ),
    role("system:node-bootstrapper", &[Resources("create get", "certificates.k8s.io", "certificatesigningrequests")]),
    role(
        "system:service-account-issuer-discovery",
        &[Paths(
            "get",
            "/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/",
        )],
    ),
    role(
        "system:certificates.k8s.io:kube-apiserver-client-kubelet-approver",
        &[Named("approve", "certificates.k8s.io", "signers", "kubernetes.io/kube-apiserver-client-kubelet")],
    ),
    role(
        "system:certificates.k8s.io:kubelet-serving-approver",
        &[Named("approve", "certificates.k8s.io", "signers", "kubernetes.io/kubelet-serving")],
    ),
    role(
        CONTROLLER_MANAGER,
        &[
            // The collector of garbage, and the end of a namespace, know every kind.
            Resources("get list watch update patch delete deletecollection", "*", "*"),
            Resources(
                "create",
                "core",
                "configmaps endpoints events persistentvolumeclaims persistentvolumes pods pods/binding pods/eviction \
                 resourcequotas secrets serviceaccounts serviceaccounts/token",
            ),
            Resources("create", "apps", "controllerrevisions replicasets"),
            Resources("create", "batch", "jobs"),
            Resources("create", "coordination.k8s.io", "leases"),
            Resources("create", "discovery.k8s.io", "endpointslices"),
            Resources("create", "events.k8s.io", "events"),
            Resources("create", "networking.k8s.io", "ipaddresses servicecidrs"),
            Resources("create", "authentication.k8s.io", "tokenreviews"),
            Resources("create", "authorization.k8s.io", "subjectaccessreviews"),
            Resources("approve sign", "certificates.k8s.io", "signers"),
            // Roles that are made of others.
            Resources("escalate", "rbac.authorization.k8s.io", "clusterroles"),
            Paths("get", "/healthz /livez /readyz /version /api /api/* /apis /apis/*"),
        ],
    ),
    role(
        SCHEDULER,
        &[
            Resources(READ, "*", "*"),
            Resources("create patch update", "core events.k8s.io", "events"),
            Resources("create get update patch", "coordination.k8s.io", "leases"),
            Resources("create", "core", "pods/binding bindings"),
            Resources("delete patch", "core", "pods"),
            Resources("patch update", "core", "pods/status"),
            Resources("patch update", "core", "persistentvolumeclaims persistentvolumes"),
            Resources("patch update", "resource.k8s.io", "resourceclaims resourceclaims/status"),
        ],
    ),
    Role {
        namespace: "kube-system",
        ..role(
            "extension-apiserver-authentication-reader",
            &[Named(READ, "core", "configmaps", "extension-apiserver-authentication")],
        )
    },
    Role {
        namespace: PUBLISHED_NAMESPACE,
        ..role(
            "system::scheduler-configuration",
            &[Named("create get patch update", "core", "configmaps", PUBLISHED_NAME)],
        )
    },
    Role {
        namespace: "kube-public",
        // Where the cluster is, and its CA: what a machine reads before it can trust or be trusted.
        ..role("kubeadm:bootstrap-signer-clusterinfo", &[Named("get", "core", "configmaps", "cluster-info")])
    },
];

const fn binding(name: &'static str, subjects: &'static [Subject]) -> Binding {
    Binding { name, namespace: "", role: name, subjects }
}

pub const BINDINGS: &[Binding] = &[
    binding("cluster-admin", &[Group(MASTERS)]),
    binding("system:discovery", &[Group(AUTHENTICATED)]),
    binding("system:basic-user", &[Group(AUTHENTICATED)]),
    binding("system:public-info-viewer", &[Group(AUTHENTICATED), Group(UNAUTHENTICATED)]),
    binding("system:monitoring", &[Group("system:monitoring")]),
    binding("system:service-account-issuer-discovery", &[Group("system:serviceaccounts")]),
    binding(CONTROLLER_MANAGER, &[User(CONTROLLER_MANAGER)]),
    binding(SCHEDULER, &[User(SCHEDULER)]),
    Binding { namespace: PUBLISHED_NAMESPACE, ..binding("system::scheduler-configuration", &[User(SCHEDULER)]) },
    Binding { role: "system:node-bootstrapper", ..binding("kubeadm:kubelet-bootstrap", &[Group(BOOTSTRAPPERS)]) },
    Binding {
        namespace: "kube-public",
        ..binding("kubeadm:bootstrap-signer-clusterinfo", &[Group(AUTHENTICATED), Group(UNAUTHENTICATED)])
    },
];
