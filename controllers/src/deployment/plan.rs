//! The next step of a Deployment. Pure: everything it depends on is in [`Observed`].

use std::{collections::HashSet, sync::Arc};

use jiff::{SignedDuration, Timestamp};

use super::{
    annotations::REVISION,
    revision, rollout, scale,
    sets::{Action, Set},
    status::{self, News},
};
use crate::objects::{Deployment, DeploymentStatus, ReplicaSet};

pub struct Observed<'a> {
    pub deployment: &'a Deployment,
    /// The sets that it controls, and those of its namespace that nobody does.
    pub sets: &'a [Arc<ReplicaSet>],
    /// Uids of sets that have pods which have not ended. Only needed to recreate.
    pub populated: &'a HashSet<Arc<str>>,
    pub now: Timestamp,
}

#[derive(Default)]
pub struct Plan {
    /// In order; the first that fails ends the step.
    pub actions: Vec<Action>,
    /// When it differs from what is stored.
    pub status: Option<DeploymentStatus>,
    /// When the progress deadline must be judged again.
    pub again: Option<SignedDuration>,
}

pub fn plan(observed: &Observed) -> Plan {
    let deployment = observed.deployment;
    let mut actions = Vec::new();
    let owned = claim(observed, &mut actions);
    let (mut new, mut old) = revision::split(deployment, owned);
    let mut news = News::default();

    if deployment.metadata.is_deleting() {
        return conclude(observed, actions, new, old, news);
    }
    let paused = deployment.spec.paused;
    let scaling = paused || scale::is_wanted(deployment, new.as_ref(), &old);
    news.rolling_out = !scaling;
    if let Some(new) = &mut new {
        revision::refresh(deployment, new, revision::next_revision(&old));
        number(deployment, &new.annotations, &mut actions);
        news.found = true;
    }

    if scaling {
        scale::scale(deployment, &mut new, &mut old);
        if paused {
            actions.extend(revision::clean_up(deployment, &old));
        }
    } else if &*deployment.spec.strategy.kind == "Recreate" {
        let busy = rollout::empty_old(deployment, &mut old) || revision::any_populated(&old, observed.populated);
        if !busy {
            match &mut new {
                None => create(deployment, &old, &mut actions, &mut news),
                Some(new) => {
                    rollout::grow_new(deployment, new, &old);
                }
            }
        }
    } else {
        match &mut new {
            None => create(deployment, &old, &mut actions, &mut news),
            Some(new) => {
                if !rollout::grow_new(deployment, new, &old) {
                    rollout::shrink_old(deployment, new, &mut old);
                }
            }
        }
    }
    conclude(observed, actions, new, old, news)
}

/// Takes in orphans that match, lets go of what no longer does, and returns what is ours.
fn claim(observed: &Observed, actions: &mut Vec<Action>) -> Vec<Set> {
    let deployment = observed.deployment;
    let deleting = deployment.metadata.is_deleting();
    let mut owned = Vec::new();
    for set in observed.sets {
        let controller = set.metadata.controller();
        let controlled = controller.is_some_and(|owner| owner.uid == deployment.metadata.uid);
        let matches = deployment.spec.selector.matches(&set.metadata.labels);
        match (controlled, matches) {
            (true, true) => owned.push(Set::of(set)),
            (true, false) if !deleting => actions.push(Action::Release(set.clone())),
            (false, true) if !deleting && controller.is_none() && !set.metadata.is_deleting() => {
                actions.push(Action::Adopt(set.clone()));
                owned.push(Set::of(set));
            }
            _ => {}
        }
    }
    owned
}

fn create(deployment: &Deployment, old: &[Set], actions: &mut Vec<Action>, news: &mut News) {
    let replicas = rollout::new_replicas(deployment, 0, old);
    let next = revision::next_revision(old);
    let new = revision::new_set(deployment, replicas, next);
    news.created = Some(new.name.clone());
    actions.push(Action::Create(new));
    write_number(deployment, &next.to_string(), actions);
}

fn number(
    deployment: &Deployment,
    annotations: &std::collections::BTreeMap<String, String>,
    actions: &mut Vec<Action>,
) {
    if let Some(number) = annotations.get(REVISION) {
        write_number(deployment, number, actions);
    }
}

fn write_number(deployment: &Deployment, number: &str, actions: &mut Vec<Action>) {
    if deployment.metadata.annotations.get(REVISION).map(String::as_str) != Some(number) {
        actions.push(Action::Number(number.into()));
    }
}

/// Collects the changes of the sets and computes the status that results.
fn conclude(observed: &Observed, mut actions: Vec<Action>, new: Option<Set>, old: Vec<Set>, news: News) -> Plan {
    let deployment = observed.deployment;
    // Growing comes before shrinking.
    actions.extend(new.iter().chain(&old).filter_map(Set::change));
    let next = status::status(deployment, new.as_ref(), &old, &news, observed.now);
    if news.rolling_out && !deployment.metadata.is_deleting() && status::is_complete(deployment, &next) {
        actions.extend(revision::clean_up(deployment, &old));
    }
    Plan {
        actions,
        again: news.rolling_out.then(|| status::judge_again(deployment, &next, observed.now)).flatten(),
        status: (next != deployment.status).then_some(next),
    }
}
