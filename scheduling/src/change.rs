//! What changes can cure which refusals.

use std::ops::BitOr;

/// What became different, as a set: a pod that was refused is worth another look only when one of
/// the changes that could cure the refusal has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Change(u32);

impl Change {
    pub const NONE: Change = Change(0);
    pub const NODE_ADDED: Change = Change(1);
    pub const NODE_LABELS: Change = Change(1 << 1);
    /// Taints, or `spec.unschedulable`, which stands for one.
    pub const NODE_TAINTS: Change = Change(1 << 2);
    pub const NODE_ALLOCATABLE: Change = Change(1 << 3);
    pub const POD_REMOVED: Change = Change(1 << 4);
    /// Claims, volumes or classes.
    pub const VOLUMES: Change = Change(1 << 5);
    /// A pod that the waiting pod's rules about others concern was given a node.
    pub const POD_ADDED: Change = Change(1 << 6);
    /// Labels of such a pod.
    pub const POD_LABELS: Change = Change(1 << 7);
    pub const NODE_REMOVED: Change = Change(1 << 8);
    /// A pod that the waiting pod's rules about others concern is gone; [`Change::POD_REMOVED`] is any pod.
    pub const KINDRED_REMOVED: Change = Change(1 << 11);
    /// Labels of a namespace.
    pub const NAMESPACES: Change = Change(1 << 9);
    /// What disruption budgets allow.
    pub const BUDGETS: Change = Change(1 << 12);
    /// How many volumes of a driver a node takes.
    pub const VOLUME_LIMITS: Change = Change(1 << 10);

    pub fn intersects(self, other: Change) -> bool {
        self.0 & other.0 != 0
    }

    pub fn is_none(self) -> bool {
        self.0 == 0
    }
}

impl BitOr for Change {
    type Output = Change;
    fn bitor(self, other: Change) -> Change {
        Change(self.0 | other.0)
    }
}
