//! The file system as the collector sees it: one directory of files, so that a simulated disk can stand in for it.
//!
//! The contract is that of POSIX: what was written may be lost, whole or in parts, until a `sync` returned `Ok`; a
//! file's name until `sync_dir` did. After a failed `sync` nothing is known of what was written since the last good one.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Who may read a journal, which is personal data: the collector, and a group that an operator gives to forwarders.
const FILE_MODE: u32 = 0o640;

/// A directory of the collector's files.
pub(crate) trait Disk: Send + 'static {
    /// One open file of it.
    type File: DiskFile;
    /// What the index's database writes to.
    type Backend: redb::StorageBackend;

    /// Opens a file for reading and writing; makes it where it is missing.
    fn open(&self, name: &str) -> io::Result<Self::File>;
    /// The names of all files.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Gives a file another name, over whatever has it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Deletes a file; one that is missing is no error.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes names durable.
    fn sync_dir(&self) -> io::Result<()>;
    /// Opens the database file of that name; makes it where it is missing.
    fn open_backend(&self, name: &str) -> io::Result<Self::Backend>;
}

/// An open file.
pub(crate) trait DiskFile: Send + 'static {
    /// Its length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Reads at most `buf.len()` bytes from `offset`; 0 is the end.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes some of the bytes at `offset` and says how many.
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize>;
    /// Cuts or extends.
    fn set_len(&mut self, len: u64) -> io::Result<()>;
    /// Makes content and length durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// Writes all of `bytes` at `offset`, through short writes and interruptions.
pub(crate) fn write_all_at(file: &mut impl DiskFile, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_at(bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => {
                bytes = bytes.get(n..).unwrap_or_default();
                offset += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Fills `buf` from `offset` as far as the file goes; gives the bytes read.
pub(crate) fn read_full_at(file: &impl DiskFile, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut read = 0;
    while let Some(rest) = buf.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + read as u64) {
            Ok(0) => break,
            Ok(n) => read += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(read)
}

/// Reads a file from an offset on, to its end.
#[derive(Debug)]
pub(crate) struct FileReader<F> {
    file: F,
    at: u64,
}

impl<F: DiskFile> FileReader<F> {
    pub(crate) fn new(file: F, at: u64) -> FileReader<F> {
        FileReader { file, at }
    }
}

impl<F: DiskFile> io::Read for FileReader<F> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buf, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// Writes a file from its beginning.
#[derive(Debug)]
pub(crate) struct FileWriter<F> {
    file: F,
    at: u64,
}

impl<F: DiskFile> FileWriter<F> {
    /// Empties the file.
    pub(crate) fn new(mut file: F) -> io::Result<FileWriter<F>> {
        file.set_len(0)?;
        Ok(FileWriter { file, at: 0 })
    }

    /// The file, and how many bytes it has got.
    pub(crate) fn into_inner(self) -> (F, u64) {
        (self.file, self.at)
    }
}

impl<F: DiskFile> io::Write for FileWriter<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        write_all_at(&mut self.file, bytes, self.at)?;
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A directory of the machine's file system.
#[derive(Debug, Clone)]
pub(crate) struct RealDisk {
    dir: PathBuf,
}

impl RealDisk {
    /// The directory, made where it is missing.
    pub(crate) fn open_dir(dir: &Path) -> io::Result<RealDisk> {
        let missing: Vec<&Path> = dir.ancestors().take_while(|dir| !dir.exists()).collect();
        fs::create_dir_all(dir)?;
        // Without its name in the directory above, a synced one is not there after a power cut.
        for made in missing {
            let above = made.parent().filter(|above| !above.as_os_str().is_empty());
            File::open(above.unwrap_or(Path::new(".")))?.sync_all()?;
        }
        Ok(RealDisk { dir: dir.to_owned() })
    }
}

impl Disk for RealDisk {
    type File = File;
    type Backend = redb::backends::FileBackend;

    fn open(&self, name: &str) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.mode(FILE_MODE).read(true).write(true).create(true).truncate(false).open(self.dir.join(name))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.dir)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        names.filter_map(Result::transpose).collect()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.dir.join(from), self.dir.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.dir.join(name)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    fn sync_dir(&self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }

    fn open_backend(&self, name: &str) -> io::Result<Self::Backend> {
        redb::backends::FileBackend::new(self.open(name)?).map_err(io::Error::other)
    }
}

impl DiskFile for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, buf, offset)
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        FileExt::write_at(self, bytes, offset)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        File::set_len(self, len)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}
