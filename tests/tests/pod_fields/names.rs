//! What a pod is called, how it finds others, and the namespaces that it shares.

use std::net::UdpSocket;

use anyhow::{Context, ensure};
use serde_json::json;
use timonier_tests::pages::page;
use timonier_tests::wait::eventually;

use crate::CLUSTER_DNS;
use crate::case::{Case, Until, case};
use crate::seen::Seen;

pub fn cases() -> Vec<Case> {
    [names(), resolvers(), shared(), ports(), services()].into_iter().flatten().collect()
}

fn names() -> Vec<Case> {
    vec![
        case("a pod is called by its name").prints("hostname; cat /etc/hostname", "pod\npod").check(async |seen| {
            let hosts = seen.exec("main", "cat /etc/hosts").await?;
            let ip = seen.pod().await?.status.and_then(|status| status.pod_ip).context("no address")?;
            ensure!(hosts.starts_with("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n"), "{hosts}");
            ensure!(hosts.ends_with(&format!("{ip}\tpod\n")), "{hosts}");
            Ok(())
        }),
        case("hostname and subdomain")
            .covers(&["hostname", "subdomain"])
            .spec("{hostname: db, subdomain: backend}")
            .prints("hostname; tail -n 1 /etc/hosts | cut -f 2- | sed 's/case-[0-9]*/NAMESPACE/'", "db\ndb.backend.NAMESPACE.svc.cluster.local\tdb"),
        case("setHostnameAsFQDN")
            .covers(&["setHostnameAsFQDN"])
            .spec("{hostname: db, subdomain: b, setHostnameAsFQDN: true}")
            .prints("hostname | sed 's/case-[0-9]*/NAMESPACE/'", "db.b.NAMESPACE.svc.cluster.local"),
        case("setHostnameAsFQDN with a name that is too long")
            .spec("{hostname: a-name-of-some-length, subdomain: another-name-of-some-length, setHostnameAsFQDN: true}")
            .until(Until::Event("FailedCreatePodSandBox"))
            .check(async |seen| {
                let said = seen.events("FailedCreatePodSandBox").await?;
                ensure!(said.iter().all(|said| said.contains("is too long (64 is the max, ")), "{said:?}");
                ensure!(seen.all().await?.is_empty(), "a sandbox was made all the same");
                Ok(())
            }),
        case("hostnameOverride")
            .covers(&["hostnameOverride"])
            .spec("{hostnameOverride: db.example.com, subdomain: ignored}")
            .prints("hostname; tail -n 1 /etc/hosts | cut -f 2-", "db.example.com\ndb.example.com"),
        case("hostAliases")
            .covers(&["hostAliases[*].ip", "hostAliases[*].hostnames"])
            .spec("hostAliases: [{ip: 10.1.2.3, hostnames: [one.example, two.example]}, {ip: 10.1.2.4, hostnames: [three]}]")
            .prints(
                "tail -n 3 /etc/hosts",
                "# Entries added by HostAliases.\n10.1.2.3\tone.example\ttwo.example\n10.1.2.4\tthree",
            ),
        case("a volume may stand where the hosts file would")
            .objects("{apiVersion: v1, kind: ConfigMap, metadata: {name: own}, data: {hosts: mine}}")
            .spec("volumes: [{name: own, configMap: {name: own}}]")
            .container("volumeMounts: [{name: own, mountPath: /etc/hosts, subPath: hosts}]")
            .prints("cat /etc/hosts", "mine"),
    ]
}

fn resolvers() -> Vec<Case> {
    vec![
        case("dnsPolicy ClusterFirst").covers(&["dnsPolicy"]).check(async |seen| of_cluster(seen).await),
        case("dnsPolicy ClusterFirstWithHostNet")
            .spec("{hostNetwork: true, dnsPolicy: ClusterFirstWithHostNet}")
            .check(async |seen| of_cluster(seen).await),
        case("dnsPolicy ClusterFirst on the host's network is the node's")
            .spec("hostNetwork: true")
            .check(async |seen| of_node(seen).await),
        case("dnsPolicy Default").spec("dnsPolicy: Default").check(async |seen| of_node(seen).await),
        case("dnsPolicy None and dnsConfig")
            .covers(&["dnsConfig.nameservers", "dnsConfig.searches", "dnsConfig.options[*].name", "dnsConfig.options[*].value"])
            .spec(
                "dnsPolicy: None
dnsConfig: {nameservers: [10.5.5.5], searches: [a.example, b.example], options: [{name: ndots, value: '3'}, {name: edns0}]}",
            )
            .prints("cat /etc/resolv.conf", "search a.example b.example\nnameserver 10.5.5.5\noptions ndots:3 edns0"),
        case("dnsConfig adds to the cluster's")
            .spec("dnsConfig: {nameservers: [10.5.5.5], options: [{name: ndots, value: '2'}]}")
            .prints("grep -v search /etc/resolv.conf", "nameserver 10.96.0.10\nnameserver 10.5.5.5\noptions ndots:2"),
    ]
}

async fn of_cluster(seen: &Seen) -> anyhow::Result<()> {
    let file = seen.exec("main", "cat /etc/resolv.conf").await?;
    let namespace = &seen.namespace;
    let search = format!("search {namespace}.svc.cluster.local svc.cluster.local cluster.local");
    ensure!(file.starts_with(&search), "{file}");
    ensure!(file.ends_with(&format!("\nnameserver {CLUSTER_DNS}\noptions ndots:5\n")), "{file}");
    Ok(())
}

/// The node's name servers, or the Engine's resolver where they are loopback addresses.
async fn of_node(seen: &Seen) -> anyhow::Result<()> {
    let servers = |file: &str| -> Vec<String> {
        let lines = file.lines().filter_map(|line| line.strip_prefix("nameserver "));
        lines.map(|server| server.trim().to_owned()).collect()
    };
    let stub = |server: &String| server.starts_with("127.");
    let node: Vec<_> =
        servers(&std::fs::read_to_string("/etc/resolv.conf")?).into_iter().filter(|s| !stub(s)).collect();
    let found = servers(&seen.exec("main", "cat /etc/resolv.conf").await?);
    ensure!(!found.is_empty() && !found.iter().any(|server| server == CLUSTER_DNS), "{found:?}");
    ensure!(node.iter().all(|server| found.contains(server)), "{found:?}, but the node has {node:?}");
    Ok(())
}

fn shared() -> Vec<Case> {
    let own = |namespace: &str| format!("/proc/self/ns/{namespace}");
    vec![
        case("hostNetwork")
            .covers(&["hostNetwork"])
            .spec("hostNetwork: true")
            .container("{command: [httpd, -f, -p, '0.0.0.0:28087', -h, /etc], ports: [{containerPort: 28087}]}")
            .sandbox("/HostConfig/NetworkMode", json!("host"))
            .check(async move |seen| {
                same_namespace(seen, "net", std::fs::read_link(own("net"))?, true).await?;
                let status = seen.pod().await?.status.context("no status")?;
                ensure!(status.pod_ip.is_some() && status.pod_ip == status.host_ip, "{status:?}");
                let name = std::fs::read_to_string("/proc/sys/kernel/hostname")?;
                ensure!(seen.exec("main", "hostname").await? == name, "it is called otherwise than its host, {name}");
                let hosts = seen.exec("main", "cat /etc/hosts").await?;
                let node = std::fs::read_to_string("/etc/hosts")?;
                ensure!(hosts == format!("# Kubernetes-managed hosts file (host network).\n{node}"), "{hosts}");
                Ok(())
            }),
        case("hostPID")
            .covers(&["hostPID"])
            .spec("hostPID: true")
            .inspect("/HostConfig/PidMode", json!("host"))
            .check(async move |seen| same_namespace(seen, "pid", std::fs::read_link(own("pid"))?, true).await),
        case("hostIPC")
            .covers(&["hostIPC"])
            .spec("hostIPC: true")
            .inspect("/HostConfig/IpcMode", json!("host"))
            .check(async move |seen| same_namespace(seen, "ipc", std::fs::read_link(own("ipc"))?, true).await),
        case("no namespace of the host's is shared unless asked for").check(async move |seen| {
            for namespace in ["net", "pid", "ipc", "uts"] {
                let hosts = std::fs::read_link(own(namespace))?;
                same_namespace(seen, namespace, hosts, false).await?;
            }
            Ok(())
        }),
        case("shareProcessNamespace, where the sandbox reaps")
            .covers(&["shareProcessNamespace"])
            .spec("shareProcessNamespace: true")
            .container("command: [sh, -c, '(sleep 0.2 &) ; exec sleep 3600']")
            .beside("{name: other}")
            .prints("readlink /proc/1/exe 2>/dev/null || head -z -n1 /proc/1/cmdline | tr -d '\\0'", "/pause")
            .check(async |seen| {
                eventually("each sees the other, and nobody is a zombie", || async {
                    let processes = seen.exec("main", "ps -o stat,args").await?;
                    ensure!(processes.matches("sleep 3600").count() == 2, "{processes}");
                    ensure!(!processes.contains("sleep 0.2") && !processes.contains("\nZ"), "{processes}");
                    Ok(())
                })
                .await
            }),
    ]
}

async fn same_namespace(seen: &Seen, kind: &str, hosts: std::path::PathBuf, expected: bool) -> anyhow::Result<()> {
    let pid = seen.container("main").await?["State"]["Pid"].as_u64().context("it does not run")?;
    let its = std::fs::read_link(format!("/proc/{pid}/ns/{kind}"))?;
    ensure!((its == hosts) == expected, "{kind}: {} in the container, {} on the host", its.display(), hosts.display());
    Ok(())
}

fn ports() -> Vec<Case> {
    vec![
        case("hostPort on the node's address")
            .covers(&[
                "containers[*].ports[*].hostPort",
                "containers[*].ports[*].containerPort",
                "containers[*].ports[*].name",
            ])
            .container("{command: null, ports: [{name: web, containerPort: 8080, hostPort: 28088}]}")
            .check(async |seen| {
                let ip = seen.pod().await?.status.and_then(|status| status.host_ip).context("no node")?;
                let said = eventually("it answers", || page_of(format!("{ip}:28088"))).await?;
                ensure!(said.contains("says pod"), "{said}");
                Ok(())
            }),
        case("hostPort of UDP on a hostIP")
            .covers(&["containers[*].ports[*].hostIP", "containers[*].ports[*].protocol"])
            .container("ports: [{containerPort: 5353, hostPort: 28089, hostIP: 127.0.0.77, protocol: UDP}]")
            .sandbox("/HostConfig/PortBindings", json!({"5353/udp": [{"HostIp": "127.0.0.77", "HostPort": "28089"}]}))
            .check(async |seen| {
                // Nobody listens in the container: its kernel counts what came for nobody.
                eventually("a datagram arrives", || async {
                    UdpSocket::bind("127.0.0.1:0")?.send_to(b"ahoy", "127.0.0.77:28089")?;
                    let counts = seen.exec("main", "grep ^Udp: /proc/net/snmp | tail -n 1 | cut -d' ' -f3").await?;
                    ensure!(counts.trim().parse::<u32>()? > 0, "{counts}");
                    Ok(())
                })
                .await
            }),
    ]
}

async fn page_of(address: String) -> anyhow::Result<String> {
    page(&address).await
}

fn services() -> Vec<Case> {
    let service = "{apiVersion: v1, kind: Service, metadata: {name: my-db}, spec: {clusterIP: 10.96.7.7, ports: [{name: sql, port: 5432}]}}";
    let told = "env | grep ^MY_DB | sort";
    vec![
        case("enableServiceLinks")
            .objects(service)
            .container("env: [{name: URL, value: 'sql://$(MY_DB_SERVICE_HOST)'}, {name: MY_DB_PORT, value: own}]")
            .prints("echo $URL", "sql://10.96.7.7")
            .prints(
                told,
                "MY_DB_PORT=own
MY_DB_PORT_5432_TCP=tcp://10.96.7.7:5432
MY_DB_PORT_5432_TCP_ADDR=10.96.7.7
MY_DB_PORT_5432_TCP_PORT=5432
MY_DB_PORT_5432_TCP_PROTO=tcp
MY_DB_SERVICE_HOST=10.96.7.7
MY_DB_SERVICE_PORT=5432
MY_DB_SERVICE_PORT_SQL=5432",
            ),
        case("enableServiceLinks false")
            .covers(&["enableServiceLinks"])
            .objects(service)
            .spec("enableServiceLinks: false")
            .prints(told, ""),
    ]
}
