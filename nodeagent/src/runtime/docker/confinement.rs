//! What confines a container, as Docker's `SecurityOpt` words. Pure.

use crate::runtime::{Profile, Security};

/// Profiles that are Docker's defaults need no word. A privileged container has none.
pub fn security_options(security: &Security) -> Vec<String> {
    let mut options = Vec::new();
    if security.no_new_privileges {
        options.push("no-new-privileges".to_owned());
    }
    if !security.privileged {
        for (kind, profile) in [("seccomp", &security.seccomp), ("apparmor", &security.app_armor)] {
            match profile {
                Profile::Default => {}
                Profile::Unconfined => options.push(format!("{kind}=unconfined")),
                Profile::Local(profile) => options.push(format!("{kind}={profile}")),
            }
        }
    }
    options.extend(security.selinux.iter().map(|(part, value)| format!("label={part}:{value}")));
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_profile_has_its_word() {
        let mut security = Security {
            no_new_privileges: true,
            seccomp: Profile::Local("{}".into()),
            app_armor: Profile::Unconfined,
            selinux: vec![("level", "s0:c1".into())],
            ..Security::default()
        };
        let expected = ["no-new-privileges", "seccomp={}", "apparmor=unconfined", "label=level:s0:c1"];
        assert_eq!(security_options(&security), expected);
        security.privileged = true;
        assert_eq!(security_options(&security), [expected[0], expected[3]]);
        assert!(security_options(&Security::default()).is_empty());
    }
}
