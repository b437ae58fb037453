//! Quotas and limit ranges: what a namespace may have, however many ask at once.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use timonier_store::{Options, Store, StoreUrl};

use crate::fixture::{Cluster, PATIENCE};
use crate::{CONFIG_MAPS, PODS, config_map, pod};

const QUOTAS: &str = "/api/v1/namespaces/default/resourcequotas";
const CLAIMS: &str = "/api/v1/namespaces/default/persistentvolumeclaims";

fn quota(name: &str, hard: Value) -> Value {
    json!({"metadata": {"name": name}, "spec": {"hard": hard}})
}

/// Many create pods at the same time through all servers; just as many get one as the quota allows.
async fn nobody_gets_more_than_there_is(servers: &[&Cluster]) {
    const ALLOWED: usize = 7;
    const EACH: usize = 12;
    let admin = servers[0].admin();
    admin.post(PODS, &pod("before")).await.ok();
    admin.post(QUOTAS, &quota("q", json!({"pods": ALLOWED.to_string(), "count/pods": "100"}))).await.ok();
    let mut asking = tokio::task::JoinSet::new();
    for (s, server) in servers.iter().enumerate() {
        for i in 0..EACH {
            let client = server.admin();
            asking.spawn(async move { client.post(PODS, &pod(&format!("p-{s}-{i}"))).await });
        }
    }
    let (mut made, mut refused) = (0, 0);
    while let Some(answer) = asking.join_next().await {
        let answer = answer.expect("no panic");
        if answer.code == 201 {
            made += 1;
            continue;
        }
        let (code, _, message) = answer.refused();
        assert_eq!(code, 403, "{message}");
        assert!(message.ends_with("exceeded quota: q, requested: pods=1, used: pods=7, limited: pods=7"), "{message}");
        refused += 1;
    }
    assert_eq!((made, refused), (ALLOWED - 1, servers.len() * EACH - (ALLOWED - 1)));
    let status = admin.get(&format!("{QUOTAS}/q")).await.ok()["status"].clone();
    assert_eq!(status, json!({"hard": {"count/pods": "100", "pods": "7"}, "used": {"count/pods": "7", "pods": "7"}}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_creates_do_not_exceed_a_quota_in_the_embedded_store() {
    let dir = tempfile::tempdir().expect("a directory");
    let url = StoreUrl::File(dir.path().join("store"));
    let store = Store::open(&url, Options::default()).await.expect("the store opens");
    let cluster = Cluster::on(store).await;
    nobody_gets_more_than_there_is(&[&cluster]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_creates_through_two_servers_on_etcd_do_not_exceed_a_quota() {
    let etcd = Etcd::start();
    let url: StoreUrl = etcd.url.parse().expect("a store's address");
    let one = Cluster::on(Store::open(&url, Options::default()).await.expect("the store opens")).await;
    let two = Cluster::on(Store::open(&url, Options::default()).await.expect("the store opens")).await;
    nobody_gets_more_than_there_is(&[&one, &two]).await;
}

/// An etcd that ends with the test.
struct Etcd {
    process: Child,
    url: String,
    _data: tempfile::TempDir,
}

impl Etcd {
    fn start() -> Etcd {
        let data = tempfile::tempdir().expect("a directory");
        let ports: Vec<TcpListener> = (0..2).map(|_| TcpListener::bind("127.0.0.1:0").expect("a port")).collect();
        let addresses: Vec<String> =
            ports.iter().map(|port| port.local_addr().expect("an address").to_string()).collect();
        drop(ports);
        let (client, peer) = (format!("http://{}", addresses[0]), format!("http://{}", addresses[1]));
        let process = Command::new("etcd")
            .arg("--data-dir")
            .arg(data.path())
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("default={peer}")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("etcd starts");
        let deadline = std::time::Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(&addresses[0]).is_err() {
            assert!(std::time::Instant::now() < deadline, "etcd does not answer");
            std::thread::yield_now();
        }
        Etcd { process, url: format!("etcd://{}/quotas", addresses[0]), _data: data }
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn what_goes_or_ends_gives_back_what_it_took() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    admin.post(QUOTAS, &quota("q", json!({"pods": "2", "configmaps": "1", "requests.cpu": "1"}))).await.ok();
    let used = async |name: &str| admin.get(&format!("{QUOTAS}/q")).await.ok()["status"]["used"][name].clone();
    let asking = |name: &str, cpu: &str| {
        let mut pod = pod(name);
        pod["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": cpu}});
        pod
    };
    let refused = admin.post(PODS, &pod("silent")).await.refused();
    assert_eq!(refused.2, "pods \"silent\" is forbidden: failed quota: q: must specify requests.cpu for: c");
    let dry = admin.post(&format!("{PODS}?dryRun=All"), &asking("dry", "2")).await.refused();
    assert_eq!(
        dry.2,
        "pods \"dry\" is forbidden: exceeded quota: q, requested: requests.cpu=2, used: requests.cpu=0, limited: \
         requests.cpu=1"
    );
    admin.post(PODS, &asking("a", "500m")).await.ok();
    admin.post(PODS, &asking("b", "500m")).await.ok();
    assert_eq!((used("pods").await, used("requests.cpu").await), (json!("2"), json!("1")));
    assert_eq!(admin.post(PODS, &asking("c", "0")).await.refused().0, 403);

    let ended = json!({"status": {"phase": "Succeeded"}});
    admin.merge(&format!("{PODS}/a/status"), &ended).await.ok();
    assert_eq!((used("pods").await, used("requests.cpu").await), (json!("1"), json!("500m")));
    admin.delete(&format!("{PODS}/b")).await.ok();
    assert_eq!((used("pods").await, used("requests.cpu").await), (json!("0"), json!("0")));
    admin.post(PODS, &asking("c", "1")).await.ok();

    admin.post(CONFIG_MAPS, &config_map("m")).await.ok();
    assert_eq!(admin.post(CONFIG_MAPS, &config_map("n")).await.refused().0, 403);
    admin.delete(&format!("{CONFIG_MAPS}/m")).await.ok();
    admin.post(CONFIG_MAPS, &config_map("n")).await.ok();
    // More is allowed at once, and what a new limit is about is counted then.
    admin
        .merge(&format!("{QUOTAS}/q"), &json!({"spec": {"hard": {"configmaps": "2", "count/configmaps": "2"}}}))
        .await
        .ok();
    admin.post(CONFIG_MAPS, &config_map("o")).await.ok();
    assert_eq!((used("configmaps").await, used("count/configmaps").await), (json!("2"), json!("2")));
    admin.delete(&format!("{QUOTAS}/q")).await.ok();
    admin.post(CONFIG_MAPS, &config_map("p")).await.ok();
}

#[tokio::test]
async fn scopes_choose_what_is_counted() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let best_effort = json!({"metadata": {"name": "q"}, "spec": {"hard": {"pods": "0"}, "scopes": ["BestEffort"]}});
    admin.post(QUOTAS, &best_effort).await.ok();
    assert_eq!(admin.post(PODS, &pod("a")).await.refused().0, 403);
    let mut busy = pod("b");
    busy["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "1"}});
    admin.post(PODS, &busy).await.ok();
}

#[tokio::test]
async fn a_limit_range_fills_in_and_bounds() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let range = json!({"metadata": {"name": "r"}, "spec": {"limits": [
        {"type": "Container", "default": {"cpu": "500m"}, "defaultRequest": {"cpu": "100m"}, "max": {"cpu": "1"}},
        {"type": "PersistentVolumeClaim", "max": {"storage": "1Gi"}}]}});
    admin.post("/api/v1/namespaces/default/limitranges", &range).await.ok();
    let made = admin.post(PODS, &pod("p")).await.ok();
    let resources = &made["spec"]["containers"][0]["resources"];
    assert_eq!(resources, &json!({"requests": {"cpu": "100m"}, "limits": {"cpu": "500m"}}));
    assert_eq!(made["status"]["qosClass"], "Burstable");
    let note = "LimitRanger plugin set: cpu request for container c; cpu limit for container c";
    assert_eq!(made["metadata"]["annotations"]["kubernetes.io/limit-ranger"], note);
    let mut greedy = pod("greedy");
    greedy["spec"]["containers"][0]["resources"] = json!({"limits": {"cpu": "2"}});
    assert_eq!(
        admin.post(PODS, &greedy).await.refused().2,
        "pods \"greedy\" is forbidden: maximum cpu usage per Container is 1, but limit is 2"
    );
    let claim = json!({"metadata": {"name": "c"}, "spec": {"accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "2Gi"}}}});
    assert_eq!(
        admin.post(CLAIMS, &claim).await.refused().2,
        "persistentvolumeclaims \"c\" is forbidden: maximum storage usage per PersistentVolumeClaim is 1Gi, but request \
         is 2Gi"
    );
}
