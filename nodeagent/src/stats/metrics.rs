//! `/metrics/resource`, which a metrics server reads, in the text format of Prometheus. Pure.

use std::fmt::Write;

use jiff::Timestamp;

use super::{NodeStats, PodStats};

/// `pods`: `None` when the runtime did not say.
pub fn metrics(node: &NodeStats, pods: Option<&[PodStats]>) -> String {
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, help: &str, samples: Vec<(String, f64, Option<Timestamp>)>| {
        if samples.is_empty() {
            return;
        }
        // Writing to a String does not fail.
        let _ = writeln!(text, "# HELP {name} [STABLE] {help}\n# TYPE {name} {kind}");
        for (labels, value, at) in samples {
            let at = at.map(|at| format!(" {}", at.as_millisecond())).unwrap_or_default();
            let _ = writeln!(text, "{name}{labels} {value}{at}");
        }
    };
    let seconds = |nanos: u64| nanos as f64 / 1e9;
    let listed = pods.unwrap_or_default();
    let containers = || {
        listed.iter().flat_map(|pod| {
            let (name, namespace) = (&pod.pod.name, &pod.pod.namespace);
            pod.containers.iter().map(move |container| {
                let own = &container.name;
                (format!("{{container={own:?},namespace={namespace:?},pod={name:?}}}"), container)
            })
        })
    };
    let of_pod = |pod: &PodStats| format!("{{namespace={:?},pod={:?}}}", pod.pod.namespace, pod.pod.name);
    let none = String::new;

    family(
        "container_cpu_usage_seconds_total",
        "counter",
        "Cumulative cpu time consumed by the container in core-seconds",
        containers().filter_map(|(labels, one)| Some((labels, seconds(one.counters.cpu?), Some(one.at)))).collect(),
    );
    family(
        "container_memory_working_set_bytes",
        "gauge",
        "Current working set of the container in bytes",
        containers()
            .filter_map(|(labels, one)| Some((labels, one.counters.memory?.working_set as f64, Some(one.at))))
            .collect(),
    );
    family(
        "container_start_time_seconds",
        "gauge",
        "Start time of the container since unix epoch in seconds",
        containers().map(|(labels, one)| (labels, one.started.as_millisecond() as f64 / 1e3, None)).collect(),
    );
    family(
        "node_cpu_usage_seconds_total",
        "counter",
        "Cumulative cpu time consumed by the node in core-seconds",
        node.cpu.map(|cpu| (none(), seconds(cpu), Some(node.at))).into_iter().collect(),
    );
    family(
        "node_memory_working_set_bytes",
        "gauge",
        "Current working set of the node in bytes",
        node.memory.map(|(_, memory)| (none(), memory.working_set as f64, Some(node.at))).into_iter().collect(),
    );
    family(
        "pod_cpu_usage_seconds_total",
        "counter",
        "Cumulative cpu time consumed by the pod in core-seconds",
        listed.iter().map(|pod| (of_pod(pod), seconds(pod.cpu()), Some(pod.at))).collect(),
    );
    family(
        "pod_memory_working_set_bytes",
        "gauge",
        "Current working set of the pod in bytes",
        listed.iter().map(|pod| (of_pod(pod), pod.memory().working_set as f64, Some(pod.at))).collect(),
    );
    family(
        "resource_scrape_error",
        "gauge",
        "1 if there was an error while getting container metrics, 0 otherwise",
        vec![(none(), if pods.is_none() { 1.0 } else { 0.0 }, None)],
    );
    text
}

#[cfg(test)]
mod tests {
    use super::{super::summary::tests_support::pod_stats, *};

    fn node() -> NodeStats {
        let (cpu_rate, memory, network, node_fs, image_fs, processes) = (None, None, vec![], None, None, None);
        let at = Timestamp::UNIX_EPOCH;
        NodeStats { at, cpu: Some(1_500_000_000), cpu_rate, memory, network, node_fs, image_fs, processes }
    }

    #[test]
    fn each_family_is_announced_once_before_its_samples() {
        let text = metrics(&node(), Some(&[pod_stats(), pod_stats()]));
        assert!(text.contains(
            "# TYPE container_cpu_usage_seconds_total counter\n\
             container_cpu_usage_seconds_total{container=\"web\",namespace=\"default\",pod=\"web-1\"} 2.5 0\n"
        ));
        assert!(text.contains("node_cpu_usage_seconds_total 1.5 0\n"));
        assert!(text.contains("pod_memory_working_set_bytes{namespace=\"default\",pod=\"web-1\"} 5242880 0\n"));
        assert_eq!(text.matches("# TYPE pod_memory_working_set_bytes").count(), 1);
        assert!(text.ends_with("resource_scrape_error 0\n"));
    }

    #[test]
    fn a_runtime_that_does_not_answer_is_an_error_in_itself() {
        assert!(metrics(&node(), None).ends_with("resource_scrape_error 1\n"));
    }
}
