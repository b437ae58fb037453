//! Which domains a node is in.

/// A label that nodes are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(pub(super) usize);

/// A value of such a label; meaningful with its key only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainId(pub(super) u32);

pub(super) const NOWHERE: DomainId = DomainId(u32::MAX);

/// The domains of one node, by key.
#[derive(Debug, Clone, Default)]
pub struct Domains(pub(super) Vec<DomainId>);

impl Domains {
    /// None: the node does not have the label.
    pub fn of(&self, key: KeyId) -> Option<DomainId> {
        self.0.get(key.0).copied().filter(|domain| *domain != NOWHERE)
    }
}
