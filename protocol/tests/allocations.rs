//! A steady delta allocates nothing.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use tickwire_protocol::snapshot::{Encoder, Tables};
use tickwire_protocol::wire::Sink as _;
use tickwire_protocol::{Field, Kind, Predict, Schema, Shape};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: all is done by the system's allocator; the count is a plain number of the thread's own.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_steady_delta_allocates_nothing() {
    let int = Kind::Int { min: i32::MIN.into(), max: i32::MAX.into() };
    let fields = ["x", "y"].map(|name| Field { name: name.into(), kind: int.clone(), predict: Predict::Auto });
    let empty = Shape { name: "Input".into(), fields: vec![] };
    let components = vec![Shape { name: "Body".into(), fields: fields.into() }];
    let mut tables = Tables::new(Arc::new(Schema { components, input: empty, ..Schema::default() }));
    let mut encoder = Encoder::new(&tables);
    let mut out = Vec::with_capacity(1 << 16);
    let mut steady = 0;
    for tick in 1..200u32 {
        for slot in 0..300 {
            // Some bounce, some stand; every tick is a different one.
            let x = (tick * (slot % 7)) % 50 + slot;
            tables.table(0).set(slot, |row| [x as i32, (x * x) as i32].into_iter().for_each(|value| row.int(value)));
        }
        out.clear();
        let before = ALLOCATIONS.get();
        encoder.observe(&tables);
        encoder.delta(&tables, tick, tick % 8 == 0, &mut out);
        tables.settle();
        // Two looks at the priors and an announcement belong to the warming up.
        if tick > 130 {
            steady += ALLOCATIONS.get() - before;
        }
    }
    assert!(out.len() > 20, "something was encoded");
    assert_eq!(steady, 0);
}
