//! What a pod's failure means to the job, and which successes are enough. Pure.

use timonier_client::Object;

use super::{indexes::Indexes, pod::has_failed};
use crate::objects::{ExitCodes, FailurePolicy, Job, Pod, SuccessPolicy, condition};

/// What the first rule that matches says of a failed pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The job has failed, with this message.
    FailJob(String),
    /// Its index has failed, whatever number of tries is left.
    FailIndex,
    /// It is replaced and counts for nothing.
    Ignore,
    /// It counts towards the back-off limit, as it does without a policy.
    Count,
}

/// The verdict on a pod that has failed.
pub fn verdict(job: &Job, pod: &Pod) -> Verdict {
    let rules =
        job.spec.pod_failure_policy.as_ref().map(|FailurePolicy { rules }| rules.as_slice()).unwrap_or_default();
    let whole = format!("{}/{}", pod.meta().namespace.as_deref().unwrap_or_default(), pod.meta().name);
    for (i, rule) in rules.iter().enumerate() {
        let action = &*rule.action;
        let codes = rule.on_exit_codes.as_ref().and_then(|codes| matching_exit(codes, pod));
        let found = codes
            .map(|(container, code)| format!("Container {container} for pod {whole} failed with exit code {code}"));
        let found = found.or_else(|| {
            let holds = |wanted: &&crate::objects::Condition| {
                condition(&pod.status.conditions, &wanted.kind).is_some_and(|there| there.status == wanted.status)
            };
            let wanted = rule.on_pod_conditions.iter().find(holds)?;
            Some(format!("Pod {whole} has condition {}", wanted.kind))
        });
        let Some(found) = found else { continue };
        return match action {
            "FailJob" => Verdict::FailJob(format!("{found} matching FailJob rule at index {i}")),
            "Ignore" => Verdict::Ignore,
            "FailIndex" if job.spec.backoff_limit_per_index.is_some() => Verdict::FailIndex,
            _ => Verdict::Count,
        };
    }
    Verdict::Count
}

/// A container that failed with a code that the rule names.
fn matching_exit<'a>(codes: &ExitCodes, pod: &'a Pod) -> Option<(&'a str, i32)> {
    let named = |name: &str| codes.container_name.as_deref().is_none_or(|wanted| wanted == name);
    let failed = pod.status.ended.iter().filter(|ended| ended.exit_code != 0 && named(&ended.container));
    let mut matching = failed.filter(|ended| codes.values.contains(&ended.exit_code) == (&*codes.operator == "In"));
    matching.next().map(|ended| (&*ended.container, ended.exit_code))
}

/// Why the whole job fails, if one of its failed pods says so.
pub fn fail_job<'a>(job: &Job, pods: impl IntoIterator<Item = &'a Pod>) -> Option<String> {
    job.spec.pod_failure_policy.as_ref()?;
    pods.into_iter().filter(|pod| has_failed(pod, job)).find_map(|pod| match verdict(job, pod) {
        Verdict::FailJob(message) => Some(message),
        _ => None,
    })
}

/// Which rule of the success policy is met.
pub fn succeeds(policy: Option<&SuccessPolicy>, completions: u32, succeeded: &Indexes) -> Option<String> {
    let met = policy?.rules.iter().position(|rule| {
        let (counted, needed) = match &rule.succeeded_indexes {
            Some(text) => {
                let wanted = Indexes::parse(text, completions);
                (wanted.common(succeeded), wanted.total())
            }
            None => (succeeded.total(), usize::MAX),
        };
        let needed = rule.succeeded_count.map_or(needed, |count| usize::try_from(count).unwrap_or(0));
        counted >= needed
    });
    met.map(|rule| format!("Matched rules at index {rule}"))
}
