//! How long an election takes, as flags: those of Kubernetes' controller manager.

use std::time::Duration;

use timonier_client::leader::LeaseName;

use crate::flags::duration;

#[derive(Debug, Clone, clap::Args)]
pub struct ElectionFlags {
    /// Act only while holding the Lease --lease-name in kube-system, so that replicas may stand by
    #[arg(long, env = "TIMONIER_LEADER_ELECT")]
    pub leader_elect: bool,

    /// The Lease of the election; processes that run different controllers need different ones
    #[arg(long, env = "TIMONIER_LEASE_NAME", value_name = "NAME", default_value = "timonier-controllers")]
    pub lease_name: String,

    /// Others take over after seeing no renewal for this long, in whole seconds; the same for all replicas
    #[arg(long, env = "TIMONIER_LEASE_DURATION", value_name = "TIME", default_value = "15s", value_parser = duration)]
    pub leader_elect_lease_duration: Duration,

    /// The leader gives up when it could not renew for this long
    #[arg(long, env = "TIMONIER_RENEW_DEADLINE", value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub leader_elect_renew_deadline: Duration,

    /// Between two attempts to lead, and to renew
    #[arg(long, env = "TIMONIER_RETRY_PERIOD", value_name = "TIME", default_value = "2s", value_parser = duration)]
    pub leader_elect_retry_period: Duration,
}

impl ElectionFlags {
    /// The Lease, if there is an election. A leader has to notice that it lost before another may begin.
    pub fn lease(&self) -> Result<Option<LeaseName>, String> {
        let (lease, renew, retry) =
            (self.leader_elect_lease_duration, self.leader_elect_renew_deadline, self.leader_elect_retry_period);
        if lease.subsec_nanos() != 0 {
            return Err("--leader-elect-lease-duration must be in whole seconds".into());
        }
        if lease <= renew {
            return Err("--leader-elect-lease-duration must be longer than --leader-elect-renew-deadline".into());
        }
        if renew <= retry {
            return Err("--leader-elect-renew-deadline must be longer than --leader-elect-retry-period".into());
        }
        Ok(self.leader_elect.then(|| LeaseName {
            duration: lease,
            renew_within: renew,
            retry,
            ..LeaseName::new("kube-system", &*self.lease_name)
        }))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        flags: ElectionFlags,
    }

    fn lease(arguments: &str) -> Result<Option<LeaseName>, String> {
        let words = ["controllers"].into_iter().chain(arguments.split_whitespace());
        Command::try_parse_from(words).expect("flags").flags.lease()
    }

    #[test]
    fn patience_is_that_of_kubernetes_unless_it_is_told_and_makes_sense() {
        assert_eq!(lease(""), Ok(None));
        assert_eq!(lease("--leader-elect"), Ok(Some(LeaseName::new("kube-system", "timonier-controllers"))));
        let quick = lease(
            "--leader-elect --leader-elect-lease-duration 3s --leader-elect-renew-deadline 2s \
            --leader-elect-retry-period 500ms",
        );
        assert_eq!(quick.expect("makes sense").map(|lease| lease.duration), Some(Duration::from_secs(3)));
        for (arguments, fault) in [
            ("--leader-elect-lease-duration 1500ms", "whole seconds"),
            ("--leader-elect-lease-duration 10s", "longer than --leader-elect-renew-deadline"),
            ("--leader-elect-renew-deadline 2s", "longer than --leader-elect-retry-period"),
        ] {
            assert!(lease(arguments).is_err_and(|error| error.contains(fault)), "{arguments}");
        }
    }
}
