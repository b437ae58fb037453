//! How a node hosts pods: settings of the agent that have the names of the kubelet's flags.

use std::{path::PathBuf, time::Duration};

use clap::Parser;
use jiff::SignedDuration;

const CLUSTER_DOMAIN: &str = "cluster.local";
const GC_HIGH: u8 = 85;
const GC_LOW: u8 = 80;
const PULLS: u16 = 4;

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
    /// Percent of the disk in use at which images that this agent pulled, and no container uses, are removed; 100 is never.
    #[arg(long, env = "TIMONIER_IMAGE_GC_HIGH_THRESHOLD", value_name = "PERCENT", default_value_t = GC_HIGH, value_parser = percent())]
    pub image_gc_high_threshold: u8,
    /// Percent of the disk in use at which that ends.
    #[arg(long, env = "TIMONIER_IMAGE_GC_LOW_THRESHOLD", value_name = "PERCENT", default_value_t = GC_LOW, value_parser = percent())]
    pub image_gc_low_threshold: u8,
    /// How often the disk is looked at.
    #[arg(long, env = "TIMONIER_IMAGE_GC_PERIOD", value_name = "DURATION", default_value = "5m", value_parser = positive)]
    pub image_gc_period: Duration,
    /// An image is kept at least so long after it was pulled.
    #[arg(long, env = "TIMONIER_MINIMUM_IMAGE_TTL_DURATION", value_name = "DURATION", default_value = "2m", value_parser = duration)]
    pub minimum_image_ttl_duration: Duration,
    /// A pull without progress for so long is given up, and tried again later.
    #[arg(long, env = "TIMONIER_IMAGE_PULL_PROGRESS_DEADLINE", value_name = "DURATION", default_value = "1m", value_parser = positive)]
    pub image_pull_progress_deadline: Duration,
    /// Most images pulled at once.
    #[arg(long, env = "TIMONIER_MAX_PARALLEL_IMAGE_PULLS", value_name = "N", default_value_t = PULLS, value_parser = clap::value_parser!(u16).range(1..))]
    pub max_parallel_image_pulls: u16,
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
            image_gc_high_threshold: GC_HIGH,
            image_gc_low_threshold: GC_LOW,
            image_gc_period: Duration::from_secs(300),
            minimum_image_ttl_duration: Duration::from_secs(120),
            image_pull_progress_deadline: Duration::from_secs(60),
            max_parallel_image_pulls: PULLS,
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

    /// What no single flag can tell.
    pub fn check(&self) -> Result<(), String> {
        let (high, low) = (self.image_gc_high_threshold, self.image_gc_low_threshold);
        if low >= high {
            return Err(format!(
                "--image-gc-low-threshold ({low}) must be less than --image-gc-high-threshold ({high})"
            ));
        }
        Ok(())
    }
}

fn percent() -> clap::builder::RangedI64ValueParser<u8> {
    clap::value_parser!(u8).range(0..=100)
}

fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
    parsed.ok_or_else(|| "use a duration such as 90s or 1m30s".to_owned())
}

fn positive(text: &str) -> Result<Duration, String> {
    duration(text).and_then(
        |duration| if duration.is_zero() { Err("it must be longer than 0s".to_owned()) } else { Ok(duration) },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_of_the_flags_are_the_defaults() {
        let parsed = Environment::try_parse_from(["timonier"]).expect("the defaults make sense").hosting;
        assert_eq!(format!("{parsed:?}"), format!("{:?}", Hosting::default()));
    }

    #[test]
    fn flags_that_make_no_sense_are_named() {
        let parse = |flag: &str| Environment::try_parse_from(["timonier", flag]).map(|parsed| parsed.hosting);
        for flag in [
            "--image-gc-high-threshold=101",
            "--image-gc-period=0s",
            "--image-gc-period=soon",
            "--max-parallel-image-pulls=0",
        ] {
            let refused = parse(flag).expect_err("refused").to_string();
            assert!(refused.contains(flag.split('=').next().unwrap_or_default()), "{refused}");
        }
        let parsed = parse("--image-gc-low-threshold=90").expect("a percentage");
        let expected = "--image-gc-low-threshold (90) must be less than --image-gc-high-threshold (85)";
        assert_eq!(parsed.check(), Err(expected.to_owned()));
        assert_eq!(parse("--minimum-image-ttl-duration=1m30s").expect("read").minimum_image_ttl_duration.as_secs(), 90);
    }
}
