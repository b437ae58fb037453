//! What a pod is called, by the kernel and in its hosts file.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::Pod;

use super::{ConfigError, spec};

/// The longest name that a host gets from its pod's, and the longest that the kernel takes at all.
const HOSTNAME_LIMIT: usize = 63;
const FQDN_LIMIT: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    pub host: String,
    /// The rest of its full name, when it has a subdomain.
    pub domain: Option<String>,
}

impl Name {
    /// `cluster_domain`: what names within the cluster end in, `cluster.local` for instance.
    pub fn of(pod: &Pod, cluster_domain: &str) -> Name {
        let fields = spec(pod);
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if let Some(name) = given(&fields.hostname_override) {
            return Name { host: shortened(&name), domain: None };
        }
        let host = given(&fields.hostname).or(pod.metadata.name.clone()).unwrap_or_default();
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let domain = given(&fields.subdomain).map(|sub| format!("{sub}.{namespace}.svc.{cluster_domain}"));
        Name { host: shortened(&host), domain }
    }

    /// What the kernel calls it: the full name, if the pod wants that.
    pub fn of_kernel(&self, pod: &Pod) -> Result<String, ConfigError> {
        match &self.domain {
            Some(domain) if spec(pod).set_hostname_as_fqdn == Some(true) => {
                let full = format!("{}.{domain}", self.host);
                if full.len() <= FQDN_LIMIT {
                    return Ok(full);
                }
                Err(ConfigError(format!(
                    "failed to construct FQDN from pod hostname and cluster domain, FQDN {full} is too long \
                     ({FQDN_LIMIT} is the max, {} characters requested)",
                    full.len()
                )))
            }
            _ => Ok(self.host.clone()),
        }
    }
}

fn shortened(name: &str) -> String {
    let kept: String = name.chars().take(HOSTNAME_LIMIT).collect();
    if kept.len() == name.len() { kept } else { kept.trim_end_matches(['-', '.']).to_owned() }
}

/// The pod's `/etc/hosts`. `node`: what the node's own says, for a pod on the node's network.
pub fn hosts_file(pod: &Pod, name: &Name, ip: Option<IpAddr>, node: Option<&str>) -> String {
    let mut text = match node {
        Some(node) => format!("# Kubernetes-managed hosts file (host network).\n{node}"),
        None => "# Kubernetes-managed hosts file.\n\
                 127.0.0.1\tlocalhost\n\
                 ::1\tlocalhost ip6-localhost ip6-loopback\n\
                 fe00::0\tip6-localnet\n\
                 fe00::0\tip6-mcastprefix\n\
                 fe00::1\tip6-allnodes\n\
                 fe00::2\tip6-allrouters\n"
            .to_owned(),
    };
    if let (Some(ip), None) = (ip, node) {
        text += &match &name.domain {
            Some(domain) => format!("{ip}\t{host}.{domain}\t{host}\n", host = name.host),
            None => format!("{ip}\t{}\n", name.host),
        };
    }
    let aliases = spec(pod).host_aliases.as_deref().unwrap_or_default();
    if !aliases.is_empty() {
        text += "\n# Entries added by HostAliases.\n";
    }
    for alias in aliases {
        text += &format!("{}\t{}\n", alias.ip, alias.hostnames.as_deref().unwrap_or_default().join("\t"));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(spec: serde_json::Value) -> Pod {
        let mut pod = json!({"metadata": {"name": "web-1", "namespace": "shop"}, "spec": {"containers": []}});
        for (key, value) in spec.as_object().into_iter().flatten() {
            pod["spec"][key] = value.clone();
        }
        serde_json::from_value(pod).expect("a pod")
    }

    #[test]
    fn a_pod_is_called_by_its_hostname_or_its_name() {
        let long = format!("{}-x", "a".repeat(62));
        for (spec, host, domain) in [
            (json!({}), "web-1", None),
            (json!({"hostname": "db"}), "db", None),
            (json!({"hostname": "db", "subdomain": "sub"}), "db", Some("sub.shop.svc.cluster.local")),
            (json!({"subdomain": "sub"}), "web-1", Some("sub.shop.svc.cluster.local")),
            (json!({"hostnameOverride": "a.b", "hostname": "db", "subdomain": "sub"}), "a.b", None),
            (json!({"hostname": long}), &"a".repeat(62), None),
        ] {
            let expected = Name { host: host.to_owned(), domain: domain.map(str::to_owned) };
            assert_eq!(Name::of(&pod(spec.clone()), "cluster.local"), expected, "{spec}");
        }
    }

    #[test]
    fn a_full_name_is_given_when_asked_for_and_short_enough() {
        let asked = |sub: &str, domain: &str| {
            let pod = pod(json!({"hostname": "db", "subdomain": sub, "setHostnameAsFQDN": true}));
            Name::of(&pod, domain).of_kernel(&pod).map_err(|error| error.0)
        };
        assert_eq!(asked("sub", "c").as_deref(), Ok("db.sub.shop.svc.c"));
        assert_eq!(asked("", "c").as_deref(), Ok("db"));
        let long = "d".repeat(47);
        assert_eq!(asked("sub", &long).map(|name| name.len()), Ok(63));
        let refused = asked("sub", &"d".repeat(49)).expect_err("too long");
        assert!(refused.ends_with("is too long (64 is the max, 65 characters requested)"), "{refused}");
    }

    #[test]
    fn the_hosts_file_names_the_pod_and_its_aliases() {
        let with = json!({"subdomain": "sub", "hostAliases": [{"ip": "10.1.1.1", "hostnames": ["a", "b.c"]}]});
        let pod = pod(with);
        let name = Name::of(&pod, "c");
        let text = hosts_file(&pod, &name, Some([10, 0, 0, 9].into()), None);
        let expected = "fe00::2\tip6-allrouters\n10.0.0.9\tweb-1.sub.shop.svc.c\tweb-1\n\n# Entries added by HostAliases.\n10.1.1.1\ta\tb.c\n";
        assert!(
            text.starts_with("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n") && text.ends_with(expected),
            "{text}"
        );
        let text = hosts_file(&pod, &name, Some([10, 0, 0, 9].into()), Some("127.0.0.1 vm\n"));
        let expected = "# Kubernetes-managed hosts file (host network).\n127.0.0.1 vm\n\n# Entries added by HostAliases.\n10.1.1.1\ta\tb.c\n";
        assert_eq!(text, expected);
    }
}
