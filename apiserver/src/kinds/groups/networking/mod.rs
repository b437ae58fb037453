//! `networking.k8s.io`: who may reach whom, and from where. Stored and checked; no traffic is shaped by it yet.

mod address;
pub mod ingress;
pub mod ingress_class;
mod policy;

use crate::kinds::spec::Spec;

pub fn specs() -> Vec<Spec> {
    let group = |spec| Spec { group: "networking.k8s.io", package: "networking", enforced: false, ..spec };
    [policy::spec(), ingress::spec(), ingress_class::spec(), address::ip_address(), address::service_cidr()]
        .map(group)
        .into()
}
