//! Where a pod's names are looked up: its `/etc/resolv.conf`, from the node's, the cluster's and its own.

use k8s_openapi::api::core::v1::Pod;

use super::spec;

/// As many as a resolver reads.
const MAX_SERVERS: usize = 3;
const MAX_SEARCHES: usize = 32;
const MAX_SEARCH_CHARS: usize = 2048;
/// Where a container of a Docker network reaches the Engine's own resolver, which asks on the host's behalf.
const ENGINE: &str = "127.0.0.11";

/// What a `resolv.conf` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolver {
    pub servers: Vec<String>,
    pub searches: Vec<String>,
    /// `name`, `name:value`
    pub options: Vec<String>,
}

/// The cluster's name servers, if it has any, and what its names end in.
#[derive(Clone, Copy, Debug)]
pub struct ClusterNames<'a> {
    pub servers: &'a [String],
    pub domain: &'a str,
}

impl Resolver {
    /// The last `search` counts, all other lines add up, as the resolver itself has it.
    pub fn parse(text: &str) -> Resolver {
        let mut read = Resolver::default();
        for line in text.lines().map(|line| line.split(['#', ';']).next().unwrap_or_default()) {
            let mut words = line.split_whitespace();
            let keyword = words.next().unwrap_or_default();
            let words = words.map(str::to_owned);
            match keyword {
                "nameserver" => read.servers.extend(words.take(1)),
                "search" | "domain" => read.searches = words.collect(),
                "options" => read.options.extend(words),
                _ => {}
            }
        }
        read
    }

    pub fn render(&self) -> String {
        let line = |keyword: &str, words: &[String]| match words {
            [] => String::new(),
            words => format!("{keyword} {}\n", words.join(" ")),
        };
        let servers: String = self.servers.iter().map(|server| format!("nameserver {server}\n")).collect();
        line("search", &self.searches) + &servers + &line("options", &self.options)
    }

    /// What the pod's `dnsPolicy` and `dnsConfig` make of the node's.
    pub fn of(pod: &Pod, node: &Resolver, cluster: ClusterNames<'_>) -> Resolver {
        let fields = spec(pod);
        let on_host = fields.host_network == Some(true);
        let policy = fields.dns_policy.as_deref().unwrap_or("ClusterFirst");
        let of_cluster = match policy {
            "ClusterFirst" => !on_host,
            "ClusterFirstWithHostNet" => true,
            _ => false,
        };
        let mut made = match policy {
            "None" => Resolver::default(),
            // A cluster without names of its own leaves it to the node.
            _ if of_cluster && !cluster.servers.is_empty() => {
                let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
                let domain = cluster.domain;
                let own = [format!("{namespace}.svc.{domain}"), format!("svc.{domain}"), domain.to_owned()];
                Resolver {
                    servers: cluster.servers.to_vec(),
                    searches: own.into_iter().chain(node.searches.clone()).collect(),
                    options: vec!["ndots:5".to_owned()],
                }
            }
            _ => node.reachable(on_host),
        };
        if let Some(own) = &fields.dns_config {
            made.servers.extend(own.nameservers.iter().flatten().cloned());
            made.searches.extend(own.searches.iter().flatten().cloned());
            for option in own.options.iter().flatten() {
                let Some(name) = option.name.as_deref() else { continue };
                made.options.retain(|known| known.split(':').next() != Some(name));
                made.options
                    .push(option.value.as_ref().map_or_else(|| name.to_owned(), |value| format!("{name}:{value}")));
            }
        }
        made.fitted()
    }

    /// The node's own loopback is not the pod's.
    fn reachable(&self, on_host: bool) -> Resolver {
        let mut made = self.clone();
        if !on_host {
            let is_loopback = |server: &String| server.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
            for server in made.servers.iter_mut().filter(|server| is_loopback(server)) {
                *server = ENGINE.to_owned();
            }
        }
        made
    }

    /// Each once, and no more than resolvers take.
    fn fitted(mut self) -> Resolver {
        self.servers = once(self.servers);
        self.servers.truncate(MAX_SERVERS);
        self.searches = once(self.searches);
        self.searches.truncate(MAX_SEARCHES);
        while self.searches.join(" ").chars().count() > MAX_SEARCH_CHARS {
            self.searches.pop();
        }
        self
    }
}

fn once(list: Vec<String>) -> Vec<String> {
    let mut kept = Vec::new();
    for item in list {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NODE: &str =
        "# made by hand\nnameserver 10.0.0.2\nnameserver 127.0.0.53\nsearch home.example\noptions timeout:2";
    const CLUSTER: &str = "search shop.svc.c svc.c c home.example\nnameserver 10.96.0.10\noptions ndots:5\n";
    const DEFAULT: &str = "search home.example\nnameserver 10.0.0.2\nnameserver 127.0.0.11\noptions timeout:2\n";

    fn check(spec: Value, servers: &[&str], expected: &str) {
        let servers: Vec<_> = servers.iter().map(|server| (*server).to_owned()).collect();
        let pod: Pod = serde_json::from_value(json!({"metadata": {"namespace": "shop"}, "spec": spec})).expect("a pod");
        let cluster = ClusterNames { servers: &servers, domain: "c" };
        assert_eq!(Resolver::of(&pod, &Resolver::parse(NODE), cluster).render(), expected, "{spec}");
    }

    #[test]
    fn each_policy_looks_where_it_should() {
        let dns = &["10.96.0.10"][..];
        let of = |policy: &str, host: bool| json!({"containers": [], "dnsPolicy": policy, "hostNetwork": host});
        let on_host = DEFAULT.replace("127.0.0.11", "127.0.0.53");
        check(of("ClusterFirst", false), dns, CLUSTER);
        check(of("ClusterFirst", false), &[], DEFAULT);
        check(of("ClusterFirst", true), dns, &on_host);
        check(of("ClusterFirstWithHostNet", true), dns, CLUSTER);
        check(of("ClusterFirstWithHostNet", true), &[], &on_host);
        check(of("Default", false), dns, DEFAULT);
    }

    #[test]
    fn a_pods_own_settings_add_to_its_policy_and_overrule_options() {
        let own = json!({"nameservers": ["1.1.1.1", "10.96.0.10"], "searches": ["own.example", "c"],
            "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}]});
        let with = |policy: &str| json!({"containers": [], "dnsPolicy": policy, "dnsConfig": own});
        check(
            with("None"),
            &[],
            "search own.example c\nnameserver 1.1.1.1\nnameserver 10.96.0.10\noptions ndots:2 edns0\n",
        );
        check(
            with("ClusterFirst"),
            &["10.96.0.10"],
            "search shop.svc.c svc.c c home.example own.example\nnameserver 10.96.0.10\nnameserver 1.1.1.1\noptions ndots:2 edns0\n",
        );
        let many =
            json!({"containers": [], "dnsPolicy": "Default", "dnsConfig": {"nameservers": ["1.1.1.1", "2.2.2.2"]}});
        check(
            many,
            &[],
            "search home.example\nnameserver 10.0.0.2\nnameserver 127.0.0.11\nnameserver 1.1.1.1\noptions timeout:2\n",
        );
    }
}
