//! What a namespace that ends says about itself, in the words that `kubectl describe` users know. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use timonier_client::Resource;

use crate::objects::{Condition, ConditionStatus, condition, whole_seconds};

/// What still stands between the namespace and its end.
#[derive(Debug, Default)]
pub struct Remaining {
    /// Why the kinds could not even be listed.
    pub undiscovered: Option<String>,
    pub failures: Vec<String>,
    objects: BTreeMap<Resource, usize>,
    finalizers: BTreeMap<String, usize>,
}

impl Remaining {
    pub fn count(&mut self, resource: &Resource, finalizers: &[String]) {
        *self.objects.entry(resource.clone()).or_default() += 1;
        for finalizer in finalizers {
            *self.finalizers.entry(finalizer.clone()).or_default() += 1;
        }
    }

    pub fn is_nothing(&self) -> bool {
        self.undiscovered.is_none() && self.failures.is_empty() && self.objects.is_empty()
    }
}

/// The conditions that follow; those that say what they said before keep their time.
pub fn conditions(old: &[Condition], remaining: &Remaining, now: Timestamp) -> Vec<Condition> {
    let mut next: Vec<Condition> = old.to_vec();
    let mut say = |kind: &str, trouble: Option<(&str, String)>, fine: (&str, &str)| {
        let (status, reason, message) = match trouble {
            Some((reason, message)) => (ConditionStatus::True, reason.to_string(), message),
            None => (ConditionStatus::False, fine.0.to_string(), fine.1.to_string()),
        };
        let before = condition(&next, kind);
        let since = before
            .filter(|before| before.status == status)
            .and_then(|before| before.last_transition_time)
            .unwrap_or(whole_seconds(now));
        let said = Condition {
            kind: kind.into(),
            status,
            last_transition_time: Some(since),
            reason: reason.into(),
            message: message.into(),
            ..Default::default()
        };
        match next.iter_mut().find(|condition| &*condition.kind == kind) {
            Some(standing) => *standing = said,
            None => next.push(said),
        }
    };
    say(
        "NamespaceDeletionDiscoveryFailure",
        remaining
            .undiscovered
            .as_ref()
            .map(|why| ("DiscoveryFailed", format!("Discovery failed for some groups, 1 failing: {why}"))),
        ("ResourcesDiscovered", "All resources successfully discovered"),
    );
    say(
        "NamespaceDeletionGroupVersionParsingFailure",
        None,
        ("ParsedGroupVersions", "All legacy kube types successfully parsed"),
    );
    say(
        "NamespaceDeletionContentFailure",
        (!remaining.failures.is_empty()).then(|| {
            let (count, list) = (remaining.failures.len(), remaining.failures.join(", "));
            ("ContentDeletionFailed", format!("Failed to delete all resource types, {count} remaining: {list}"))
        }),
        ("ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
    );
    say(
        "NamespaceContentRemaining",
        (!remaining.objects.is_empty()).then(|| {
            let each = remaining.objects.iter().map(|(resource, count)| {
                format!("{}.{} has {count} resource instances", resource.plural, resource.group)
            });
            let list = each.collect::<Vec<_>>().join(", ");
            ("SomeResourcesRemain", format!("Some resources are remaining: {list}"))
        }),
        ("ContentRemoved", "All content successfully removed"),
    );
    say(
        "NamespaceFinalizersRemaining",
        (!remaining.finalizers.is_empty()).then(|| {
            let each = remaining
                .finalizers
                .iter()
                .map(|(finalizer, count)| format!("{finalizer} in {count} resource instances"));
            let list = each.collect::<Vec<_>>().join(", ");
            ("SomeFinalizersRemain", format!("Some content in the namespace has finalizers remaining: {list}"))
        }),
        ("ContentHasNoFinalizers", "All content-preserving finalizers finished"),
    );
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn what_is_left_is_counted_by_kind_and_by_finalizer() {
        let mut remaining = Remaining::default();
        let pods = Resource::of("", "v1", "pods");
        remaining.count(&pods, &["a/b".into()]);
        remaining.count(&pods, &[]);
        assert!(!remaining.is_nothing());
        let said = conditions(&[], &remaining, at(5));
        let content = condition(&said, "NamespaceContentRemaining").expect("said");
        assert_eq!(&*content.message, "Some resources are remaining: pods. has 2 resource instances");
        let finalizers = condition(&said, "NamespaceFinalizersRemaining").expect("said");
        assert!(finalizers.message.ends_with("a/b in 1 resource instances"), "{}", finalizers.message);
    }

    #[test]
    fn a_condition_keeps_its_time_while_it_stands_and_foreign_ones_stay() {
        let foreign = Condition { kind: "Mine".into(), ..Default::default() };
        let first = conditions(&[foreign], &Remaining::default(), at(5));
        assert_eq!(conditions(&first, &Remaining::default(), at(9)), first);
        assert_eq!(first.len(), 6);
        let mut remaining = Remaining::default();
        remaining.failures.push("pods: no".into());
        let second = conditions(&first, &remaining, at(9));
        let changed = condition(&second, "NamespaceDeletionContentFailure").expect("said");
        assert_eq!((changed.status, changed.last_transition_time), (ConditionStatus::True, Some(at(9))));
    }
}
