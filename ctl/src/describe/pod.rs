//! A pod.

use super::containers;
use super::page::Page;
use super::parts::{self, list, scalar, text, time};
use super::place::Place;
use super::tolerations;
use super::{Subject, volumes};
use crate::print::age;
use jiff::Timestamp;
use serde_json::Value;

pub fn describe(page: &mut Page, subject: &Subject, now: Timestamp) {
    let pod = &subject.object;
    let (spec, status) = (&pod["spec"], &pod["status"]);
    parts::name(page, pod);
    parts::namespace(page, pod);
    if let Some(priority) = spec["priority"].as_i64() {
        page.field(0, "Priority", priority.to_string());
        if let Some(class) = spec["priorityClassName"].as_str().filter(|class| !class.is_empty()) {
            page.field(0, "Priority Class Name", class);
        }
    }
    if let Some(class) = spec["runtimeClassName"].as_str() {
        page.field(0, "Runtime Class Name", class);
    }
    page.field(0, "Service Account", text(&spec["serviceAccountName"]));
    match text(&spec["nodeName"]) {
        "" => page.field(0, "Node", "<none>"),
        node => page.field(0, "Node", format!("{node}/{}", text(&status["hostIP"]))),
    }
    if status["startTime"].is_string() {
        page.field(0, "Start Time", time(&status["startTime"]));
    }
    parts::labels(page, pod);
    parts::annotations(page, pod);
    phase(page, pod, now);
    page.field(0, "IP", text(&status["podIP"]));
    match list(&status["podIPs"]) {
        [] => page.field(0, "IPs", "<none>"),
        addresses => {
            page.line(0, "IPs:");
            addresses.iter().for_each(|address| page.field(1, "IP", text(&address["ip"])));
        }
    }
    parts::controlled_by(page, pod);
    if let Some(node) = status["nominatedNodeName"].as_str().filter(|node| !node.is_empty()) {
        page.field(0, "NominatedNodeName", node);
    }
    let place = Place { pod: Some(pod), indent: "" };
    containers::describe(page, "Init Containers", &spec["initContainers"], &status["initContainerStatuses"], place);
    containers::describe(page, "Containers", &spec["containers"], &status["containerStatuses"], place);
    containers::describe(
        page,
        "Ephemeral Containers",
        &spec["ephemeralContainers"],
        &status["ephemeralContainerStatuses"],
        place,
    );
    if !list(&status["conditions"]).is_empty() {
        page.line(0, "Conditions:");
        page.line(1, "Type\tStatus");
        for condition in list(&status["conditions"]) {
            page.line(1, format!("{} \t{} ", text(&condition["type"]), text(&condition["status"])));
        }
    }
    volumes::describe(page, &spec["volumes"], place);
    page.field(0, "QoS Class", text(&status["qosClass"]));
    parts::map(page, 0, "Node-Selectors", &spec["nodeSelector"]);
    tolerations::describe(page, 0, &spec["tolerations"]);
    topology_spread(page, &spec["topologySpreadConstraints"]);
    if !subject.why.is_empty() {
        page.line(0, "Waits Because:");
        subject.why.iter().for_each(|line| page.line(1, line));
    }
}

fn phase(page: &mut Page, pod: &Value, now: Timestamp) {
    let metadata = &pod["metadata"];
    if metadata["deletionTimestamp"].is_string() {
        let lasts = age::since(&metadata["deletionTimestamp"], now);
        page.field(0, "Status", format!("Terminating (lasts {lasts})"));
        page.field(0, "Termination Grace Period", format!("{}s", scalar(&metadata["deletionGracePeriodSeconds"])));
    } else {
        page.field(0, "Status", text(&pod["status"]["phase"]));
    }
    for (label, field) in [("Reason", "reason"), ("Message", "message")] {
        if let Some(words) = pod["status"][field].as_str().filter(|words| !words.is_empty()) {
            page.field(0, label, words);
        }
    }
}

fn topology_spread(page: &mut Page, constraints: &Value) {
    if list(constraints).is_empty() {
        return;
    }
    let mut sorted: Vec<&Value> = list(constraints).iter().collect();
    sorted.sort_by_key(|constraint| text(&constraint["topologyKey"]));
    let shown = sorted.into_iter().map(|constraint| {
        let mut shown = format!(
            "{}:{} when max skew {} is exceeded",
            text(&constraint["topologyKey"]),
            text(&constraint["whenUnsatisfiable"]),
            scalar(&constraint["maxSkew"])
        );
        if constraint["labelSelector"].is_object() {
            shown.push_str(&format!(" for selector {}", parts::selector(&constraint["labelSelector"])));
        }
        shown
    });
    parts::multiline(page, 0, "Topology Spread Constraints", shown);
}
