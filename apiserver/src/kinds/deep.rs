//! What of an object may stay text while it is written.

/// The members of `spec` and `status` that hold much. Where they are text, they are strings in a
/// [`Value`](serde_json::Value), as no member of these names can be: each is a list or an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deep {
    pub spec: &'static [&'static str],
    pub status: &'static [&'static str],
}

impl Deep {
    pub const NOTHING: Deep = Deep { spec: &[], status: &[] };

    /// Those in this member of the object.
    pub fn of(&self, member: &str) -> &'static [&'static str] {
        match member {
            "spec" => self.spec,
            "status" => self.status,
            _ => &[],
        }
    }
}
