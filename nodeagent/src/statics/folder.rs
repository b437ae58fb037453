//! The folder of static pods, read again and again.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use tokio::{sync::watch, time::sleep};

use super::{Name, file};
use crate::desired;

/// How often the folder is read.
const EVERY: Duration = Duration::from_secs(2);

#[derive(Clone, Debug)]
pub struct Folder {
    pub path: PathBuf,
    pub node_name: String,
}

/// What the folder wanted when it was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    files: BTreeMap<PathBuf, Arc<Pod>>,
    /// What is wrong with which file.
    pub faults: BTreeMap<PathBuf, String>,
}

impl Reading {
    /// The pods by namespace and name.
    pub fn pods(&self) -> BTreeMap<Name, Arc<Pod>> {
        let named = |pod: &Arc<Pod>| {
            let identity = desired::identity(pod);
            ((identity.namespace, identity.name), pod.clone())
        };
        self.files.values().map(named).collect()
    }
}

impl Folder {
    /// Reads it once. A file that can't be read, or no longer makes sense, leaves its pod as it was in `last`; so does a
    /// folder that can't be read: a mistake or a disk that is not mounted must not end what the node needs.
    pub async fn read(&self, last: Reading) -> Reading {
        let (folder, kept) = (self.clone(), last.clone());
        tokio::task::spawn_blocking(move || read(&folder, &last)).await.unwrap_or(kept)
    }

    /// Tells of every reading that differs from the one before, `first` being the first.
    pub fn follow(self, first: Reading) -> watch::Receiver<Reading> {
        let (tell, told) = watch::channel(first);
        tokio::spawn(async move {
            while !tell.is_closed() {
                tokio::select! {
                    () = tell.closed() => return,
                    () = sleep(EVERY) => {}
                }
                let last = tell.borrow().clone();
                let reading = self.read(last.clone()).await;
                if reading != last {
                    tell.send_replace(reading);
                }
            }
        });
        told
    }
}

fn read(folder: &Folder, last: &Reading) -> Reading {
    let paths = match paths(&folder.path) {
        Ok(paths) => paths,
        Err(error) => {
            let faults = BTreeMap::from([(folder.path.clone(), error.to_string())]);
            return Reading { files: last.files.clone(), faults };
        }
    };
    let mut reading = Reading::default();
    let mut names = BTreeSet::new();
    for path in paths {
        let found = match one(&path, &folder.node_name) {
            // Removed this very moment.
            Err(None) => continue,
            Err(Some(fault)) => {
                reading.faults.insert(path.clone(), fault);
                last.files.get(&path).cloned()
            }
            Ok(pod) => Some(Arc::new(pod)),
        };
        let Some(pod) = found else { continue };
        let identity = desired::identity(&pod);
        if names.insert((identity.namespace, identity.name.clone())) {
            reading.files.insert(path, pod);
        } else {
            reading.faults.insert(path, format!("another file wants pod {} already", identity.name));
        }
    }
    reading
}

fn one(path: &Path, node: &str) -> Result<Pod, Option<String>> {
    let fault = |error: io::Error| (error.kind() != io::ErrorKind::NotFound).then(|| error.to_string());
    let text = fs::read_to_string(path).map_err(fault)?;
    let written = fs::metadata(path).and_then(|about| about.modified()).map_err(fault)?;
    let written = Timestamp::try_from(written).unwrap_or_default();
    file::pod(path, &text, &written.to_string(), node).map_err(Some)
}

/// The files that count, by name.
fn paths(folder: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let mut paths = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
        let manifest = path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml" || ending == "json");
        if manifest && !hidden && !path.is_dir() {
            paths.insert(path);
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(name: &str, image: &str) -> String {
        format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}}}, spec: {{containers: [{{name: c, image: {image}}}]}}}}"
        )
    }

    fn images(reading: &Reading) -> Vec<(String, String)> {
        let image = |pod: &Pod| pod.spec.as_ref().and_then(|spec| spec.containers[0].image.clone()).unwrap_or_default();
        reading.pods().iter().map(|((_, name), pod)| (name.clone(), image(pod))).collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    #[test]
    fn only_manifests_count_and_a_bad_one_stops_no_other() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = Folder { path: dir.path().to_owned(), node_name: "n".into() };
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).expect("written");
        write("a.yaml", &manifest("a", "x"));
        write("b.json", &manifest("b", "x"));
        write("c.yml", &manifest("c", "x"));
        write(".d.yaml", &manifest("d", "x"));
        write("e.txt", &manifest("e", "x"));
        write("f.yaml", "kind: Pod");
        write("g.yaml", &manifest("a", "z"));
        fs::create_dir(dir.path().join("h.yaml")).expect("a folder");
        let first = read(&folder, &Reading::default());
        assert_eq!(images(&first), pairs(&[("a-n", "x"), ("b-n", "x"), ("c-n", "x")]));
        let faulty: Vec<_> = first.faults.keys().filter_map(|path| path.file_name()?.to_str()).collect();
        assert_eq!(faulty, ["f.yaml", "g.yaml"]);
        assert_eq!(read(&folder, &first), first, "nothing changed");

        write("a.yaml", "half a");
        write("b.json", &manifest("b", "z"));
        fs::remove_file(dir.path().join("c.yml")).expect("removed");
        fs::remove_file(dir.path().join("g.yaml")).expect("removed");
        let second = read(&folder, &first);
        assert_eq!(images(&second), pairs(&[("a-n", "x"), ("b-n", "z")]), "a mistake ends nothing");
        assert_eq!(second.faults.len(), 2);

        drop(dir);
        let third = read(&folder, &second);
        assert_eq!(images(&third), images(&second), "nor does a folder that is not there");
        assert_eq!(third.faults.len(), 1);
    }
}
