//! What the words after a command select: `pods`, `pod web`, `pod/web svc/web`, `deploy,rs`.

use crate::error::Error;
use crate::flags::Files;
use clap::Args;

/// A type, as it was written, and the name of an object if one was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub word: String,
    pub name: Option<String>,
}

/// What selects objects on a command line.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    pub words: &'a [String],
    pub files: Option<&'a Files>,
    pub selector: &'a Selector,
    /// Whether a type alone means all of its objects.
    pub all: bool,
    /// Whether named objects are read from the server.
    pub read: bool,
}

/// `-l`, `--field-selector`, `-A`, `--all`
#[derive(Args, Clone, Debug, Default)]
pub struct Selector {
    /// Only objects whose labels match, such as app=web,tier!=db or 'env in (a,b)'
    #[arg(long, short = 'l', value_name = "SELECTOR")]
    pub selector: Option<String>,
    /// Only objects whose fields match, such as spec.nodeName=node-1 or metadata.name!=web
    #[arg(long, value_name = "SELECTOR")]
    pub field_selector: Option<String>,
    /// Objects of all namespaces
    #[arg(long, short = 'A')]
    pub all_namespaces: bool,
}

impl Selector {
    pub fn is_empty(&self) -> bool {
        self.selector.is_none() && self.field_selector.is_none()
    }
}

/// The objects that a command acts on: words or files, `-l`, `--all`.
#[derive(Args, Clone, Debug)]
pub struct Targets {
    /// Which objects: TYPE/NAME…, TYPE NAME…, or TYPE with -l or --all
    #[arg(value_name = "TYPE[/NAME]")]
    words: Vec<String>,
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    pub selector: Selector,
    /// All objects of the types in the namespace
    #[arg(long)]
    pub all: bool,
}

impl Targets {
    /// Whether nothing was named, neither by word nor by file.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty() && self.files.filename.is_empty()
    }

    /// `read`: whether named objects are read, and so must exist.
    pub fn query(&self, read: bool) -> Query<'_> {
        Query { words: &self.words, files: Some(&self.files), selector: &self.selector, all: self.all, read }
    }
}

/// Reads the words of a command line; types are not looked up yet.
pub fn targets(words: &[String]) -> Result<Vec<Target>, Error> {
    if words.iter().any(|word| word.contains('/')) {
        return words.iter().map(|word| pair(word)).collect();
    }
    let Some((types, names)) = words.split_first() else { return Ok(Vec::new()) };
    let types: Vec<&str> = types.split(',').filter(|word| !word.is_empty()).collect();
    if types.is_empty() {
        return Err(Error::usage("arguments must consist of a resource or a resource and name"));
    }
    let target = |word: &str, name: Option<&String>| Target { word: word.to_string(), name: name.cloned() };
    if names.is_empty() {
        return Ok(types.into_iter().map(|word| target(word, None)).collect());
    }
    if names.iter().any(String::is_empty) {
        return Err(Error::usage("resource name may not be empty"));
    }
    Ok(types.into_iter().flat_map(|word| names.iter().map(move |name| target(word, Some(name)))).collect())
}

fn pair(word: &str) -> Result<Target, Error> {
    let parts: Vec<&str> = word.split('/').collect();
    match parts.as_slice() {
        [_] => Err(Error::usage(
            "there is no need to specify a resource type as a separate argument when passing arguments in \
             resource/name form (e.g. 'kctl get resource/<resource_name>' instead of 'kctl get resource \
             resource/<resource_name>'",
        )),
        [kind, name] if !kind.is_empty() && !name.is_empty() => {
            Ok(Target { word: kind.to_string(), name: Some(name.to_string()) })
        }
        [_, _] => Err(Error::usage("arguments in resource/name form must have a single resource and name")),
        _ => Err(Error::usage("arguments in resource/name form may not have more than one slash")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &[(&str, Option<&str>)]) {
        let words: Vec<String> = line.split_whitespace().map(str::to_string).collect();
        let found = targets(&words).expect(line);
        let found: Vec<(&str, Option<&str>)> = found.iter().map(|t| (t.word.as_str(), t.name.as_deref())).collect();
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn types_and_names_are_written_in_many_ways() {
        check("pods", &[("pods", None)]);
        check("deploy,rs", &[("deploy", None), ("rs", None)]);
        check("pod a b", &[("pod", Some("a")), ("pod", Some("b"))]);
        check("pod,svc a", &[("pod", Some("a")), ("svc", Some("a"))]);
        check("pod/a svc/b", &[("pod", Some("a")), ("svc", Some("b"))]);
        check("", &[]);
    }

    #[test]
    fn half_a_pair_is_refused() {
        for line in ["pod pod/a", "pod/", "/a", "a/b/c"] {
            let words: Vec<String> = line.split_whitespace().map(str::to_string).collect();
            assert!(targets(&words).is_err(), "{line}");
        }
    }
}
