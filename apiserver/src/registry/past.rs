//! Reading at an exact revision, for as long as the history reaches back.

use timonier_api::status::{Cause, Status};
use timonier_store::{ReadError, Revision, Snapshot};

use super::call::Call;
use crate::history;
use crate::reading::read_error;

/// The state at `revision`, as far as keys start with `prefix`.
pub async fn at(call: &Call, revision: Revision, prefix: &str) -> Result<Snapshot, Status> {
    let store = &call.app.store;
    let past = store.at_prefix(revision, prefix).await;
    if let Err(ReadError::Compacted { oldest }) = past {
        return Err(too_old(call, revision, oldest));
    }
    match past {
        // Another server may have handed it out: give it a moment to arrive here.
        Err(ReadError::Future { .. }) => {
            store.wait_for(revision).await.map_err(|error| at_error(revision, error))?;
            store.at_prefix(revision, prefix).await.map_err(|error| at_error(revision, error))
        }
        result => result.map_err(|error| at_error(revision, error)),
    }
}

/// The refusal of a revision that is no longer kept, with the time since when there is history of that resource.
fn too_old(call: &Call, revision: Revision, oldest: Revision) -> Status {
    let since = match call.app.store.moment_of(oldest) {
        Some(moment) => format!("; history of {} begins at {}", call.resource(), history::text(moment.time)),
        None => String::new(),
    };
    Status::expired(format!("too old resource version: {revision} ({oldest}){since}"))
}

/// What a failed read at a revision means; a revision that has not happened is known to clients by its cause.
pub fn at_error(revision: Revision, error: ReadError) -> Status {
    match error {
        ReadError::Compacted { oldest } => Status::expired(format!("too old resource version: {revision} ({oldest})")),
        ReadError::Future { current } => {
            let message = format!("Too large resource version: {revision}, current: {current}");
            Status::timeout(message, 1).with_cause(Cause {
                reason: "ResourceVersionTooLarge".to_string(),
                message: "Too large resource version".to_string(),
                ..Cause::default()
            })
        }
        other => read_error(other),
    }
}
