//! How far into an object a write reaches: what it surely leaves alone need not be decoded, checked and written anew.

use serde_json::Value;
use timonier_store::Snapshot;

use super::call::Call;
use super::part::Part;
use super::policies;
use crate::admission::quota;
use crate::kinds::Deep;

/// What a change may be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    Whole,
    /// Metadata, `status`, and what of `spec` is not deep.
    Status,
    Metadata,
}

impl Reach {
    /// That of a merge patch, strategic or not.
    pub fn of_patch(part: Part, patch: &Value) -> Reach {
        let Some(members) = patch.as_object() else {
            return Reach::Whole;
        };
        let only = |known: &[&str]| members.keys().all(|key| known.contains(&&**key));
        match part {
            Part::Main if only(&["apiVersion", "kind", "metadata"]) => Reach::Metadata,
            Part::Status if only(&["apiVersion", "kind", "metadata", "status"]) => Reach::Status,
            _ => Reach::Whole,
        }
    }

    /// Takes out of an object the members that such a change leaves alone.
    pub fn untouched(self, object: &mut Value) -> Untouched {
        let members: &[&str] = match self {
            Reach::Whole => &[],
            Reach::Status => &["spec"],
            Reach::Metadata => &["spec", "status"],
        };
        let taken = members.iter().filter_map(|member| object.as_object_mut()?.remove_entry(*member));
        Untouched(taken.collect())
    }

    /// What stays text in such a write; nothing where somebody asks for all of every object.
    pub fn leaves(self, call: &Call, snapshot: &Snapshot) -> Deep {
        if self == Reach::Whole
            || call.row.converts()
            || policies::any(snapshot)
            || quota::any(snapshot, call.namespace())
        {
            return Deep::NOTHING;
        }
        let deep = call.storage.hooks.deep();
        match self {
            Reach::Metadata => deep,
            _ => Deep { status: &[], ..deep },
        }
    }
}

/// Members that a change leaves alone.
pub struct Untouched(Vec<(String, Value)>);

impl Untouched {
    pub fn put_back(self, object: &mut Value) {
        if let Some(members) = object.as_object_mut() {
            members.extend(self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_patch_reaches_as_far_as_its_members_say() {
        for (part, patch, reach) in [
            (Part::Main, json!({"metadata": {"labels": {"a": "b"}}}), Reach::Metadata),
            (Part::Main, json!({"kind": "Pod", "apiVersion": "v1", "metadata": {}}), Reach::Metadata),
            (Part::Main, json!({"metadata": {}, "spec": {}}), Reach::Whole),
            (Part::Main, json!({"metadata": {}, "status": {}}), Reach::Whole),
            (Part::Main, json!({"$patch": "replace", "metadata": {}}), Reach::Whole),
            (Part::Main, json!([]), Reach::Whole),
            (Part::Status, json!({"status": {}, "metadata": {"uid": "u"}}), Reach::Status),
            (Part::Status, json!({"status": {}, "spec": null}), Reach::Whole),
            (Part::Scale, json!({"metadata": {}}), Reach::Whole),
        ] {
            assert_eq!(Reach::of_patch(part, &patch), reach, "{part:?} {patch}");
        }
    }
}
