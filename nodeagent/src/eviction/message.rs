//! What an evicted pod's status says. Pure.

use timonier_api::quantity::Quantity;

use super::{
    signal::{Observation, Signal},
    thresholds::Threshold,
};

/// One container's part in it: name, what it asked for, what it uses.
pub struct Part<'a> {
    pub name: &'a str,
    pub request: i64,
    pub usage: i64,
}

/// In the kubelet's words.
pub fn message(threshold: &Threshold, observation: Option<&Observation>, parts: &[Part<'_>]) -> String {
    let signal = threshold.signal;
    let mut message = format!("The node was low on resource: {}. ", signal.resource());
    if let Some(seen) = observation {
        let (least, left) = (amount(signal, threshold.amount.of(seen.capacity)), amount(signal, seen.available));
        message += &format!("Threshold quantity: {least}, available: {left}. ");
    }
    for Part { name, request, usage } in parts.iter().filter(|part| part.usage > part.request) {
        let (resource, used, asked) = (signal.resource(), amount(signal, *usage), amount(signal, *request));
        message +=
            &format!("Container {name} was using {used}, request is {asked}, has larger consumption of {resource}. ");
    }
    message
}

fn amount(signal: Signal, amount: i64) -> Quantity {
    match signal.resource() {
        // To the kibibyte, as memory is counted.
        "memory" | "ephemeral-storage" => Quantity::from_bytes(amount / 1024 * 1024),
        _ => Quantity::from_value(amount),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::thresholds, *};

    #[test]
    fn it_names_the_threshold_and_who_used_more_than_asked() {
        let texts = thresholds::Texts { hard: "memory.available<10%", soft: "", soft_grace: "", minimum_reclaim: "" };
        let threshold = &thresholds::parse(&texts).expect("thresholds")[0];
        let seen = Observation { available: 50 << 20, capacity: 1000 << 20 };
        let part = |name, request, usage| Part { name, request, usage };
        let parts = [part("web", 0, (5 << 20) + 7), part("log", 100, 50)];
        assert_eq!(
            message(threshold, Some(&seen), &parts),
            "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. \
             Container web was using 5Mi, request is 0, has larger consumption of memory. "
        );
    }
}
