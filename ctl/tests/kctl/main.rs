//! The compiled `kctl` against a real API server: what it prints, where, and with which exit code.
//!
//! No controllers run, so an object is what the test made it.

mod applying;
mod deleting;
mod draining;
mod fixture;
mod kubectl;
mod like_kubectl;
mod past;
mod reading;
mod rolling;
mod waiting;
mod why;

/// A Deployment of this name with this image.
fn deployment(name: &str, image: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, labels: {{app: {name}}}}}
spec:
  replicas: 3
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers: [{{name: web, image: \"{image}\"}}]
"
    )
}

fn pod(name: &str) -> String {
    format!(
        "apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: web}}}}
spec: {{containers: [{{name: web, image: web}}]}}
"
    )
}

fn config_map(name: &str, value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{key: {value}}}\n")
}
