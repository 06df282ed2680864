//! Packs one closed file, so that at any moment all of it is there under one name or the other.

use std::io::{self, BufReader, ErrorKind, Read, Write};

use crate::disk::{Disk, DiskFile, FileReader, FileWriter};
use crate::files::{self, Name, Packing};

/// zstd's own default. Higher levels save a few percent more and take many times as long.
const LEVEL: i32 = 3;
/// Bytes taken at once; between two pieces a wish to end is heard.
const CHUNK: usize = 256 * 1024;
/// What a file that is being packed is called until it is whole.
const NEW: &str = ".new";

/// Puts `events-….jsonl.zst` in the place of `events-….jsonl`; gives the bytes of both. `ErrorKind::Interrupted`: the end was
/// wished for meanwhile. Whatever goes wrong, the plain file stays.
pub(crate) fn pack<D: Disk>(disk: &D, name: Name, ends: &dyn Fn() -> bool) -> io::Result<(u64, u64)> {
    let (plain, packed) = (name.to_string(), name.packed(Packing::Zstd));
    let new = format!("{packed}{NEW}");
    let sizes = write(disk, &plain, &new, ends).and_then(|sizes| {
        compare(disk, &plain, &new, ends)?;
        Ok(sizes)
    });
    let sizes = sizes.inspect_err(|_| {
        // It may be what fills the disk. If it cannot be removed either, the next pass does it.
        let _ = disk.remove(&new);
    })?;
    disk.rename(&new, &packed)?;
    disk.sync_dir()?;
    disk.remove(&plain)?;
    disk.sync_dir()?;
    Ok(sizes)
}

/// Removes what an earlier process was packing when it was killed.
pub(crate) fn sweep<D: Disk>(disk: &D) -> io::Result<()> {
    for name in disk.list()? {
        let packed = name.strip_suffix(NEW).and_then(Name::parse_packed);
        if matches!(packed, Some((_, Packing::Zstd))) {
            disk.remove(&name)?;
        }
    }
    Ok(())
}

fn write<D: Disk>(disk: &D, plain: &str, new: &str, ends: &dyn Fn() -> bool) -> io::Result<(u64, u64)> {
    let plain = disk.open(plain)?;
    let len = plain.len()?;
    let mut encoder = zstd::stream::write::Encoder::new(FileWriter::new(disk.open(new)?)?, LEVEL)?;
    encoder.include_checksum(true)?;
    // Written into the frame's header: who knows all of it need not unpack it to see that.
    encoder.set_pledged_src_size(Some(len))?;
    let mut source = FileReader::new(plain, 0);
    each_piece(&mut source, ends, |piece| encoder.write_all(piece))?;
    let (mut file, packed) = encoder.finish()?.into_inner();
    file.sync()?;
    Ok((len, packed))
}

/// The plain file is about to be deleted: what the packed one becomes is compared with it, byte for byte.
fn compare<D: Disk>(disk: &D, plain: &str, new: &str, ends: &dyn Fn() -> bool) -> io::Result<()> {
    let mut plain = FileReader::new(disk.open(plain)?, 0);
    let mut packed = files::unpacked(BufReader::new(FileReader::new(disk.open(new)?, 0)))?;
    let differs = || io::Error::new(ErrorKind::InvalidData, "what was packed unpacks to something else");
    let mut other = vec![0; CHUNK];
    each_piece(&mut plain, ends, |piece| {
        let other = other.get_mut(..piece.len()).unwrap_or_default();
        packed.read_exact(other)?;
        if other == piece { Ok(()) } else { Err(differs()) }
    })?;
    if packed.read(&mut [0])? == 0 { Ok(()) } else { Err(differs()) }
}

fn each_piece(
    source: &mut impl Read,
    ends: &dyn Fn() -> bool,
    mut each: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut piece = vec![0; CHUNK];
    loop {
        if ends() {
            return Err(ErrorKind::Interrupted.into());
        }
        match source.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(read) => each(piece.get(..read).unwrap_or_default())?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
