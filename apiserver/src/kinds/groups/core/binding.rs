//! Binding: gives a pod its node. One that is created is done, and not kept.

use crate::kinds::{Hooks, Origin};

pub struct Binding;

impl Hooks for Binding {
    fn origin(&self) -> Origin {
        Origin::Binding
    }
}
