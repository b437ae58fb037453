//! `$(NAME)` in commands, arguments and values, as the Kubernetes API describes it for `Container.command`.

/// Replaces each `$(NAME)` that `env` knows (its last mention counts); `$$` is a dollar; anything else stays as it is.
pub fn expand(text: &str, env: &[(String, String)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
            match env.iter().rev().find(|(known, _)| known == name) {
                Some((_, value)) => out.push_str(value),
                None => out.extend(["$(", name, ")"]),
            }
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    out
}

/// The same, but a name that `env` does not know is an error: the name.
pub fn try_expand(text: &str, env: &[(String, String)]) -> Result<String, String> {
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
            if !env.iter().any(|(known, _)| known == name) {
                return Err(name.to_owned());
            }
            rest = after;
        }
    }
    Ok(expand(text, env))
}

#[cfg(test)]
mod tests {
    use super::{expand, try_expand};

    #[test]
    fn where_every_name_must_be_known_the_missing_one_is_told() {
        let env = [("A".to_owned(), "1".to_owned())];
        assert_eq!(try_expand("x/$(A)/$$(B)", &env), Ok("x/1/$(B)".to_owned()));
        assert_eq!(try_expand("$(A)$(B)", &env), Err("B".to_owned()));
    }

    #[test]
    fn known_names_are_replaced_and_the_rest_stays() {
        let env = [("A", "1"), ("B", "two"), ("A", "3"), ("EMPTY", "")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        for (text, expected) in [
            ("plain", "plain"),
            ("$(A)", "3"),
            ("$(B)$(B)", "twotwo"),
            ("x$(EMPTY)y", "xy"),
            ("$(C)", "$(C)"),
            ("$$(A)", "$(A)"),
            ("$$$(A)", "$3"),
            ("$$$$(A)", "$$(A)"),
            ("$A", "$A"),
            ("$(A", "$(A"),
            ("cost: 5$", "cost: 5$"),
            ("$()", "$()"),
        ] {
            assert_eq!(expand(text, &env), expected, "{text}");
        }
    }
}
