//! From a snapshot of the store to what scheduling judges.

use std::sync::Arc;

use timonier_api::status::Status;
use timonier_scheduling::Profile;
use timonier_scheduling::why::world::{self, KINDS, Kind, World};
use timonier_scheduling::why::{self, Basis, Explanation, Question};
use timonier_store::Snapshot;

use crate::kinds::Table;
use crate::object::Object;
use crate::registry::keys;

/// What is asked.
#[derive(Clone)]
pub struct Asked {
    pub pod: Arc<Object>,
    pub every_node: bool,
}

/// Judges the pod on the cluster of a snapshot.
pub fn explain(kinds: &Table, state: &Snapshot, asked: &Asked, basis: Basis) -> Result<Explanation, Status> {
    let subject = world::subject(&asked.pod.served(), |_| true).map_err(Status::internal)?;
    let mut world = World::default();
    for (kind, group, plural) in KINDS {
        let Some(row) = kinds.rows().iter().find(|row| row.kind.group == *group && row.kind.plural == *plural) else {
            continue;
        };
        for entry in state.range(&keys::kind(row), None) {
            let object = Object::of(entry)?;
            // Pods that have no node take nothing.
            if *kind != Kind::Pod || !object.index.field("spec.nodeName").is_empty() {
                world.take(*kind, &object.served());
            }
        }
    }
    let basis = Basis { resource_version: state.revision().to_string(), ..basis };
    let profile = Profile::default();
    let question =
        Question { pod: &subject.pod, profile: &profile, classes: &world.classes, every_node: asked.every_node };
    Ok(why::explain(&subject, &question, &mut world.cluster, basis))
}
