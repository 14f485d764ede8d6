//! From the world to tables: which entities travel, under which slots, and which of their rows changed.
//!
//! Two lists of systems. Every tick *track* notes components that were taken away, before bevy forgets it. On snapshot ticks
//! *capture* frees the slots of the dead, gives slots to the new, and quantises the rows that bevy marks changed.

use std::collections::VecDeque;

use bevy_ecs::change_detection::ContiguousRef;
use bevy_ecs::component::Component;
use bevy_ecs::entity::Entity;
use bevy_ecs::lifecycle::{HookContext, RemovedComponents};
use bevy_ecs::prelude::{Query, Ref, Res, ResMut, With, Without};
use bevy_ecs::resource::Resource;
use bevy_ecs::schedule::{IntoScheduleConfigs, Schedule, SingleThreadedExecutor};
use bevy_ecs::world::{DeferredWorld, World};
use tickwire_protocol::snapshot::{SlotPool, Tables};
use tickwire_protocol::{MAX_SLOTS, Slot, Wire};

use crate::time::TickTime;

/// Entities with this marker travel to clients, with those of their components that the game's setup replicates.
#[derive(Clone, Copy, Debug, Default, Component)]
#[require(NetSlot)]
#[component(on_add = replicated, on_remove = unreplicated)]
pub struct Replicated;

/// The slot of an entity that travels, from its first capture on.
#[derive(Clone, Copy, Debug, Default, Component)]
struct NetSlot(Option<Slot>);

/// The tables that the capture fills, as a resource.
#[derive(Debug, Resource)]
pub(crate) struct Captured(pub(crate) Tables);

/// Who needs a slot, and whose slot is free.
#[derive(Debug, Default, Resource)]
struct Slots {
    /// Entities that wait for a slot, in the order in which they were marked.
    new: VecDeque<Entity>,
    /// Entities that got theirs in the running capture: all of their components are new to clients.
    fresh: Vec<(Entity, Slot)>,
    /// Slots whose entity died since the last capture.
    dead: Vec<Slot>,
    pool: SlotPool,
    /// Some wait because all are given.
    full: bool,
}

fn replicated(mut world: DeferredWorld<'_>, context: HookContext) {
    if let Some(mut slots) = world.get_resource_mut::<Slots>() {
        slots.new.push_back(context.entity);
    }
}

fn unreplicated(mut world: DeferredWorld<'_>, context: HookContext) {
    let slot = world.get_mut::<NetSlot>(context.entity).and_then(|mut net| net.0.take());
    if let (Some(slot), Some(mut slots)) = (slot, world.get_resource_mut::<Slots>()) {
        slots.dead.push(slot);
    }
}

/// The two lists of systems.
pub(crate) struct Capture {
    track: Schedule,
    capture: Schedule,
}

impl Capture {
    /// Prepares `world`, before anything is spawned in it.
    pub(crate) fn new(world: &mut World) -> Self {
        world.insert_resource(Slots::default());
        let mut capture = single_threaded();
        capture.add_systems((bury, give_slots).chain());
        Self { track: single_threaded(), capture }
    }

    /// Captures `T` into the table with this index.
    pub(crate) fn add<T: Component + Wire>(&mut self, table: usize) {
        self.track.add_systems(
            move |mut removed: RemovedComponents<'_, '_, T>,
                  lacking: Query<'_, '_, &NetSlot, (With<Replicated>, Without<T>)>,
                  mut captured: ResMut<'_, Captured>| {
                for slot in removed.read().filter_map(|entity| lacking.get(entity).ok()?.0) {
                    captured.0.table(table).remove(slot);
                }
            },
        );
        let fresh = move |slots: Res<'_, Slots>,
                          query: Query<'_, '_, &T, With<Replicated>>,
                          mut captured: ResMut<'_, Captured>| {
            for &(entity, slot) in &slots.fresh {
                if let Ok(component) = query.get(entity) {
                    captured.0.table(table).set(slot, |row| component.write(row));
                }
            }
        };
        let changed = move |query: Query<'_, '_, (&NetSlot, Ref<'_, T>), With<Replicated>>,
                            mut captured: ResMut<'_, Captured>| {
            let table = captured.0.table(table);
            let mut set = |slot: &NetSlot, component: &T| {
                if let Some(slot) = slot.0 {
                    table.set(slot, |row| component.write(row));
                }
            };
            match query.contiguous_iter() {
                Ok(chunks) => {
                    for (slots, components) in chunks {
                        let (components, ticks) = ContiguousRef::split(components);
                        if ticks.summary_tick_is_changed() == Some(false) {
                            continue;
                        }
                        let rows = slots.iter().zip(components).zip(ticks.is_changed_iter());
                        rows.filter(|(_, changed)| *changed).for_each(|((slot, component), _)| set(slot, component));
                    }
                }
                // The component is stored in a sparse set.
                Err(_) => {
                    use bevy_ecs::change_detection::DetectChanges as _;
                    query
                        .iter()
                        .filter(|(_, component)| component.is_changed())
                        .for_each(|(slot, row)| set(slot, &row));
                }
            }
        };
        self.capture.add_systems((fresh, changed).chain().after(give_slots));
    }

    /// Notes what this tick took away.
    pub(crate) fn track(&mut self, world: &mut World) {
        self.track.run(world);
    }

    /// Brings the tables up to date.
    pub(crate) fn capture(&mut self, world: &mut World) {
        self.capture.run(world);
    }
}

/// A schedule for one room: rooms run beside each other, systems after each other.
pub(crate) fn single_threaded() -> Schedule {
    let mut schedule = Schedule::default();
    schedule.set_executor(SingleThreadedExecutor::new());
    schedule
}

fn bury(time: Res<'_, TickTime>, mut slots: ResMut<'_, Slots>, mut captured: ResMut<'_, Captured>) {
    let slots = &mut *slots;
    for slot in slots.dead.drain(..) {
        captured.0.despawn(slot);
        slots.pool.take_back(slot, time.tick);
    }
}

fn give_slots(
    time: Res<'_, TickTime>,
    mut slots: ResMut<'_, Slots>,
    mut nets: Query<'_, '_, &mut NetSlot, With<Replicated>>,
) {
    let slots = &mut *slots;
    slots.fresh.clear();
    while let Some(&entity) = slots.new.front() {
        // It may have died, or have been marked twice, since.
        if let Some(mut net) = nets.get_mut(entity).ok().filter(|net| net.0.is_none()) {
            let Some(slot) = slots.pool.give(time.tick) else {
                // Those that died while they waited need none.
                slots.new.retain(|&entity| nets.contains(entity));
                if !std::mem::replace(&mut slots.full, true) {
                    tracing::warn!("all {MAX_SLOTS} slots are taken: new entities wait for one before they travel");
                }
                return;
            };
            net.0 = Some(slot);
            slots.fresh.push((entity, slot));
        }
        slots.new.pop_front();
    }
    slots.full = false;
}
