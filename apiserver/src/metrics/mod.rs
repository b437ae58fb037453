//! `/metrics`, under the names that Kubernetes' dashboards know.
//!
//! What is counted as it happens is in [`counts`] and `labels`; what is only looked up when somebody asks is in `scrape`.
//! Labels are of a bounded number: what a client makes up is none.

pub mod counts;
mod labels;
mod request;
mod scrape;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::app::App;
pub use request::begin;

pub fn routes() -> Router<Arc<App>> {
    Router::new().route("/metrics", get(scrape::show))
}
