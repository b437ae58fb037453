//! Refusals by the server that are no faults.

/// The object does not exist any more, or another one has its name (a patch names the uid that it means).
pub fn is_gone(error: &kube::Error) -> bool {
    let kube::Error::Api(status) = error else { return false };
    let uid_differs = || {
        let causes = status.details.iter().flat_map(|details| &details.causes);
        causes.into_iter().any(|cause| cause.field == "metadata.uid")
    };
    match status.code {
        404 => true,
        409 | 422 => uid_differs() || status.message.contains("Precondition failed: UID"),
        _ => false,
    }
}

/// Nothing can be created in the namespace any more: its end is near.
pub fn namespace_ends(error: &kube::Error) -> bool {
    let kube::Error::Api(status) = error else { return false };
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes.into_iter().any(|cause| cause.reason == "NamespaceTerminating")
}
