//! Which endpoints stand in which slice. Pure.
//!
//! Endpoints stay where they are, so that a pod's change is one slice's; room in slices is filled before there are new
//! ones, and a slice that has become empty goes.

use std::{collections::BTreeMap, sync::Arc};

use timonier_client::Object;

use crate::objects::{AddressType, Endpoint, EndpointPort, EndpointSlice, Groups};

#[derive(Debug, Default, PartialEq)]
pub struct Plan {
    pub create: Vec<New>,
    /// With all endpoints that they are to hold.
    pub update: Vec<(Name, Vec<Endpoint>)>,
    pub delete: Vec<Name>,
}

#[derive(Debug, PartialEq)]
pub struct New {
    pub address_type: AddressType,
    pub ports: Vec<EndpointPort>,
    pub endpoints: Vec<Endpoint>,
}

/// A slice by name and uid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    pub name: Arc<str>,
    pub uid: Arc<str>,
}

/// Makes `slices` hold `groups`, at most `most` endpoints each.
pub fn plan(slices: &[Arc<EndpointSlice>], groups: Groups, most: usize) -> Plan {
    let mut plan = Plan::default();
    let mut of_group: BTreeMap<(AddressType, Vec<EndpointPort>), Vec<&EndpointSlice>> = BTreeMap::new();
    for slice in slices.iter().filter(|slice| !slice.meta().is_deleting()) {
        of_group.entry((slice.address_type, slice.ports.clone())).or_default().push(slice);
    }
    for (key, endpoints) in groups {
        let there = of_group.remove(&key).unwrap_or_default();
        distribute(&mut plan, &there, key, endpoints, most);
    }
    let strays = of_group.into_values().flatten();
    plan.delete.extend(strays.map(name));
    plan
}

fn name(slice: &EndpointSlice) -> Name {
    Name { name: slice.metadata.name.clone(), uid: slice.metadata.uid.clone() }
}

/// What an endpoint is, whatever has become of it.
fn identity(endpoint: &Endpoint) -> (Option<Arc<str>>, Vec<Arc<str>>) {
    (endpoint.target_ref.as_ref().map(|target| target.uid.clone()), endpoint.addresses.clone())
}

fn distribute(
    plan: &mut Plan,
    there: &[&EndpointSlice],
    (address_type, ports): (AddressType, Vec<EndpointPort>),
    endpoints: Vec<Endpoint>,
    most: usize,
) {
    let wanted_nothing = endpoints.is_empty();
    let mut wanted: BTreeMap<_, Endpoint> = endpoints.into_iter().map(|one| (identity(&one), one)).collect();
    let mut kept: Vec<Vec<Endpoint>> = Vec::new();
    for slice in there {
        let mut stay: Vec<_> = slice.endpoints.iter().filter_map(|old| wanted.remove(&identity(old))).collect();
        if stay.len() > most {
            // What is too much looks for another place.
            wanted.extend(stay.split_off(most).into_iter().map(|one| (identity(&one), one)));
        }
        kept.push(stay);
    }
    let mut left = wanted.into_values().collect::<Vec<_>>().into_iter();
    // Changed slices are written anyway, and full ones waste no place.
    let mut order: Vec<usize> = (0..there.len()).collect();
    order.sort_by_key(|i| (kept[*i] == there[*i].endpoints, std::cmp::Reverse(kept[*i].len())));
    for i in order {
        let room = most.saturating_sub(kept[i].len());
        kept[i].extend(left.by_ref().take(room));
    }
    // Of a group without endpoints one slice stays, so that the ports can be read.
    let mut placeholder = wanted_nothing;
    for (slice, endpoints) in there.iter().zip(kept) {
        if endpoints.is_empty() && !std::mem::take(&mut placeholder) {
            plan.delete.push(name(slice));
        } else if endpoints != slice.endpoints {
            plan.update.push((name(slice), endpoints));
        }
    }
    let mut left = left.peekable();
    while left.peek().is_some() || std::mem::take(&mut placeholder) {
        let endpoints = left.by_ref().take(most).collect();
        plan.create.push(New { address_type, ports: ports.clone(), endpoints });
    }
}
