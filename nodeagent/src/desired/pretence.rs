//! How long a container on a hollow node says that it runs, and how it ends: what its pod's annotations ask for.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;

use crate::runtime::Pretence;

/// So many seconds: `1.5`, with or without an `s`.
const RUNS_FOR: &str = "hollow.timonier.dev/runs-for";
/// 0 without it.
const EXIT_CODE: &str = "hollow.timonier.dev/exit-code";

/// None: its containers run until somebody ends them. What is no number of seconds says nothing.
pub fn pretence(pod: &Pod) -> Option<Pretence> {
    let annotation = |name| pod.metadata.annotations.as_ref()?.get(name).map(String::as_str);
    let text = annotation(RUNS_FOR)?;
    let seconds = text.strip_suffix('s').unwrap_or(text).parse().ok()?;
    let runs_for = Duration::try_from_secs_f64(seconds).ok()?;
    let exit_code = annotation(EXIT_CODE).and_then(|code| code.parse().ok()).unwrap_or(0);
    Some(Pretence { runs_for, exit_code })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(annotations: &[(&str, &str)], expect: Option<(u64, i32)>) {
        let annotations = annotations.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut pod = Pod::default();
        pod.metadata.annotations = Some(annotations.collect());
        let found = pretence(&pod).map(|found| (found.runs_for.as_millis() as u64, found.exit_code));
        assert_eq!(found, expect);
    }

    #[test]
    fn annotations_say_when_and_how_it_ends() {
        check(&[], None);
        check(&[(RUNS_FOR, "2")], Some((2000, 0)));
        check(&[(RUNS_FOR, "0.25s"), (EXIT_CODE, "3")], Some((250, 3)));
        check(&[(RUNS_FOR, "long")], None);
        check(&[(RUNS_FOR, "-1")], None);
        check(&[(EXIT_CODE, "3")], None);
    }
}
