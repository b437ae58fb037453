//! The templates of many pods, each kept once: a cluster has thousands of pods of one controller.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Weak};

use crate::pod::{Pod, Template};

/// Forgets templates that no pod has any more when there are twice as many as after the last time, and so many at least.
const FEW: usize = 1024;

#[derive(Default)]
pub struct Templates {
    by_features: HashMap<u64, Vec<Weak<Template>>>,
    kept: usize,
    sweep_at: usize,
}

impl Templates {
    /// Gives the pod the template that equal ones before it have.
    pub fn share(&mut self, pod: &mut Pod) {
        let alike = self.by_features.entry(features(&pod.template)).or_default();
        for known in alike.iter().filter_map(Weak::upgrade) {
            if known == pod.template {
                pod.template = known;
                return;
            }
        }
        alike.push(Arc::downgrade(&pod.template));
        self.kept += 1;
        if self.kept >= self.sweep_at.max(FEW) {
            self.sweep();
        }
    }

    fn sweep(&mut self) {
        self.by_features.retain(|_, alike| {
            alike.retain(|known| known.strong_count() > 0);
            !alike.is_empty()
        });
        self.kept = self.by_features.values().map(Vec::len).sum();
        self.sweep_at = self.kept * 2;
    }
}

/// Equal templates have equal features; others seldom do.
fn features(template: &Template) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&template.namespace, &template.controller, &template.labels, &template.images).hash(&mut hasher);
    (template.priority, template.weight, template.node_labels.len()).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::{labelled, requesting};

    #[test]
    fn equal_templates_are_one_and_others_stay_apart() {
        let mut templates = Templates::default();
        let mut shared = |mut pod: Pod| {
            templates.share(&mut pod);
            pod
        };
        let [a, b] = ["a", "b"].map(|name| shared(requesting(name, json!({"cpu": "1"}))));
        assert!(Arc::ptr_eq(&a.template, &b.template) && a != b);
        let others = [requesting("c", json!({"cpu": "2"})), labelled("d", json!({"x": "y"}), json!({}))].map(shared);
        assert!(others.iter().all(|other| !Arc::ptr_eq(&a.template, &other.template)));
        let mut changed = b.clone();
        changed.priority = 7;
        assert_eq!((a.priority, b.priority, changed.priority), (0, 0, 7), "who changes it changes it for itself");
    }

    #[test]
    fn templates_without_pods_are_forgotten() {
        let mut templates = Templates::default();
        for n in 0..3 * FEW {
            templates.share(&mut labelled("p", json!({"n": n.to_string()}), json!({})));
        }
        assert!(templates.kept <= FEW && templates.by_features.len() <= FEW);
    }
}
