//! Traces: recorded state changes, to measure the codec on and to train priors from.
//!
//! JSON Lines, plain or compressed with zstd; all values are integers, already quantised. The first line is the [`Header`], then one
//! line a [`Tick`] with only what changed: `{"tick":7,"set":[[id, component, [values…]], …],"despawn":[id, …],"unset":[[id, component], …]}`.
//! `id` names an entity while it lives and may be used again after a despawn; `values` are all fields of that component. A `set` for an
//! unknown id is a spawn, or adds the component. Whatever else a line holds is an error that names it.

mod read;
mod replay;
mod write;

pub use read::{Fault, TraceError};
pub use replay::{Replay, ReplayError};
pub use write::TraceWriter;

use serde::{Deserialize, Serialize};
use tickwire_protocol::{Field, Kind, Predict, Schema, Shape};

/// A whole trace, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// Its first line.
    pub header: Header,
    /// The other lines; ticks ascend.
    pub ticks: Vec<Tick>,
}

/// What a trace is of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The format's version: 1.
    pub trace: u32,
    /// Its name.
    pub name: String,
    /// Ticks a second.
    pub tick_rate: u32,
    /// The components.
    pub components: Vec<Component>,
}

/// A component of a trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// Its name.
    pub name: String,
    /// Its fields.
    pub fields: Vec<Column>,
}

/// A field of a trace's component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What its values are.
    #[serde(flatten)]
    pub kind: ColumnKind,
}

/// What the values of a trace's field are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum ColumnKind {
    /// Any i32.
    Int,
    /// 0 to 2^bits-1, wrapping.
    Angle {
        /// 1 to 16.
        bits: u8,
    },
}

/// What changed at a tick.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tick {
    /// The tick.
    pub tick: u32,
    /// Rows that are new or changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<Set>,
    /// Entities that are gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub despawn: Vec<u32>,
    /// Components that entities lost, by the component's index.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unset: Vec<(u32, usize)>,
}

/// A row: the entity, the component's index, and the values of all its fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Set(pub u32, pub usize, pub Vec<i32>);

impl Header {
    /// The schema whose tables hold what the trace holds, with this prediction for all fields.
    pub fn schema(&self, predict: Predict) -> Schema {
        let field = |column: &Column| Field {
            name: column.name.clone(),
            kind: match column.kind {
                ColumnKind::Int => Kind::Int { min: i32::MIN.into(), max: i32::MAX.into() },
                ColumnKind::Angle { bits } => Kind::Angle { bits },
            },
            predict,
        };
        let shape = |component: &Component| Shape {
            name: component.name.clone(),
            fields: component.fields.iter().map(field).collect(),
        };
        let input = Shape { name: "none".into(), fields: Vec::new() };
        Schema { components: self.components.iter().map(shape).collect(), input, ..Schema::default() }
    }
}
