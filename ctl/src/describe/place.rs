//! What the containers and the volumes of a pod, or of a template, have in common.

use serde_json::Value;

/// Where containers are shown: a pod's have a status, a template's are one space further in.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub pod: Option<&'a Value>,
    pub indent: &'static str,
}

impl Place<'_> {
    pub fn name_indent(&self) -> &'static str {
        if self.indent.is_empty() { "" } else { " " }
    }
}

/// Whether a pod may do without what is referred to.
pub fn optional(reference: &Value) -> bool {
    reference["optional"].as_bool().unwrap_or(false)
}
