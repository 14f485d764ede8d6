//! Lines in, a checked trace out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use ruzstd::decoding::StreamingDecoder;
use tickwire_protocol::Predict;

use super::{ColumnKind, Header, Set, Tick, Trace};

/// The first bytes of a zstd frame.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

/// Why a trace could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The file itself.
    #[error("the trace can't be read: {0}")]
    Io(#[from] io::Error),
    /// The compression.
    #[error("the trace can't be decompressed: {0}")]
    Zstd(String),
    /// A line; the first is 1.
    #[error("line {line} of the trace: {fault}")]
    Line {
        /// Its number.
        line: usize,
        /// What is wrong with it.
        fault: Fault,
    },
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It is not of the form, or has a key that nothing may have.
    #[error(transparent)]
    Form(#[from] serde_json::Error),
    /// There is no header.
    #[error("the header is missing")]
    Empty,
    /// A version that this program does not know.
    #[error("version {0} is not known")]
    Version(u32),
    /// The components make no schema.
    #[error(transparent)]
    Schema(#[from] tickwire_protocol::SchemaError),
    /// The tick is not above the last one.
    #[error("tick {tick} does not follow tick {last}")]
    Tick {
        /// The line's tick.
        tick: u32,
        /// The last one's.
        last: u32,
    },
    /// A component that the header does not name.
    #[error("component {0} is not in the header")]
    Component(usize),
    /// More or fewer values than the component has fields.
    #[error("{values} values for the {fields} fields of `{component}`")]
    Values {
        /// The component's name.
        component: String,
        /// Values in the line.
        values: usize,
        /// Fields of the component.
        fields: usize,
    },
    /// An angle outside its turn.
    #[error("{value} is not an angle of {bits} bits")]
    Angle {
        /// The value.
        value: i32,
        /// The field's bits.
        bits: u8,
    },
    /// An entity that is not there, or does not have the component.
    #[error("entity {0} is not there to lose anything")]
    Missing(u32),
}

impl Trace {
    /// Reads a file, compressed or plain.
    ///
    /// # Errors
    /// See [`TraceError`].
    pub fn open(path: &Path) -> Result<Self, TraceError> {
        let mut file = File::open(path)?;
        let mut magic = Vec::new();
        Read::by_ref(&mut file).take(4).read_to_end(&mut magic)?;
        file.seek(SeekFrom::Start(0))?;
        if magic == ZSTD_MAGIC {
            let decoder = StreamingDecoder::new(file).map_err(|error| TraceError::Zstd(error.to_string()))?;
            Self::read(BufReader::new(decoder))
        } else {
            Self::read(BufReader::new(file))
        }
    }

    /// Reads plain lines.
    ///
    /// # Errors
    /// See [`TraceError`].
    pub fn read(lines: impl BufRead) -> Result<Self, TraceError> {
        let mut lines = lines.lines().enumerate().map(|(index, line)| Ok((index + 1, line?)));
        let (line, first) = lines.next().unwrap_or(Ok::<_, io::Error>((1, String::new())))?;
        let header = read_header(&first).map_err(|fault| TraceError::Line { line, fault })?;
        let mut check = Check::default();
        let mut ticks = Vec::new();
        for entry in lines {
            let (line, text) = entry?;
            let tick = check.read(&header, &text).map_err(|fault| TraceError::Line { line, fault })?;
            ticks.push(tick);
        }
        Ok(Self { header, ticks })
    }
}

fn read_header(line: &str) -> Result<Header, Fault> {
    if line.is_empty() {
        return Err(Fault::Empty);
    }
    let header: Header = serde_json::from_str(line)?;
    if header.trace != 1 {
        return Err(Fault::Version(header.trace));
    }
    header.schema(Predict::Auto).check()?;
    Ok(header)
}

/// What the lines so far have left alive.
#[derive(Default)]
struct Check {
    last: u32,
    live: BTreeMap<u32, BTreeSet<usize>>,
}

impl Check {
    fn read(&mut self, header: &Header, line: &str) -> Result<Tick, Fault> {
        let tick: Tick = serde_json::from_str(line)?;
        if tick.tick <= self.last {
            return Err(Fault::Tick { tick: tick.tick, last: self.last });
        }
        self.last = tick.tick;
        // In this order: an id may be used again in the line in which its entity is gone.
        for id in &tick.despawn {
            self.live.remove(id).ok_or(Fault::Missing(*id))?;
        }
        for (id, component) in &tick.unset {
            let lost = self.live.get_mut(id).is_some_and(|components| components.remove(component));
            if !lost {
                return Err(Fault::Missing(*id));
            }
        }
        for Set(id, component, values) in &tick.set {
            check_values(header, *component, values)?;
            self.live.entry(*id).or_default().insert(*component);
        }
        Ok(tick)
    }
}

fn check_values(header: &Header, component: usize, values: &[i32]) -> Result<(), Fault> {
    let shape = header.components.get(component).ok_or(Fault::Component(component))?;
    if values.len() != shape.fields.len() {
        let (component, fields) = (shape.name.clone(), shape.fields.len());
        return Err(Fault::Values { component, values: values.len(), fields });
    }
    for (column, &value) in shape.fields.iter().zip(values) {
        if let ColumnKind::Angle { bits } = column.kind
            && !(0..1 << bits).contains(&value)
        {
            return Err(Fault::Angle { value, bits });
        }
    }
    Ok(())
}
