//! What a deletion does to an object: a pure decision.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::options::{DeleteOptions, Propagation};
use crate::kinds::{Row, Subresource};
use crate::object::meta;

const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";

#[derive(Debug, PartialEq)]
pub enum Plan {
    /// Its deletion goes on already.
    Nothing,
    Remove,
    /// Write this: the object with its end announced.
    Mark(Value),
}

/// Decides by grace period, finalizers and propagation.
pub fn plan(row: &Row, old: &Value, options: &DeleteOptions, now: Timestamp) -> Plan {
    let mut new = old.clone();
    if !meta::is_deleting(old) {
        row.hooks.prepare_delete(&mut new);
    }
    let finalizers = finalizers(&new, options.propagation);
    meta::set_finalizers(&mut new, finalizers);
    let grace = row.hooks.grace_period(old, options.grace_period).unwrap_or(0);
    let deleting = meta::is_deleting(old);
    if grace > 0 {
        let pending = old["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(0);
        // Only an earlier end than the announced one changes anything.
        if !deleting || (options.grace_period.is_some() && grace < pending) {
            announce(row, &mut new, grace, now);
        }
    } else if !is_blocked(row, &new) {
        return Plan::Remove;
    } else if !deleting || old["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(0) > 0 {
        announce(row, &mut new, 0, now);
    }
    if new == *old { Plan::Nothing } else { Plan::Mark(new) }
}

/// Whether an object whose end was announced has nothing left to wait for.
pub fn is_over(row: &Row, object: &Value) -> bool {
    meta::is_deleting(object)
        && object["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(0) == 0
        && !is_blocked(row, object)
}

fn is_blocked(row: &Row, object: &Value) -> bool {
    let in_spec = || object["spec"]["finalizers"].as_array().is_some_and(|list| !list.is_empty());
    !meta::finalizers(object).is_empty() || (row.has(Subresource::Finalize) && in_spec())
}

fn finalizers(old: &Value, propagation: Option<Propagation>) -> Vec<String> {
    let mut finalizers = meta::finalizers(old);
    let Some(propagation) = propagation else {
        return finalizers;
    };
    finalizers.retain(|f| f != ORPHAN && f != FOREGROUND);
    match propagation {
        Propagation::Background => {}
        Propagation::Foreground => finalizers.push(FOREGROUND.to_string()),
        Propagation::Orphan => finalizers.push(ORPHAN.to_string()),
    }
    finalizers
}

fn announce(row: &Row, object: &mut Value, grace: i64, now: Timestamp) {
    let end = now.checked_add(SignedDuration::from_secs(grace)).unwrap_or(now);
    meta::set(object, "deletionTimestamp", meta::time(end));
    meta::set(object, "deletionGracePeriodSeconds", grace);
    if let Some(generation) = object["metadata"]["generation"].as_i64() {
        meta::set(object, "generation", generation + 1);
    }
    if row.has(Subresource::Finalize) {
        if !object["status"].is_object() {
            object["status"] = json!({});
        }
        object["status"]["phase"] = "Terminating".into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::Table;

    fn decide(resource: &str, old: &Value, options: &DeleteOptions) -> Plan {
        let table = Table::builtin();
        let row = table.by_plural("", "v1", resource).expect("is built in");
        plan(row, old, options, "2026-01-01T00:00:00Z".parse().expect("is a time"))
    }

    #[test]
    fn an_object_without_finalizers_goes_at_once() {
        let old = json!({"metadata": {"name": "a"}});
        assert_eq!(decide("configmaps", &old, &DeleteOptions::default()), Plan::Remove);
    }

    #[test]
    fn finalizers_only_announce_the_end_and_only_once() {
        let old = json!({"metadata": {"name": "a", "finalizers": ["x/y"]}});
        let Plan::Mark(marked) = decide("configmaps", &old, &DeleteOptions::default()) else {
            panic!("is marked");
        };
        assert_eq!(marked["metadata"]["deletionTimestamp"], "2026-01-01T00:00:00Z");
        assert_eq!(marked["metadata"]["deletionGracePeriodSeconds"], 0);
        assert_eq!(decide("configmaps", &marked, &DeleteOptions::default()), Plan::Nothing);
        let mut done = marked.clone();
        meta::set_finalizers(&mut done, vec![]);
        let table = Table::builtin();
        let row = table.by_plural("", "v1", "configmaps").expect("is built in");
        assert!(is_over(row, &done) && !is_over(row, &marked));
    }

    #[test]
    fn propagation_is_left_to_the_garbage_collector_by_finalizer() {
        let old = json!({"metadata": {"name": "a"}});
        for (propagation, finalizer) in [(Propagation::Foreground, FOREGROUND), (Propagation::Orphan, ORPHAN)] {
            let options = DeleteOptions { propagation: Some(propagation), ..DeleteOptions::default() };
            let Plan::Mark(marked) = decide("configmaps", &old, &options) else {
                panic!("is marked");
            };
            assert_eq!(meta::finalizers(&marked), [finalizer]);
        }
    }

    #[test]
    fn a_namespace_ends_when_its_own_finalizers_are_gone() {
        let old = json!({"metadata": {"name": "a"}, "spec": {"finalizers": ["kubernetes"]}});
        let Plan::Mark(marked) = decide("namespaces", &old, &DeleteOptions::default()) else {
            panic!("is marked");
        };
        assert_eq!(marked["status"]["phase"], "Terminating");
    }
}
