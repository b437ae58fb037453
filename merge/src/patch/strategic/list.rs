//! Lists that a strategic merge patch merges: of scalars, and of objects that a merge key tells apart.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};
use timonier_api::schema::Schema;

use super::{Directive, Members, PatchError, SET_ELEMENT_ORDER, fault, merge_object};

/// How to merge one list.
pub(super) struct Merge<'a> {
    /// `None`: a list of scalars.
    pub key: Option<&'a str>,
    /// The order that the patch wants; without one, that of its own items.
    pub order: Option<&'a [Value]>,
    /// The schema of the items.
    pub items: &'a Schema,
}

/// `$setElementOrder/FIELD` beside the list.
pub(super) fn wanted_order<'a>(patch: &'a Members, field: &str) -> Result<Option<&'a [Value]>, PatchError> {
    match patch.get(&format!("{SET_ELEMENT_ORDER}{field}")) {
        None => Ok(None),
        Some(Value::Array(order)) => Ok(Some(order)),
        Some(_) => Err(fault(field, "its $setElementOrder must be a list")),
    }
}

impl Merge<'_> {
    /// Merges `change` into `before`.
    pub fn apply(&self, before: Vec<Value>, change: &[Value]) -> Result<Vec<Value>, PatchError> {
        let Some(key) = self.key else {
            let merged = union(&before, change);
            return self.reorder(merged, change, &before);
        };
        let (before, change) = self.directives(key, before, change)?;
        let merged = self.merge_items(key, before.clone(), &change)?;
        let change: Vec<Value> = change.into_iter().cloned().map(Value::Object).collect();
        self.reorder(merged, &change, &before)
    }

    /// Carries out `$patch` inside items, and returns what is left to merge into what.
    fn directives<'c>(
        &self,
        key: &str,
        mut before: Vec<Value>,
        change: &'c [Value],
    ) -> Result<(Vec<Value>, Vec<&'c Members>), PatchError> {
        let mut items = Vec::new();
        let mut gone = HashSet::new();
        for (index, item) in change.iter().enumerate() {
            let at = |error: PatchError| error.inside(&format!("[{index}]"));
            let Value::Object(item) = item else {
                return Err(fault(&format!("[{index}]"), "must be an object"));
            };
            match Directive::of(item).map_err(at)? {
                Directive::Merge => items.push(item),
                Directive::Replace => {
                    before.clear();
                    // An item of nothing but the directive speaks for the whole list.
                    if item.len() > 1 {
                        items.push(item);
                    }
                }
                Directive::Delete => {
                    gone.insert(identity(item, key).map_err(at)?);
                }
            }
        }
        before.retain(|item| !item.get(key).is_some_and(|name| gone.contains(name)));
        Ok((before, items))
    }

    fn merge_items(&self, key: &str, mut merged: Vec<Value>, change: &[&Members]) -> Result<Vec<Value>, PatchError> {
        let mut places: HashMap<Value, usize> = HashMap::new();
        for (index, item) in merged.iter().enumerate() {
            if let Some(identity) = item.get(key) {
                places.entry(identity.clone()).or_insert(index);
            }
        }
        for (index, item) in change.iter().enumerate() {
            let at = |error: PatchError| error.inside(&format!("[{index}]"));
            let identity = identity(item, key).map_err(at)?;
            let place = *places.entry(identity.clone()).or_insert_with(|| {
                merged.push(Value::Object(Map::new()));
                merged.len() - 1
            });
            if let Value::Object(target) = &mut merged[place] {
                merge_object(target, item, self.items).map_err(at)?;
            }
        }
        Ok(merged)
    }

    /// The order that Kubernetes gives a merged list: items that the patch names in its order, the others where they
    /// were before, relative to those that both know.
    fn reorder(&self, merged: Vec<Value>, change: &[Value], before: &[Value]) -> Result<Vec<Value>, PatchError> {
        let wanted = self.order.unwrap_or(change);
        let wanted = places(wanted.iter().map(|item| self.name(item)));
        if self.order.is_some()
            && let Some(stray) = change.iter().find(|item| !wanted.contains_key(self.name(item)))
        {
            let detail = format!("the item {} is not in its $setElementOrder list", self.name(stray));
            return Err(fault("", detail));
        }
        let before = places(before.iter().map(|item| self.name(item)));
        let place = |item: &Value| before.get(self.name(item)).copied();

        let (mut named, others): (Vec<Value>, Vec<Value>) =
            merged.into_iter().partition(|item| wanted.contains_key(self.name(item)));
        named.sort_by_key(|item| wanted.get(self.name(item)).copied());

        let mut ordered = Vec::with_capacity(named.len() + others.len());
        let mut others = others.into_iter().peekable();
        for item in named {
            if let Some(limit) = place(&item) {
                while let Some(other) = others.next_if(|other| place(other).is_some_and(|at| at < limit)) {
                    ordered.push(other);
                }
            }
            ordered.push(item);
        }
        ordered.extend(others);
        Ok(ordered)
    }

    /// What tells an item apart from the others.
    fn name<'v>(&self, item: &'v Value) -> &'v Value {
        match self.key {
            Some(key) => item.get(key).unwrap_or(&Value::Null),
            None => item,
        }
    }
}

fn places<'v>(names: impl Iterator<Item = &'v Value>) -> HashMap<&'v Value, usize> {
    let mut places = HashMap::new();
    for (place, name) in names.enumerate() {
        places.entry(name).or_insert(place);
    }
    places
}

fn union(before: &[Value], change: &[Value]) -> Vec<Value> {
    let mut seen = HashSet::new();
    before.iter().chain(change).filter(|item| seen.insert(*item)).cloned().collect()
}

fn identity<'v>(item: &'v Members, key: &str) -> Result<&'v Value, PatchError> {
    item.get(key)
        .filter(|value| !value.is_null())
        .ok_or_else(|| fault("", format!("does not contain declared merge key: {key}")))
}
