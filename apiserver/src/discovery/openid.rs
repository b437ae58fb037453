//! Where others learn how to verify service account tokens: OpenID Connect discovery and the public keys.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;

use crate::app::App;
use crate::auth::service_account::ServiceAccounts;
use crate::respond;

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/.well-known/openid-configuration", get(configuration))
        .route("/.well-known/openid-configuration/", get(configuration))
        .route("/openid/v1/jwks", get(keys))
        .route("/openid/v1/jwks/", get(keys))
}

async fn configuration(State(app): State<Arc<App>>) -> Response {
    let document = ServiceAccounts::discovery(&app.advertise.to_string());
    respond::typed(StatusCode::OK, "application/json", document.to_string().into())
}

async fn keys(State(app): State<Arc<App>>) -> Response {
    respond::typed(StatusCode::OK, "application/jwk-set+json", app.service_accounts.keys().to_string().into())
}
