//! All filters of a profile, prepared for one pod.

use std::borrow::Cow;

use crate::change::Change;
use crate::cluster::Cluster;
use crate::explanation::Reason;
use crate::filter::{Filter, Judge, Verdict};
use crate::pod::Pod;
use crate::site::Site;

pub(crate) struct Panel<'a> {
    pub judges: Vec<(&'static dyn Filter, Box<dyn Judge + 'a>)>,
    /// The positions of the only nodes that can do, and which filter says so.
    pub named: Option<(&'static str, Vec<usize>)>,
    /// Why no node can do, filter by filter.
    pub never: Vec<Never>,
}

pub(crate) struct Never {
    pub filter: &'static str,
    pub why: Cow<'static, str>,
    pub curable_by: Change,
}

impl<'a> Panel<'a> {
    pub fn new(filters: &[&'static dyn Filter], pod: &'a Pod, cluster: &'a Cluster) -> Panel<'a> {
        let mut panel = Panel { judges: Vec::with_capacity(filters.len()), named: None, never: Vec::new() };
        for &filter in filters {
            match filter.prepare(pod, cluster) {
                Verdict::Indifferent => {}
                Verdict::Never(why, curable_by) => panel.never.push(Never { filter: filter.name(), why, curable_by }),
                Verdict::Ask(judge) => panel.judges.push((filter, judge)),
                Verdict::AskOnly(names, judge) => {
                    let known = names.into_iter().filter_map(|name| cluster.position(name));
                    let so_far = panel.named.take();
                    let positions = known.filter(|at| so_far.as_ref().is_none_or(|(_, named)| named.contains(at)));
                    panel.named = Some((filter.name(), positions.collect()));
                    panel.judges.push((filter, judge));
                }
            }
        }
        panel
    }

    /// Whether all that is asked is [local](Filter::is_local).
    pub fn is_local(&self) -> bool {
        self.judges.iter().all(|(filter, _)| filter.is_local())
    }

    /// The first filter that refuses the node; its reasons are added to `why`.
    pub fn refuses(&self, site: &Site<'_>, why: &mut Vec<Reason>) -> Option<&'static dyn Filter> {
        let before = why.len();
        let first = self.judges.iter().find(|(_, judge)| {
            judge.refuse(site, why);
            why.len() > before
        });
        first.map(|(filter, _)| *filter)
    }
}
