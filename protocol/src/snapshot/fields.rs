//! A type's fields in the rows of a component that may have more of them, in another order.

use super::rows::{Place, Row, Rows};
use crate::ids::Slot;
use crate::schema::Shape;
use crate::wire::Wire;

/// Where the fields of a type stand in a component's rows. Found by name, so that a program reads what it knows and skips the rest.
#[derive(Clone, Debug)]
pub struct Fields {
    places: Box<[Place]>,
}

/// A field that a type has, and why it can't be read from a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// The component has no field of that name.
    Missing(String),
    /// Its kind or range differs.
    Kind(String),
}

impl Fields {
    /// The fields of `T` in the rows of a component of this shape.
    ///
    /// # Errors
    /// The first field of `T` that is missing or of another kind.
    pub fn of<T: Wire>(shape: &Shape) -> Result<Self, Mismatch> {
        let rows = Rows::new(shape);
        let place = |mine: crate::schema::Field| match shape.fields.iter().position(|theirs| theirs.name == mine.name) {
            None => Err(Mismatch::Missing(mine.name)),
            Some(index) if shape.fields[index].kind != mine.kind => Err(Mismatch::Kind(mine.name)),
            Some(index) => Ok(rows.places[index]),
        };
        Ok(Self { places: T::shape().fields.into_iter().map(place).collect::<Result<_, _>>()? })
    }

    /// The slot's values of these fields; `rows` are of the component that the fields were found in.
    pub fn get<'a>(&'a self, rows: &'a Rows, slot: Slot) -> Option<Row<'a>> {
        rows.row(slot, &self.places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Wire;
    use crate::schema::{Field, Kind, Predict, Schema};
    use crate::snapshot::Tables;
    use crate::wire::Sink as _;

    #[derive(Debug, PartialEq, Wire)]
    #[wire(crate = crate)]
    struct Old {
        a: i32,
        #[wire(max = 8)]
        name: String,
        b: i32,
    }

    fn shape(fields: &[(&str, Kind)]) -> Shape {
        let field =
            |(name, kind): &(&str, Kind)| Field { name: (*name).into(), kind: kind.clone(), predict: Predict::Auto };
        Shape { name: "Old".into(), fields: fields.iter().map(field).collect() }
    }

    fn int() -> Kind {
        Kind::Int { min: i32::MIN.into(), max: i32::MAX.into() }
    }

    #[test]
    fn what_is_known_is_read_and_the_rest_skipped() {
        let newer = shape(&[
            ("new", int()),
            ("b", int()),
            ("title", Kind::Text { max: 9 }),
            ("name", Kind::Text { max: 8 }),
            ("a", int()),
        ]);
        let input = shape(&[]);
        let mut tables = Tables::new(Schema { components: vec![newer.clone()], input, ..Schema::default() }.into());
        tables.table(0).set(4, |row| {
            row.int(1);
            row.int(2);
            row.opaque(b"sir");
            row.opaque(b"ada");
            row.int(3);
        });
        let fields = Fields::of::<Old>(&newer).expect("all three are there");
        let mut row = fields.get(&tables.tables[0].rows, 4).expect("the row was set");
        assert_eq!(Old::read(&mut row), Ok(Old { a: 3, name: "ada".into(), b: 2 }));
        assert!(fields.get(&tables.tables[0].rows, 5).is_none());
    }

    #[test]
    fn what_is_missing_or_differs_is_named() {
        let missing = shape(&[("a", int()), ("b", int())]);
        assert_eq!(Fields::of::<Old>(&missing).err(), Some(Mismatch::Missing("name".into())));
        let differs = shape(&[("a", int()), ("name", Kind::Text { max: 8 }), ("b", Kind::Bool)]);
        assert_eq!(Fields::of::<Old>(&differs).err(), Some(Mismatch::Kind("b".into())));
    }
}
