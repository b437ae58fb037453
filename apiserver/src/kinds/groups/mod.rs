//! The kinds of the smaller API groups, a file or folder a group.

mod admission;
mod apiextensions;
mod apiregistration;
mod apps;
mod autoscaling;
mod batch;
mod core;
mod discovery;
mod flowcontrol;
mod grammar;
pub mod networking;
mod node;
mod policy;
mod rbac;
mod resource;
pub mod scheduling;
mod storage;

use super::spec::Spec;

pub use admission::programs;

pub fn specs() -> Vec<Spec> {
    let groups = [
        core::specs(),
        apps::specs(),
        batch::specs(),
        autoscaling::specs(),
        policy::specs(),
        admission::specs(),
        apiextensions::specs(),
        apiregistration::specs(),
        discovery::specs(),
        flowcontrol::specs(),
        networking::specs(),
        node::specs(),
        rbac::specs(),
        resource::specs(),
        scheduling::specs(),
        storage::specs(),
    ];
    groups.into_iter().flatten().collect()
}

/// What is wrong with an object but for its metadata, as clients read it.
#[cfg(test)]
pub fn faults_of(hooks: &dyn super::Hooks, o: &serde_json::Value) -> Vec<String> {
    hooks.validate(o).iter().map(|error| error.to_string()).collect()
}

#[cfg(test)]
mod testing;
