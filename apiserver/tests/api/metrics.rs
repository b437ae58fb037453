use std::collections::BTreeMap;

use http::Method;

use crate::fixture::{Client, Cluster};
use crate::{CONFIG_MAPS, config_map};

/// Samples by name and labels.
struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    async fn read(admin: &Client) -> Metrics {
        let answer = admin.get("/metrics").await;
        assert!(answer.code.is_success(), "{}", answer.code);
        let text = String::from_utf8(answer.body.to_vec()).expect("text");
        assert!(text.ends_with("# EOF\n") && text.matches("# EOF").count() == 1, "{text}");
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        Metrics(
            samples
                .map(|line| line.rsplit_once(' ').expect("a sample"))
                .map(|(k, v)| (k.into(), v.parse().expect("a number")))
                .collect(),
        )
    }

    /// The sum of the samples of this name with all of these labels.
    fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let named = self.0.iter().filter(|(key, _)| key.split('{').next() == Some(name));
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        named.filter(|(key, _)| labels.iter().all(|label| key.contains(label))).map(|(_, value)| value).sum()
    }

    fn has(&self, name: &str) -> bool {
        self.0.keys().any(|key| key.split('{').next() == Some(name))
    }
}

#[tokio::test]
async fn what_happens_is_counted_under_kubernetes_names() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let mut watch = admin.watch(&format!("{CONFIG_MAPS}?watch=1")).await;
    for name in ["a", "b", "c"] {
        admin.post(CONFIG_MAPS, &config_map(name)).await.ok();
        watch.next().await.expect("an event");
    }
    admin.post(CONFIG_MAPS, &config_map("a")).await.refused();
    let metrics = Metrics::read(&admin).await;
    let created = [("verb", "CREATE"), ("resource", "configmaps"), ("group", ""), ("version", "v1")];
    let with = |code: &'static str| [&created[..], &[("code", code)]].concat();
    assert_eq!(metrics.sum("apiserver_request_total", &with("201")), 3.0);
    assert_eq!(metrics.sum("apiserver_request_total", &with("409")), 1.0);
    assert_eq!(metrics.sum("apiserver_request_duration_seconds_count", &created), 4.0);
    let maps = [("resource", "configmaps")];
    assert_eq!(metrics.sum("apiserver_watch_events_total", &maps), 3.0);
    assert_eq!(metrics.sum("apiserver_longrunning_requests", &[("verb", "WATCH"), maps[0]]), 1.0);
    assert_eq!(metrics.sum("apiserver_storage_objects", &maps), 3.0);
    assert_eq!(metrics.sum("apiserver_resource_objects", &[("group", ""), maps[0]]), 3.0);
    assert_eq!(metrics.sum("apiserver_resource_objects", &[("resource", "namespaces")]), 4.0);
    assert!(metrics.sum("etcd_request_duration_seconds_count", &[("operation", "create"), maps[0]]) >= 3.0);
    assert_eq!(metrics.sum("apiserver_current_inflight_requests", &[("request_kind", "mutating")]), 0.0);
    assert_eq!(metrics.sum("apiserver_current_inflight_requests", &[("request_kind", "readOnly")]), 1.0);
    let seats = [("priority_level", "global-default")];
    assert_eq!(metrics.sum("apiserver_flowcontrol_current_executing_requests", &seats), 1.0);
    for name in [
        "apiserver_storage_size_bytes",
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_start_time_seconds",
    ] {
        assert!(metrics.sum(name, &[]) > 0.0, "{name}");
    }
    let revision = cluster.store.snapshot().revision().0 as f64;
    assert_eq!(metrics.sum("timonier_store_revision", &[]), revision);
    assert!(metrics.has("apiserver_flowcontrol_rejected_requests_total"));
}

#[tokio::test]
async fn no_client_makes_up_labels() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    for i in 0..5 {
        admin.get(&format!("/apis/group{i}.io/v{i}/things{i}")).await.refused();
        admin.get(&format!("{CONFIG_MAPS}/a/sub{i}")).await.refused();
        admin.send(Method::from_bytes(format!("VERB{i}").as_bytes()).expect("a verb"), "/made/up", &[], "").await;
    }
    let metrics = Metrics::read(&admin).await;
    let lines = |text: &str| metrics.0.keys().filter(|key| key.contains(text)).count();
    assert_eq!([lines("group1"), lines("things1"), lines("sub1"), lines("VERB1"), lines("made")], [0; 5]);
    assert_eq!(metrics.sum("apiserver_request_total", &[("resource", ""), ("verb", "LIST"), ("code", "404")]), 5.0);
    assert_eq!(metrics.sum("apiserver_request_total", &[("subresource", "other")]), 5.0);
}
