//! The grammar of image names (`registry:port/path/name:tag@digest`), as Docker's reference format has it.

/// The message that the kubelet gives an image name it can't read; `None`: the name is fine.
pub fn problem(name: &str) -> Option<String> {
    let detail = if name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        format!("invalid repository name ({name}), cannot specify 64-byte hexadecimal strings")
    } else if parts(name).is_some() {
        return None;
    } else if parts(&name.to_lowercase()).is_some() {
        format!("invalid reference format: repository name ({}) must be lowercase", split(name).0)
    } else {
        "invalid reference format".to_owned()
    };
    Some(format!("Failed to apply default image tag {name:?}: couldn't parse image name {name:?}: {detail}"))
}

/// The name as Docker pulls it: repository, and a tag unless a digest says it all.
pub fn split(name: &str) -> (&str, Option<&str>) {
    if name.contains('@') {
        return (name, None);
    }
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (name, Some("latest")),
    }
}

/// The repository with its registry, as Docker completes it: `nginx` is `docker.io/library/nginx`.
pub fn qualified(name: &str) -> String {
    let rest = name.split('@').next().unwrap_or(name);
    let (repository, _) = split(rest);
    match repository.split_once('/') {
        Some(("docker.io" | "index.docker.io", path)) if path.contains('/') => format!("docker.io/{path}"),
        Some(("docker.io" | "index.docker.io", path)) => format!("docker.io/library/{path}"),
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => repository.to_owned(),
        Some(_) => format!("docker.io/{repository}"),
        None => format!("docker.io/library/{repository}"),
    }
}

fn parts(name: &str) -> Option<()> {
    let (rest, digest) = match name.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (name, None),
    };
    if let Some(digest) = digest {
        let (algorithm, value) = digest.split_once(':')?;
        let hexadecimal = value.len() >= 32 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
        (!algorithm.is_empty() && hexadecimal).then_some(())?;
    }
    let (repository, tag) = match rest.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (rest, None),
    };
    if let Some(tag) = tag {
        let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        let starts = tag.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric() || first == b'_');
        (starts && tag.len() <= 128 && tag.bytes().all(fine)).then_some(())?;
    }
    (repository.len() <= 255).then_some(())?;
    let mut components = repository.split('/').peekable();
    let first = components.peek().copied()?;
    let is_registry = repository.contains('/') && (first.contains(['.', ':']) || first == "localhost");
    if is_registry {
        registry(first).then_some(())?;
        components.next();
    }
    components.all(component).then_some(())
}

fn registry(text: &str) -> bool {
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.split('.').all(label) && port.is_none_or(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()))
}

/// Lower-case letters and digits, separated by `.`, `_`, `__` or any number of `-`.
fn component(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let (Some(first), Some(last)) = (text.bytes().next(), text.bytes().last()) else { return false };
    let separators = text.split(|c: char| word(c as u8) && c.is_ascii()).filter(|separator| !separator.is_empty());
    word(first)
        && word(last)
        && separators
            .into_iter()
            .all(|separator| matches!(separator, "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_docker_reads_are_fine() {
        for name in [
            "nginx",
            "nginx:1.27",
            "library/nginx",
            "registry.example.com:5000/team/app:v1",
            "localhost/app",
            "localhost:5000/app",
            "a__b/c-d.e:_x",
            "app@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "timonier/web:1",
        ] {
            assert_eq!(problem(name), None, "{name}");
        }
    }

    #[test]
    fn names_that_docker_refuses_are_named() {
        for name in ["", ":tag", "a b", "a:", "UPPER case", "-a", "a-", "a//b", "a:b:c", "a@b", "x/../y"] {
            assert!(problem(name).is_some_and(|message| message.ends_with("invalid reference format")), "{name}");
        }
        assert_eq!(
            problem("Nginx").as_deref(),
            Some(
                "Failed to apply default image tag \"Nginx\": couldn't parse image name \"Nginx\": \
                 invalid reference format: repository name (Nginx) must be lowercase"
            )
        );
    }

    #[test]
    fn a_name_without_a_registry_is_docker_hubs() {
        for (name, expected) in [
            ("nginx:1", "docker.io/library/nginx"),
            ("me/app", "docker.io/me/app"),
            ("index.docker.io/app", "docker.io/library/app"),
            ("r.example:5000/a/b:c@sha256:0", "r.example:5000/a/b"),
            ("localhost/app", "localhost/app"),
        ] {
            assert_eq!(qualified(name), expected);
        }
    }

    #[test]
    fn a_pull_names_one_tag() {
        assert_eq!(split("nginx"), ("nginx", Some("latest")));
        assert_eq!(split("r:5000/a"), ("r:5000/a", Some("latest")));
        assert_eq!(split("r:5000/a:b"), ("r:5000/a", Some("b")));
        assert_eq!(split("a@sha256:0"), ("a@sha256:0", None));
    }
}
