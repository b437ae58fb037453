//! Slim views: of each kind, the fields that a controller here reads.
//!
//! They are shared by all controllers of the process and never written back.

mod budget;
mod certificate_request;
mod cluster_role;
mod condition;
mod config_map;
mod content;
mod controller_revision;
mod cron_job;
mod daemon_set;
mod deployment;
mod endpoints;
mod int_or_percent;
mod job;
mod namespace;
mod node;
mod pod;
mod pod_owner;
mod quota;
mod replicaset;
mod replicationcontroller;
mod selector;
mod service;
mod service_account;
mod stateful_set;
mod storage;
mod strategy;

pub use budget::{Budget, BudgetStatus};
pub use certificate_request::CertificateRequest;
pub use cluster_role::ClusterRole;
pub use condition::{Condition, ConditionStatus, condition, whole_seconds};
pub use config_map::ConfigMap;
pub use content::{ConfigContent, SecretContent};
pub use controller_revision::ControllerRevision;
pub use cron_job::{CronJob, CronJobStatus, JobReference};
pub use daemon_set::{DaemonSet, DaemonSetStatus};
pub use deployment::{Deployment, DeploymentStatus};
pub use endpoints::{
    Address, AddressType, Endpoint, EndpointConditions, EndpointPort, EndpointSlice, Endpoints, Groups, Hints, Place,
    Subset, SubsetPort, Target,
};
pub use int_or_percent::{IntOrPercent, Round};
pub use job::{ExitCodes, FailurePolicy, Job, JobStatus, SuccessPolicy, Uncounted};
pub use namespace::Namespace;
pub use node::{Node, Taint};
pub use pod::{Phase, Pod};
pub use pod_owner::PodOwner;
pub use quota::Quota;
pub use replicaset::{ReplicaSet, ReplicaSetSpec, ReplicaSetStatus, Replicated};
pub use replicationcontroller::ReplicationController;
pub use selector::Selector;
pub use service::{Service, TargetPort};
pub use service_account::ServiceAccount;
pub use stateful_set::{StatefulSet, StatefulSetStatus};
pub use storage::{BOUND_BY_CONTROLLER, Claim, Class as StorageClass, PROVISIONED_BY, Volume};
