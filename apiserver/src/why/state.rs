//! From a snapshot of the store to what scheduling judges.

use timonier_api::status::Status;
use timonier_scheduling::Profile;
use timonier_scheduling::configuration::{PUBLISHED_NAME, PUBLISHED_NAMESPACE};
use timonier_scheduling::pod::DEFAULT_SCHEDULER;
use timonier_scheduling::why::world::{self, KINDS, Kind, World};
use timonier_scheduling::why::{self, Basis, Explanation, Question};
use timonier_store::{Revision, Snapshot};

use crate::kinds::Table;
use crate::object::Object;
use crate::registry::keys;

/// The cluster of a snapshot, and what could not be read of it.
pub struct State {
    world: World,
    revision: Revision,
    note: Option<String>,
}

impl State {
    pub fn of(kinds: &Table, snapshot: &Snapshot) -> Result<State, Status> {
        let mut world = World::default();
        let mut note = None;
        let row = |group: &str, plural: &str| {
            kinds.rows().iter().find(|row| row.kind.group == *group && row.kind.plural == *plural)
        };
        let configuration = row("", "configmaps").map(|row| keys::object(row, PUBLISHED_NAMESPACE, PUBLISHED_NAME));
        if let Some(entry) = configuration.and_then(|key| snapshot.get(&key))
            && let Err(error) = world.take_configuration(&Object::of(entry)?.served())
        {
            note = Some(format!(
                "What the scheduler says of its profiles, in ConfigMap {PUBLISHED_NAMESPACE}/{PUBLISHED_NAME}, cannot be \
                 read, so this goes by the default one: {error}"
            ));
        }
        for (kind, group, plural) in KINDS {
            let Some(row) = row(group, plural) else { continue };
            for entry in snapshot.range(&keys::kind(row), None) {
                let object = Object::of(entry)?;
                // Pods that neither have a node nor were promised one take nothing.
                let counts =
                    || ["spec.nodeName", "status.nominatedNodeName"].iter().any(|f| !object.index.field(f).is_empty());
                if *kind != Kind::Pod || counts() {
                    world.take(*kind, &object.served());
                }
            }
        }
        Ok(State { world, revision: snapshot.revision(), note })
    }

    /// Judges the pod, as it is told, on this cluster.
    pub fn explain(&mut self, pod: &Object, every_node: bool, basis: Basis) -> Result<Explanation, Status> {
        let World { cluster, classes, profiles } = &mut self.world;
        let subject = world::subject(&pod.served(), profiles).map_err(Status::internal)?;
        let notes: Vec<_> = basis.note.into_iter().chain(self.note.clone()).collect();
        let note = (!notes.is_empty()).then(|| notes.join(" "));
        let basis = Basis { resource_version: self.revision.to_string(), note, ..basis };
        let default = Profile::default();
        let profile = profiles.get(&subject.pod.scheduler).or(profiles.get(DEFAULT_SCHEDULER)).unwrap_or(&default);
        let question = Question { pod: &subject.pod, profile, classes, every_node };
        Ok(why::explain(&subject, &question, cluster, basis))
    }
}
