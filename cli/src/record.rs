//! `tickwire record`: a live room as a trace, as a client in it sees it.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use tickwire_client::{Client, ClientConfig, Replica, Slot, Update};
use tickwire_protocol::snapshot::Rows;
use tickwire_protocol::wire::Source as _;
use tickwire_protocol::{Kind, Shape};

use crate::args::RecordArgs;
use crate::error::CliError;
use crate::host::interrupted;
use crate::trace::{Column, ColumnKind, Component, Header, Set, Tick, TraceWriter};

pub(crate) async fn run(args: RecordArgs) -> Result<ExitCode, CliError> {
    let id = format!("Recorder.{:x}", rand::random::<u64>());
    let token = args.host.tokens(Duration::from_secs(args.seconds))?.mint(&id, "Recorder");
    let trust = args.host.trust()?;
    let mut client = Client::new(ClientConfig::new(args.host.url, token, args.room))?.trusting(trust);
    let mut recording: Option<(TraceWriter, Recorder)> = None;
    let mut ticks = 0;
    let mut fault = "nobody answered in time".to_owned();
    let time = tokio::time::sleep(Duration::from_secs(args.seconds));
    let (mut time, mut stop) = (std::pin::pin!(time), std::pin::pin!(interrupted()));
    loop {
        let update = tokio::select! {
            biased;
            () = stop.as_mut() => break,
            () = time.as_mut() => break,
            update = client.next() => update?,
        };
        match update {
            Some(Update::Joined { .. }) if recording.is_none() => {
                let Some(welcome) = client.welcome() else { continue };
                let components = welcome.schema.components.iter().map(component).collect();
                let header = Header { trace: 1, name: welcome.room.clone(), tick_rate: welcome.tick_rate, components };
                recording = Some((TraceWriter::create(&args.out, &header)?, Recorder::new(&header)));
            }
            Some(Update::Snapshot { tick }) => {
                if let (Some((writer, recorder)), Some(replica)) = (&mut recording, client.replica()) {
                    writer.tick(&recorder.tick(tick, replica))?;
                    ticks += 1;
                }
            }
            Some(Update::Refused { message, .. }) => return Err(CliError::Refused(message)),
            Some(Update::Lost { reason, .. }) => fault = reason,
            Some(_) => {}
            None => break,
        }
    }
    client.leave().await;
    let Some((writer, _)) = recording else { return Err(CliError::Refused(fault)) };
    writer.finish()?;
    println!("{ticks} ticks in {}", args.out.display());
    Ok(ExitCode::SUCCESS)
}

/// A component as a trace has it: numbers alone.
fn component(shape: &Shape) -> Component {
    let column = |field: &tickwire_protocol::Field| {
        let kind = match field.kind {
            Kind::Text { .. } | Kind::Bytes { .. } => return None,
            Kind::Angle { bits } => ColumnKind::Angle { bits },
            _ => ColumnKind::Int,
        };
        Some(Column { name: field.name.clone(), kind })
    };
    Component { name: shape.name.clone(), fields: shape.fields.iter().filter_map(column).collect() }
}

/// Finds out what changed from one snapshot to the next.
struct Recorder {
    tables: Vec<BTreeMap<Slot, Vec<i32>>>,
}

impl Recorder {
    fn new(header: &Header) -> Self {
        Self { tables: vec![BTreeMap::new(); header.components.len()] }
    }

    fn tick(&mut self, tick: u32, replica: &Replica) -> Tick {
        let mut changes = Tick { tick, ..Tick::default() };
        let shapes = &replica.schema().components;
        let now: Vec<BTreeMap<Slot, Vec<i32>>> =
            shapes.iter().enumerate().map(|(index, shape)| numbers(replica.table(index), shape)).collect();
        let lives = |tables: &[BTreeMap<Slot, Vec<i32>>], slot| tables.iter().any(|rows| rows.contains_key(slot));
        for (component, (before, rows)) in self.tables.iter().zip(&now).enumerate() {
            for slot in before.keys().filter(|slot| !rows.contains_key(slot)) {
                match lives(&now, slot) {
                    true => changes.unset.push((*slot, component)),
                    false => changes.despawn.push(*slot),
                }
            }
            let changed = rows.iter().filter(|(slot, values)| before.get(slot) != Some(values));
            changes.set.extend(changed.map(|(&slot, values)| Set(slot, component, values.clone())));
        }
        changes.despawn.sort_unstable();
        changes.despawn.dedup();
        self.tables = now;
        changes
    }
}

fn numbers(rows: Option<&Rows>, shape: &Shape) -> BTreeMap<Slot, Vec<i32>> {
    let values = |(rows, slot): (&Rows, Slot)| {
        let mut row = rows.get(slot)?;
        let mut values = Vec::new();
        for field in &shape.fields {
            if field.kind.is_opaque() {
                row.opaque().ok()?;
            } else {
                values.push(row.int().ok()?);
            }
        }
        Some((slot, values))
    };
    rows.into_iter().flat_map(|rows| rows.slots().map(move |slot| (rows, slot))).filter_map(values).collect()
}
