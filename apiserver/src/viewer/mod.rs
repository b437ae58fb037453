//! The viewer: a web page at `/ui/` that is a client of this API like any other, with the rights of who looks at it.
//!
//! Anyone may have the page's files; there is no data in them. What it shows it reads with the token that a person gives
//! it, or that it gets for a one-time code ([`hand_over`]).

mod assets;
pub mod codes;
mod hand_over;
mod page;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;
use crate::auth::Attributes;
use crate::history;
use crate::identity::Identity;

pub use hand_over::CODES_PATH;

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/ui", get(page::redirect))
        .route("/ui/", get(page::index))
        .route("/ui/whoami", get(page::who))
        .route("/ui/{*path}", get(page::file))
        .route(CODES_PATH, post(hand_over::create))
        .route(hand_over::EXCHANGE_PATH, post(hand_over::exchange))
}

/// What everybody may who looks at the page: have its files and exchange a code. Who is somebody may make a code, and ask
/// which revision a time was; what was there then is read under the roles that one has.
pub fn may(identity: &Identity, asked: &Attributes<'_>) -> bool {
    if asked.is_resource {
        return false;
    }
    let known = !identity.is_anonymous();
    match (asked.verb, asked.path) {
        ("get" | "head", path) if path == "/ui" || path.starts_with("/ui/") => true,
        ("post", hand_over::EXCHANGE_PATH) => true,
        ("post", CODES_PATH) => known,
        ("get", history::PATH) => known,
        _ => false,
    }
}
