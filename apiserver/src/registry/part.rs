//! What of an object is written.

use crate::kinds::Subresource;

/// The part of an object that a write is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Main,
    Status,
    /// The verdict on a certificate request.
    Approval,
    /// A part that the kind itself knows.
    Own(Subresource),
    /// A namespace's `spec.finalizers`.
    Finalize,
    Scale,
    /// A pod's node.
    Binding,
}

impl Part {
    /// The subresource as `managedFields` names it.
    pub fn subresource(self) -> &'static str {
        match self {
            Part::Main => "",
            Part::Finalize => "finalize",
            Part::Status => "status",
            Part::Approval => "approval",
            Part::Own(subresource) => subresource.name(),
            Part::Scale => "scale",
            Part::Binding => "binding",
        }
    }
}
