//! A pod's status from what the runtime has and what the agent remembers. Pure.

mod conditions;
mod containers;
mod phase;
mod recall;

use std::net::IpAddr;

pub use conditions::{OWN as OWN_CONDITIONS, RESIZE as PASSING_CONDITIONS};
use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{ContainerStatus, HostIP, Pod, PodIP, PodStatus},
    apimachinery::pkg::apis::meta::v1::Time,
};
pub use recall::recall;

use crate::{
    config::Timings,
    desired::{self, roster},
    memory::Memory,
    observed::ObservedPod,
    plan::Wish,
};

pub struct Input<'a> {
    pub pod: &'a Pod,
    pub wish: Wish,
    pub observed: &'a ObservedPod,
    pub memory: &'a Memory,
    /// What was said last: times of transition and the like are kept from it.
    pub previous: &'a PodStatus,
    pub host_ip: IpAddr,
    /// `docker`, `hollow`: what ids begin with.
    pub scheme: &'a str,
    pub timings: &'a Timings,
    pub now: Timestamp,
}

/// The status as far as the agent owns it; what others own is kept from `previous`.
pub fn status(input: &Input<'_>) -> PodStatus {
    let of = |list: Vec<ContainerStatus>| (!list.is_empty()).then_some(list);
    let statuses = PodStatus {
        init_container_statuses: of(containers::statuses(input, roster::init(input.pod))),
        container_statuses: Some(containers::statuses(input, roster::main(input.pod))),
        ephemeral_container_statuses: of(containers::statuses(input, roster::ephemeral(input.pod))),
        ..input.previous.clone()
    };
    let (phase, failure) = phase::phase(input, &statuses);
    let pod_ip = pod_ip(input);
    let host_ip = input.host_ip.to_string();
    let start_time = input.previous.start_time.clone().unwrap_or_else(|| Time(whole_second(input.now)));
    PodStatus {
        observed_generation: input.pod.metadata.generation,
        conditions: Some(conditions::conditions(input, phase, &statuses)),
        phase: Some(phase.to_owned()),
        reason: failure.as_ref().map(|failure| failure.reason.clone()),
        message: failure.map(|failure| failure.message),
        host_ips: Some(vec![HostIP { ip: host_ip.clone() }]),
        host_ip: Some(host_ip),
        pod_ips: pod_ip.clone().map(|ip| vec![PodIP { ip }]),
        pod_ip,
        start_time: Some(start_time),
        ..statuses
    }
}

/// The sandbox's address; one that ended keeps what it had.
fn pod_ip(input: &Input<'_>) -> Option<String> {
    if desired::spec(input.pod).host_network.unwrap_or(false) {
        return Some(input.host_ip.to_string());
    }
    let live = input.observed.sandbox().and_then(|sandbox| sandbox.ip).map(|ip| ip.to_string());
    live.or_else(|| input.previous.pod_ip.clone())
}

/// The API's times have no fractions.
pub(crate) fn whole_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
mod tests;
