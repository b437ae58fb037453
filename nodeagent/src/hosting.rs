//! How a node hosts pods: settings of the agent that have the names of the kubelet's flags.

use clap::Parser;

/// The node agent's flags, and as environment variables those of `kctl up`'s agents, too.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Hosting {
    /// Sysctls that pods may set although they are not safe, as names or beginnings of names (`kernel.msg*`), separated by commas.
    #[arg(long, env = "TIMONIER_ALLOWED_UNSAFE_SYSCTLS", value_name = "NAMES", value_delimiter = ',')]
    pub allowed_unsafe_sysctls: Vec<String>,
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
