//! From a filter's reason to names and numbers.

use std::sync::Arc;

use super::amount;
use super::document::{Fact, Refusal, held, taint};
use crate::cluster::Cluster;
use crate::explanation::Reason;
use crate::inquiry::Objection;
use crate::node::Node;
use crate::pod::Pod;
use crate::taint::{Taint, tolerated};

const HOST: &str = "kubernetes.io/hostname";

/// What an objection rests on: one refusal for each taint, port or label.
pub fn refusals(objection: &Objection, pod: &Pod, node: &Node, cluster: &Cluster) -> Vec<Refusal> {
    let mut refusals: Vec<Refusal> = Vec::new();
    for reason in &objection.reasons {
        let mut facts = facts(reason, pod, node, cluster);
        if facts.is_empty() {
            facts.push(Fact::Other);
        }
        let words = reason.to_string();
        for fact in facts {
            let mut held_for: Vec<String> = objection.held_for.iter().map(|pod| full_name(pod)).collect();
            held_for.sort_unstable();
            let mut detail = detail(&fact).unwrap_or_else(|| words.clone());
            if !held_for.is_empty() {
                detail.push_str(&held(&held_for));
            }
            let filter = objection.filter.to_string();
            let refusal = Refusal { filter, detail, reason: words.clone(), fact, held_for };
            if !refusals.contains(&refusal) {
                refusals.push(refusal);
            }
        }
    }
    refusals
}

fn facts(reason: &Reason, pod: &Pod, node: &Node, cluster: &Cluster) -> Vec<Fact> {
    match reason {
        Reason::Unschedulable => vec![Fact::Cordoned],
        Reason::NodeName => {
            let wanted = pod.node_name.as_deref().unwrap_or_default().to_string();
            vec![Fact::NodeName { wanted }]
        }
        Reason::UntoleratedTaint(_) => {
            let against = node.taints.iter().filter(|taint| taint.repels() && !tolerated(&pod.tolerations, taint));
            let fact = |taint: &Arc<Taint>| Fact::Taint {
                key: taint.key.to_string(),
                value: taint.value.to_string(),
                effect: taint.effect.as_str().to_string(),
            };
            against.map(fact).collect()
        }
        Reason::NodeAffinity | Reason::NotNamedBy(_) => node_affinity(pod, node),
        Reason::HostPort(_) => host_ports(pod, node),
        Reason::TooManyPods { pods, allowed } => vec![Fact::TooManyPods { pods: *pods, most: *allowed }],
        Reason::Insufficient(short) => vec![Fact::Resource {
            resource: short.resource.to_string(),
            wanted: short.requested,
            used: short.used,
            allocatable: short.allocatable,
        }],
        Reason::VolumeNodeAffinity => volumes(pod, node, cluster),
        Reason::VolumeZone { volume, key } => {
            let labels = cluster.volumes().volume(volume).map(|volume| &volume.labels);
            let zone = labels.and_then(|labels| labels.get(&**key)).cloned().unwrap_or_default();
            let known = cluster.volumes();
            let of =
                |name: &Arc<str>| known.claim(&pod.namespace, name).is_some_and(|c| c.volume.as_ref() == Some(volume));
            let claim = pod.claims.iter().find(|claim| of(&claim.name));
            vec![Fact::Volume {
                claim: claim.map_or_else(String::new, |claim| claim.name.to_string()),
                volume: volume.to_string(),
                unmet: vec![format!("{key} in ({zone})")],
            }]
        }
        Reason::TooManyVolumes { driver, attached, added, allowed } => {
            vec![Fact::Volumes { driver: driver.to_string(), attached: *attached, added: *added, most: *allowed }]
        }
        Reason::NoTopologyLabel { key } => vec![Fact::NoTopologyLabel { key: key.to_string() }],
        Reason::Skew(skew) => vec![Fact::Spread {
            key: skew.key.to_string(),
            domain: skew.domain.to_string(),
            pods: skew.matching + i64::from(skew.matches_itself),
            fewest: skew.fewest,
            max_skew: skew.max_skew,
        }],
        Reason::PodAffinity { key, domain } => {
            vec![Fact::PodAffinity { key: key.to_string(), domain: domain.as_ref().map(ToString::to_string) }]
        }
        Reason::PodAntiAffinity { key, domain, pods } => {
            vec![Fact::PodAntiAffinity { key: key.to_string(), domain: domain.to_string(), pods: *pods }]
        }
        Reason::ExistingAntiAffinity { key, domain, pods } => {
            vec![Fact::ExistingAntiAffinity { key: key.to_string(), domain: domain.to_string(), pods: *pods }]
        }
        // Their words say it all.
        _ => vec![],
    }
}

fn node_affinity(pod: &Pod, node: &Node) -> Vec<Fact> {
    let labels = pod.node_labels.iter().filter(|(key, value)| node.label(key) != Some(value));
    let mut facts: Vec<Fact> = labels
        .map(|(key, value)| Fact::NodeSelector {
            key: key.to_string(),
            value: value.to_string(),
            found: node.label(key).map(str::to_string),
        })
        .collect();
    if let Some(affinity) = pod.node_affinity.as_ref().filter(|affinity| !affinity.matches(node)) {
        let nearest = affinity.nearest(node).unwrap_or_default();
        facts.push(Fact::NodeAffinity { unmet: nearest.iter().map(ToString::to_string).collect() });
    }
    facts
}

fn host_ports(pod: &Pod, node: &Node) -> Vec<Fact> {
    let holder = |wanted: &crate::host_port::HostPort| {
        let all = node.usage().pods().chain(&node.nominated);
        all.into_iter().find(|other| other.host_ports.iter().any(|held| held.conflicts_with(wanted)))
    };
    let taken = pod.host_ports.iter().filter_map(|port| Some((port, holder(port)?)));
    taken
        .map(|(port, holder)| Fact::HostPort {
            port: port.port,
            protocol: port.protocol.as_str().to_string(),
            holder: full_name(holder),
        })
        .collect()
}

fn volumes(pod: &Pod, node: &Node, cluster: &Cluster) -> Vec<Fact> {
    let known = cluster.volumes();
    let bound = pod.claims.iter().filter_map(|claim| {
        let volume = known.claim(&pod.namespace, &claim.name)?.volume.as_deref()?;
        Some((claim, known.volume(volume)?))
    });
    bound
        .filter(|(_, volume)| !volume.reaches(node))
        .map(|(claim, volume)| {
            let nearest = volume.affinity.as_ref().and_then(|affinity| affinity.nearest(node)).unwrap_or_default();
            Fact::Volume {
                claim: claim.name.to_string(),
                volume: volume.name.to_string(),
                unmet: nearest.iter().map(ToString::to_string).collect(),
            }
        })
        .collect()
}

/// `namespace/name`
pub fn full_name(pod: &Pod) -> String {
    format!("{}/{}", pod.namespace, pod.name)
}

/// A fact in a few words; `None` when the reason says it all.
fn detail(fact: &Fact) -> Option<String> {
    Some(match fact {
        Fact::Other => return None,
        Fact::Cordoned => "the node is cordoned".into(),
        Fact::NodeName { wanted } => format!("the pod wants node {wanted}"),
        Fact::Taint { key, value, effect } => format!("taint {} is not tolerated", taint(key, value, effect)),
        Fact::NodeSelector { key, value, found: None } => format!("wants the label {key}={value}, which is not there"),
        Fact::NodeSelector { key, value, found: Some(found) } => {
            format!("wants the label {key}={value}, it is {found:?}")
        }
        Fact::NodeAffinity { unmet } if unmet.is_empty() => "the pod's node affinity matches no node".into(),
        Fact::NodeAffinity { unmet } => format!("wants {}", unmet.join(", ")),
        Fact::HostPort { port, protocol, holder } => format!("host port {port}/{protocol} is taken by {holder}"),
        Fact::TooManyPods { pods, most } => format!("pods: {pods} of {most} are there"),
        Fact::Resource { resource, wanted, used, allocatable } => {
            let free = amount::words(resource, (allocatable - used).max(0));
            let (wanted, all) = (amount::words(resource, *wanted), amount::words(resource, *allocatable));
            format!("{resource}: wants {wanted}, {free} of {all} free")
        }
        Fact::Volume { claim, volume, unmet } => {
            format!("volume {volume} of claim {claim} is where {}", unmet.join(", "))
        }
        Fact::Volumes { driver, attached, added, most } => {
            format!("{driver}: {attached} of {most} volumes are there, wants {added} more")
        }
        Fact::NoTopologyLabel { key } => format!("pods are spread over {key}, which the node does not have"),
        Fact::Spread { key, domain, pods, fewest, max_skew } => format!(
            "{key}={domain} would have {pods} of the pods, {} more than the emptiest ({fewest}); {max_skew} may be",
            pods - fewest
        ),
        Fact::PodAffinity { key, domain: Some(domain) } => {
            format!("no pod that it wants to be with is in {key}={domain}")
        }
        Fact::PodAffinity { key, domain: None } => {
            format!("wants to be with pods in its {key}, which the node does not have")
        }
        Fact::PodAntiAffinity { key, domain, pods } => format!("keeps away from {} in {key}={domain}", counted(*pods)),
        Fact::ExistingAntiAffinity { key, domain, pods } => {
            format!("is kept away by {} in {key}={domain}", counted(*pods))
        }
    })
}

fn counted(pods: i64) -> String {
    if pods == 1 { "1 pod".into() } else { format!("{pods} pods") }
}

/// How far a node is from taking the pod, for telling which of a group is nearest: shares of what is missing.
pub fn distance(refusals: &[Refusal]) -> i64 {
    let share = |fact: &Fact| match fact {
        Fact::Resource { wanted, used, allocatable, .. } if *wanted > 0 => {
            let missing = (wanted - (allocatable - used)).max(0);
            i64::try_from(i128::from(missing) * 1000 / i128::from(*wanted)).unwrap_or(i64::MAX)
        }
        Fact::TooManyPods { pods, most } => (pods - most + 1).saturating_mul(10),
        _ => 100,
    };
    refusals.iter().fold(0i64, |sum, refusal| sum.saturating_add(share(&refusal.fact)))
}

/// What makes two refusals the same, whatever their numbers and the node's names.
pub fn kind(refusal: &Refusal) -> String {
    let held = if refusal.held_for.is_empty() { "" } else { ", held" };
    match &refusal.fact {
        Fact::Resource { resource, .. } => format!("resource {resource}{held}"),
        Fact::TooManyPods { .. } => format!("pods{held}"),
        Fact::HostPort { port, protocol, .. } => format!("port {port}/{protocol}"),
        Fact::NodeSelector { key, value, .. } => format!("label {key}={value}"),
        Fact::Volumes { driver, .. } => format!("volumes of {driver}"),
        Fact::Spread { key, domain, .. } => format!("spread over {}", place(key, Some(domain))),
        Fact::PodAffinity { key, domain } => format!("near others in {}", place(key, domain.as_deref())),
        Fact::PodAntiAffinity { key, domain, .. } => format!("apart from others in {}", place(key, Some(domain))),
        Fact::ExistingAntiAffinity { key, domain, .. } => format!("apart for others in {}", place(key, Some(domain))),
        Fact::Other => refusal.reason.clone(),
        _ => refusal.detail.clone(),
    }
}

/// A place that several nodes may be in; each host is one of its own.
fn place(key: &str, domain: Option<&str>) -> String {
    match domain {
        Some(domain) if key != HOST => format!("{key}={domain}"),
        Some(_) => key.to_string(),
        None => format!("no {key}"),
    }
}
