//! Objects in files: YAML and JSON, many documents a file, folders, standard input.

use crate::error::Error;
use crate::flags::Files;
use serde_json::Value;
use std::io::Read;
use std::path::{Path, PathBuf};
use timonier_api::yaml::parse_documents;

/// One object and where it was written.
#[derive(Clone, Debug)]
pub struct Document {
    pub object: Value,
    /// The file as it was given, `STDIN` for `-`.
    pub source: String,
}

/// What could be read, and what could not; neither hides the other.
#[derive(Debug, Default)]
pub struct Documents {
    pub documents: Vec<Document>,
    pub errors: Vec<Error>,
}

/// Reads all that `-f` names, in the order given, folders by file name.
pub fn read(files: &Files) -> Result<Documents, Error> {
    let mut all = Documents::default();
    for name in &files.filename {
        if name.starts_with("http://") || name.starts_with("https://") {
            return Err(Error::usage(format!(
                "-f {name}: addresses are not fetched; download the file first, or pipe it to -f -"
            )));
        }
        if name == "-" {
            let mut text = String::new();
            let stdin = std::io::stdin().lock().read_to_string(&mut text);
            stdin.map_err(|source| Error::Read { path: "standard input".into(), source })?;
            all.add(&text, "STDIN");
            continue;
        }
        let path = Path::new(name);
        if !path.exists() {
            return Err(Error::usage(format!("the path \"{name}\" does not exist")));
        }
        let found = if path.is_dir() { folder(path, files.recursive)? } else { vec![path.to_path_buf()] };
        for file in found {
            let source = file.display().to_string();
            match std::fs::read_to_string(&file) {
                Ok(text) => all.add(&text, &source),
                Err(error) => all.errors.push(Error::Read { path: source, source: error }),
            }
        }
    }
    Ok(all)
}

/// The manifests of a folder, sorted.
fn folder(path: &Path, recursive: bool) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |source| Error::Read { path: path.display().to_string(), source };
    let mut entries: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        entries.push(entry.map_err(unreadable)?.path());
    }
    entries.sort();
    let mut files = Vec::new();
    for entry in entries {
        if entry.is_dir() {
            if recursive {
                files.extend(folder(&entry, true)?);
            }
        } else if entry.extension().is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|e| extension == *e)) {
            files.push(entry);
        }
    }
    Ok(files)
}

impl Documents {
    /// Adds the objects of one file; a `List` counts as its items.
    fn add(&mut self, text: &str, source: &str) {
        match parse(text, source) {
            Err(error) => self.errors.push(error),
            Ok(objects) => {
                for (index, object) in objects.into_iter().enumerate() {
                    self.add_object(object, source, index);
                }
            }
        }
    }

    fn add_object(&mut self, object: Value, source: &str, index: usize) {
        let refused = |why: &str| {
            let place = format!("document {} of \"{source}\"", index + 1);
            Error::usage(format!("error validating {place}: {why}"))
        };
        let is_set = |field: &str| object[field].as_str().is_some_and(|text| !text.is_empty());
        if object.is_null() {
            return;
        }
        if !object.is_object() {
            return self.errors.push(refused("it is not an object with apiVersion and kind"));
        }
        if !is_set("kind") {
            return self.errors.push(refused("kind not set"));
        }
        if !is_set("apiVersion") {
            return self.errors.push(refused("apiVersion not set"));
        }
        let is_list = object["kind"].as_str().is_some_and(|kind| kind.ends_with("List"));
        match (is_list, object["items"].as_array()) {
            (true, Some(items)) => {
                for item in items.clone() {
                    self.add_object(item, source, index);
                }
            }
            _ => self.documents.push(Document { object, source: source.to_string() }),
        }
    }
}

/// The documents of a text; the error names the file and the line.
fn parse(text: &str, source: &str) -> Result<Vec<Value>, Error> {
    parse_documents(text, source).map_err(|error| Error::usage(format!("error parsing {error}")))
}

/// The one document of a text from the command line; the error is only what is wrong with it.
pub fn parse_one(text: &str) -> Result<Value, String> {
    let mut documents = parse_documents(text, "").map_err(|error| error.message)?;
    match documents.len() {
        1 => Ok(documents.remove(0)),
        count => Err(format!("want one document, not {count}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents(text: &str) -> Documents {
        let mut all = Documents::default();
        all.add(text, "web.yaml");
        all
    }

    fn names(documents: &Documents) -> Vec<&str> {
        documents.documents.iter().filter_map(|d| d.object["metadata"]["name"].as_str()).collect()
    }

    #[test]
    fn a_file_holds_many_documents_and_lists_count_as_their_items() {
        let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\n---\n# nothing\n---\napiVersion: v1\nkind: List\nitems:\n\
                    - {apiVersion: v1, kind: Pod, metadata: {name: b}}\n- {apiVersion: v1, kind: Pod, metadata: {name: c}}\n";
        let all = documents(text);
        assert_eq!(names(&all), ["a", "b", "c"]);
        assert!(all.errors.is_empty(), "{:?}", all.errors);
    }

    #[test]
    fn a_bad_document_is_named_and_hides_no_other() {
        let all =
            documents("apiVersion: v1\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: b}\n");
        assert_eq!(names(&all), ["b"]);
        assert_eq!(all.errors[0].report(), "error: error validating document 1 of \"web.yaml\": kind not set");
    }

    #[test]
    fn broken_yaml_names_the_file() {
        let all = documents("a: [1\nb: 2\n");
        assert!(all.errors[0].report().starts_with("error: error parsing web.yaml"), "{}", all.errors[0].report());
    }

    #[test]
    fn a_folder_gives_its_manifests_sorted_and_others_only_when_asked() {
        let dir = tempfile::tempdir().expect("a folder");
        let pod = |name: &str| format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\n");
        std::fs::create_dir(dir.path().join("sub")).expect("a folder");
        for (file, name) in [("b.yaml", "b"), ("a.yml", "a"), ("notes.txt", "x"), ("sub/c.yaml", "c")] {
            std::fs::write(dir.path().join(file), pod(name)).expect("a file");
        }
        let filename = vec![dir.path().display().to_string()];
        let flat = read(&Files { filename: filename.clone(), recursive: false }).expect("readable");
        assert_eq!(names(&flat), ["a", "b"]);
        let deep = read(&Files { filename, recursive: true }).expect("readable");
        assert_eq!(names(&deep), ["a", "b", "c"]);
    }
}
