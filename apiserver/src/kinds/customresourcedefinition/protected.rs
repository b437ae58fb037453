//! Groups that are Kubernetes' own.

/// The annotation with which a group of Kubernetes' own is approved.
pub const APPROVAL: &str = "api-approved.kubernetes.io";

/// Whether a group is reserved for Kubernetes itself.
pub fn is_protected(group: &str) -> bool {
    ["k8s.io", "kubernetes.io"].iter().any(|root| group == *root || group.ends_with(&format!(".{root}")))
}
