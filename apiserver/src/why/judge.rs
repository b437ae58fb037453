//! Several pods, judged on as few states as possible.

use std::sync::Arc;

use timonier_api::status::Status;
use timonier_scheduling::DECIDED_AT;
use timonier_scheduling::why::{Basis, Explanation, Verdict};
use timonier_store::{ReadError, Revision, Snapshot};

use super::state::State;
use crate::app::App;
use crate::object::Object;
use crate::reading::read_error;

/// Explains the pods, in this order: if `decided`, those that the scheduler has decided about on the newest state that it noted,
/// and the rest on `present`. Each of these is read once, beside other requests, since it takes a while when it is large.
pub async fn all(
    app: &Arc<App>,
    present: Snapshot,
    decided: bool,
    every_node: bool,
    pods: Vec<Arc<Object>>,
) -> Result<Vec<Explanation>, Status> {
    let noted = pods.iter().map(|pod| decided_at(pod)).collect::<Result<Vec<_>, _>>()?;
    let past = match noted.iter().flatten().max().filter(|_| decided) {
        None => Past::NotAsked,
        Some(revision) => match app.store.at(*revision).await {
            Ok(state) => Past::Kept(*revision, state),
            Err(ReadError::Compacted { .. } | ReadError::Future { .. }) => Past::Gone(*revision),
            Err(other) => return Err(read_error(other)),
        },
    };
    let kinds = app.kinds.current();
    let task = tokio::task::spawn_blocking(move || {
        let mut now: Option<State> = None;
        let mut then = match &past {
            Past::Kept(_, state) => Some(State::of(&kinds, state)?),
            _ => None,
        };
        let mut told = Vec::with_capacity(pods.len());
        for (pod, noted) in pods.iter().zip(noted) {
            let mut basis = Basis { decided_at: noted.map(|revision| revision.to_string()), ..Basis::default() };
            if noted.is_some() {
                if let Some(then) = &mut then {
                    let explanation = then.explain(pod, every_node, basis.clone())?;
                    if explanation.verdict != Verdict::Schedulable {
                        told.push(explanation);
                        continue;
                    }
                }
                basis.note = past.note();
            }
            let now = match &mut now {
                Some(now) => now,
                None => now.insert(State::of(&kinds, &present)?),
            };
            told.push(now.explain(pod, every_node, basis)?);
        }
        Ok(told)
    });
    task.await.map_err(Status::internal)?
}

/// The state that was decided on.
enum Past {
    NotAsked,
    Kept(Revision, Snapshot),
    Gone(Revision),
}

impl Past {
    /// Why it does not explain a pod.
    fn note(&self) -> Option<String> {
        match self {
            Past::NotAsked => None,
            Past::Kept(revision, _) => Some(format!(
                "At revision {revision}, where the scheduler decided, a node would have done, but for what was being \
                 bound just then. This is how it is now."
            )),
            Past::Gone(revision) => Some(format!(
                "Revision {revision}, where the scheduler decided, is no longer kept. This is how it is now."
            )),
        }
    }
}

/// The revision that the scheduler has noted.
fn decided_at(pod: &Object) -> Result<Option<Revision>, Status> {
    if !pod.may_have(DECIDED_AT) {
        return Ok(None);
    }
    let value = pod.stored_value()?;
    let noted = value["metadata"]["annotations"][DECIDED_AT].as_str();
    Ok(noted.and_then(|text| text.parse().ok()).map(Revision))
}
