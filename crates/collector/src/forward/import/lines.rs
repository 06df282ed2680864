//! A file's lines, a batch at a time, whatever it is packed with and however it ends.

use std::io::{self, BufRead, BufReader, Read as _};

use crate::files;
use crate::forward::reader::{BATCH_BYTES, BATCH_LINES};

/// A longer line is none of a journal, which limits what a request becomes to this.
const MAX_LINE_BYTES: u64 = 8 * 1024 * 1024;
/// What is kept of one that is too long.
const KEPT_BYTES: usize = 1024;

/// What comes next in a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// A line, without its newline.
    Line(Vec<u8>),
    /// The start of a line that is too long for any journal.
    TooLong(Vec<u8>),
    /// The last bytes, which no newline ends.
    Torn(Vec<u8>),
    End,
}

/// Lines that are brought at once.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) lines: Vec<Read>,
    pub(crate) is_last: bool,
    /// Why the file can be read no further.
    pub(crate) error: Option<io::Error>,
}

/// A file that is being read.
pub(crate) struct Lines(BufReader<Box<dyn io::Read + Send>>);

impl Lines {
    pub(crate) fn of(file: impl io::Read + Send + 'static) -> io::Result<Lines> {
        let unpacked = files::unpacked(BufReader::new(file))?;
        let mut lines = Lines(BufReader::with_capacity(64 * 1024, unpacked));
        if lines.0.fill_buf()?.starts_with(files::DROP_IN_GUARD) {
            lines.skip_line()?;
        }
        Ok(lines)
    }

    pub(crate) fn read_batch(&mut self) -> Batch {
        let (mut lines, mut bytes) = (Vec::new(), 0);
        while bytes < BATCH_BYTES && lines.len() < BATCH_LINES {
            match self.read_line() {
                Ok(Read::End) => return Batch { lines, is_last: true, error: None },
                Ok(read) => {
                    bytes += read.len();
                    lines.push(read);
                }
                Err(error) => return Batch { lines, is_last: true, error: Some(error) },
            }
        }
        Batch { lines, is_last: false, error: None }
    }

    pub(crate) fn read_line(&mut self) -> io::Result<Read> {
        let mut line = Vec::new();
        self.0.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line)?;
        match line.last() {
            None => Ok(Read::End),
            Some(b'\n') => {
                line.pop();
                Ok(Read::Line(line))
            }
            Some(_) if (line.len() as u64) < MAX_LINE_BYTES => Ok(Read::Torn(line)),
            Some(_) => {
                self.skip_line()?;
                line.truncate(KEPT_BYTES);
                Ok(Read::TooLong(line))
            }
        }
    }

    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let buffered = self.0.fill_buf()?;
            let newline = buffered.iter().position(|byte| *byte == b'\n');
            let (skipped, is_over) = match newline {
                Some(at) => (at + 1, true),
                None => (buffered.len(), buffered.is_empty()),
            };
            self.0.consume(skipped);
            if is_over {
                return Ok(());
            }
        }
    }
}

impl Read {
    fn len(&self) -> usize {
        match self {
            Read::Line(line) | Read::TooLong(line) | Read::Torn(line) => line.len() + 1,
            Read::End => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn all(bytes: &[u8]) -> (Vec<Read>, Option<io::Error>) {
        let (mut lines, mut all) = (Lines::of(io::Cursor::new(bytes.to_vec())).unwrap(), Vec::new());
        loop {
            let batch = lines.read_batch();
            all.extend(batch.lines);
            if batch.is_last {
                return (all, batch.error);
            }
        }
    }

    fn line(text: &str) -> Read {
        Read::Line(text.into())
    }

    #[test]
    fn a_file_is_read_however_it_is_packed() {
        let text = b"a\nb\ntorn";
        let expected = [line("a"), line("b"), Read::Torn(b"torn".to_vec())];
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(text).unwrap();
        for packed in [text.to_vec(), gz.finish().unwrap(), zstd::encode_all(&text[..], 1).unwrap()] {
            let (lines, error) = all(&packed);
            assert_eq!((lines.as_slice(), error.is_none()), (&expected[..], true));
        }
        assert_eq!(all(b"").0, []);
    }

    #[test]
    fn the_guard_of_the_php_drop_in_is_no_line() {
        let text = b"<?php __halt_compiler(); // Beaconry: what follows is one event a line, as JSON\na\nb\n";
        assert_eq!(all(text).0, [line("a"), line("b")]);
        assert_eq!(all(b"<?php __halt").0, []);
    }

    #[test]
    fn of_a_packed_file_that_breaks_off_the_start_is_read() {
        let text: String = (0..50_000).map(|n| format!("line {n} {}\n", n * 7_919 % 10_007)).collect();
        for packed in [zstd::encode_all(text.as_bytes(), 1).unwrap(), {
            let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gz.write_all(text.as_bytes()).unwrap();
            gz.finish().unwrap()
        }] {
            let (lines, error) = all(&packed[..packed.len() / 2]);
            assert!(error.is_some() && lines.len() > 1_000, "{error:?}");
            assert_eq!(lines[0], line("line 0 0"));
        }
    }

    #[test]
    fn a_line_without_an_end_takes_no_memory() {
        let mut text = vec![b'x'; 20 * 1024 * 1024];
        text.extend_from_slice(b"\nnext\n");
        let (lines, _) = all(&text);
        assert_eq!(lines, [Read::TooLong(vec![b'x'; KEPT_BYTES]), line("next")]);
    }
}
