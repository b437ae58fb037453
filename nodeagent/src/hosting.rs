//! How a node hosts pods: settings of the agent that have the names of the kubelet's flags.

use std::path::PathBuf;

use clap::Parser;

const CLUSTER_DOMAIN: &str = "cluster.local";

/// The node agent's flags, and as environment variables those of `kctl up`'s agents, too.
#[derive(Clone, Debug, clap::Args)]
pub struct Hosting {
    /// Sysctls that pods may set although they are not safe, as names or beginnings of names (`kernel.msg*`), separated by commas.
    #[arg(long, env = "TIMONIER_ALLOWED_UNSAFE_SYSCTLS", value_name = "NAMES", value_delimiter = ',')]
    pub allowed_unsafe_sysctls: Vec<String>,
    /// Addresses of the cluster's name servers, for pods with dnsPolicy ClusterFirst; without any they use the node's.
    #[arg(long, env = "TIMONIER_CLUSTER_DNS", value_name = "IPS", value_delimiter = ',')]
    pub cluster_dns: Vec<String>,
    /// What names within the cluster end in.
    #[arg(long, env = "TIMONIER_CLUSTER_DOMAIN", value_name = "DOMAIN", default_value = CLUSTER_DOMAIN)]
    pub cluster_domain: String,
    /// The node's resolver settings, which pods inherit; the host's own by default.
    #[arg(long, env = "TIMONIER_RESOLV_CONF", value_name = "FILE")]
    pub resolv_conf: Option<PathBuf>,
}

impl Default for Hosting {
    fn default() -> Self {
        Hosting {
            allowed_unsafe_sysctls: Vec::new(),
            cluster_dns: Vec::new(),
            cluster_domain: CLUSTER_DOMAIN.to_owned(),
            resolv_conf: None,
        }
    }
}

#[derive(Parser)]
struct Environment {
    #[command(flatten)]
    hosting: Hosting,
}

impl Hosting {
    /// The defaults, overruled by environment variables. An error names the variable that makes no sense.
    pub fn from_environment() -> Result<Hosting, String> {
        Environment::try_parse_from(["timonier"]).map(|parsed| parsed.hosting).map_err(|error| error.to_string())
    }
}
