//! The names that a definition holds, and that it is established, as it is written.

use std::sync::Arc;

use jiff::Timestamp;

use crate::app::App;
use crate::identity::Identity;
use crate::kinds::customresourcedefinition::conditions;
use crate::registry::internal;

/// Completes the status of a definition, if it is there and not complete.
pub async fn complete(app: &Arc<App>, name: &str) {
    let Some(taken) = app.definitions.taken(name) else {
        return;
    };
    let row = app.definitions.row().clone();
    let changed = internal::update_status(app, Identity::server(), &row, name, |definition| {
        conditions::complete(definition, &taken, Timestamp::now());
    });
    if let Err(status) = changed.await
        && status.code != 404
    {
        tracing::warn!(name, reason = %status, "the status of a CustomResourceDefinition cannot be written");
    }
}
