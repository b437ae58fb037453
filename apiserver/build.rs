//! Puts the built viewer (`viewer/dist`, when it is there) into the server: the page's files as they are, with the
//! compressed forms that its build wrote beside them. Without a built viewer the list is empty.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let dist = manifest.join("../viewer/dist");
    println!("cargo::rerun-if-changed={}", dist.display());
    let mut files = vec![];
    if dist.join("index.html").exists() {
        collect(&dist, &mut files)?;
    }
    files.sort();
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let mut table = String::from("[\n");
    for (number, file) in files.iter().filter(|file| is_served(file)).enumerate() {
        let name = file.strip_prefix(&dist).map_err(io::Error::other)?.display().to_string();
        // Copies, since the page may be built anew while the server is compiled.
        let copy = |end: &str| -> io::Result<Option<String>> {
            let source = PathBuf::from(format!("{}{end}", file.display()));
            let copy = out.join(format!("viewer-{number}{end}"));
            if !source.exists() {
                return Ok(None);
            }
            fs::copy(source, &copy)?;
            Ok(Some(format!("include_bytes!({copy:?})")))
        };
        let compressed =
            |end| Ok::<_, io::Error>(copy(end)?.map_or("None".to_string(), |bytes| format!("Some({bytes})")));
        let plain = copy("")?.ok_or_else(|| io::Error::other(format!("{name} went away")))?;
        let (brotli, gzip) = (compressed(".br")?, compressed(".gz")?);
        let line = format!("File {{ name: {name:?}, plain: {plain}, brotli: {brotli}, gzip: {gzip} }},");
        writeln!(table, "{line}").map_err(io::Error::other)?;
    }
    table.push(']');
    fs::write(out.join("viewer_files.rs"), table)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { collect(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

fn is_served(file: &Path) -> bool {
    let hidden = file.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    !hidden && file.extension().is_none_or(|end| end != "br" && end != "gz")
}
