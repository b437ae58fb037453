//! The kinds of the smaller API groups, a file a group.

mod rbac;
mod scheduling;

use super::spec::Spec;

pub fn specs() -> Vec<Spec> {
    [rbac::specs(), scheduling::specs()].into_iter().flatten().collect()
}

#[cfg(test)]
mod testing;
