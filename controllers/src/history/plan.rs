//! Which revision is the present template's, and which are one too many. Pure.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use serde_json::{Value, json};

use crate::objects::ControllerRevision;

/// What `kubectl apply` remembers by; as large as the object, and of no use in the past.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Where the present template stands.
#[derive(Debug)]
pub enum Present {
    /// It has the highest number already.
    Newest(Arc<ControllerRevision>),
    /// It was there before, and gets this number now.
    Earlier(Arc<ControllerRevision>, i64),
    /// It never was; it gets this number.
    New(i64),
}

/// What a revision keeps: the strategic merge patch that puts its template back.
pub fn data(template: &Value) -> Value {
    let mut template = template.clone();
    if template.is_object() {
        template["$patch"] = json!("replace");
    }
    json!({"spec": {"template": template}})
}

/// The template that a revision keeps.
pub fn template(revision: &ControllerRevision) -> Value {
    let mut template = revision.data.pointer("/spec/template").cloned().unwrap_or_default();
    if let Some(fields) = template.as_object_mut() {
        fields.remove("$patch");
    }
    template
}

pub fn annotations(of_owner: &BTreeMap<String, String>) -> BTreeMap<&str, &str> {
    let kept = of_owner.iter().filter(|(key, _)| *key != LAST_APPLIED);
    kept.map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

/// Oldest first; revisions of one number by age, then by name.
pub fn sort(revisions: &mut [Arc<ControllerRevision>]) {
    revisions.sort_by(|a, b| {
        let place = |of: &ControllerRevision| (of.revision, of.metadata.creation_timestamp, of.metadata.name.clone());
        place(a).cmp(&place(b))
    });
}

/// `revisions` are sorted.
pub fn present(revisions: &[Arc<ControllerRevision>], data: &Value) -> Present {
    let next = revisions.last().map_or(1, |newest| newest.revision + 1);
    match revisions.iter().enumerate().rfind(|(_, revision)| *revision.data == *data) {
        Some((place, found)) if place + 1 == revisions.len() => Present::Newest(found.clone()),
        Some((_, found)) => Present::Earlier(found.clone(), next),
        None => Present::New(next),
    }
}

/// The oldest that nobody goes by, beyond the limit of them (none is no limit).
pub fn surplus(
    revisions: &[Arc<ControllerRevision>],
    live: &HashSet<Arc<str>>,
    limit: Option<i32>,
) -> Vec<Arc<ControllerRevision>> {
    let past = revisions.iter().filter(|revision| !live.contains(&revision.metadata.name));
    let mut past: Vec<_> = past.cloned().collect();
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    past.truncate(past.len().saturating_sub(limit));
    past
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revision(name: &str, number: i64, image: &str) -> Arc<ControllerRevision> {
        let found = json!({"metadata": {"name": name}, "revision": number, "data": data(&json!({"image": image}))});
        Arc::new(serde_json::from_value(found).expect("a revision"))
    }

    #[test]
    fn the_present_template_is_the_newest_revision_or_becomes_it() {
        let revisions = [revision("a", 1, "one"), revision("b", 2, "two")];
        let of = |image: &str| match present(&revisions, &data(&json!({"image": image}))) {
            Present::Newest(found) => format!("{} stays", found.metadata.name),
            Present::Earlier(found, number) => format!("{} is {number}", found.metadata.name),
            Present::New(number) => format!("new is {number}"),
        };
        assert_eq!([of("two"), of("one"), of("three")], ["b stays", "a is 3", "new is 3"]);
        assert!(matches!(present(&[], &Value::Null), Present::New(1)));
    }

    #[test]
    fn a_revision_gives_back_the_template_that_it_was_made_of() {
        let kept = revision("a", 1, "one");
        assert_eq!(kept.data["spec"]["template"]["$patch"], "replace");
        assert_eq!(template(&kept), json!({"image": "one"}));
    }

    #[test]
    fn the_oldest_that_nobody_goes_by_are_too_many() {
        let revisions: Vec<_> = (1..=5).map(|n| revision(&format!("r{n}"), n, "x")).collect();
        let live = HashSet::from(["r1".into(), "r5".into()]);
        let check = |limit: Option<i32>, expect: &[&str]| {
            let found = surplus(&revisions, &live, limit);
            assert_eq!(found.iter().map(|one| &*one.metadata.name).collect::<Vec<_>>(), expect);
        };
        check(Some(1), &["r2", "r3"]);
        check(Some(0), &["r2", "r3", "r4"]);
        check(Some(3), &[]);
        check(None, &[]);
        check(Some(-1), &[]);
    }
}
