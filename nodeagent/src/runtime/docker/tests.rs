//! The Docker runtime on the real daemon of this machine. Each test is a cluster of its own, and leaves nothing.

use std::{
    net::{IpAddr, Ipv4Addr},
    process::Command,
    sync::atomic::{AtomicU8, Ordering},
};

use bollard::{query_parameters::CreateImageOptionsBuilder, query_parameters::InspectContainerOptions};
use futures::{StreamExt, TryStreamExt};

use super::*;
use crate::runtime::{
    MountSource, PortMapping, Propagation, Resources,
    spec::{MemoryVolume, Mount},
    suite::{self, logs, observe_until, start, start_sandbox},
};

const IMAGE: &str = "timonier-test/busybox:1";

/// A cluster of one test, cleared away when dropped, also by a panic.
struct Cluster {
    id: String,
    network: Network,
    runtime: DockerRuntime,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The command line, since a test that panics may have lost its async runtime.
        let filter = format!("label={}={}", labels::CLUSTER, self.id);
        let docker = |arguments: &[&str]| {
            let output = Command::new("docker").args(arguments).output();
            output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
        };
        for (list, remove) in [
            (&["ps", "-aq", "--filter", &filter][..], &["rm", "-fv"][..]),
            (&["network", "ls", "-q", "--filter", &filter], &["network", "rm"]),
            (&["volume", "ls", "-q", "--filter", &filter], &["volume", "rm", "-f"]),
        ] {
            let found = docker(list);
            let ids: Vec<&str> = found.split_whitespace().collect();
            if !ids.is_empty() {
                docker(&[remove, &ids].concat());
            }
        }
    }
}

impl Cluster {
    async fn new() -> Cluster {
        static NEXT: AtomicU8 = AtomicU8::new(0);
        let id = uuid::Uuid::new_v4().to_string();
        // Of the ranges that Docker's own pools never use, one that other processes hardly choose at the same time.
        let second = 64 + rand::random_range(0..48u8);
        let third = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_mul(7).wrapping_add(rand::random());
        let cidr = format!("100.{second}.{third}.0/24");
        let network = Network { subnet: cidr.clone(), pod_cidr: cidr };
        let runtime = connect(&id).await;
        import_busybox(&runtime.docker).await;
        Cluster { id, network, runtime }
    }

    async fn prepared() -> Cluster {
        let cluster = Cluster::new().await;
        cluster.runtime.prepare(&cluster.network).await.expect("prepared");
        cluster
    }

    /// A pod with a sandbox that runs.
    async fn pod(&self) -> (PodIdentity, String) {
        let pod = suite::pod(&uuid::Uuid::new_v4().to_string());
        let sandbox = start_sandbox(&self.runtime, &suite::sandbox(&pod)).await;
        (pod, sandbox)
    }

    /// Runs a script to its end and gives its output.
    async fn output(&self, spec: &ContainerSpec) -> String {
        let id = start(&self.runtime, spec).await;
        let ended = |observed: &ObservedPod| {
            observed.containers.iter().any(|container| container.id == id && container.state.exit().is_some())
        };
        observe_until(&self.runtime, &spec.pod.uid, "ended", ended).await;
        logs(&self.runtime, &id, LogQuery::default()).await
    }

    async fn inspect(&self, id: &str) -> bollard::models::ContainerInspectResponse {
        self.runtime.docker.inspect_container(id, None::<InspectContainerOptions>).await.expect("inspected")
    }
}

async fn connect(cluster: &str) -> DockerRuntime {
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    DockerRuntime::connect(None, cluster, "node-1", address).await.expect("a Docker daemon")
}

/// The shell of Debian's busybox-static, as an image that all tests share.
async fn import_busybox(docker: &Docker) {
    static IMPORTED: tokio::sync::OnceCell<()> = tokio::sync::OnceCell::const_new();
    IMPORTED
        .get_or_init(|| async {
            if docker.inspect_image(IMAGE).await.is_err() {
                import(docker).await;
            }
        })
        .await;
}

async fn import(docker: &Docker) {
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_path_with_name("/bin/busybox", "bin/busybox").expect("busybox-static is installed");
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    for applet in ["sh", "sleep", "cat", "nc", "hostname", "id", "httpd", "ip", "wget"] {
        archive.append_link(&mut header.clone(), format!("bin/{applet}"), "busybox").expect("linked");
    }
    header.set_entry_type(tar::EntryType::Directory);
    header.set_mode(0o1777);
    archive.append_data(&mut header, "tmp", std::io::empty()).expect("a directory");
    let body = bollard::body_full(archive.into_inner().expect("packed").into());
    let (repository, tag) = IMAGE.split_once(':').expect("a tag");
    let options = CreateImageOptionsBuilder::new().from_src("-").repo(repository).tag(tag).build();
    docker.create_image(Some(options), Some(body), None).try_collect::<Vec<_>>().await.expect("imported");
}

fn script(pod: &PodIdentity, sandbox: &str, text: &str) -> ContainerSpec {
    suite::container(pod, sandbox, IMAGE, text)
}

#[tokio::test]
async fn docker_does_what_every_runtime_does() {
    let cluster = Cluster::new().await;
    suite::all(&cluster.runtime, &cluster.network, IMAGE).await;
}

#[tokio::test]
async fn whoever_talks_to_a_container_reaches_it() {
    let cluster = Cluster::prepared().await;
    suite::streams::all(&cluster.runtime, IMAGE).await;
}

#[tokio::test]
async fn agents_that_race_share_one_network() {
    let cluster = Cluster::new().await;
    let others = futures::future::join_all((0..4).map(|_| connect(&cluster.id))).await;
    let prepared = futures::future::join_all(others.iter().map(|other| other.prepare(&cluster.network))).await;
    prepared.into_iter().for_each(|prepared| prepared.expect("prepared"));
    let networks = cluster.runtime.docker.list_networks(None::<bollard::query_parameters::ListNetworksOptions>).await;
    let name = labels::network_name(&cluster.id);
    let networks = networks.expect("networks").into_iter().filter(|network| network.name.as_ref() == Some(&name));
    assert_eq!(networks.count(), 1);
}

#[tokio::test]
async fn the_sandbox_holds_names_address_and_labels() {
    let cluster = Cluster::prepared().await;
    let (pod, sandbox) = cluster.pod().await;
    let inspected = cluster.inspect(&sandbox).await;
    assert_eq!(inspected.name.as_deref(), Some(format!("/{}", labels::container_name("sandbox", &pod, 0)).as_str()));
    let config = inspected.config.expect("a config");
    assert_eq!(config.hostname.as_ref(), Some(&pod.name));
    let held = config.labels.expect("labels");
    for (key, value) in [(labels::CLUSTER, &cluster.id), (labels::POD_UID, &pod.uid), (labels::POD_NAME, &pod.name)] {
        assert_eq!(held.get(key), Some(value));
    }
    let observed = cluster.runtime.observe(&pod.uid).await.expect("observed");
    let ip = observed.sandbox().and_then(|sandbox| sandbox.ip).expect("an address").to_string();
    let (prefix, _) = cluster.network.pod_cidr.rsplit_once(".0/").expect("a range");
    assert!(ip.starts_with(prefix), "{ip}");

    let text = "hostname; ip -4 -o addr show eth0; cat /etc/hosts";
    let seen = cluster.output(&script(&pod, &sandbox, text)).await;
    assert!(seen.starts_with(&format!("{}\n", pod.name)), "{seen}");
    assert!(seen.contains(&format!("{ip}/24")), "{seen}");
    assert!(seen.contains(&format!("{ip}\t{}", pod.name)), "{seen}");
}

#[tokio::test]
async fn a_container_gets_its_command_environment_directory_and_user() {
    let cluster = Cluster::prepared().await;
    let (pod, sandbox) = cluster.pod().await;
    let mut spec = script(&pod, &sandbox, "echo $COLOR; pwd; id -u; id -g");
    spec.env = vec![("COLOR".into(), "blue = green".into())];
    spec.working_dir = Some("/tmp".into());
    spec.security.user = Some("1234:2345".into());
    assert_eq!(cluster.output(&spec).await, "blue = green\n/tmp\n1234\n2345\n");
}

#[tokio::test]
async fn a_terminal_and_an_open_input_are_given_where_asked_for() {
    let cluster = Cluster::prepared().await;
    let (pod, sandbox) = cluster.pod().await;
    let mut spec = script(&pod, &sandbox, "[ -t 1 ] && echo terminal");
    spec.tty = true;
    assert_eq!(cluster.output(&spec).await, "terminal\r\n");
    let mut waits = script(&pod, &sandbox, "cat; echo closed");
    (waits.name, waits.stdin, waits.stdin_once) = ("waits".into(), true, true);
    let id = start(&cluster.runtime, &waits).await;
    let config = cluster.inspect(&id).await.config.expect("a config");
    assert_eq!((config.open_stdin, config.stdin_once, config.tty), (Some(true), Some(true), Some(false)));
    let observed = cluster.runtime.observe(&pod.uid).await.expect("observed");
    assert!(observed.container("waits").is_some_and(|container| container.state.is_running()));
}

#[tokio::test]
async fn limits_reach_the_kernel() {
    let cluster = Cluster::prepared().await;
    let (pod, sandbox) = cluster.pod().await;
    let mut spec = script(&pod, &sandbox, "sleep 60");
    spec.resources =
        Resources { cpu_shares: 256, cpu_quota: Some(50_000), memory_bytes: Some(64 << 20), oom_score_adj: 900 };
    let id = start(&cluster.runtime, &spec).await;
    let host = cluster.inspect(&id).await.host_config.expect("a host config");
    assert_eq!((host.cpu_shares, host.cpu_quota, host.cpu_period), (Some(256), Some(50_000), Some(100_000)));
    assert_eq!((host.memory, host.oom_score_adj), (Some(64 << 20), Some(900)));
    assert_eq!(host.network_mode, Some(format!("container:{sandbox}")));
    assert_eq!(host.ipc_mode, Some(format!("container:{sandbox}")));
}

#[tokio::test]
async fn volumes_are_seen_and_memory_is_shared() {
    let cluster = Cluster::prepared().await;
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("page"), "hello").expect("written");
    let pod = suite::pod(&uuid::Uuid::new_v4().to_string());
    let mut sandbox = suite::sandbox(&pod);
    sandbox.memory_volumes = vec![MemoryVolume { name: "fast".into(), size_bytes: Some(1 << 20), gid: None }];
    let sandbox = start_sandbox(&cluster.runtime, &sandbox).await;
    let mounts = |read_only| {
        vec![
            Mount {
                source: MountSource::Host(dir.path().to_owned()),
                target: "/page".into(),
                read_only,
                propagation: Propagation::None,
            },
            Mount {
                source: MountSource::Memory("fast".into()),
                target: "/fast".into(),
                read_only: false,
                propagation: Propagation::None,
            },
        ]
    };
    let mut writer = script(&pod, &sandbox, "cat /page/page; echo kept > /fast/file; echo no > /page/page || echo ro");
    writer.mounts = mounts(true);
    let said = cluster.output(&writer).await;
    assert!(said.contains("hello") && said.contains("ro\n"), "{said}");
    let mut reader = script(&pod, &sandbox, "cat /fast/file; cat /proc/mounts");
    reader.name = "reader".into();
    reader.mounts = mounts(false);
    let said = cluster.output(&reader).await;
    assert!(said.starts_with("kept\n"), "{said}");
    let mounted = said.lines().find(|line| line.contains(" /fast ")).unwrap_or_default();
    assert!(mounted.starts_with("tmpfs") && mounted.contains("size=1024k"), "{mounted}");

    for id in cluster.runtime.observe(&pod.uid).await.expect("observed").containers {
        cluster.runtime.remove(&id.id).await.expect("removed");
    }
    cluster.runtime.remove(&sandbox).await.expect("removed");
    cluster.runtime.release_memory(&pod.uid).await.expect("released");
    let left = Command::new("docker")
        .args(["volume", "ls", "-q", "--filter", &format!("label={}={}", labels::CLUSTER, cluster.id)])
        .output()
        .expect("docker");
    assert!(left.stdout.is_empty());
}

#[tokio::test]
async fn a_host_port_answers_on_the_address_that_was_asked_for() {
    let cluster = Cluster::prepared().await;
    let pod = suite::pod(&uuid::Uuid::new_v4().to_string());
    let address = Ipv4Addr::new(127, 99, rand::random_range(1..250), rand::random_range(1..250));
    let mut spec = suite::sandbox(&pod);
    spec.ports = vec![PortMapping { container_port: 8080, host_port: 8099, host_ip: address.into(), protocol: "tcp" }];
    let sandbox = start_sandbox(&cluster.runtime, &spec).await;
    start(&cluster.runtime, &script(&pod, &sandbox, "while :; do echo here | nc -l -p 8080; done")).await;
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let stream = tokio::net::TcpStream::connect((address, 8099)).await.expect("the port is bound");
        let mut text = String::new();
        let mut stream = tokio::io::BufReader::new(stream);
        let read = tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut text).await;
        if read.is_ok() && text == "here\n" {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "nobody answered");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let observed = cluster.runtime.observe(&pod.uid).await.expect("observed");
    assert!(observed.sandbox().is_some());
}

#[tokio::test]
async fn exits_are_told_apart() {
    let cluster = Cluster::prepared().await;
    let (pod, sandbox) = cluster.pod().await;
    let mut missing = script(&pod, &sandbox, "");
    missing.name = "missing".into();
    missing.command = Some(vec!["/no/such/program".into()]);
    let id = cluster.runtime.create_container(&missing).await.expect("a container");
    cluster.runtime.start(&id).await.expect_err("no such program");
    let observed = cluster.runtime.observe(&pod.uid).await.expect("observed");
    let exit = observed.container("missing").and_then(|container| container.state.exit()).expect("an exit");
    assert!(exit.started.is_none() && exit.error.contains("/no/such/program"), "{exit:?}");

    start(&cluster.runtime, &script(&pod, &sandbox, "exit 3")).await;
    let ended = |observed: &ObservedPod| observed.container("main").is_some_and(|main| main.state.exit().is_some());
    let observed = observe_until(&cluster.runtime, &pod.uid, "ended", ended).await;
    let exit = observed.container("main").and_then(|container| container.state.exit()).expect("an exit");
    assert_eq!((exit.code, exit.oom_killed), (3, false));
    assert!(exit.started.is_some_and(|started| started <= exit.finished));
}

#[tokio::test]
async fn logs_can_be_followed_cut_and_stamped() {
    let cluster = Cluster::prepared().await;
    let (pod, sandbox) = cluster.pod().await;
    let text = "echo one; echo two >&2; echo three; sleep 0.5; echo four";
    let id = start(&cluster.runtime, &script(&pod, &sandbox, text)).await;
    // Following ends with the container.
    let all = logs(&cluster.runtime, &id, LogQuery { follow: true, ..LogQuery::default() }).await;
    let mut lines: Vec<_> = all.lines().collect();
    assert_eq!(lines.pop(), Some("four"));
    lines.sort_unstable();
    assert_eq!(lines, ["one", "three", "two"]);
    let tail = logs(&cluster.runtime, &id, LogQuery { tail: Some(1), ..LogQuery::default() }).await;
    assert_eq!(tail, "four\n");
    let stamped =
        logs(&cluster.runtime, &id, LogQuery { timestamps: true, tail: Some(1), ..LogQuery::default() }).await;
    let (stamp, rest) = stamped.split_once(' ').expect("a stamp");
    assert_eq!(rest, "four\n");
    stamp.parse::<jiff::Timestamp>().expect("a time");
    let later = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(5);
    assert_eq!(logs(&cluster.runtime, &id, LogQuery { since: Some(later), ..LogQuery::default() }).await, "");
}

#[tokio::test]
async fn changes_name_the_pod() {
    let cluster = Cluster::prepared().await;
    let mut changes = cluster.runtime.changes();
    assert_eq!(changes.next().await, Some(Change::Everything));
    let (pod, _) = cluster.pod().await;
    let told = tokio::time::timeout(std::time::Duration::from_secs(30), changes.next()).await;
    assert_eq!(told.expect("in time"), Some(Change::Pod(pod.uid)));
}

#[tokio::test]
async fn another_agent_finds_addresses_taken() {
    let cluster = Cluster::prepared().await;
    let (pod, _) = cluster.pod().await;
    let restarted = connect(&cluster.id).await;
    restarted.prepare(&cluster.network).await.expect("prepared");
    let before = restarted.observe(&pod.uid).await.expect("observed").sandbox().and_then(|sandbox| sandbox.ip);
    let other = suite::pod(&uuid::Uuid::new_v4().to_string());
    start_sandbox(&restarted, &suite::sandbox(&other)).await;
    let after = restarted.observe(&other.uid).await.expect("observed").sandbox().and_then(|sandbox| sandbox.ip);
    assert!(before.is_some() && after.is_some());
    assert_ne!(before, after);
}

#[tokio::test]
async fn an_agent_sees_only_its_own_nodes_containers() {
    let cluster = Cluster::prepared().await;
    let (pod, _) = cluster.pod().await;
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let neighbour = DockerRuntime::connect(None, &cluster.id, "node-2", address).await.expect("connected");
    assert!(neighbour.inventory().await.expect("an inventory").is_empty());
    assert!(neighbour.observe(&pod.uid).await.expect("observed").is_empty());
}

#[tokio::test]
async fn a_purge_removes_one_cluster_and_nothing_else() {
    let (ours, theirs) = (Cluster::prepared().await, Cluster::prepared().await);
    let (pod, sandbox) = ours.pod().await;
    start(&ours.runtime, &script(&pod, &sandbox, "sleep 60")).await;
    let (other, _) = theirs.pod().await;
    let report = purge(None, &ours.id).await.expect("purged");
    assert_eq!((report.containers, report.networks), (2, 1));
    assert!(ours.runtime.inventory().await.expect("an inventory").is_empty());
    assert!(theirs.runtime.observe(&other.uid).await.expect("observed").sandbox().is_some());
    assert!(purge(None, "").await.is_err());
}

#[tokio::test]
async fn an_image_is_there_or_is_not() {
    let cluster = Cluster::new().await;
    assert!(cluster.runtime.image(IMAGE).await.expect("an answer").is_some());
    assert_eq!(cluster.runtime.image("timonier-test/none:1").await.expect("an answer"), None);
}
