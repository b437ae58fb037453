//! The rows of the kinds that every server knows.

use std::time::Duration;

use super::Review;
use super::Subresource::{
    Approval, Attach, Binding, EphemeralContainers, Eviction, Exec, Finalize, Log, PortForward, Proxy, Resize, Scale,
    Status, Token,
};
use super::spec::Spec;
use super::{
    Row, certificatesigningrequest, configmap, deployment, event, groups, lease, namespace, node, persistentvolume,
    persistentvolumeclaim, pod, replicaset, secret, service, serviceaccount, storageclass,
};

/// How long an Event is kept after its last write.
const EVENT_TTL: Duration = Duration::from_secs(3600);

pub fn rows(patience: pod::Patience) -> Vec<Row> {
    let all = &["all"][..];
    let apps =
        |spec: Spec| Spec { group: "apps", package: "apps", categories: all, subresources: &[Status, Scale], ..spec };
    let event = |newer| Spec {
        short_names: &["ev"],
        columns: event::COLUMNS,
        ttl: Some(EVENT_TTL),
        ..Spec::core("Event", "events", event::Event { newer })
    };
    let access = |namespaced, kind, plural, review| Spec {
        group: "authorization.k8s.io",
        package: "authorization",
        namespaced,
        ..Spec::core(kind, plural, review)
    };
    let identity = |kind, plural, review| Spec {
        group: "authentication.k8s.io",
        package: "authentication",
        namespaced: false,
        ..Spec::core(kind, plural, review)
    };
    let mut specs = vec![
        Spec {
            short_names: &["ns"],
            namespaced: false,
            columns: namespace::COLUMNS,
            subresources: &[Status, Finalize],
            // Namespaces are deleted one by one.
            verbs: &["create", "delete", "get", "list", "patch", "update", "watch"],
            ..Spec::core("Namespace", "namespaces", namespace::Namespace)
        },
        Spec {
            short_names: &["no"],
            namespaced: false,
            columns: node::COLUMNS,
            subresources: &[Status, Proxy],
            ..Spec::core("Node", "nodes", node::Node)
        },
        Spec {
            short_names: &["po"],
            categories: all,
            columns: pod::COLUMNS,
            subresources: &[
                Status,
                Binding,
                Eviction,
                Log,
                Exec,
                Attach,
                PortForward,
                Proxy,
                EphemeralContainers,
                Resize,
            ],
            ..Spec::core("Pod", "pods", pod::Pod { patience })
        },
        Spec {
            short_names: &["cm"],
            columns: configmap::COLUMNS,
            ..Spec::core("ConfigMap", "configmaps", configmap::ConfigMap)
        },
        Spec { columns: secret::COLUMNS, ..Spec::core("Secret", "secrets", secret::Secret) },
        Spec {
            short_names: &["svc"],
            categories: all,
            columns: service::COLUMNS,
            subresources: &[Status, Proxy],
            enforced: false,
            ..Spec::core("Service", "services", service::Service)
        },
        Spec {
            short_names: &["sa"],
            columns: serviceaccount::COLUMNS,
            subresources: &[Token],
            ..Spec::core("ServiceAccount", "serviceaccounts", serviceaccount::ServiceAccount)
        },
        Spec {
            short_names: &["pv"],
            namespaced: false,
            columns: persistentvolume::COLUMNS,
            subresources: &[Status],
            ..Spec::core("PersistentVolume", "persistentvolumes", persistentvolume::PersistentVolume)
        },
        Spec {
            short_names: &["pvc"],
            columns: persistentvolumeclaim::COLUMNS,
            subresources: &[Status],
            ..Spec::core(
                "PersistentVolumeClaim",
                "persistentvolumeclaims",
                persistentvolumeclaim::PersistentVolumeClaim,
            )
        },
        Spec {
            group: "storage.k8s.io",
            package: "storage",
            short_names: &["sc"],
            namespaced: false,
            columns: storageclass::COLUMNS,
            ..Spec::core("StorageClass", "storageclasses", storageclass::StorageClass)
        },
        event(false),
        Spec { group: "events.k8s.io", package: "events", storage_group: Some(""), ..event(true) },
        apps(Spec {
            short_names: &["deploy"],
            columns: deployment::COLUMNS,
            ..Spec::core("Deployment", "deployments", deployment::Deployment)
        }),
        apps(Spec {
            short_names: &["rs"],
            columns: replicaset::COLUMNS,
            ..Spec::core("ReplicaSet", "replicasets", replicaset::ReplicaSet)
        }),
        Spec {
            group: "certificates.k8s.io",
            package: "certificates",
            short_names: &["csr"],
            namespaced: false,
            columns: certificatesigningrequest::COLUMNS,
            subresources: &[Status, Approval],
            ..Spec::core(
                "CertificateSigningRequest",
                "certificatesigningrequests",
                certificatesigningrequest::CertificateSigningRequest,
            )
        },
        Spec {
            group: "coordination.k8s.io",
            package: "coordination",
            columns: lease::COLUMNS,
            ..Spec::core("Lease", "leases", lease::Lease)
        },
        access(false, "SelfSubjectAccessReview", "selfsubjectaccessreviews", Review::SelfAccess),
        access(false, "SelfSubjectRulesReview", "selfsubjectrulesreviews", Review::SelfRules),
        access(false, "SubjectAccessReview", "subjectaccessreviews", Review::Access),
        access(true, "LocalSubjectAccessReview", "localsubjectaccessreviews", Review::LocalAccess),
        identity("SelfSubjectReview", "selfsubjectreviews", Review::SelfSubject),
        identity("TokenReview", "tokenreviews", Review::Token),
    ];
    specs.extend(groups::specs());
    specs.into_iter().map(Spec::row).collect()
}
