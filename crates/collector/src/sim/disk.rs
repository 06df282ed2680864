//! A disk that keeps only what POSIX promises: of what was not synced it forgets any sectors, it writes short, it fails
//! writes and syncs, and it is full. After a failed sync it calls everything clean, whatever reached it, as Linux does.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};

use crate::disk::{Disk, DiskFile};

/// What survives or is lost as one.
const SECTOR: usize = 512;

/// A seeded source of chance (SplitMix64).
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    /// One time in `n`; never for 0.
    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        n > 0 && self.below(n) == 0
    }
}

/// How often what goes wrong: one time in so many, 0 for never.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) write: u64,
    pub(crate) short: u64,
    pub(crate) sync: u64,
    pub(crate) full: bool,
}

#[derive(Debug, Clone)]
enum Op {
    Write(usize, Vec<u8>),
    SetLen(usize),
}

#[derive(Debug, Default)]
struct Inode {
    /// As the page cache has it.
    now: Vec<u8>,
    /// As the platter has it.
    durable: Vec<u8>,
    /// What the page cache still means to write.
    pending: Vec<Op>,
}

#[derive(Debug)]
struct World {
    rng: Rng,
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    faults: Faults,
    /// Operations until the power fails.
    fuse: Option<u64>,
    /// Counts power cuts: a file that was opened before one is dead.
    life: u64,
    dead: bool,
}

/// Shared by all handles to it.
#[derive(Debug, Clone)]
pub(crate) struct SimDisk(Arc<Mutex<World>>);

impl SimDisk {
    pub(crate) fn new(seed: u64) -> SimDisk {
        SimDisk(Arc::new(Mutex::new(World {
            rng: Rng::new(seed),
            inodes: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            faults: Faults::default(),
            fuse: None,
            life: 0,
            dead: false,
        })))
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        self.0.lock().unwrap().faults = faults;
    }

    /// The power fails after so many operations.
    pub(crate) fn light_fuse(&self, operations: u64) {
        self.0.lock().unwrap().fuse = Some(operations);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.0.lock().unwrap().dead
    }

    /// The power fails now, and comes back: any of what was not synced is gone.
    pub(crate) fn crash(&self) {
        let mut world = self.0.lock().unwrap();
        let World { rng, inodes, .. } = &mut *world;
        for inode in inodes {
            let kept = pick(rng, std::mem::take(&mut inode.pending));
            apply(&mut inode.durable, &kept);
            inode.now = inode.durable.clone();
        }
        // Names are journalled by the file system: all or, as with a create that was never synced, none.
        if world.rng.one_in(2) {
            world.names = world.durable_names.clone();
        } else {
            world.durable_names = world.names.clone();
        }
        world.faults = Faults::default();
        world.fuse = None;
        world.dead = false;
        world.life += 1;
    }

    /// What a reader of the file sees now.
    pub(crate) fn content(&self, name: &str) -> Vec<u8> {
        let world = self.0.lock().unwrap();
        world.names.get(name).map(|id| world.inodes[*id].now.clone()).unwrap_or_default()
    }

    /// Changes a file behind everybody's back.
    pub(crate) fn overwrite(&self, name: &str, bytes: &[u8]) {
        let mut world = self.0.lock().unwrap();
        let id = world.create(name);
        world.inodes[id] = Inode { now: bytes.to_vec(), durable: bytes.to_vec(), pending: Vec::new() };
        world.durable_names = world.names.clone();
    }

    fn file(&self, name: &str) -> io::Result<SimFile> {
        let mut world = self.0.lock().unwrap();
        world.step()?;
        let id = world.create(name);
        Ok(SimFile { disk: self.clone(), id, life: world.life })
    }
}

/// Any sectors of any writes, and any changes of length.
fn pick(rng: &mut Rng, pending: Vec<Op>) -> Vec<Op> {
    // Often all or nothing: the interesting middle is rare in life and so is it here.
    let keep = [0, 2, 4, 100][usize::try_from(rng.below(4)).unwrap()];
    let mut kept = Vec::new();
    for op in pending {
        match op {
            Op::SetLen(_) if keep == 0 || rng.one_in(keep) => {}
            Op::SetLen(_) => kept.push(op),
            Op::Write(at, bytes) => {
                let mut start = 0;
                while start < bytes.len() {
                    let end = ((at + start) / SECTOR * SECTOR + SECTOR - at).min(bytes.len());
                    if keep != 0 && !rng.one_in(keep) {
                        kept.push(Op::Write(at + start, bytes[start..end].to_vec()));
                    }
                    start = end;
                }
            }
        }
    }
    kept
}

fn apply(bytes: &mut Vec<u8>, ops: &[Op]) {
    for op in ops {
        match op {
            Op::SetLen(len) => bytes.resize(*len, 0),
            Op::Write(at, data) => {
                bytes.resize(bytes.len().max(at + data.len()), 0);
                bytes[*at..at + data.len()].copy_from_slice(data);
            }
        }
    }
}

fn eio() -> io::Error {
    io::Error::other("the simulated disk fails")
}

impl World {
    fn step(&mut self) -> io::Result<()> {
        if let Some(fuse) = &mut self.fuse {
            *fuse = fuse.saturating_sub(1);
            self.dead |= *fuse == 0;
        }
        if self.dead { Err(eio()) } else { Ok(()) }
    }

    fn create(&mut self, name: &str) -> usize {
        if let Some(id) = self.names.get(name) {
            return *id;
        }
        self.inodes.push(Inode::default());
        self.names.insert(name.to_owned(), self.inodes.len() - 1);
        self.inodes.len() - 1
    }

    fn change(&mut self, id: usize, op: Op) {
        apply(&mut self.inodes[id].now, std::slice::from_ref(&op));
        self.inodes[id].pending.push(op);
    }

    fn write(&mut self, id: usize, at: usize, bytes: &[u8]) -> io::Result<usize> {
        self.step()?;
        let failure = if self.faults.full {
            Some(io::ErrorKind::StorageFull.into())
        } else {
            self.rng.one_in(self.faults.write).then(eio)
        };
        let short = failure.is_some() || self.rng.one_in(self.faults.short);
        let n =
            if short { usize::try_from(self.rng.below(bytes.len() as u64)).unwrap() } else { bytes.len() };
        if n > 0 {
            self.change(id, Op::Write(at, bytes[..n].to_vec()));
        }
        match failure {
            Some(error) => Err(error),
            None if n == 0 && !bytes.is_empty() => Err(io::ErrorKind::Interrupted.into()),
            None => Ok(n),
        }
    }

    fn set_len(&mut self, id: usize, len: usize) -> io::Result<()> {
        self.step()?;
        if self.faults.full && len > self.inodes[id].now.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if self.rng.one_in(self.faults.write) {
            return Err(eio());
        }
        self.change(id, Op::SetLen(len));
        Ok(())
    }

    fn sync(&mut self, id: usize) -> io::Result<()> {
        self.step()?;
        let failed = self.rng.one_in(self.faults.sync);
        let pending = std::mem::take(&mut self.inodes[id].pending);
        let written = if failed { pick(&mut self.rng, pending) } else { pending };
        apply(&mut self.inodes[id].durable, &written);
        if failed { Err(eio()) } else { Ok(()) }
    }
}

/// An open file, dead after a power cut.
pub(crate) struct SimFile {
    disk: SimDisk,
    id: usize,
    life: u64,
}

impl fmt::Debug for SimFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimFile({})", self.id)
    }
}

impl SimFile {
    fn with<T>(&self, act: impl FnOnce(&mut World, usize) -> io::Result<T>) -> io::Result<T> {
        let mut world = self.disk.0.lock().unwrap();
        if world.life != self.life {
            return Err(eio());
        }
        act(&mut world, self.id)
    }
}

impl DiskFile for SimFile {
    fn len(&self) -> io::Result<u64> {
        self.with(|world, id| world.step().map(|()| world.inodes[id].now.len() as u64))
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.with(|world, id| {
            world.step()?;
            let rest = world.inodes[id].now.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
            let n = rest.len().min(buf.len());
            buf[..n].copy_from_slice(&rest[..n]);
            Ok(n)
        })
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.with(|world, id| world.write(id, usize::try_from(offset).unwrap(), bytes))
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.with(|world, id| world.set_len(id, usize::try_from(len).unwrap()))
    }

    fn sync(&mut self) -> io::Result<()> {
        self.with(World::sync)
    }
}

impl redb::StorageBackend for SimFile {
    fn len(&self) -> io::Result<u64> {
        DiskFile::len(self)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let n = self.read_at(out, offset)?;
        if n == out.len() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.with(|world, id| world.set_len(id, usize::try_from(len).unwrap()))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.with(World::sync)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut done = 0;
        while done < data.len() {
            let at = usize::try_from(offset).unwrap() + done;
            match self.with(|world, id| world.write(id, at, &data[done..])) {
                Ok(n) => done += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Disk for SimDisk {
    type File = SimFile;
    type Backend = SimFile;

    fn open(&self, name: &str) -> io::Result<SimFile> {
        self.file(name)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut world = self.0.lock().unwrap();
        world.step()?;
        Ok(world.names.keys().cloned().collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut world = self.0.lock().unwrap();
        world.step()?;
        let id = world.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        world.names.insert(to.to_owned(), id);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut world = self.0.lock().unwrap();
        world.step()?;
        world.names.remove(name);
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut world = self.0.lock().unwrap();
        world.step()?;
        if let n @ 1.. = world.faults.sync
            && world.rng.one_in(n)
        {
            return Err(eio());
        }
        world.durable_names = world.names.clone();
        Ok(())
    }

    fn open_backend(&self, name: &str) -> io::Result<SimFile> {
        self.file(name)
    }
}
