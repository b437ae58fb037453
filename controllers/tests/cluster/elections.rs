use std::time::Duration;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde_json::json;
use timonier_apiserver::Identity;
use timonier_client::leader::{LeaseName, elect};
use timonier_controllers::LeaderElection;
use tokio_util::sync::CancellationToken;
use tower::{ServiceExt, service_fn};

use crate::harness::*;

fn candidate(identity: &str) -> Option<LeaderElection> {
    let lease = LeaseName {
        duration: Duration::from_secs(2),
        renew_within: Duration::from_millis(1300),
        retry: Duration::from_millis(100),
        ..LeaseName::new("kube-system", "timonier-controllers")
    };
    Some(LeaderElection { lease, identity: identity.into() })
}

async fn holder(cluster: &Cluster, expect: &str) {
    cluster
        .until(&format!("{expect} leads"), async || {
            let lease = cluster.get(&LEASES, Some("kube-system"), "timonier-controllers").await;
            let lease = lease.unwrap_or_default();
            if lease["spec"]["holderIdentity"] == json!(expect) { Ok(()) } else { Err(lease) }
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_replicas_one_acts_and_the_other_takes_over() {
    let cluster = Cluster::start().await;
    let first = cluster.controllers(&["nodeipam"], candidate("first"));
    holder(&cluster, "first").await;
    let second = cluster.controllers(&["nodeipam"], candidate("second"));
    first.stop().await;
    // Released, not waited for.
    holder(&cluster, "second").await;
    cluster.create(&NODES, None, json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}})).await;
    cluster
        .until("the second acts", async || {
            let found = cluster.get(&NODES, None, "n").await.expect("is there");
            if found["spec"]["podCIDR"].is_string() { Ok(()) } else { Err(found) }
        })
        .await;
    second.stop().await;
    holder(&cluster, "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_vanished_is_replaced_after_its_lease() {
    let cluster = Cluster::start().await;
    let body = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "timonier-controllers"},
        "spec": {"holderIdentity": "vanished", "leaseDurationSeconds": 2,
            "renewTime": "2099-01-01T00:00:00.000000Z"}});
    cluster.create(&LEASES, Some("kube-system"), body).await;
    let second = cluster.controllers(&["nodeipam"], candidate("second"));
    holder(&cluster, "second").await;
    let lease = cluster.get(&LEASES, Some("kube-system"), "timonier-controllers").await.expect("is there");
    assert_eq!(lease["spec"]["leaseTransitions"], 1);
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_cut_off_stops_before_another_may_start() {
    let cluster = Cluster::start().await;
    let cut = Arc::new(AtomicBool::new(false));
    let (is_cut, server) = (cut.clone(), cluster.server.local(Identity::controller_manager()));
    let client = timonier_client::local(service_fn(move |request| {
        let (is_cut, server) = (is_cut.clone(), server.clone());
        async move {
            if is_cut.load(Ordering::SeqCst) {
                return Err(std::io::Error::other("the cable is cut"));
            }
            let answer: Result<_, std::convert::Infallible> =
                ServiceExt::<http::Request<kube::client::Body>>::oneshot(server, request).await;
            Ok(answer.unwrap_or_else(|never| match never {}))
        }
    }));
    let lease = candidate("cut").expect("a candidate").lease;
    let mut election = elect(client, lease, "cut".into(), CancellationToken::new());
    let term = election.elected().await.expect("elected");
    let next = cluster.controllers(&["nodeipam"], candidate("next"));
    cut.store(true, Ordering::SeqCst);
    // It gives up by itself, while the Lease still bears its name.
    term.lost.cancelled().await;
    let lease = cluster.get(&LEASES, Some("kube-system"), "timonier-controllers").await.expect("is there");
    assert_eq!(lease["spec"]["holderIdentity"], "cut");
    term.ended();
    holder(&cluster, "next").await;
    next.stop().await;
}
