//! Side by side with the real kubectl, over the same server: the same text and the same exit code.

use super::fixture::Cluster;
use super::{config_map, deployment, pod};

/// Lines that every kubectl of the last years answers alike.
const LINES: &[&str] = &[
    "get pods",
    "get pods -o wide",
    "get pods --show-labels",
    "get pods -L app --no-headers",
    "get pods,cm",
    "get all",
    "get pods -A",
    "get deploy web",
    "get cm a b -o name",
    "get pods -o jsonpath={.items[*].metadata.name}",
    "get pods -o 'jsonpath={range .items[*]}{.metadata.name}{\"\\t\"}{.spec.containers[0].image}{\"\\n\"}{end}'",
    "get pods -o custom-columns=NAME:.metadata.name,IMAGE:.spec.containers[*].image,NODE:.spec.nodeName",
    "get pods --sort-by=.metadata.name",
    "get pods --field-selector metadata.name=web-1",
    "get pods -l app!=web",
    "get pods nosuch",
    "get foo",
    "get ns",
    "get secrets",
    "api-versions",
    "config get-contexts",
    "config current-context",
    "delete pod nosuch",
    "rollout history deploy/web",
    "rollout undo deploy/web",
    "label cm a x=y --dry-run=server",
    "scale deploy/web --replicas=2 --current-replicas=9",
];

#[tokio::test(flavor = "multi_thread")]
async fn kctl_prints_what_kubectl_prints() {
    let cluster = Cluster::start().await;
    let objects = [pod("web-1"), pod("web-2"), config_map("a", "x"), config_map("b", "z"), deployment("web", "web:1")];
    cluster.apply(&objects.join("---\n")).await;
    let mut differences = Vec::new();
    for line in LINES {
        // Ages may tick between the two; then they agree the next time.
        let mut difference = None;
        for _ in 0..12 {
            let (theirs, ours) = (cluster.kubectl(line).await, cluster.kctl(line).await);
            let same =
                theirs.out == ours.out && theirs.code == ours.code && (theirs.code == 0 || theirs.err == ours.err);
            difference = (!same).then(|| format!("{line}\nkubectl: {theirs:?}\nkctl:    {ours:?}"));
            if same {
                break;
            }
        }
        differences.extend(difference);
    }
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
    cluster.stop().await;
}
