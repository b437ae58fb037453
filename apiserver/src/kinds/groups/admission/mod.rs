//! `admissionregistration.k8s.io`: who else is asked before something is written. Validating policies hold; webhooks and mutating
//! policies are stored and checked, and nobody asks them yet.

mod policy;
pub mod programs;
mod rules;
mod webhooks;

use crate::kinds::spec::Spec;

/// What may be done about a failure to ask.
const FAILURE_POLICIES: &[&str] = &["Fail", "Ignore"];
const MATCH_POLICIES: &[&str] = &["Equivalent", "Exact"];

pub fn specs() -> Vec<Spec> {
    let group = |spec: Spec| Spec {
        group: "admissionregistration.k8s.io",
        package: "admissionregistration",
        categories: &["api-extensions"],
        namespaced: false,
        generations: true,
        enforced: matches!(spec.kind, "ValidatingAdmissionPolicy" | "ValidatingAdmissionPolicyBinding"),
        ..spec
    };
    webhooks::specs().into_iter().chain(policy::specs()).map(group).collect()
}
