//! The kinds (and a few parts of requests) from which every definition is reached. Adding a kind is one row.

use std::borrow::Cow;

use k8s_openapi::api::authorization;
use k8s_openapi::api::{admissionregistration, discovery, flowcontrol, networking, node, resource};
use k8s_openapi::api::{
    apps, authentication, autoscaling, batch, certificates, coordination, core, events, policy, rbac, scheduling,
    storage,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions;
use k8s_openapi::apimachinery::pkg::apis::meta;
use k8s_openapi::apimachinery::pkg::runtime::RawExtension;
use k8s_openapi::apimachinery::pkg::version::Info;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration;
use k8s_openapi::{ListableResource, Resource};
use schemars::{JsonSchema, SchemaGenerator};

/// Where a walk over definitions may start.
pub(super) struct Root {
    /// Name of the definition.
    pub definition: fn() -> Cow<'static, str>,
    /// Adds the definition, and all that it refers to, to the generator's definitions.
    pub generate: fn(&mut SchemaGenerator),
    pub identity: Identity,
}

/// What `x-kubernetes-group-version-kind` says of a root.
pub(super) enum Identity {
    /// A part of objects, never an object of its own.
    None,
    Kind(Gvk),
    /// A kind with lists of it: group, version, kind, and the list's kind.
    Listed(Gvk, &'static str),
    /// A part of every group's requests or answers.
    EveryGroup(&'static str),
}

#[derive(Clone, Copy)]
pub(super) struct Gvk {
    pub group: &'static str,
    pub version: &'static str,
    pub kind: &'static str,
}

/// Kinds with lists, in groups; then kinds without; then parts.
pub(super) static ROOTS: &[Root] = &[
    listed::<core::v1::ComponentStatus>(),
    listed::<core::v1::ConfigMap>(),
    listed::<core::v1::Endpoints>(),
    listed::<core::v1::Event>(),
    listed::<core::v1::LimitRange>(),
    listed::<core::v1::Namespace>(),
    listed::<core::v1::Node>(),
    listed::<core::v1::PersistentVolume>(),
    listed::<core::v1::PersistentVolumeClaim>(),
    listed::<core::v1::Pod>(),
    listed::<core::v1::PodTemplate>(),
    listed::<core::v1::ReplicationController>(),
    listed::<core::v1::ResourceQuota>(),
    listed::<core::v1::Secret>(),
    listed::<core::v1::Service>(),
    listed::<core::v1::ServiceAccount>(),
    listed::<admissionregistration::v1::MutatingAdmissionPolicy>(),
    listed::<admissionregistration::v1::MutatingAdmissionPolicyBinding>(),
    listed::<admissionregistration::v1::MutatingWebhookConfiguration>(),
    listed::<admissionregistration::v1::ValidatingAdmissionPolicy>(),
    listed::<admissionregistration::v1::ValidatingAdmissionPolicyBinding>(),
    listed::<admissionregistration::v1::ValidatingWebhookConfiguration>(),
    listed::<apiregistration::v1::APIService>(),
    listed::<apiextensions::v1::CustomResourceDefinition>(),
    listed::<apps::v1::ControllerRevision>(),
    listed::<apps::v1::DaemonSet>(),
    listed::<apps::v1::Deployment>(),
    listed::<apps::v1::ReplicaSet>(),
    listed::<apps::v1::StatefulSet>(),
    listed::<autoscaling::v1::HorizontalPodAutoscaler>(),
    listed::<autoscaling::v2::HorizontalPodAutoscaler>(),
    listed::<batch::v1::CronJob>(),
    listed::<batch::v1::Job>(),
    listed::<certificates::v1::CertificateSigningRequest>(),
    listed::<coordination::v1::Lease>(),
    listed::<discovery::v1::EndpointSlice>(),
    listed::<events::v1::Event>(),
    listed::<flowcontrol::v1::FlowSchema>(),
    listed::<flowcontrol::v1::PriorityLevelConfiguration>(),
    listed::<networking::v1::IPAddress>(),
    listed::<networking::v1::Ingress>(),
    listed::<networking::v1::IngressClass>(),
    listed::<networking::v1::NetworkPolicy>(),
    listed::<networking::v1::ServiceCIDR>(),
    listed::<node::v1::RuntimeClass>(),
    listed::<policy::v1::PodDisruptionBudget>(),
    listed::<rbac::v1::ClusterRole>(),
    listed::<rbac::v1::ClusterRoleBinding>(),
    listed::<rbac::v1::Role>(),
    listed::<rbac::v1::RoleBinding>(),
    listed::<resource::v1::DeviceClass>(),
    listed::<resource::v1::ResourceClaim>(),
    listed::<resource::v1::ResourceClaimTemplate>(),
    listed::<resource::v1::ResourceSlice>(),
    listed::<scheduling::v1::PriorityClass>(),
    listed::<storage::v1::CSIDriver>(),
    listed::<storage::v1::CSINode>(),
    listed::<storage::v1::CSIStorageCapacity>(),
    listed::<storage::v1::StorageClass>(),
    listed::<storage::v1::VolumeAttachment>(),
    listed::<storage::v1::VolumeAttributesClass>(),
    single::<core::v1::Binding>(),
    single::<authentication::v1::TokenRequest>(),
    single::<autoscaling::v1::Scale>(),
    single::<policy::v1::Eviction>(),
    single::<authentication::v1::SelfSubjectReview>(),
    single::<authentication::v1::TokenReview>(),
    single::<authorization::v1::LocalSubjectAccessReview>(),
    single::<authorization::v1::SelfSubjectAccessReview>(),
    single::<authorization::v1::SelfSubjectRulesReview>(),
    single::<authorization::v1::SubjectAccessReview>(),
    single::<meta::v1::APIGroup>(),
    single::<meta::v1::APIGroupList>(),
    single::<meta::v1::APIResourceList>(),
    single::<meta::v1::APIVersions>(),
    single::<meta::v1::Status>(),
    every_group::<meta::v1::DeleteOptions>("DeleteOptions"),
    every_group::<meta::v1::WatchEvent<RawExtension>>("WatchEvent"),
    part::<meta::v1::ObjectMeta>(),
    part::<meta::v1::ListMeta>(),
    part::<meta::v1::Patch>(),
    part::<Info>(),
];

const fn listed<T: ListableResource + JsonSchema>() -> Root {
    root::<T>(Identity::Listed(gvk::<T>(), T::LIST_KIND))
}

const fn single<T: Resource + JsonSchema>() -> Root {
    root::<T>(Identity::Kind(gvk::<T>()))
}

const fn every_group<T: JsonSchema>(kind: &'static str) -> Root {
    root::<T>(Identity::EveryGroup(kind))
}

const fn part<T: JsonSchema>() -> Root {
    root::<T>(Identity::None)
}

const fn root<T: JsonSchema>(identity: Identity) -> Root {
    Root {
        definition: T::schema_name,
        generate: |generator| {
            generator.subschema_for::<T>();
        },
        identity,
    }
}

const fn gvk<T: Resource>() -> Gvk {
    Gvk { group: T::GROUP, version: T::VERSION, kind: T::KIND }
}
