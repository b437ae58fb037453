//! The page's files, as the build script found them.

use std::collections::HashMap;
use std::sync::LazyLock;

use sha2::{Digest, Sha256};

pub struct File {
    /// Below `viewer/dist`, such as `assets/index-BX1Zs0pr.js`.
    pub name: &'static str,
    pub plain: &'static [u8],
    pub brotli: Option<&'static [u8]>,
    pub gzip: Option<&'static [u8]>,
}

static FILES: &[File] = &include!(concat!(env!("OUT_DIR"), "/viewer_files.rs"));

/// What is served instead of a viewer that was not built.
static UNBUILT: File = File { name: "index.html", plain: include_bytes!("unbuilt.html"), brotli: None, gzip: None };

static BY_NAME: LazyLock<HashMap<&'static str, (&'static File, String)>> = LazyLock::new(|| {
    let unbuilt = FILES.is_empty().then_some(&UNBUILT);
    FILES.iter().chain(unbuilt).map(|file| (file.name, (file, tag(file.plain)))).collect()
});

/// A file and its entity tag.
pub fn find(name: &str) -> Option<(&'static File, &'static str)> {
    BY_NAME.get(name).map(|(file, tag)| (*file, tag.as_str()))
}

impl File {
    /// Files below `assets` have a digest of their content in their names: another content is another file.
    pub fn is_immutable(&self) -> bool {
        self.name.starts_with("assets/")
    }

    pub fn content_type(&self) -> &'static str {
        match self.name.rsplit_once('.').map(|(_, end)| end) {
            Some("html") => "text/html; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("png") => "image/png",
            Some("json") => "application/json",
            Some("txt") => "text/plain; charset=utf-8",
            _ => "application/octet-stream",
        }
    }
}

fn tag(content: &[u8]) -> String {
    format!("\"{}\"", hex::encode(&Sha256::digest(content)[..12]))
}
