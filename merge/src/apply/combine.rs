//! Laying an applied configuration over the live object.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use timonier_api::schema::Schema;

use super::walk::{Kind, View, member, view};

/// The live object with all that the configuration says; what it does not mention stays.
pub(super) fn combine(schema: &Schema, live: &Value, config: &Value) -> Value {
    match (view(schema, live), view(schema, config)) {
        (View::Members(live), View::Members(config)) => Value::Object(members(schema, live, config)),
        (View::Items(live, kind), View::Items(config, _)) => Value::Array(items(live, config, kind)),
        _ => config.clone(),
    }
}

fn members(schema: &Schema, live: &Map<String, Value>, config: &Map<String, Value>) -> Map<String, Value> {
    let mut merged = live.clone();
    for (name, wanted) in config {
        let value = match live.get(name) {
            Some(live) => combine(member(schema, name), live, wanted),
            None => wanted.clone(),
        };
        merged.insert(name.clone(), value);
    }
    merged
}

/// Items of the configuration come in its order; those that only the live list has keep their place among the items
/// that both have, and precede new ones.
fn items(live: &[Value], config: &[Value], kind: Kind<'_>) -> Vec<Value> {
    let names = |items: &[Value]| -> Vec<Box<str>> {
        let named = items.iter().enumerate();
        named.map(|(index, item)| kind.element_at(item, index)).collect()
    };
    let (live_names, config_names) = (names(live), names(config));
    let wanted: BTreeMap<&str, usize> = config_names.iter().enumerate().map(|(at, name)| (&**name, at)).collect();
    let mut known: BTreeMap<&str, &Value> = BTreeMap::new();
    for (name, item) in live_names.iter().zip(live) {
        known.entry(name).or_insert(item);
    }

    let mut merged = Vec::with_capacity(live.len() + config.len());
    let mut waiting = live_names.iter().zip(live).peekable();
    let mut done = vec![false; config.len()];
    for (at, item) in config.iter().enumerate() {
        let name = &*config_names[at];
        let known_here = known.get(name).copied();
        // The live-only items before this one's live place; before a new item, those up to the next shared one.
        while let Some((live_name, live_item)) = waiting.peek().copied() {
            match wanted.get(&**live_name) {
                None => merged.push(live_item.clone()),
                Some(&place) if done[place] => {}
                Some(&place) if place == at => {
                    waiting.next();
                    break;
                }
                // A shared item whose turn comes later: pass it if this one is further on in the live list.
                Some(_) if known_here.is_some() => {}
                Some(_) => break,
            }
            waiting.next();
        }
        merged.push(match known_here {
            Some(live) => combine(kind.items(), live, item),
            None => item.clone(),
        });
        done[at] = true;
    }
    let rest = waiting.filter(|(name, _)| !wanted.contains_key(&***name));
    merged.extend(rest.map(|(_, item)| item.clone()));
    merged
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn items_come_in_the_configurations_order_and_live_ones_keep_their_place() {
        let spec = Schema::of("io.k8s.api.core.v1.PodSpec").expect("pods have specs");
        let list = |names: &str| -> Value {
            let items: Vec<Value> = names.chars().map(|name| json!({"name": name.to_string()})).collect();
            json!({"containers": items})
        };
        for (live, config, expected) in [
            ("", "ab", "ab"),
            ("ab", "", "ab"),
            ("ab", "c", "abc"),
            ("axb", "ba", "xba"),
            ("abc", "abc", "abc"),
            ("xaybz", "ab", "xaybz"),
            ("ab", "acb", "acb"),
            ("xab", "acb", "xacb"),
            ("aab", "ba", "ba"),
        ] {
            let merged = combine(spec, &list(live), &list(config));
            assert_eq!(merged, list(expected), "{live:?} with {config:?}");
        }
    }
}
