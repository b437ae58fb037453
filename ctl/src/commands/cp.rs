//! `kctl cp`: files to and from containers, packed by `tar` on their side.

use crate::cluster::Session;
use crate::cluster::objects::Item;
use crate::connect::connect;
use crate::error::Error;
use crate::flags::Global;
use crate::output;
use crate::remote::session::{self, Ended, Streams};
use crate::remote::target;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use tokio_util::io::SyncIoBridge;

/// Copy files to and from containers. The container's image needs a tar program.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  kctl cp ./site web-1:/srv/site
  kctl cp staging/web-1:/var/log/web ./logs -c web")]
pub struct Args {
    /// A file or folder here, or [NAMESPACE/]POD:PATH
    #[arg(value_name = "FROM")]
    from: String,
    /// Where it is to be, likewise
    #[arg(value_name = "TO")]
    to: String,
    /// The container
    #[arg(long, short, value_name = "NAME")]
    container: Option<String>,
    /// Leave owners and permissions to the container
    #[arg(long)]
    no_preserve: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Place {
    Local(PathBuf),
    Remote { namespace: Option<String>, pod: String, path: String },
}

/// What is under way between tar and us, in bytes.
const PIPE: usize = 256 << 10;

pub async fn run(args: Args, global: &Global) -> Result<(), Error> {
    match (place(&args.from)?, place(&args.to)?) {
        (Place::Local(from), Place::Remote { namespace, pod, path }) => {
            if !from.exists() {
                return Err(Error::usage(format!("{} doesn't exist in local filesystem", from.display())));
            }
            upload(&Tar::find(&args, global, namespace, &pod).await?, from, &path, args.no_preserve).await
        }
        (Place::Remote { namespace, pod, path }, Place::Local(to)) => {
            download(&Tar::find(&args, global, namespace, &pod).await?, &path, to).await
        }
        (Place::Local(_), Place::Local(_)) => {
            Err(Error::usage("one of src or dest must be a remote file specification"))
        }
        _ => Err(Error::usage("one of src or dest must be a local file specification")),
    }
}

fn place(text: &str) -> Result<Place, Error> {
    // A colon after a slash of the path is the path's own.
    let Some((before, path)) = text.split_once(':').filter(|(before, _)| !before.starts_with(['.', '/'])) else {
        return match text {
            "" => Err(Error::usage("filepath can not be empty")),
            _ => Ok(Place::Local(text.into())),
        };
    };
    let invalid = || Error::usage("filespec must match the canonical format: [[namespace/]pod:]file/path");
    if path.is_empty() {
        return Err(Error::usage("filepath can not be empty"));
    }
    let (namespace, pod) = match before.split('/').collect::<Vec<_>>()[..] {
        [pod] if !pod.is_empty() => (None, pod),
        [namespace, pod] if !namespace.is_empty() && !pod.is_empty() => (Some(namespace.to_owned()), pod),
        _ => return Err(invalid()),
    };
    Ok(Place::Remote { namespace, pod: pod.to_owned(), path: path.to_owned() })
}

/// The container whose tar does the other half.
struct Tar {
    session: Session,
    pod: Item,
    container: String,
}

impl Tar {
    async fn find(args: &Args, global: &Global, namespace: Option<String>, pod: &str) -> Result<Tar, Error> {
        let session = connect(global).await?;
        let session = namespace.map_or(session.clone(), |namespace| session.in_namespace(&namespace));
        let pod = target::object(&session, &format!("pod/{pod}")).await?;
        target::not_completed(&pod.object, "copy to or from")?;
        let container = target::container(&pod.object, args.container.as_deref(), false)?;
        Ok(Tar { session, pod, container })
    }

    async fn exec(&self, command: &[&str], streams: Streams) -> Result<Ended, Error> {
        let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
        session::run(&self.session, session::exec(&self.pod.path(), &self.container, &command), streams).await
    }

    async fn is_dir(&self, path: &str) -> Result<bool, Error> {
        let streams = Streams { stdout: Some(Box::pin(tokio::io::sink())), ..Streams::default() };
        Ok(matches!(self.exec(&["test", "-d", path], streams).await?, Ended::Success))
    }
}

async fn upload(tar: &Tar, from: PathBuf, to: &str, no_preserve: bool) -> Result<(), Error> {
    let own_name = || {
        let canonical = from.canonicalize().map_err(|error| read(&from, error))?;
        let name = canonical.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        name.ok_or_else(|| Error::usage(format!("{}: has no name to copy it to", from.display())))
    };
    let mut to = to.trim_end_matches('/').to_owned();
    if to.is_empty() || tar.is_dir(&to).await? {
        to = format!("{to}/{}", own_name()?);
    }
    let (folder, name) = match to.rsplit_once('/') {
        Some(("", name)) => ("/", name),
        Some((folder, name)) => (folder, name),
        None => (".", &*to),
    };
    let mut command = vec!["tar"];
    if no_preserve {
        command.extend(["--no-same-permissions", "--no-same-owner"]);
    }
    command.extend(["-xmf", "-", "-C", folder]);
    let (ours, theirs) = tokio::io::duplex(PIPE);
    let (packed, name) = (from.clone(), name.to_owned());
    let packing = tokio::task::spawn_blocking(move || pack(&packed, &name, SyncIoBridge::new(theirs)));
    let streams = Streams {
        stdin: Some(Box::pin(ours)),
        stdout: Some(Box::pin(tokio::io::stdout())),
        stderr: Some(Box::pin(tokio::io::stderr())),
        tty: false,
    };
    let ended = tar.exec(&command, streams).await?;
    let packed = packing.await.map_err(|error| Error::Protocol(error.to_string()))?;
    // A tar that failed explains a pipe that broke.
    ended.into_result()?;
    packed.map_err(|error| read(&from, error))
}

fn pack(from: &Path, name: &str, pipe: SyncIoBridge<tokio::io::DuplexStream>) -> io::Result<()> {
    let mut archive = tar::Builder::new(pipe);
    // A link stays one; what it leads to may be another's.
    archive.follow_symlinks(false);
    match from.is_dir() {
        true => archive.append_dir_all(name, from)?,
        false => archive.append_path_with_name(from.canonicalize()?, name)?,
    }
    archive.into_inner()?.shutdown()
}

async fn download(tar: &Tar, from: &str, mut to: PathBuf) -> Result<(), Error> {
    let base = from.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    if to.is_dir() && !matches!(base, "" | "." | "..") {
        to.push(base);
    }
    let (ours, theirs) = tokio::io::duplex(PIPE);
    let (prefix, target) = (clean(from), to.clone());
    let unpacking = tokio::task::spawn_blocking(move || unpack(SyncIoBridge::new(ours), &prefix, &target));
    let streams = Streams {
        stdin: None,
        stdout: Some(Box::pin(theirs)),
        stderr: Some(Box::pin(tokio::io::stderr())),
        tty: false,
    };
    let ended = tar.exec(&["tar", "cf", "-", from], streams).await;
    let unpacked = unpacking.await.map_err(|error| Error::Protocol(error.to_string()))?;
    match ended {
        // Our own trouble closes the pipe, which is no trouble of its own.
        Err(Error::Output(_)) => {}
        ended => ended?.into_result()?,
    }
    unpacked.map_err(|error| read(&to, error))
}

/// A path as tar names it: without what leads to the root.
fn clean(path: &str) -> PathBuf {
    Path::new(path).components().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir)).collect()
}

/// Unpacks what is under `prefix` to `target`. Whatever would land elsewhere is named and left out.
fn unpack(archive: impl Read, prefix: &Path, target: &Path) -> io::Result<()> {
    let mut archive = tar::Archive::new(archive);
    let mut root = None;
    for entry in archive.entries()? {
        let mut entry = entry?;
        let named = entry.path()?.into_owned();
        let kind = entry.header().entry_type();
        let skipped = |why: &str| output::note(format!("warning: {why}: {:?}, skipping", named.display().to_string()));
        let cleaned: PathBuf =
            named.components().filter(|part| !matches!(part, Component::CurDir | Component::RootDir)).collect();
        let Ok(below) = cleaned.strip_prefix(prefix) else {
            skipped("file is outside target destination");
            continue;
        };
        if below.components().any(|part| !matches!(part, Component::Normal(_))) {
            skipped("file is outside target destination");
            continue;
        }
        if kind.is_symlink() || kind.is_hard_link() {
            skipped("link is not followed");
            continue;
        }
        if !(kind.is_file() || kind.is_dir() || kind.is_contiguous()) {
            continue;
        }
        let destination = if below.as_os_str().is_empty() { target.to_owned() } else { target.join(below) };
        if kind.is_dir() {
            if !within(&mut root, target, &destination)? {
                skipped("file is outside target destination");
                continue;
            }
            std::fs::create_dir_all(&destination)?;
            continue;
        }
        let folder = destination.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !within(&mut root, target, folder)? {
            skipped("file is outside target destination");
            continue;
        }
        std::fs::create_dir_all(folder)?;
        // A link that is there already must not lead the write elsewhere.
        if destination.symlink_metadata().is_ok_and(|found| found.is_symlink()) {
            skipped("a link is in the way");
            continue;
        }
        entry.set_preserve_mtime(false);
        entry.unpack(&destination)?;
    }
    Ok(())
}

/// Whether what is there of a path leads nowhere out of the target's folder.
fn within(root: &mut Option<PathBuf>, target: &Path, path: &Path) -> io::Result<bool> {
    let nearest = |path: &Path| {
        let found = path.ancestors().find(|ancestor| ancestor.exists());
        found.filter(|found| !found.as_os_str().is_empty()).unwrap_or(Path::new(".")).canonicalize()
    };
    let root = match root {
        Some(root) => root,
        None => root.insert(nearest(target.parent().unwrap_or(Path::new(".")))?),
    };
    Ok(nearest(path)?.starts_with(root))
}

fn read(path: &Path, source: io::Error) -> Error {
    Error::Read { path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_apart() {
        let remote = |namespace: Option<&str>, pod: &str, path: &str| Place::Remote {
            namespace: namespace.map(str::to_owned),
            pod: pod.into(),
            path: path.into(),
        };
        assert_eq!(place("web-1:/tmp/a").ok(), Some(remote(None, "web-1", "/tmp/a")));
        assert_eq!(place("ns/web-1:a").ok(), Some(remote(Some("ns"), "web-1", "a")));
        assert_eq!(place("./with:colon").ok(), Some(Place::Local("./with:colon".into())));
        assert_eq!(place("plain").ok(), Some(Place::Local("plain".into())));
        assert!(place("a/b/c:d").is_err());
        assert!(place("web-1:").is_err());
    }

    fn archive(entries: &[(&str, tar::EntryType)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, kind) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_mode(0o644);
            let content: &[u8] = if kind.is_file() { b"content" } else { b"" };
            header.set_size(content.len() as u64);
            if kind.is_symlink() {
                header.set_link_name("/etc").expect("a link");
            }
            // The library refuses such names itself, so they are written past it.
            let raw = header.as_old_mut();
            raw.name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            builder.append(&header, content).expect("appended");
        }
        builder.into_inner().expect("packed")
    }

    #[test]
    fn nothing_is_written_outside_the_target() {
        let dir = tempfile::tempdir().expect("a directory");
        let target = dir.path().join("copies/here");
        std::fs::create_dir_all(dir.path().join("copies")).expect("a folder");
        let file = tar::EntryType::Regular;
        let packed = archive(&[
            ("data", tar::EntryType::Directory),
            ("data/good", file),
            ("data/../../evil", file),
            ("other", file),
            ("data/link", tar::EntryType::Symlink),
            ("data/link/evil", file),
            ("/data/rooted", file),
        ]);
        unpack(&packed[..], Path::new("data"), &target).expect("unpacked");
        assert_eq!(std::fs::read(target.join("good")).expect("read"), b"content");
        assert_eq!(std::fs::read(target.join("rooted")).expect("read"), b"content");
        assert!(target.join("link").is_dir(), "the link was never made: what followed it is a folder of ours");
        let found: Vec<_> =
            std::fs::read_dir(dir.path()).expect("read").map(|e| e.expect("an entry").file_name()).collect();
        assert_eq!(found, ["copies"]);

        std::os::unix::fs::symlink("/etc", target.join("way")).expect("a link");
        unpack(&archive(&[("data/way/evil", file)])[..], Path::new("data"), &target).expect("unpacked");
        assert!(!Path::new("/etc/evil").exists());
    }

    #[test]
    fn a_single_file_becomes_the_target_itself() {
        let dir = tempfile::tempdir().expect("a directory");
        let target = dir.path().join("hosts");
        unpack(&archive(&[("etc/hosts", tar::EntryType::Regular)])[..], &clean("/etc/hosts"), &target)
            .expect("unpacked");
        assert_eq!(std::fs::read(target).expect("read"), b"content");
    }
}
