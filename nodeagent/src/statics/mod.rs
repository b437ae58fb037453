//! Static pods: those that the agent reads from files of its own and runs whatever the API server says.
//!
//! A static pod's uid is the hash of its file, so a file that changes is another pod. In the API it is shown by a
//! mirror: a pod of the same name with a uid of its own, whose annotation names the static pod. Everything here goes by
//! the static pod's uid; only the status is written onto the mirror.

mod file;
mod folder;
mod keeper;
mod mirror;

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

pub use folder::{Folder, Reading};
use k8s_openapi::api::core::v1::Pod;
pub use keeper::Keeper;
pub use mirror::shown_by;
use tokio::sync::watch;

/// Namespace and name.
type Name = (String, String);

/// What is wanted by the files, and what the API shows of it.
pub struct Statics {
    pub wanted: BTreeMap<Name, Arc<Pod>>,
    mirrors: BTreeMap<Name, Arc<Pod>>,
    /// Whether all mirrors are known.
    listed: bool,
    todo: watch::Sender<Vec<mirror::Todo>>,
}

impl Statics {
    /// The receiver is the keeper's.
    pub fn new() -> (Statics, watch::Receiver<Vec<mirror::Todo>>) {
        let (todo, told) = watch::channel(Vec::new());
        (Statics { wanted: BTreeMap::new(), mirrors: BTreeMap::new(), listed: false, todo }, told)
    }

    pub fn is_wanted(&self, uid: &str) -> bool {
        self.wanted.values().any(|pod| pod.metadata.uid.as_deref() == Some(uid))
    }

    /// The mirror that shows the pod.
    pub fn mirror(&self, name: &Name, uid: &str) -> Option<Arc<Pod>> {
        self.mirrors.get(name).filter(|mirror| shown_by(mirror) == Some(uid)).cloned()
    }

    /// Takes the complete list of mirrors.
    pub fn list(&mut self, mirrors: BTreeMap<Name, Arc<Pod>>) {
        self.mirrors = mirrors;
        self.listed = true;
    }

    pub fn seen(&mut self, name: Name, mirror: Arc<Pod>) {
        self.mirrors.insert(name, mirror);
    }

    /// A mirror is gone, unless there is another one by now.
    pub fn lost(&mut self, name: &Name, uid: &str) {
        if self.mirrors.get(name).is_some_and(|mirror| mirror.metadata.uid.as_deref() == Some(uid)) {
            self.mirrors.remove(name);
        }
    }

    /// Tells the keeper what there is to do. `live`: the uids of all pods of which something may run here.
    pub fn brief(&self, live: &HashSet<&str>) {
        let todo = if self.listed { mirror::plan(&self.wanted, &self.mirrors, live) } else { Vec::new() };
        self.todo.send_if_modified(|known| {
            let changed = *known != todo;
            *known = todo;
            changed
        });
    }
}
