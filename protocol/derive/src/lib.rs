//! `#[derive(Wire)]` for tickwire: components, inputs and events that travel.

use proc_macro::TokenStream;

mod attributes;
mod expand;

/// Makes a struct with named fields (or none) a `Wire` type, or an enum of unit variants the type of a field of one.
///
/// On the type:
///
/// | attribute | meaning | default |
/// |---|---|---|
/// | `#[wire(name = "…")]` | its name in the schema | the type's |
/// | `#[wire(crate = path)]` | where to find tickwire | `::tickwire` |
///
/// On a field:
///
/// | attribute | for | meaning |
/// |---|---|---|
/// | `range = A..=B` | integers, floats | what is allowed; a writer clamps, a reader refuses. Default for an integer: all of its type |
/// | `step = S` | floats | the distance of neighbouring values; goes with `range` |
/// | `angle, bits = N` | floats | radians in 2^N steps a turn, N from 1 to 16 |
/// | `max = N` | `String`, `Vec<u8>` | bytes at most |
/// | `predict = "hold"`, `"velocity"` or `"auto"` | numbers | a hint to the codec |
/// | `name = "…"` | any | its name in the schema |
/// | `skip` | any | does not travel; read as its `Default` |
///
/// What is missing, and a range, step or number of bits that makes no sense, is an error at compile time.
#[proc_macro_derive(Wire, attributes(wire))]
pub fn derive_wire(input: TokenStream) -> TokenStream {
    expand::derive(input.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}
