//! All compact schemas built so far. They are leaked on purpose: their number is that of the definitions, and every
//! write walks them.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, RwLock};

use schemars::SchemaGenerator;
use serde_json::Value;

use super::definitions::{generator, marked, root};
use super::roots::{ROOTS, Root};
use super::shape::Schema;

static BUILT: LazyLock<RwLock<HashMap<Arc<str>, &'static Schema>>> = LazyLock::new(RwLock::default);

/// Remembers which definitions it has made, so that roots share what they have in common.
static GENERATOR: LazyLock<Mutex<SchemaGenerator>> = LazyLock::new(|| Mutex::new(generator()));

impl Schema {
    /// The schema of a definition, for instance `io.k8s.api.core.v1.Pod`. The first call for a kind builds it and all
    /// that it refers to (a millisecond or two); later calls are a look-up: keep the reference on hot paths.
    /// `None`: no kind that we know reaches this definition.
    pub fn of(definition: &str) -> Option<&'static Schema> {
        if let Some(schema) = built(definition) {
            return Some(schema);
        }
        match root(definition) {
            Some(root) => build([root]),
            // A part of some kind's objects, asked for before the kind itself.
            None => build(ROOTS),
        }
        built(definition)
    }
}

fn built(definition: &str) -> Option<&'static Schema> {
    let built = BUILT.read().unwrap_or_else(PoisonError::into_inner);
    built.get(definition).copied()
}

fn build<'a>(roots: impl IntoIterator<Item = &'a Root>) {
    let mut generator = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    for root in roots {
        (root.generate)(&mut generator);
    }
    // What was compiled before is `null` here: only its name is kept, the prose of the definitions is large.
    let fresh: Vec<(String, Value)> = generator
        .definitions_mut()
        .iter_mut()
        .filter(|(_, definition)| !definition.is_null())
        .map(|(name, definition)| (name.clone(), definition.take()))
        .collect();
    let compiled: Vec<(Arc<str>, &'static Schema)> = fresh
        .into_iter()
        .map(|(name, definition)| {
            let (name, definition) = marked(name, definition);
            let schema = Schema::compile(Some(&name), &definition);
            (Arc::from(name), &*Box::leak(Box::new(schema)))
        })
        .collect();
    BUILT.write().unwrap_or_else(PoisonError::into_inner).extend(compiled);
}
