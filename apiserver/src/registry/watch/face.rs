//! What a batch of changes looks like to watchers who ask alike: written once, shared by all of them.

use std::sync::Arc;

use parking_lot::Mutex;
use timonier_api::status::Status;
use timonier_store::Batch;

use super::frame::{self, Changes};
use crate::accept::{Accept, Shape};
use crate::registry::Call;
use crate::registry::select::Selection;

/// All that the bytes of a change depend on, besides the change.
#[derive(Clone, PartialEq, Eq)]
pub struct Face(Arc<Asked>);

#[derive(PartialEq, Eq)]
struct Asked {
    accept: Accept,
    group: String,
    version: String,
    namespace: String,
    name: String,
    labels: String,
    fields: String,
    projection: String,
}

/// So many are kept of a batch; who asks otherwise has it written for itself.
const KEPT: usize = 8;

/// What was written of one batch.
#[derive(Default)]
struct Written(Mutex<Vec<(Face, Changes)>>);

impl Face {
    /// `None` for Tables: each of them shows ages, and the first one its columns.
    pub fn of(call: &Call) -> Option<Face> {
        let text = |name| call.query.get(name).unwrap_or_default().to_string();
        let asked = || Asked {
            accept: call.accept,
            group: call.info.group.clone(),
            version: call.info.version.clone(),
            namespace: call.info.namespace.clone(),
            name: call.info.name.clone(),
            labels: text("labelSelector"),
            fields: text("fieldSelector"),
            projection: text("fields"),
        };
        (call.accept.shape != Shape::Table).then(|| Face(Arc::new(asked())))
    }

    /// The batch as such a watcher sees it; empty when nothing of it is selected.
    pub fn write(&self, batch: &Batch, call: &Call, selection: &Selection) -> Result<Changes, Status> {
        let written = batch.view(|_| Written::default());
        // Held while writing: whoever wants the same bytes had better wait for them.
        let mut faces = written.0.lock();
        if let Some((_, changes)) = faces.iter().find(|(face, _)| face == self) {
            return Ok(changes.clone());
        }
        if faces.len() == KEPT {
            drop(faces);
            return frame::changes(&batch.events, call, selection, &mut false);
        }
        let changes = frame::changes(&batch.events, call, selection, &mut false)?;
        faces.push((self.clone(), changes.clone()));
        Ok(changes)
    }
}
