//! Who a request comes from.

use std::sync::Arc;

use axum::extract::Request;
use http::{HeaderMap, header};
use timonier_api::status::Status;
use timonier_telemetry::span;
use tracing::Instrument;

use crate::app::App;
use crate::auth::{bootstrap_token, impersonate, service_account};
use crate::identity::Identity;

/// Put on a request by [`crate::Server::local`]: the identity that its owner was given. A request from a socket cannot carry it.
#[derive(Clone)]
pub struct Fixed(pub Arc<Identity>);

/// Put on a request by the TLS layer: whom the client certificate names.
#[derive(Clone)]
pub struct PeerIdentity(pub Arc<Identity>);

/// Client certificate first, then bearer token; neither means anonymous, and a token that nobody knows means 401.
/// Puts the identity on the request.
pub async fn authenticate(app: &App, request: &mut Request) -> Result<(), Status> {
    let identity = match claim(app, request) {
        Claim::Identity(identity) => Some(identity),
        Claim::Token(token) => {
            let found = of_token(app, &token, &[]).instrument(span!("authenticate")).await;
            found.map(|(identity, _)| identity)
        }
        Claim::Malformed => None,
    };
    let identity = acting(app, identity.ok_or_else(Status::unauthorized)?, request.headers())?;
    request.extensions_mut().insert(identity);
    Ok(())
}

/// Whom the request is taken for: who sent it, or whom that one may act as.
fn acting(app: &App, identity: Arc<Identity>, headers: &HeaderMap) -> Result<Arc<Identity>, Status> {
    let Some(wanted) = impersonate::wanted(headers)? else {
        return Ok(identity);
    };
    impersonate::check(&app.authorizer, &identity, headers, &wanted)?;
    Ok(Arc::new(wanted))
}

/// What a request shows of who it comes from.
enum Claim {
    Identity(Arc<Identity>),
    Token(String),
    Malformed,
}

fn claim(app: &App, request: &Request) -> Claim {
    if let Some(Fixed(identity)) = request.extensions().get::<Fixed>() {
        return Claim::Identity(identity.clone());
    }
    if let Some(PeerIdentity(identity)) = request.extensions().get::<PeerIdentity>() {
        return Claim::Identity(identity.clone());
    }
    let Some(authorization) = request.headers().get(header::AUTHORIZATION) else {
        return Claim::Identity(app.anonymous.clone());
    };
    match authorization.to_str().ok().and_then(|text| text.split_once(' ')) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Claim::Token(token.trim().to_string()),
        _ => Claim::Malformed,
    }
}

/// Whose a token is, and for which of the audiences (none: this server's own): static tokens first, which are for all,
/// then those of machines that want to join, then those of service accounts.
pub async fn of_token(app: &App, token: &str, audiences: &[String]) -> Option<(Arc<Identity>, Vec<String>)> {
    if let Some(identity) = app.tokens.find(token) {
        return Some((identity.clone(), audiences.to_vec()));
    }
    if let Some(identity) = bootstrap_token::authenticate(&app.store, token).await {
        return Some((Arc::new(identity), audiences.to_vec()));
    }
    let own = [service_account::ISSUER.to_string()];
    let audiences = if audiences.is_empty() { &own } else { audiences };
    let (identity, audiences) = app.service_accounts.authenticate(&app.store, token, audiences).await?;
    Some((Arc::new(identity), audiences))
}
