//! The image that test pods run: the sample's, made locally under a name of its own.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::binaries::project;

/// Removed from the daemon with this value.
#[derive(Debug)]
pub struct Image {
    name: String,
}

impl Image {
    pub fn make() -> Result<Image> {
        let docker = Command::new("docker").args(["version", "--format", "{{.Server.Version}}"]).output();
        let docker = docker.context("there is no docker command: apt-get install docker.io")?;
        ensure!(
            docker.status.success(),
            "the Docker Engine does not answer: run `tools/setup docker`\n{}",
            String::from_utf8_lossy(&docker.stderr)
        );
        let image = Image { name: format!("timonier/test:{:016x}", rand::random::<u64>()) };
        let made = Command::new(project().join("tools/sample-image")).arg(&image.name).output()?;
        ensure!(made.status.success(), "tools/sample-image: {}", String::from_utf8_lossy(&made.stderr));
        Ok(image)
    }

    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let mut remove = Command::new("docker");
        remove.args(["image", "rm", "--force", &self.name]).stdout(Stdio::null()).stderr(Stdio::null());
        if let Err(error) = remove.status() {
            eprintln!("cannot remove image {}: {error}", self.name);
        }
    }
}
