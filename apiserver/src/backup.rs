//! `/timonier/v1/backup`: everything that the store holds at one revision, as one stream. For administrators alone, since
//! Secrets are in it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use futures::{StreamExt, stream};
use http::StatusCode;
use timonier_store::dump::Dump;

use crate::app::App;
use crate::reading::read_error;
use crate::respond;

/// Where clients ask for it.
pub const PATH: &str = "/timonier/v1/backup";

pub fn routes() -> Router<Arc<App>> {
    Router::new().route(PATH, get(take))
}

/// The stream has its own end and checksum, so that a client notices when it is cut off: by a server that drains, too.
async fn take(State(app): State<Arc<App>>) -> Response {
    let snapshot = match app.store.fresh().await {
        Ok(snapshot) => snapshot,
        Err(error) => return respond::status(read_error(error)),
    };
    let dump = Dump::of(snapshot, SystemTime::now());
    let frames = stream::iter(dump.map(Ok::<_, Infallible>)).take_until(app.stop.clone().cancelled_owned());
    respond::typed(StatusCode::OK, "application/vnd.timonier.backup", Body::from_stream(frames))
}
