//! Finds the queries that may match a pod without asking all of them: by a label that each of their pods has.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::pod::Pod;
use crate::relations::Query;

#[derive(Debug, Clone, Default)]
pub struct Index {
    by_label: HashMap<u64, Vec<usize>>,
    /// Queries that name no label with its value.
    rest: Vec<usize>,
}

fn hash(namespace: Option<&str>, key: &str, value: &str) -> u64 {
    // Not seeded: the same changes must lead to the same order.
    let mut hasher = DefaultHasher::new();
    (namespace, key, value).hash(&mut hasher);
    hasher.finish()
}

impl Index {
    fn place(&mut self, query: &Query) -> &mut Vec<usize> {
        match query.anchor() {
            Some((namespace, key, value)) => self.by_label.entry(hash(namespace, key, value)).or_default(),
            None => &mut self.rest,
        }
    }

    pub fn insert(&mut self, query: &Query, id: usize) {
        self.place(query).push(id);
    }

    pub fn remove(&mut self, query: &Query, id: usize) {
        let place = self.place(query);
        place.retain(|held| *held != id);
        if place.is_empty()
            && let Some((namespace, key, value)) = query.anchor()
        {
            self.by_label.remove(&hash(namespace, key, value));
        }
    }

    /// Everything that may match the pod, and some that does not.
    pub fn candidates<'a>(&'a self, pod: &'a Pod) -> impl Iterator<Item = usize> + 'a {
        let labels = if self.by_label.is_empty() { None } else { Some(&pod.labels) };
        let by_label = labels.into_iter().flatten().flat_map(move |(key, value)| {
            let places = [Some(&*pod.namespace), None].map(|namespace| self.by_label.get(&hash(namespace, key, value)));
            places.into_iter().flatten()
        });
        by_label.flatten().chain(&self.rest).copied()
    }
}
