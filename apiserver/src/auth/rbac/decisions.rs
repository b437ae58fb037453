//! What has been decided, kept until the rules change: a busy client asks the same again and again.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use parking_lot::RwLock;

use super::index::Index;
use crate::auth::Attributes;
use crate::identity::Identity;

/// So many are kept; then all are forgotten.
const MOST: usize = 16_384;

/// What the rules say of a kind of request, whatever the object is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// With the reason.
    Allowed(Arc<str>),
    /// Only for objects of these names, with the reason of each. `complaint` is what went wrong on the way.
    Named { names: Vec<(Box<str>, Arc<str>)>, complaint: Option<Arc<str>> },
}

impl Verdict {
    /// Asks the index.
    pub fn of(index: &Index, identity: &Identity, asked: &Attributes<'_>) -> Verdict {
        let (mut names, mut missing) = (vec![], vec![]);
        for grant in index.grants(identity, asked.namespace) {
            missing.extend(grant.missing_role());
            for rule in grant.rules.iter().flat_map(|rules| rules.iter()).filter(|rule| rule.matches_kind(asked)) {
                let reason: Arc<str> = grant.reason().into();
                if rule.names.is_empty() || !asked.is_resource {
                    return Verdict::Allowed(reason);
                }
                names.extend(rule.names.iter().map(|name| (name.clone(), reason.clone())));
            }
        }
        missing.dedup();
        let complaint = match missing.as_slice() {
            [] => None,
            [one] => Some(format!("RBAC: {one}").into()),
            several => Some(format!("RBAC: [{}]", several.join(", ")).into()),
        };
        Verdict::Named { names, complaint }
    }
}

/// Everything but the object's name.
#[derive(PartialEq, Eq)]
struct Question {
    user: Box<str>,
    groups: Vec<String>,
    asked: [Box<str>; 5],
}

fn asked<'a>(asked: &Attributes<'a>) -> [&'a str; 5] {
    [asked.verb, asked.group, asked.resource, asked.subresource, asked.namespace]
}

impl Question {
    fn is(&self, identity: &Identity, other: &[&str; 5]) -> bool {
        *self.user == *identity.user
            && self.groups == identity.groups
            && self.asked.iter().zip(other).all(|(mine, theirs)| **mine == **theirs)
    }
}

/// By hash; of two questions with one hash the later is kept.
#[derive(Default)]
pub struct Decisions {
    hasher: RandomState,
    known: RwLock<HashMap<u64, (Question, Verdict)>>,
}

impl Decisions {
    /// The verdict of these decisions' index, from memory when it was asked for before.
    pub fn of(&self, index: &Index, identity: &Identity, question: &Attributes<'_>) -> Verdict {
        // Paths are of any number, and rarely asked for.
        if !question.is_resource {
            return Verdict::of(index, identity, question);
        }
        let parts = asked(question);
        let hash = self.hasher.hash_one((&identity.user, &identity.groups, &parts));
        if let Some((known, verdict)) = self.known.read().get(&hash)
            && known.is(identity, &parts)
        {
            return verdict.clone();
        }
        let verdict = Verdict::of(index, identity, question);
        let question = Question {
            user: identity.user.as_str().into(),
            groups: identity.groups.clone(),
            asked: parts.map(Box::from),
        };
        let mut known = self.known.write();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(hash, (question, verdict.clone()));
        verdict
    }
}
