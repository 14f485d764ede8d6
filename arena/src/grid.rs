//! Who is near: a uniform grid over the arena, filled anew every tick without allocating.

use bevy_ecs::entity::Entity;
use bevy_ecs::resource::Resource;

/// The side of a cell in units: twice the largest radius, so that all that touches a point lies in its cell and the eight around.
const CELL: f32 = 128.0;

/// Something with a place and a radius.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Body {
    pub(crate) entity: Entity,
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) radius: f32,
}

/// Bodies by cell, of one kind. A resource for each.
#[derive(Debug, Default)]
struct Grid {
    side: usize,
    /// By cell: where its bodies begin.
    starts: Vec<u32>,
    bodies: Vec<Body>,
    unsorted: Vec<Body>,
}

impl Grid {
    fn fill(&mut self, size: f32, bodies: impl Iterator<Item = Body>) {
        self.side = (size / CELL) as usize + 1;
        self.unsorted.clear();
        self.unsorted.extend(bodies);
        self.starts.clear();
        self.starts.resize(self.side * self.side + 1, 0);
        for body in &self.unsorted {
            self.starts[cell(self.side, body.x, body.y) + 1] += 1;
        }
        for index in 1..self.starts.len() {
            self.starts[index] += self.starts[index - 1];
        }
        // Counting sort: keeps the order of bodies in a cell, so that the world stays a function of its past.
        self.bodies.clear();
        self.bodies.extend_from_slice(&self.unsorted);
        for body in &self.unsorted {
            let start = &mut self.starts[cell(self.side, body.x, body.y)];
            self.bodies[*start as usize] = *body;
            *start += 1;
        }
        // Every start has moved to its cell's end, which is the next cell's start.
        self.starts.rotate_right(1);
        self.starts[0] = 0;
    }

    fn near(&self, x: f32, y: f32) -> impl Iterator<Item = &Body> {
        let (column, row) = (axis(self.side, x), axis(self.side, y));
        let rows = row.saturating_sub(1)..=(row + 1).min(self.side.saturating_sub(1));
        rows.flat_map(move |row| {
            let first = row * self.side + column.saturating_sub(1);
            let last = row * self.side + (column + 1).min(self.side.saturating_sub(1));
            match (self.starts.get(first), self.starts.get(last + 1)) {
                (Some(&start), Some(&end)) => &self.bodies[start as usize..end as usize],
                _ => &[],
            }
        })
    }
}

fn axis(side: usize, along: f32) -> usize {
    ((along / CELL) as usize).min(side.saturating_sub(1))
}

fn cell(side: usize, x: f32, y: f32) -> usize {
    axis(side, y) * side + axis(side, x)
}

/// What bullets and ships may run into.
#[derive(Debug, Default, Resource)]
pub(crate) struct Near {
    ships: Grid,
    rocks: Grid,
}

impl Near {
    pub(crate) fn fill(&mut self, size: f32, ships: impl Iterator<Item = Body>, rocks: impl Iterator<Item = Body>) {
        self.ships.fill(size, ships);
        self.rocks.fill(size, rocks);
    }

    /// Ships that may touch something near this point.
    pub(crate) fn ships(&self, x: f32, y: f32) -> impl Iterator<Item = &Body> {
        self.ships.near(x, y)
    }

    /// Rocks that may touch something near this point.
    pub(crate) fn rocks(&self, x: f32, y: f32) -> impl Iterator<Item = &Body> {
        self.rocks.near(x, y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_finds_all_that_touch() {
        let mut grid = Grid::default();
        let places: Vec<(f32, f32)> = (0..400).map(|n| ((n * 37 % 1000) as f32, (n * 91 % 1000) as f32)).collect();
        let body = |&(x, y): &(f32, f32)| Body { entity: Entity::PLACEHOLDER, x, y, radius: 64.0 };
        grid.fill(1000.0, places.iter().map(body));
        for &(x, y) in &places {
            let touches = |(bx, by): (f32, f32)| (bx - x).hypot(by - y) < 64.0;
            let found = grid.near(x, y).filter(|body| touches((body.x, body.y))).count();
            assert_eq!(found, places.iter().filter(|&&place| touches(place)).count());
        }
    }
}
