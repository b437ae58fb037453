//! The layer that finds out who a request comes from.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header;
use timonier_api::status::Status;

use crate::app::App;
use crate::identity::Identity;
use crate::respond;

/// Put on a request by [`crate::Server::local`]: the identity that its owner was given. A request from a socket cannot carry it.
#[derive(Clone)]
pub struct Fixed(pub Arc<Identity>);

/// Put on a request by the TLS layer: whom the client certificate names.
#[derive(Clone)]
pub struct PeerIdentity(pub Arc<Identity>);

/// Client certificate first, then bearer token; neither means anonymous, and a token that nobody knows means 401.
pub async fn layer(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    match identify(&app, &request) {
        Some(identity) => {
            request.extensions_mut().insert(identity);
            next.run(request).await
        }
        None => respond::status(Status::unauthorized()),
    }
}

fn identify(app: &App, request: &Request) -> Option<Arc<Identity>> {
    if let Some(Fixed(identity)) = request.extensions().get::<Fixed>() {
        return Some(identity.clone());
    }
    if let Some(PeerIdentity(identity)) = request.extensions().get::<PeerIdentity>() {
        return Some(identity.clone());
    }
    let Some(authorization) = request.headers().get(header::AUTHORIZATION) else {
        return Some(app.anonymous.clone());
    };
    let (scheme, token) = authorization.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    app.tokens.find(token.trim()).map(|identity| Arc::new(identity.clone()))
}
