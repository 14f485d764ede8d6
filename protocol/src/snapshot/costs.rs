//! What the bytes of a delta are spent on: bits by component and field.

use super::decoder::{Decoder, read_head};
use super::prior::{DIGITS, NUMBER, OPAQUE, TABLE, one};
use super::range::ONE;
use super::walk::Tally;
use super::{DecodeError, flags};
use crate::schema::Schema;

/// What one or many deltas cost, in bits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Costs {
    /// By component.
    pub components: Vec<ComponentCosts>,
    /// The rest: heads, snapshot hashes, announcements of priors, and all that came, went or was sent whole.
    pub rest: f64,
}

/// What one component costs, in bits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ComponentCosts {
    /// To say which rows changed.
    pub flags: f64,
    /// By field: to say whether and how it changed.
    pub fields: Vec<f64>,
}

impl Costs {
    /// Nothing spent yet.
    pub fn new(schema: &Schema) -> Self {
        let component =
            |shape: &crate::schema::Shape| ComponentCosts { flags: 0.0, fields: vec![0.0; shape.fields.len()] };
        Self { components: schema.components.iter().map(component).collect(), rest: 0.0 }
    }

    /// Bytes in all.
    pub fn bytes(&self) -> f64 {
        let component = |costs: &ComponentCosts| costs.flags + costs.fields.iter().sum::<f64>();
        (self.components.iter().map(component).sum::<f64>() + self.rest) / 8.0
    }
}

impl Decoder {
    /// Adds up what the next delta's body is spent on, without applying it.
    ///
    /// # Errors
    /// As [`Decoder::apply`].
    pub fn cost(&mut self, body: &[u8], costs: &mut Costs) -> Result<(), DecodeError> {
        let (head, stream) = read_head(body)?;
        let before = costs.bytes();
        if head.has(flags::CODED) {
            let owners = owners(self.schema());
            let mut meter = Meter { owners: &owners, levels: self.levels.clone(), field: (0, 0), costs };
            self.read(&head, stream, &mut meter)?;
        }
        costs.rest += (body.len() as f64 - (costs.bytes() - before)) * 8.0;
        Ok(())
    }
}

/// Whose a context is: a component's index, and its field's if it is not of the rows' flags.
#[derive(Clone, Copy)]
enum Owner {
    Flags(usize),
    Field(usize, usize),
    /// Digits, which the fields of a component share: the field's that is being coded.
    Digits,
}

fn owners(schema: &Schema) -> Vec<Owner> {
    let mut owners = Vec::new();
    for (component, shape) in schema.components.iter().enumerate() {
        owners.extend((0..TABLE).map(|index| if index < DIGITS { Owner::Flags(component) } else { Owner::Digits }));
        for (field, of) in shape.fields.iter().enumerate() {
            let contexts = if of.kind.is_opaque() { OPAQUE } else { NUMBER };
            owners.extend((0..contexts).map(|_| Owner::Field(component, field)));
        }
    }
    owners
}

/// Adds up the price of every decision.
struct Meter<'a> {
    owners: &'a [Owner],
    levels: Vec<u8>,
    /// The component and field that were coded last.
    field: (usize, usize),
    costs: &'a mut Costs,
}

impl Meter<'_> {
    fn spend(&mut self, context: usize, bits: f64) {
        match self.owners[context] {
            Owner::Flags(component) => return self.costs.components[component].flags += bits,
            Owner::Field(component, field) => self.field = (component, field),
            Owner::Digits => {}
        }
        self.costs.components[self.field.0].fields[self.field.1] += bits;
    }
}

impl Tally for Meter<'_> {
    fn count(&mut self, context: usize, bit: bool) {
        let ones = one(self.levels[context]);
        let chance = if bit { ones } else { ONE - ones };
        self.spend(context, f64::from(ONE).log2() - f64::from(chance).log2());
    }

    fn raw(&mut self, context: usize, bits: u32) {
        self.spend(context, bits.into());
    }
}
