//! Patches and field ownership: JSON patch, JSON merge patch, strategic merge patch and server-side apply.
//!
//! Everything here is a pure function over [`serde_json::Value`]: no I/O, no clock (times are arguments), no kind
//! known by name — what differs between kinds comes from [`timonier_api::schema::Schema`].
//!
//! Invariants:
//! - A patch that cannot be applied leaves nothing half done: the document is returned whole or not at all.
//! - `metadata.managedFields` never names a field that the object does not have.
//! - Applying the same configuration twice changes nothing, its timestamps included.
//!
//! Reading order: [`patch`], the three patches that know no owners, one file each; then [`apply`], whose own page says
//! how to read it.

pub mod apply;
pub mod patch;

pub use patch::{PatchError, json_patch, merge_patch, strategic};
