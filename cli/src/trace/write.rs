//! A trace out, line by line; compressed if its name says so.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::{Header, Tick};

/// Writes a trace to a file. What was not finished is lost.
#[derive(Debug)]
pub struct TraceWriter {
    file: BufWriter<File>,
    /// Lines that the compressor takes all at once, at the end.
    uncompressed: Option<Vec<u8>>,
}

impl TraceWriter {
    /// Begins a trace; compressed if the name ends in `.zst`.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn create(path: &Path, header: &Header) -> io::Result<Self> {
        let compressed = path.extension().is_some_and(|extension| extension == "zst");
        let mut writer = Self { file: BufWriter::new(File::create(path)?), uncompressed: compressed.then(Vec::new) };
        writer.line(header)?;
        Ok(writer)
    }

    /// Appends a tick.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn tick(&mut self, tick: &Tick) -> io::Result<()> {
        self.line(tick)
    }

    /// Completes the file.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn finish(mut self) -> io::Result<()> {
        if let Some(lines) = self.uncompressed {
            self.file.write_all(&compress_to_vec(&lines[..], CompressionLevel::Fastest))?;
        }
        self.file.flush()
    }

    fn line(&mut self, value: &impl serde::Serialize) -> io::Result<()> {
        let out: &mut dyn Write = match &mut self.uncompressed {
            Some(lines) => lines,
            None => &mut self.file,
        };
        serde_json::to_writer(&mut *out, value)?;
        out.write_all(b"\n")
    }
}
