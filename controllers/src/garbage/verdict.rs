//! What becomes of an object, given what became of its owners. Pure.

use std::sync::Arc;

use kube::api::PropagationPolicy;
use timonier_client::object::OwnerReference;

use super::graph::{Node, Uid};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnerState {
    Present,
    /// There, but it is being deleted and waits for its dependents to go first.
    Waiting,
    Absent,
}

impl OwnerState {
    pub fn of(waits_for_dependents: bool) -> OwnerState {
        if waits_for_dependents { OwnerState::Waiting } else { OwnerState::Present }
    }
}

#[derive(Debug, PartialEq)]
pub enum Verdict {
    Keep,
    /// Another owner keeps it: remove the references to these.
    Detach(Vec<Arc<str>>),
    Delete(PropagationPolicy),
}

pub fn decide(owners: &[(OwnerReference, OwnerState)], node: &Node, dependents: &[(Uid, Node)]) -> Verdict {
    let has = |state: OwnerState| owners.iter().any(|(_, found)| *found == state);
    if owners.is_empty() || !has(OwnerState::Waiting) && !has(OwnerState::Absent) {
        return Verdict::Keep;
    }
    if has(OwnerState::Present) {
        let gone = owners.iter().filter(|(_, state)| *state != OwnerState::Present);
        return Verdict::Detach(gone.map(|(owner, _)| owner.uid.clone()).collect());
    }
    // The owner waits for us, so we in turn wait for ours.
    if has(OwnerState::Waiting) && !dependents.is_empty() {
        return Verdict::Delete(PropagationPolicy::Foreground);
    }
    // A choice that was made by a finalizer before is honoured.
    Verdict::Delete(if node.orphans_dependents {
        PropagationPolicy::Orphan
    } else if node.waits_for_dependents {
        PropagationPolicy::Foreground
    } else {
        PropagationPolicy::Background
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use OwnerState::*;
    use timonier_client::{ObjectKey, Resource, Revision};

    fn node() -> Node {
        Node {
            resource: Resource::of("", "v1", "pods"),
            key: ObjectKey::namespaced("ns", "p"),
            revision: Revision(1),
            owners: Vec::new(),
            deleting: false,
            waits_for_dependents: false,
            orphans_dependents: false,
        }
    }

    fn check(states: &[OwnerState], node: Node, dependents: usize, expect: Verdict) {
        let owners: Vec<_> = states
            .iter()
            .enumerate()
            .map(|(index, state)| (OwnerReference { uid: index.to_string().into(), ..Default::default() }, *state))
            .collect();
        let dependents: Vec<_> = (0..dependents).map(|index| (index.to_string().into(), self::node())).collect();
        assert_eq!(decide(&owners, &node, &dependents), expect, "{states:?}");
    }

    #[test]
    fn one_owner_that_stays_keeps_the_object() {
        check(&[], node(), 0, Verdict::Keep);
        check(&[Present], node(), 0, Verdict::Keep);
        check(&[Present, Absent], node(), 0, Verdict::Detach(vec!["1".into()]));
        check(&[Waiting, Present, Absent], node(), 0, Verdict::Detach(vec!["0".into(), "2".into()]));
    }

    #[test]
    fn without_an_owner_it_goes_in_the_background() {
        check(&[Absent], node(), 3, Verdict::Delete(PropagationPolicy::Background));
        check(&[Absent, Absent], node(), 0, Verdict::Delete(PropagationPolicy::Background));
    }

    #[test]
    fn the_foreground_goes_all_the_way_down() {
        check(&[Waiting], node(), 2, Verdict::Delete(PropagationPolicy::Foreground));
        check(&[Waiting], node(), 0, Verdict::Delete(PropagationPolicy::Background));
    }

    #[test]
    fn finalizers_choose_the_policy() {
        let orphaning = Node { orphans_dependents: true, ..node() };
        check(&[Absent], orphaning, 0, Verdict::Delete(PropagationPolicy::Orphan));
        let waiting = Node { waits_for_dependents: true, ..node() };
        check(&[Absent], waiting, 0, Verdict::Delete(PropagationPolicy::Foreground));
    }
}
