//! Reviews: questions about identities and what they may do. They are answered when they are created, and never kept.

use super::Hooks;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Review {
    /// May I do this? (`kubectl auth can-i`)
    SelfAccess,
    /// What may I do in this namespace? (`kubectl auth can-i --list`)
    SelfRules,
    /// May someone do this?
    Access,
    /// May someone do this in this very namespace?
    LocalAccess,
    /// Who am I? (`kubectl auth whoami`)
    SelfSubject,
    /// Who has this token?
    Token,
}

impl Hooks for Review {
    fn review(&self) -> Option<Review> {
        Some(*self)
    }

    fn name_errors(&self, _name: &str) -> Vec<String> {
        vec![]
    }
}
