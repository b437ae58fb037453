//! Pods that may run only where the API server knows of them: `timonier.dev/fence: "30s"` on a StatefulSet, which its
//! pods get too.
//!
//! An agent that has not reached the server for so long ends these pods. So that the set can go on elsewhere, they are
//! removed from the API when their node has been silent for that time, and [`MARGIN`] more.

use std::{collections::BTreeMap, time::Duration};

use jiff::SignedDuration;

pub const ANNOTATION: &str = "timonier.dev/fence";
/// What an agent needs to notice, to end the pod, and to be slower than whoever removes it.
pub const MARGIN: Duration = Duration::from_secs(30);
/// A node that lives is heard every ten seconds; after less than this nobody is gone.
const SHORTEST: Duration = Duration::from_secs(20);

/// How long the pod may go on unheard. The error names the value that is no time.
pub fn limit(annotations: &BTreeMap<String, String>) -> Result<Option<Duration>, String> {
    let Some(given) = annotations.get(ANNOTATION) else { return Ok(None) };
    let wrong =
        || format!("metadata.annotations[{ANNOTATION}]: Invalid value: {given:?}: must be a time such as 30s or 2m");
    let read: SignedDuration = given.parse().map_err(|_| wrong())?;
    let limit = Duration::try_from(read).ok().filter(|limit| !limit.is_zero()).ok_or_else(wrong)?;
    Ok(Some(limit.max(SHORTEST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_is_a_time_that_a_living_node_never_reaches() {
        let of = |value: &str| limit(&BTreeMap::from([(ANNOTATION.to_owned(), value.to_owned())]));
        let seconds = |seconds| Ok(Some(Duration::from_secs(seconds)));
        assert_eq!([of("30s"), of("2m"), of("1m30s"), of("1s")], [seconds(30), seconds(120), seconds(90), seconds(20)]);
        assert_eq!(limit(&BTreeMap::new()), Ok(None));
        for wrong in ["", "soon", "-30s", "0s", "30"] {
            let error = of(wrong).expect_err(wrong);
            assert!(error.starts_with("metadata.annotations[timonier.dev/fence]: Invalid value"), "{error}");
        }
    }
}
