//! The disk of these tests.
//!
//! Programs see the real files. Beside them stands what is certain to survive a power cut: bytes as of each file's last sync,
//! names as of the directory's. What came later survives or not, each write and each name by itself, writes by the sector.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::embedded::disk::{Disk, DiskFile, RealDisk};

/// Disks write this many bytes whole or not at all.
const SECTOR: usize = 512;

/// What a program asks of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Act {
    Create,
    Open,
    /// Fails after half of the bytes, as on a full disk. What only replaces bytes of one sector is not even begun.
    Write,
    Truncate,
    Sync,
    Rename,
    Remove,
    SyncDir,
}

#[derive(Clone)]
pub(super) struct SimDisk(Arc<Mutex<State>>);

struct State {
    rng: StdRng,
    /// How often each act will succeed, and then fail.
    next: BTreeMap<Act, (usize, usize)>,
    /// How likely any act fails.
    rate: f64,
    /// After a failed sync the system forgets what was written, and reads the old bytes again.
    evicts: bool,
    /// After this many acts nothing succeeds any more.
    left: Option<usize>,
    inodes: Vec<Inode>,
    names: HashMap<PathBuf, usize>,
    durable_names: HashMap<PathBuf, usize>,
    renamed: Vec<Name>,
}

#[derive(Default)]
struct Inode {
    durable: Vec<u8>,
    unsynced: Vec<Change>,
    /// As programs see it.
    length: usize,
}

impl Inode {
    fn change(&mut self, change: Change) {
        self.length = match &change {
            Change::Length(length) => *length,
            Change::Write { offset, bytes } => self.length.max(offset + bytes.len()),
        };
        self.unsynced.push(change);
    }

    fn replaces_in_one_sector(&self, offset: usize, size: usize) -> bool {
        offset + size <= self.length && offset / SECTOR == (offset + size - 1) / SECTOR
    }
}

#[derive(Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

/// A change of names since the last sync of the directory.
enum Name {
    Added(PathBuf, usize),
    Moved(PathBuf, PathBuf, usize),
    Removed(PathBuf),
}

impl SimDisk {
    /// A disk that holds what is in `dir`, all of it safe.
    pub(super) fn over(dir: &Path, seed: u64) -> SimDisk {
        let mut state = State {
            rng: StdRng::seed_from_u64(seed),
            next: BTreeMap::new(),
            rate: 0.0,
            evicts: false,
            left: None,
            inodes: Vec::new(),
            names: HashMap::new(),
            durable_names: HashMap::new(),
            renamed: Vec::new(),
        };
        for file in std::fs::read_dir(dir).into_iter().flatten() {
            let path = file.unwrap().path();
            state.names.insert(path.clone(), state.inodes.len());
            let durable = std::fs::read(path).unwrap();
            state.inodes.push(Inode { length: durable.len(), durable, unsynced: Vec::new() });
        }
        state.durable_names = state.names.clone();
        SimDisk(Arc::new(Mutex::new(state)))
    }

    pub(super) fn fail(&self, act: Act, times: usize) {
        self.0.lock().next.insert(act, (0, times));
    }

    /// Fails once, after so many successes.
    pub(super) fn fail_after(&self, act: Act, successes: usize) {
        self.0.lock().next.insert(act, (successes, 1));
    }

    /// From now on each act fails with this likelihood.
    pub(super) fn fail_at_random(&self, rate: f64) {
        let mut state = self.0.lock();
        state.rate = rate;
        state.evicts = state.rng.random();
    }

    pub(super) fn evict(&self) {
        self.0.lock().evicts = true;
    }

    /// Stops after so many further acts: the moment of a kill or of a power cut.
    pub(super) fn stop_after(&self, acts: usize) {
        self.0.lock().left = Some(acts);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.0.lock().left == Some(0)
    }

    /// The process was killed, the machine goes on: what was written is still known.
    pub(super) fn revive(&self) {
        let mut state = self.0.lock();
        (state.left, state.rate) = (None, 0.0);
        state.next.clear();
    }

    /// Writes into the new directory `to` what a power cut now leaves.
    pub(super) fn power_cut(&self, to: &Path) {
        let mut state = self.0.lock();
        let State { rng, inodes, durable_names, renamed, .. } = &mut *state;
        let mut names = durable_names.clone();
        for name in renamed.drain(..) {
            if rng.random() {
                rename(&mut names, &name);
            }
        }
        std::fs::create_dir(to).unwrap();
        for (path, inode) in names {
            let inode = &inodes[inode];
            let mut bytes = inode.durable.clone();
            inode.unsynced.iter().for_each(|change| survive(&mut bytes, change, rng));
            std::fs::write(to.join(path.file_name().unwrap()), bytes).unwrap();
        }
    }
}

fn rename(names: &mut HashMap<PathBuf, usize>, name: &Name) {
    match name {
        Name::Added(path, inode) => {
            names.insert(path.clone(), *inode);
        }
        Name::Moved(from, to, inode) => {
            if names.get(from) == Some(inode) {
                names.remove(from);
            }
            names.insert(to.clone(), *inode);
        }
        Name::Removed(path) => {
            names.remove(path);
        }
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Length(length) => bytes.truncate(*length),
        Change::Write { offset, bytes: new } => {
            let end = offset + new.len();
            bytes.resize(bytes.len().max(end), 0);
            bytes[*offset..end].copy_from_slice(new);
        }
    }
}

/// A change that was on its way when the power went: each sector of it arrived or not.
fn survive(bytes: &mut Vec<u8>, change: &Change, rng: &mut StdRng) {
    match change {
        Change::Length(_) if rng.random() => apply(bytes, change),
        Change::Length(_) => {}
        Change::Write { offset, bytes: new } => {
            let whole: Option<bool> = rng.random_bool(0.6).then(|| rng.random());
            let mut at = 0;
            while at < new.len() {
                let size = (SECTOR - (offset + at) % SECTOR).min(new.len() - at);
                if whole.unwrap_or_else(|| rng.random()) {
                    apply(bytes, &Change::Write { offset: offset + at, bytes: new[at..at + size].to_vec() });
                }
                at += size;
            }
        }
    }
}

impl State {
    /// Whether the next act succeeds.
    fn allow(&mut self, act: Act) -> io::Result<()> {
        let kind = if act == Act::Write { io::ErrorKind::StorageFull } else { io::ErrorKind::Other };
        match &mut self.left {
            Some(0) => return Err(io::Error::other("the machine is off")),
            Some(left) => *left -= 1,
            None => {}
        }
        let fails = match self.next.get_mut(&act) {
            Some((successes, _)) if *successes > 0 => {
                *successes -= 1;
                false
            }
            Some((_, failures)) if *failures > 0 => {
                *failures -= 1;
                true
            }
            _ => self.rate > 0.0 && self.rng.random_bool(self.rate),
        };
        if fails { Err(io::Error::new(kind, "injected")) } else { Ok(()) }
    }

    fn is_off(&self) -> bool {
        self.left == Some(0)
    }
}

struct SimFile {
    real: Box<dyn DiskFile>,
    inode: usize,
    state: Arc<Mutex<State>>,
}

impl SimDisk {
    fn file(&self, real: Box<dyn DiskFile>, inode: usize) -> Box<dyn DiskFile> {
        Box::new(SimFile { real, inode, state: self.0.clone() })
    }
}

impl Disk for SimDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_dir(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.0.lock();
        state.allow(Act::Create)?;
        let real = RealDisk.create(path)?;
        let inode = match state.names.get(path) {
            Some(inode) => *inode,
            None => {
                let inode = state.inodes.len();
                state.inodes.push(Inode::default());
                state.names.insert(path.to_owned(), inode);
                state.renamed.push(Name::Added(path.to_owned(), inode));
                inode
            }
        };
        state.inodes[inode].change(Change::Length(0));
        Ok(self.file(real, inode))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.0.lock();
        state.allow(Act::Open)?;
        let inode = *state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(self.file(RealDisk.open(path)?, inode))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.allow(Act::Rename)?;
        RealDisk.rename(from, to)?;
        let inode = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), inode);
        state.renamed.push(Name::Moved(from.to_owned(), to.to_owned(), inode));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.allow(Act::Remove)?;
        RealDisk.remove(path)?;
        state.names.remove(path);
        state.renamed.push(Name::Removed(path.to_owned()));
        Ok(())
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.allow(Act::SyncDir)?;
        let State { durable_names, renamed, .. } = &mut *state;
        renamed.drain(..).for_each(|name| rename(durable_names, &name));
        Ok(())
    }
}

impl DiskFile for SimFile {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        let allowed = state.allow(Act::Write);
        let written = match &allowed {
            Ok(()) => bytes,
            Err(_) if state.is_off() => &[],
            Err(_) if state.inodes[self.inode].replaces_in_one_sector(offset as usize, bytes.len()) => &[],
            Err(_) => &bytes[..bytes.len() / 2],
        };
        self.real.write_at(written, offset)?;
        state.inodes[self.inode].change(Change::Write { offset: offset as usize, bytes: written.to_vec() });
        allowed
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        state.allow(Act::Truncate)?;
        self.real.truncate(length)?;
        state.inodes[self.inode].change(Change::Length(length as usize));
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.state.lock();
        let allowed = state.allow(Act::Sync);
        if allowed.is_err() && state.is_off() {
            return allowed;
        }
        let State { inodes, rng, evicts, .. } = &mut *state;
        let Inode { durable, unsynced, length } = &mut inodes[self.inode];
        for change in unsynced.drain(..) {
            // What a failed sync did not write is not tried again by the next one.
            match &allowed {
                Ok(()) => apply(durable, &change),
                Err(_) => survive(durable, &change, rng),
            }
        }
        if allowed.is_err() && *evicts {
            self.real.truncate(0)?;
            self.real.write_at(durable, 0)?;
            *length = durable.len();
        }
        allowed
    }
}
