//! Laying an applied configuration over the live object.

use std::collections::HashMap;

use serde_json::{Map, Value};
use timonier_api::schema::Schema;

use super::walk::{Kind, View, member, view};

/// Gives `live` all that the configuration says; what that does not mention stays.
pub(super) fn combine(schema: &Schema, live: &mut Value, config: &Value) {
    let mergeable = match (view(schema, live), view(schema, config)) {
        (View::Members(_), View::Members(config)) => Mergeable::Members(config),
        (View::Items(..), View::Items(config, kind)) => Mergeable::Items(config, kind),
        _ => Mergeable::No,
    };
    match (mergeable, &mut *live) {
        (Mergeable::Members(config), Value::Object(live)) => members(schema, live, config),
        (Mergeable::Items(config, kind), Value::Array(live)) => *live = items(std::mem::take(live), config, kind),
        (_, live) if live == config => {}
        (_, live) => live.clone_from(config),
    }
}

/// What a configuration is to be laid over a value of the same form.
enum Mergeable<'s, 'c> {
    Members(&'c Map<String, Value>),
    Items(&'c [Value], Kind<'s>),
    No,
}

fn members(schema: &Schema, live: &mut Map<String, Value>, config: &Map<String, Value>) {
    for (name, wanted) in config {
        match live.get_mut(name) {
            Some(live) => combine(member(schema, name), live, wanted),
            None => {
                live.insert(name.clone(), wanted.clone());
            }
        }
    }
}

/// Items of the configuration come in its order; those that only the live list has keep their place among the items
/// that both have, and precede new ones. Of repeated live items the first counts.
fn items(mut live: Vec<Value>, config: &[Value], kind: Kind<'_>) -> Vec<Value> {
    // By far the most configurations have the items of the live list, in its order.
    if live.len() == config.len() && live.iter().zip(config).all(|(live, item)| kind.same(live, item)) {
        for (live, item) in live.iter_mut().zip(config) {
            combine(kind.items(), live, item);
        }
        return live;
    }
    let names = |items: &[Value]| -> Vec<Box<str>> {
        let named = items.iter().enumerate();
        named.map(|(index, item)| kind.element_at(item, index)).collect()
    };
    let (live_names, config_names) = (names(&live), names(config));
    let wanted: HashMap<&str, usize> = config_names.iter().enumerate().map(|(at, name)| (&**name, at)).collect();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (at, name) in live_names.iter().enumerate() {
        places.entry(name).or_insert(at);
    }

    let mut merged = Vec::with_capacity(live.len() + config.len());
    let mut done = vec![false; config.len()];
    let mut next = 0;
    for (at, item) in config.iter().enumerate() {
        let known = places.get(&*config_names[at]).copied();
        while next < live.len() {
            match wanted.get(&*live_names[next]) {
                None => merged.push(live[next].take()),
                Some(&turn) if done[turn] => {}
                Some(&turn) if turn == at => {
                    next += 1;
                    break;
                }
                // A shared item whose turn comes later: passed if this one is further on in the live list.
                Some(_) if known.is_some() => {}
                Some(_) => break,
            }
            next += 1;
        }
        merged.push(match known {
            Some(place) => {
                let mut value = live[place].take();
                combine(kind.items(), &mut value, item);
                value
            }
            None => item.clone(),
        });
        done[at] = true;
    }
    let rest = (next..live.len()).filter(|&at| !wanted.contains_key(&*live_names[at]));
    merged.extend(rest.map(|at| live[at].take()));
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
            let mut merged = list(live);
            combine(spec, &mut merged, &list(config));
            assert_eq!(merged, list(expected), "{live:?} with {config:?}");
        }
    }
}
