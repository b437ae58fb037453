//! What objects take of the quotas of their namespace: by which names, how much, and which quotas are about them.
//!
//! The server charges what it writes, and a controller counts anew: both ask here.

mod object;
mod pod;
mod scope;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::kind::GroupResource;
use crate::quantity::Quantity;

pub use pod::{missing, totals};
pub use scope::covers;

/// Amounts by the names that quotas use: `pods`, `requests.cpu`, `count/jobs.batch`.
pub type Amounts = BTreeMap<String, Quantity>;

/// All that an object takes.
pub fn usage(resource: &GroupResource, object: &Value) -> Amounts {
    let mut amounts = match (&*resource.group, &*resource.resource) {
        ("", "pods") => pod::usage(object),
        ("", "services") => object::service(object),
        ("", "persistentvolumeclaims") => object::claim(object),
        ("", name @ ("configmaps" | "secrets" | "replicationcontrollers" | "resourcequotas")) => object::one(name),
        _ => Amounts::new(),
    };
    amounts.insert(format!("count/{resource}"), Quantity::from_value(1));
    amounts
}

/// Whether objects of this resource can take any of the amount that a quota calls `name`.
pub fn is_about(name: &str, resource: &GroupResource) -> bool {
    if let Some(counted) = name.strip_prefix("count/") {
        return counted == resource.to_string();
    }
    if !resource.group.is_empty() {
        return false;
    }
    let of_claims = name == "requests.storage" || name.contains(".storageclass.storage.k8s.io/");
    match &*resource.resource {
        "pods" => {
            let compute = ["cpu", "memory", "ephemeral-storage"].contains(&name)
                || ["requests.", "limits.", "hugepages-"].iter().any(|prefix| name.starts_with(prefix));
            name == "pods" || (compute && !of_claims)
        }
        "services" => name == "services" || name.starts_with("services."),
        "persistentvolumeclaims" => name == "persistentvolumeclaims" || of_claims,
        plural => name == plural,
    }
}

/// A map of amounts as it stands in an object; what is no amount is left out.
pub fn amounts(map: &Value) -> Amounts {
    let entries = map.as_object().into_iter().flatten();
    entries
        .filter_map(|(name, amount)| {
            let text = amount.as_str().map_or_else(|| amount.to_string(), str::to_owned);
            Some((name.clone(), text.parse().ok()?))
        })
        .collect()
}

/// Adds `more` to `sum`, name by name.
pub fn add(sum: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        let total = sum.entry(name.clone()).or_default();
        *total = *total + *amount;
    }
}

/// What changes from `before` to `after`: only names that differ.
pub fn difference(before: &Amounts, after: &Amounts) -> Amounts {
    let mut change = after.clone();
    for (name, amount) in before {
        let rest = change.entry(name.clone()).or_default();
        *rest = *rest - *amount;
    }
    change.retain(|_, amount| !amount.is_zero());
    change
}

/// `cpu=1,pods=2`, as messages about quotas have it.
pub fn words(amounts: &Amounts) -> String {
    let words: Vec<String> = amounts.iter().map(|(name, amount)| format!("{name}={amount}")).collect();
    words.join(",")
}

#[cfg(test)]
mod tests;
