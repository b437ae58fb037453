//! `watch`: a collection as a stream of changes; JSON events one a line, protobuf events with their length.

mod face;
mod feed;
mod frame;

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use rand::Rng;
use timonier_api::status::Status;
use timonier_store::{ReadError, Revision, Snapshot};
use tokio::time::Instant;

use super::call::{Call, parse_revision};
use super::past::at_error;
use super::select::Selection;
use crate::reading::read_error;
use crate::respond;
use feed::{Feed, Initial};

/// Watches without a time-out of their own end within this range, so that clients spread again over the servers.
const DEFAULT_SECONDS: std::ops::Range<u64> = 1800..3600;

pub async fn watch(call: &mut Call) -> Result<Response, Status> {
    let selection = Selection::read(call)?;
    let seat = call.app.watches.open(&call.identity.user)?;
    let bookmarks = call.query.flag("allowWatchBookmarks").unwrap_or(false);
    let seconds = match call.query.integer("timeoutSeconds")? {
        Some(seconds) if seconds > 0 => seconds.unsigned_abs(),
        _ => rand::rng().random_range(DEFAULT_SECONDS),
    };
    let start = start(call).await?;
    let after = match &start {
        Start::State { snapshot, .. } => snapshot.revision(),
        Start::After(revision) => *revision,
    };
    let watch = match call.app.store.watch(after, selection.filter()) {
        Ok(watch) => watch,
        Err(ReadError::Compacted { oldest }) => return expired(call, after, oldest),
        Err(error) => return Err(at_error(after, error)),
    };
    let initial = match start {
        Start::State { snapshot, announce_end } => {
            Some(Initial::new(&snapshot, &selection, announce_end && bookmarks)?)
        }
        Start::After(_) => None,
    };
    let deadline = Instant::now() + Duration::from_secs(seconds);
    // What was sent to us is not kept for as long as somebody watches.
    let kept = Call { headers: HeaderMap::new(), uri: Uri::default(), ..call.clone() };
    let feed = Feed::new(kept, selection, watch, initial, bookmarks, deadline, seat);
    Ok(respond::typed(StatusCode::OK, frame::content_type(call.accept.encoding), Body::new(feed)))
}

/// Where a watch begins.
enum Start {
    /// With everything that is there, as ADDED; then its changes.
    State { snapshot: Snapshot, announce_end: bool },
    /// With the first change after a revision.
    After(Revision),
}

async fn start(call: &Call) -> Result<Start, Status> {
    let store = &call.app.store;
    let revision = parse_revision(call.query.get("resourceVersion"))?;
    let send_initial = call.query.flag("sendInitialEvents");
    let at_least = async |revision: Option<Revision>| match revision {
        None => store.fresh().await.map_err(read_error),
        Some(Revision(0)) => Ok(store.snapshot()),
        Some(revision) => store.wait_for(revision).await.map_err(|error| at_error(revision, error)),
    };
    match (send_initial, revision) {
        (Some(true), revision) => Ok(Start::State { snapshot: at_least(revision).await?, announce_end: true }),
        (None, None | Some(Revision(0))) => {
            Ok(Start::State { snapshot: at_least(revision).await?, announce_end: false })
        }
        (Some(false), None | Some(Revision(0))) => Ok(Start::After(at_least(revision).await?.revision())),
        (_, Some(exact)) => {
            // Another server may have handed it out: it must have arrived here before it can be followed.
            at_least(Some(exact)).await?;
            Ok(Start::After(exact))
        }
    }
}

/// What clients expect when history does not reach back: a stream with one ERROR.
fn expired(call: &Call, asked: Revision, oldest: Revision) -> Result<Response, Status> {
    let status = Status::expired(format!("too old resource version: {asked} ({oldest})"));
    let body = Body::from(frame::error(call.accept.encoding, &status)?);
    Ok(respond::typed(StatusCode::OK, frame::content_type(call.accept.encoding), body))
}
