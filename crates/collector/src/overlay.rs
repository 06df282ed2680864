//! A directory as it is, over which everything is tried in memory: what a start would do to it can be seen, and nothing of it is
//! written.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::disk::{Disk, DiskFile, read_full_at};

/// What is written is kept in pieces of this size, the size of a database page.
const BLOCK: usize = 4096;

/// The directory.
#[derive(Debug, Clone)]
pub(crate) struct Overlay(Arc<Mutex<HashMap<String, Over>>>);

impl Overlay {
    /// Of the files that are there now.
    pub(crate) fn of(dir: &Path) -> io::Result<Overlay> {
        let names = fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        let names: Vec<String> = names.filter_map(Result::transpose).collect::<io::Result<_>>()?;
        let files = names.into_iter().map(|name| {
            let path = Some(dir.join(&name));
            (name, Over { path, opened: Arc::default() })
        });
        Ok(Overlay(Arc::new(Mutex::new(files.collect()))))
    }

    fn files(&self) -> MutexGuard<'_, HashMap<String, Over>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file by its name, opened when it is asked for.
#[derive(Debug, Default)]
struct Over {
    path: Option<PathBuf>,
    opened: Arc<Mutex<Option<Layers>>>,
}

/// A file and what was written over it.
#[derive(Debug, Default)]
struct Layers {
    below: Option<File>,
    /// Bytes of the file below that still count: it was cut there once.
    below_len: u64,
    is_uncut: bool,
    /// By number.
    blocks: HashMap<u64, Box<[u8; BLOCK]>>,
    len: u64,
}

/// One open file.
#[derive(Debug)]
pub(crate) struct OverlayFile(Arc<Mutex<Option<Layers>>>);

impl Drop for OverlayFile {
    /// A journal has more files than a process may have open: one that is as it was is opened anew.
    fn drop(&mut self) {
        let mut layers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // This one, and the directory's.
        let is_last = Arc::strong_count(&self.0) <= 2;
        if is_last && layers.as_ref().is_some_and(Layers::is_as_below) {
            *layers = None;
        }
    }
}

impl OverlayFile {
    fn with<T>(&self, act: impl FnOnce(&mut Layers) -> io::Result<T>) -> io::Result<T> {
        let mut layers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        act(layers.get_or_insert_default())
    }
}

impl Layers {
    fn open(path: &Path) -> io::Result<Layers> {
        let below = File::open(path)?;
        let len = below.metadata()?.len();
        Ok(Layers { below: Some(below), below_len: len, is_uncut: true, len, ..Layers::default() })
    }

    fn is_as_below(&self) -> bool {
        self.blocks.is_empty() && self.is_uncut && self.below.is_some()
    }

    fn read(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = self.len.saturating_sub(offset);
        let (number, start) = place(offset);
        let room = buf.len().min(BLOCK - start);
        let n = usize::try_from(rest).unwrap_or(room).min(room);
        let Some(buf) = buf.get_mut(..n) else { return Ok(0) };
        match self.blocks.get(&number) {
            Some(block) => buf.copy_from_slice(block.get(start..start + n).unwrap_or_default()),
            None => self.read_below(buf, offset)?,
        }
        Ok(n)
    }

    /// What the file below has, and zeros behind it.
    fn read_below(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        buf.fill(0);
        let rest = usize::try_from(self.below_len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let there = rest.min(buf.len());
        match (&self.below, buf.get_mut(..there)) {
            (Some(below), Some(buf)) => below.read_exact_at(buf, offset),
            _ => Ok(()),
        }
    }

    fn write(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let (number, start) = place(offset);
        let bytes = bytes.get(..bytes.len().min(BLOCK - start)).unwrap_or_default();
        let mut block = match self.blocks.remove(&number) {
            Some(block) => block,
            None => {
                let mut block = Box::new([0; BLOCK]);
                self.read_below(&mut block[..], number * BLOCK as u64)?;
                block
            }
        };
        if let Some(place) = block.get_mut(start..start + bytes.len()) {
            place.copy_from_slice(bytes);
        }
        self.blocks.insert(number, block);
        self.len = self.len.max(offset + bytes.len() as u64);
        Ok(bytes.len())
    }

    fn set_len(&mut self, len: u64) {
        self.below_len = self.below_len.min(len);
        self.is_uncut = false;
        let (last, start) = place(len);
        self.blocks.retain(|number, _| *number <= last);
        // What was cut off does not come back.
        if let Some(rest) = self.blocks.get_mut(&last).and_then(|block| block.get_mut(start..)) {
            rest.fill(0);
        }
        self.len = len;
    }
}

/// The block of an offset, and where in it.
fn place(offset: u64) -> (u64, usize) {
    let size = BLOCK as u64;
    (offset / size, usize::try_from(offset % size).unwrap_or(0))
}

impl DiskFile for OverlayFile {
    fn len(&self) -> io::Result<u64> {
        self.with(|layers| Ok(layers.len))
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.with(|layers| layers.read(buf, offset))
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.with(|layers| {
            // A start writes the journal's end once more: what is there already takes no memory.
            let mut there = [0; BLOCK];
            let (_, start) = place(offset);
            let n =
                layers.read(there.get_mut(..bytes.len().min(BLOCK - start)).unwrap_or_default(), offset)?;
            if n > 0 && there.get(..n) == bytes.get(..n) {
                return Ok(n);
            }
            layers.write(bytes, offset)
        })
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.with(|layers| {
            layers.set_len(len);
            Ok(())
        })
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl redb::StorageBackend for OverlayFile {
    fn len(&self) -> io::Result<u64> {
        DiskFile::len(self)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let n = read_full_at(self, out, offset)?;
        if n == out.len() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.with(|layers| {
            layers.set_len(len);
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.with(|layers| {
            let mut done = 0;
            while let Some(rest) = data.get(done..).filter(|rest| !rest.is_empty()) {
                done += layers.write(rest, offset + done as u64)?;
            }
            Ok(())
        })
    }
}

impl Disk for Overlay {
    type File = OverlayFile;
    type Backend = OverlayFile;

    fn open(&self, name: &str) -> io::Result<OverlayFile> {
        let mut files = self.files();
        let over = files.entry(name.to_owned()).or_default();
        let mut opened = over.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let (None, Some(path)) = (&*opened, &over.path) {
            *opened = Some(Layers::open(path)?);
        }
        Ok(OverlayFile(over.opened.clone()))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.files().keys().cloned().collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut files = self.files();
        let over = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.to_owned(), over);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.files().remove(name);
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        Ok(())
    }

    fn open_backend(&self, name: &str) -> io::Result<OverlayFile> {
        self.open(name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::disk::write_all_at;

    #[derive(Debug, Clone)]
    enum Op {
        Write(u64, Vec<u8>),
        SetLen(u64),
    }

    fn op() -> impl Strategy<Value = Op> {
        let bytes = proptest::collection::vec(0..3_u8, 1..6_000);
        prop_oneof![
            (0..20_000_u64, bytes).prop_map(|(at, bytes)| Op::Write(at, bytes)),
            (0..20_000_u64).prop_map(Op::SetLen)
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn it_reads_as_if_it_were_written_and_the_file_below_stays(below in proptest::collection::vec(0..3_u8, 0..15_000), ops in proptest::collection::vec(op(), 1..12)) {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join("f"), &below).unwrap();
            let overlay = Overlay::of(dir.path()).unwrap();
            let mut expected = below.clone();
            for op in ops {
                let mut file = overlay.open("f").unwrap();
                match op {
                    Op::Write(at, bytes) => {
                        write_all_at(&mut file, &bytes, at).unwrap();
                        let at = usize::try_from(at).unwrap();
                        let end = at + bytes.len();
                        expected.resize(expected.len().max(end), 0);
                        expected[at..end].copy_from_slice(&bytes);
                    }
                    Op::SetLen(len) => {
                        DiskFile::set_len(&mut file, len).unwrap();
                        expected.resize(usize::try_from(len).unwrap(), 0);
                    }
                }
                let mut read = vec![9; expected.len() + 10];
                let n = read_full_at(&file, &mut read, 0).unwrap();
                prop_assert!(read[..n] == expected[..]);
            }
            prop_assert!(fs::read(dir.path().join("f")).unwrap() == below);
        }
    }

    #[test]
    fn names_change_in_memory_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), "one").unwrap();
        let overlay = Overlay::of(dir.path()).unwrap();
        write_all_at(&mut overlay.open("b").unwrap(), b"two", 0).unwrap();
        overlay.rename("b", "a").unwrap();
        let mut text = [0; 3];
        overlay.open("a").unwrap().read_at(&mut text, 0).unwrap();
        assert_eq!((&text, overlay.list().unwrap()), (b"two", vec!["a".to_owned()]));
        overlay.remove("a").unwrap();
        assert!(overlay.list().unwrap().is_empty());
        assert_eq!(fs::read_to_string(dir.path().join("a")).unwrap(), "one");
    }
}
