//! The kinds of the smaller API groups, a file a group.

mod admission;
mod apiregistration;
mod discovery;
mod flowcontrol;
mod grammar;
mod networking;
mod node;
mod rbac;
mod resource;
pub mod scheduling;
mod storage;

use super::spec::Spec;

pub fn specs() -> Vec<Spec> {
    [
        admission::specs(),
        apiregistration::specs(),
        discovery::specs(),
        flowcontrol::specs(),
        networking::specs(),
        node::specs(),
        rbac::specs(),
        resource::specs(),
        scheduling::specs(),
        storage::specs(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod testing;
