//! Filling a directory: a checkpoint, an empty log behind it, and last the file that makes it a store.

use std::path::Path;
use std::sync::Arc;

use super::directory::{self, Directory};
use super::disk::{Disk, RealDisk};
use super::mark::Mark;
use super::segment::io;
use super::{checkpoint, recover};
use crate::loading::{Load, LoadError};
use crate::{OpenError, Options, Revision, Snapshot};

pub(crate) fn load(dir: &Path, content: &Snapshot, how: Load) -> Result<Revision, LoadError> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    directory::make(&*disk, dir)?;
    let lock = directory::lock(dir)?;
    let listing = directory::list(dir)?;
    let is_store = dir.join("format").exists() || listing.is_used;
    if !is_store && listing.foreign {
        return Err(OpenError::NotAStore { dir: dir.to_owned() }.into());
    }
    if is_store && !how.replace {
        return Err(LoadError::NotEmpty { place: dir.display().to_string() });
    }
    // What is there may be damaged; it is asked for no more than how far it came.
    let marked = Mark::open(&*disk, dir).map_or(Revision(0), |mark| mark.revision);
    let named = listing.segments.last().max(listing.checkpoints.last()).copied();
    let reached = content.revision().max(marked).max(named.unwrap_or_default());
    let revision = Revision(reached.0.saturating_add(how.raise.max(1)));

    directory::clear(dir)?;
    let content = Snapshot::new(revision, content.entries().clone());
    let path = checkpoint::path(dir, revision);
    checkpoint::write(&*disk, dir, &content).map_err(|source| io(&path, source))?;
    let directory = Directory::begin(dir, revision, lock);
    recover::create(&directory, &disk, &Options::default())?;
    Ok(revision)
}
