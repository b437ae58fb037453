//! Who depends on whom. Pure; it says whose case must be looked at again.
//!
//! Only what matters is kept: objects that have owners, or that are being deleted with dependents in mind. Of
//! owners it is known whether they were seen.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use timonier_client::{Meta, ObjectKey, Resource, Revision, object::OwnerReference};

use super::{FOREGROUND, ORPHAN};

pub type Uid = Arc<str>;

#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub resource: Resource,
    pub key: ObjectKey,
    pub revision: Revision,
    pub owners: Vec<OwnerReference>,
    pub deleting: bool,
    /// Has the finalizer of foreground deletion.
    pub waits_for_dependents: bool,
    /// Has the finalizer that sets dependents free.
    pub orphans_dependents: bool,
}

impl Node {
    fn of(resource: &Resource, meta: &Meta) -> Node {
        let has = |name: &str| meta.finalizers.iter().any(|finalizer| finalizer == name);
        Node {
            resource: resource.clone(),
            key: meta.key(),
            revision: meta.resource_version,
            owners: meta.owner_references.clone(),
            deleting: meta.is_deleting(),
            waits_for_dependents: has(FOREGROUND),
            orphans_dependents: has(ORPHAN),
        }
    }

    fn matters(&self) -> bool {
        !self.owners.is_empty() || self.deleting && (self.waits_for_dependents || self.orphans_dependents)
    }

    /// Whether the owner's foreground deletion waits for this object.
    pub fn blocks(&self, owner: &Uid) -> bool {
        self.owners.iter().any(|reference| reference.uid == *owner && reference.block_owner_deletion)
    }

    fn concerns_same(&self, other: &Node) -> bool {
        (&self.owners, self.deleting, self.waits_for_dependents, self.orphans_dependents)
            == (&other.owners, other.deleting, other.waits_for_dependents, other.orphans_dependents)
    }
}

/// What is known of an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    Unknown,
    Present {
        waits_for_dependents: bool,
    },
    /// A watch said so.
    Absent,
    /// The server said so when asked. A uid never comes back.
    AbsentForSure,
}

struct Owner {
    presence: Presence,
    /// The newest state that was seen of it.
    seen: Revision,
    /// Where it was seen.
    resource: Option<Resource>,
    namespace: Option<Arc<str>>,
    dependents: HashSet<Uid>,
}

#[derive(Default)]
pub struct Graph {
    nodes: HashMap<Uid, Node>,
    /// Only of uids that somebody names as owner.
    owners: HashMap<Uid, Owner>,
}

impl Graph {
    pub fn node(&self, uid: &Uid) -> Option<&Node> {
        self.nodes.get(uid)
    }

    pub fn presence(&self, owner: &Uid) -> Presence {
        self.owners.get(owner).map_or(Presence::Unknown, |owner| owner.presence)
    }

    pub fn dependents(&self, owner: &Uid) -> Vec<(Uid, Node)> {
        let uids = self.owners.get(owner).into_iter().flat_map(|owner| &owner.dependents);
        uids.filter_map(|uid| Some((uid.clone(), self.nodes.get(uid)?.clone()))).collect()
    }

    /// The namespace in which an owner was seen; None: nowhere, or it is in none.
    pub fn namespace_of(&self, owner: &Uid) -> Option<Arc<str>> {
        self.owners.get(owner)?.namespace.clone()
    }

    /// Whether a foreground deletion has to wait: for dependents that block it, but not for those that in turn wait
    /// for it, since a circle would never end.
    pub fn is_blocked(&self, uid: &Uid) -> bool {
        let dependents = self.dependents(uid);
        dependents.iter().any(|(dependent, node)| node.blocks(uid) && !self.waits_for(dependent, uid))
    }

    /// Whether `waiting` is being deleted and waits for `other`, through whatever lies between.
    fn waits_for(&self, waiting: &Uid, other: &Uid) -> bool {
        let mut seen = HashSet::new();
        let mut look = vec![waiting.clone()];
        while let Some(uid) = look.pop() {
            let waits = self.nodes.get(&uid).is_some_and(|node| node.deleting && node.waits_for_dependents);
            if !waits || !seen.insert(uid.clone()) {
                continue;
            }
            let blocking = self.dependents(&uid).into_iter().filter(|(_, node)| node.blocks(&uid));
            for (dependent, _) in blocking {
                if dependent == *other {
                    return true;
                }
                look.push(dependent);
            }
        }
        false
    }

    /// An object was added or changed. Returns whose case must be looked at.
    pub fn observe(&mut self, resource: &Resource, meta: &Meta) -> Vec<Uid> {
        let uid = &meta.uid;
        let node = Node::of(resource, meta);
        self.seen_alive(resource, meta);
        let old = self.nodes.get(uid);
        let same = old.is_some_and(|old| old.concerns_same(&node));
        if !same && let Some(old) = old.cloned() {
            self.unlink(uid, &old);
        }
        let mut look = Vec::new();
        if !same {
            // An owner that waits may be waiting for just this.
            look.extend(self.waiting_owners(&node));
        }
        if !node.matters() {
            self.nodes.remove(uid);
            return look;
        }
        if !same {
            for owner in &node.owners {
                let owner = self.owners.entry(owner.uid.clone()).or_insert(Owner {
                    presence: Presence::Unknown,
                    seen: Revision(0),
                    resource: None,
                    namespace: None,
                    dependents: HashSet::new(),
                });
                owner.dependents.insert(uid.clone());
            }
            // Owners that were never seen but are kept here as nodes (being deleted) are seen all the same.
            for owner in &node.owners {
                self.adopt_presence(&owner.uid);
            }
            look.push(uid.clone());
        }
        self.nodes.insert(uid.clone(), node);
        look
    }

    /// The owner's own node, if it has one, tells that it is there.
    fn adopt_presence(&mut self, owner: &Uid) {
        let Some(node) = self.nodes.get(owner) else { return };
        let waits = node.deleting && node.waits_for_dependents;
        if let Some(entry) = self.owners.get_mut(owner)
            && entry.presence == Presence::Unknown
        {
            entry.presence = Presence::Present { waits_for_dependents: waits };
            entry.seen = node.revision;
            entry.resource = Some(node.resource.clone());
            entry.namespace = node.key.namespace.clone();
        }
    }

    /// Notes that an owner is there; returns whether it waits for its dependents to go. An answer of the server may be
    /// older than what a watch has shown meanwhile: then that holds.
    pub fn seen_alive(&mut self, resource: &Resource, meta: &Meta) -> bool {
        let waits = meta.is_deleting() && meta.finalizers.iter().any(|name| name == FOREGROUND);
        let Some(owner) = self.owners.get_mut(&meta.uid) else { return waits };
        match owner.presence {
            Presence::Absent | Presence::AbsentForSure => waits,
            Presence::Present { waits_for_dependents } if meta.resource_version < owner.seen => waits_for_dependents,
            Presence::Present { .. } | Presence::Unknown => {
                owner.presence = Presence::Present { waits_for_dependents: waits };
                owner.seen = meta.resource_version;
                owner.resource = Some(resource.clone());
                owner.namespace = meta.namespace.clone();
                waits
            }
        }
    }

    pub fn absent_for_sure(&mut self, owner: &Uid) {
        if let Some(owner) = self.owners.get_mut(owner) {
            owner.presence = Presence::AbsentForSure;
        }
    }

    /// An object is gone. Returns whose case must be looked at: its dependents, and owners that waited for it.
    pub fn forget(&mut self, uid: &Uid) -> Vec<Uid> {
        let mut look = Vec::new();
        if let Some(node) = self.nodes.remove(uid) {
            self.unlink(uid, &node);
            look.extend(self.waiting_owners(&node));
        }
        if let Some(owner) = self.owners.get_mut(uid) {
            owner.presence = Presence::Absent;
            look.extend(owner.dependents.iter().cloned());
        }
        look
    }

    /// A complete list of one resource: what is not in it went while nobody watched.
    pub fn relist(&mut self, resource: &Resource, list: &[&Meta]) -> Vec<Uid> {
        let there: HashSet<&Uid> = list.iter().map(|meta| &meta.uid).collect();
        let is_lost = |uid: &Uid, of: Option<&Resource>| of == Some(resource) && !there.contains(uid);
        let lost: HashSet<Uid> = self
            .nodes
            .iter()
            .map(|(uid, node)| (uid, Some(&node.resource)))
            .chain(self.owners.iter().map(|(uid, owner)| (uid, owner.resource.as_ref())))
            .filter(|(uid, of)| is_lost(uid, *of))
            .map(|(uid, _)| uid.clone())
            .collect();
        let mut look: Vec<Uid> = lost.iter().flat_map(|uid| self.forget(uid)).collect();
        look.extend(list.iter().flat_map(|meta| self.observe(resource, meta)));
        look
    }

    fn unlink(&mut self, uid: &Uid, node: &Node) {
        for reference in &node.owners {
            if let Some(owner) = self.owners.get_mut(&reference.uid) {
                owner.dependents.remove(uid);
                if owner.dependents.is_empty() {
                    self.owners.remove(&reference.uid);
                }
            }
        }
    }

    fn waiting_owners(&self, node: &Node) -> Vec<Uid> {
        let waits = |uid: &Uid| self.nodes.get(uid).is_some_and(|owner| owner.deleting && owner.waits_for_dependents);
        node.owners.iter().map(|owner| owner.uid.clone()).filter(waits).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const PODS: Resource = Resource::of("", "v1", "pods");
    const SETS: Resource = Resource::of("apps", "v1", "replicasets");

    fn meta(uid: &str, owners: &[&str], finalizer: Option<&str>) -> Meta {
        let owners: Vec<_> = owners.iter().map(|uid| json!({"uid": uid, "blockOwnerDeletion": true})).collect();
        let mut meta: Meta =
            serde_json::from_value(json!({"name": uid, "uid": uid, "ownerReferences": owners})).expect("metadata");
        if let Some(finalizer) = finalizer {
            meta.finalizers = vec![finalizer.into()];
            meta.deletion_timestamp = Some(jiff::Timestamp::UNIX_EPOCH);
        }
        meta
    }

    fn names(look: Vec<Uid>) -> Vec<String> {
        let mut names: Vec<_> = look.iter().map(|uid| uid.to_string()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_has_no_owner_and_is_not_deleted_is_not_kept() {
        let mut graph = Graph::default();
        assert!(graph.observe(&PODS, &meta("p", &[], None)).is_empty());
        assert!(graph.nodes.is_empty() && graph.owners.is_empty());
    }

    #[test]
    fn a_dependent_is_looked_at_once_and_again_when_its_owner_goes() {
        let mut graph = Graph::default();
        assert_eq!(names(graph.observe(&PODS, &meta("p", &["s"], None))), ["p"]);
        assert!(graph.observe(&PODS, &meta("p", &["s"], None)).is_empty());
        assert_eq!(graph.presence(&"s".into()), Presence::Unknown);
        graph.observe(&SETS, &meta("s", &[], None));
        assert_eq!(graph.presence(&"s".into()), Presence::Present { waits_for_dependents: false });
        assert_eq!(names(graph.forget(&"s".into())), ["p"]);
        assert_eq!(graph.presence(&"s".into()), Presence::Absent);
    }

    #[test]
    fn a_late_answer_does_not_revive_an_owner_that_a_watch_saw_go() {
        let mut graph = Graph::default();
        graph.observe(&PODS, &meta("p", &["s"], None));
        graph.forget(&"s".into());
        graph.seen_alive(&SETS, &meta("s", &[], None));
        assert_eq!(graph.presence(&"s".into()), Presence::Absent);
    }

    #[test]
    fn a_late_answer_does_not_undo_what_a_watch_showed() {
        let mut graph = Graph::default();
        graph.observe(&PODS, &meta("p", &["s"], None));
        let at = |revision, meta: Meta| Meta { resource_version: Revision(revision), ..meta };
        graph.observe(&SETS, &at(7, meta("s", &[], Some(FOREGROUND))));
        assert!(graph.seen_alive(&SETS, &at(5, meta("s", &[], None))));
        assert_eq!(graph.presence(&"s".into()), Presence::Present { waits_for_dependents: true });
        assert!(!graph.seen_alive(&SETS, &at(9, meta("s", &[], None))));
    }

    #[test]
    fn a_waiting_owner_is_looked_at_when_its_dependents_go() {
        let mut graph = Graph::default();
        graph.observe(&PODS, &meta("p", &["s"], None));
        assert_eq!(names(graph.observe(&SETS, &meta("s", &[], Some(FOREGROUND)))), ["s"]);
        assert!(graph.dependents(&"s".into())[0].1.blocks(&"s".into()));
        assert_eq!(names(graph.forget(&"p".into())), ["s"]);
        assert!(graph.dependents(&"s".into()).is_empty());
    }

    #[test]
    fn a_circle_of_waiting_objects_blocks_nobody_in_it() {
        let mut graph = Graph::default();
        let waiting = Some(FOREGROUND);
        graph.observe(&PODS, &meta("a", &["b"], waiting));
        graph.observe(&PODS, &meta("b", &["c"], None));
        graph.observe(&PODS, &meta("c", &["a"], waiting));
        // c waits for b, which is not being deleted, and a waits for c.
        assert!(graph.is_blocked(&"c".into()) && graph.is_blocked(&"a".into()));
        graph.observe(&PODS, &meta("b", &["c"], waiting));
        assert!(!["a", "b", "c"].iter().any(|uid| graph.is_blocked(&(*uid).into())));
        // Who stands outside still holds its owner back, and so all that wait for it.
        graph.observe(&PODS, &meta("d", &["b"], None));
        assert!(graph.is_blocked(&"b".into()));
    }

    #[test]
    fn it_is_known_where_an_owner_was_seen() {
        let mut graph = Graph::default();
        graph.observe(&PODS, &meta("p", &["s"], None));
        assert_eq!(graph.namespace_of(&"s".into()), None);
        graph.observe(&SETS, &Meta { namespace: Some("there".into()), ..meta("s", &[], None) });
        assert_eq!(graph.namespace_of(&"s".into()).as_deref(), Some("there"));
    }

    #[test]
    fn a_new_dependent_of_a_waiting_owner_knows_that_it_waits() {
        let mut graph = Graph::default();
        graph.observe(&SETS, &meta("s", &[], Some(FOREGROUND)));
        graph.observe(&PODS, &meta("p", &["s"], None));
        assert_eq!(graph.presence(&"s".into()), Presence::Present { waits_for_dependents: true });
    }

    #[test]
    fn a_relist_finds_what_went_while_nobody_watched() {
        let mut graph = Graph::default();
        graph.observe(&PODS, &meta("p", &["s"], None));
        graph.observe(&SETS, &meta("s", &[], None));
        let other = meta("other", &[], None);
        assert_eq!(names(graph.relist(&SETS, &[&other])), ["p"]);
        let pod = meta("p", &["s"], None);
        assert!(graph.relist(&PODS, &[&pod]).is_empty());
        graph.relist(&PODS, &[]);
        assert!(graph.nodes.is_empty() && graph.owners.is_empty());
    }

    #[test]
    fn an_object_that_loses_its_owner_is_no_longer_its_dependent() {
        let mut graph = Graph::default();
        graph.observe(&PODS, &meta("p", &["s"], None));
        graph.observe(&PODS, &meta("p", &[], None));
        assert!(graph.forget(&"s".into()).is_empty());
    }
}
