//! A case: a pod, what to wait for, and what its containers must then look like.

use std::future::Future;
use std::pin::Pin;

use anyhow::Result;
use serde_json::{Value, json};
use timonier_api::yaml::parse_documents;

use crate::seen::Seen;

type Looking = Pin<Box<dyn Future<Output = Result<()>>>>;

/// Made by [`case`], and by the methods that follow. Text is YAML.
pub struct Case {
    pub name: &'static str,
    /// Labels and annotations of the pod.
    pub metadata: Value,
    pub spec: Value,
    /// Made before the pod, in the same namespace.
    pub objects: Vec<Value>,
    pub until: Until,
    pub expected: Vec<Expected>,
    /// Changes to the tests' image, as Dockerfile instructions.
    pub image: Vec<&'static str>,
    /// Fields of the spec that the case is about.
    pub covers: Vec<&'static str>,
    pub check: Option<Box<dyn FnOnce(Seen) -> Looking>>,
}

/// When to look at the containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Until {
    /// All containers run and are ready.
    Ready,
    /// The pod is in this phase.
    Phase(&'static str),
    /// A container waits for this reason.
    Waiting(&'static str),
    /// It is ready, or has failed.
    Decided,
    /// An event with this reason tells of the pod.
    Event(&'static str),
}

/// What must be seen in container `main`, or in the sandbox.
#[derive(Debug, Clone)]
pub enum Expected {
    /// A JSON pointer into `docker inspect` of the container, and its value there.
    Inspect(&'static str, Value),
    /// The same of the pod's sandbox.
    Sandbox(&'static str, Value),
    /// A shell script inside the container, and what it prints, but for space around it.
    Prints(&'static str, &'static str),
}

/// A pod with one container, `main`, which runs the tests' image and sleeps. Cases have names of their own.
pub fn case(name: &'static str) -> Case {
    Case {
        name,
        metadata: json!({}),
        spec: json!({
            "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "main", "command": ["sleep", "3600"]}],
        }),
        objects: vec![],
        until: Until::Ready,
        expected: vec![],
        image: vec![],
        covers: vec![],
        check: None,
    }
}

impl Case {
    /// Merges into the pod's metadata.
    pub fn metadata(mut self, patch: &str) -> Case {
        merge(&mut self.metadata, yaml(patch));
        self
    }

    /// Merges into the pod's spec. Containers without an image get the tests' own.
    pub fn spec(mut self, patch: &str) -> Case {
        merge(&mut self.spec, yaml(patch));
        self
    }

    /// Merges into container `main`; null takes a field away, `command` for instance.
    pub fn container(mut self, patch: &str) -> Case {
        merge(&mut self.spec["containers"][0], yaml(patch));
        self
    }

    /// Adds a container beside `main`; it sleeps, too, unless it says otherwise.
    pub fn beside(mut self, container: &str) -> Case {
        let mut added = json!({"command": ["sleep", "3600"]});
        merge(&mut added, yaml(container));
        self.spec["containers"].as_array_mut().expect("containers are a list").push(added);
        self
    }

    /// Makes these objects first, in the pod's namespace.
    pub fn objects(mut self, documents: &str) -> Case {
        self.objects.extend(parse_documents(documents, self.name).unwrap_or_else(|error| panic!("{error}")));
        self
    }

    /// Gives the pod an image of its own, changed by Dockerfile instructions: `USER 7`.
    pub fn image(mut self, changes: &[&'static str]) -> Case {
        self.image.extend(changes);
        self
    }

    /// Names the fields whose effect the case shows, such as `containers[*].workingDir`.
    pub fn covers(mut self, fields: &[&'static str]) -> Case {
        self.covers.extend(fields);
        self
    }

    /// What to wait for; that the pod is ready, if nothing is said.
    pub fn until(mut self, until: Until) -> Case {
        self.until = until;
        self
    }

    /// `docker inspect` of container `main` has this value at a JSON pointer.
    pub fn inspect(mut self, pointer: &'static str, value: Value) -> Case {
        self.expected.push(Expected::Inspect(pointer, value));
        self
    }

    /// `docker inspect` of the sandbox has this value at a JSON pointer.
    pub fn sandbox(mut self, pointer: &'static str, value: Value) -> Case {
        self.expected.push(Expected::Sandbox(pointer, value));
        self
    }

    /// A shell script in container `main` prints this, but for space around it.
    pub fn prints(mut self, script: &'static str, said: &'static str) -> Case {
        self.expected.push(Expected::Prints(script, said));
        self
    }

    /// A look of one's own, after all that is expected was seen. It is called once: wait inside with `eventually`.
    pub fn check(mut self, check: impl AsyncFnOnce(&Seen) -> Result<()> + 'static) -> Case {
        self.check = Some(Box::new(move |seen| Box::pin(async move { check(&seen).await })));
        self
    }

    /// The pod, with an image for every container that names none.
    pub fn pod(&self, image: &str) -> Value {
        let mut pod =
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": self.spec.clone()});
        merge(&mut pod["metadata"], self.metadata.clone());
        for list in ["containers", "initContainers"] {
            for container in pod["spec"][list].as_array_mut().into_iter().flatten() {
                if container["image"].is_null() {
                    container["image"] = json!(image);
                    container["imagePullPolicy"] = json!("Never");
                }
            }
        }
        pod
    }
}

fn yaml(text: &str) -> Value {
    let documents = parse_documents(text, "a case").unwrap_or_else(|error| panic!("{error}: {text}"));
    documents.into_iter().next().unwrap_or_else(|| panic!("no YAML: {text:?}"))
}

/// RFC 7396.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in patch {
        if value.is_null() {
            target.as_object_mut().expect("an object").remove(&key);
        } else {
            merge(&mut target[&key], value);
        }
    }
}
