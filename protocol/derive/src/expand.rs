//! From a type to its implementation.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::ext::IdentExt as _;
use syn::{Data, DataEnum, DeriveInput, Error, Fields, Ident, Path, Result, Type, parse_quote};

use crate::attributes::{FieldAttributes, TypeAttributes};

/// As many as a changed row's mask has bits.
const MAX_FIELDS: usize = 32;
const MAX_VARIANTS: usize = 256;

pub(crate) fn derive(input: TokenStream) -> Result<TokenStream> {
    let input: DeriveInput = syn::parse2(input)?;
    if !input.generics.params.is_empty() {
        return Err(Error::new_spanned(&input.generics, "Wire types are not generic"));
    }
    let attributes = TypeAttributes::parse(&input.attrs)?;
    let path: Path = attributes.path.unwrap_or_else(|| parse_quote!(::tickwire));
    let wire = quote!(#path::wire);
    match &input.data {
        Data::Struct(data) => {
            let name = attributes.name.unwrap_or_else(|| input.ident.unraw().to_string());
            expand_struct(&input.ident, &name, &data.fields, &wire)
        }
        Data::Enum(data) if attributes.name.is_none() => expand_enum(&input.ident, data, &wire),
        Data::Enum(_) => Err(Error::new(input.ident.span(), "the enum of a field has no name on the wire")),
        Data::Union(_) => Err(Error::new(input.ident.span(), "a union can't be Wire")),
    }
}

/// One field of a struct.
struct WireField {
    ident: Ident,
    ty: Type,
    attributes: FieldAttributes,
}

fn expand_struct(ident: &Ident, name: &str, fields: &Fields, wire: &TokenStream) -> Result<TokenStream> {
    let fields = parse_fields(ident, fields)?;
    let travelling: Vec<&WireField> = fields.iter().filter(|field| !field.attributes.skip).collect();
    if travelling.len() > MAX_FIELDS {
        return Err(Error::new(ident.span(), format!("a Wire type has at most {MAX_FIELDS} fields")));
    }
    let options = travelling.iter().map(|field| field.options(wire));
    let shape = travelling.iter().map(|field| field.shape(wire));
    let write = travelling.iter().map(|field| {
        let (ident, ty, options) = (&field.ident, &field.ty, field.options_name());
        quote!(<#ty as #wire::WireField>::write(&self.#ident, &Self::#options, sink);)
    });
    let read = fields.iter().map(|field| field.read(name, wire));
    let (sink, source) = match travelling.is_empty() {
        true => (format_ident!("_sink"), format_ident!("_source")),
        false => (format_ident!("sink"), format_ident!("source")),
    };
    Ok(quote! {
        #[automatically_derived]
        #[doc(hidden)]
        impl #ident {
            #(#options)*
        }
        #[automatically_derived]
        impl #wire::Wire for #ident {
            const NAME: &'static str = #name;
            fn shape() -> #wire::Shape {
                #wire::Shape { name: ::std::string::String::from(#name), fields: ::std::vec![#(#shape),*] }
            }
            #[inline]
            fn write(&self, #sink: &mut impl #wire::Sink) {
                #(#write)*
            }
            #[inline]
            fn read(#source: &mut impl #wire::Source) -> ::core::result::Result<Self, #wire::FieldError> {
                ::core::result::Result::Ok(Self { #(#read),* })
            }
        }
    })
}

fn parse_fields(ident: &Ident, fields: &Fields) -> Result<Vec<WireField>> {
    let fields = match fields {
        Fields::Named(fields) => &fields.named,
        Fields::Unit => return Ok(Vec::new()),
        Fields::Unnamed(_) => return Err(Error::new(ident.span(), "the fields of a Wire type have names")),
    };
    let mut parsed = Vec::new();
    let mut errors: Option<Error> = None;
    for field in fields {
        let ident = field.ident.clone().expect("named fields have names");
        match FieldAttributes::parse(&ident, &field.attrs) {
            Ok(attributes) => parsed.push(WireField { ident, ty: field.ty.clone(), attributes }),
            Err(error) => match &mut errors {
                Some(errors) => errors.combine(error),
                None => errors = Some(error),
            },
        }
    }
    errors.map_or(Ok(parsed), Err)
}

impl WireField {
    fn name(&self) -> String {
        self.attributes.name.clone().unwrap_or_else(|| self.ident.unraw().to_string())
    }

    fn options_name(&self) -> Ident {
        format_ident!("__WIRE_{}", self.ident.unraw().to_string().to_uppercase())
    }

    fn options(&self, wire: &TokenStream) -> TokenStream {
        let (name, ty) = (self.options_name(), &self.ty);
        let FieldAttributes { range, step, bits, limit, .. } = &self.attributes;
        let range = range.iter().map(|(min, max)| quote!(.range((#min) as f64, (#max) as f64)));
        let step = step.iter().map(|step| quote!(.step((#step) as f64)));
        let bits = bits.iter().map(|bits| quote!(.angle(#bits)));
        let limit = limit.iter().map(|limit| quote!(.limit(#limit)));
        quote! {
            #[allow(clippy::unnecessary_cast)]
            const #name: #wire::Options = #wire::Options::none()#(#range)*#(#step)*#(#bits)*#(#limit)*
                .check(<#ty as #wire::WireField>::NEEDS);
        }
    }

    fn shape(&self, wire: &TokenStream) -> TokenStream {
        let (name, ty, options) = (self.name(), &self.ty, self.options_name());
        let predict = format_ident!("{}", self.attributes.predict.unwrap_or("Auto"));
        quote! {
            #wire::Field {
                name: ::std::string::String::from(#name),
                kind: <#ty as #wire::WireField>::kind(&Self::#options),
                predict: #wire::Predict::#predict,
            }
        }
    }

    fn read(&self, shape: &str, wire: &TokenStream) -> TokenStream {
        let (ident, ty, name) = (&self.ident, &self.ty, self.name());
        if self.attributes.skip {
            return quote!(#ident: ::core::default::Default::default());
        }
        let options = self.options_name();
        quote! {
            #ident: <#ty as #wire::WireField>::read(&Self::#options, source)
                .map_err(|refused| #wire::FieldError::new(#shape, #name, refused))?
        }
    }
}

fn expand_enum(ident: &Ident, data: &DataEnum, wire: &TokenStream) -> Result<TokenStream> {
    let count = data.variants.len();
    if !(1..=MAX_VARIANTS).contains(&count) {
        return Err(Error::new(ident.span(), format!("a Wire enum has 1 to {MAX_VARIANTS} variants")));
    }
    if let Some(variant) = data.variants.iter().find(|variant| !matches!(variant.fields, Fields::Unit)) {
        return Err(Error::new_spanned(variant, "the variants of a Wire enum hold no data"));
    }
    let variants: Vec<&Ident> = data.variants.iter().map(|variant| &variant.ident).collect();
    let names = variants.iter().map(|variant| variant.unraw().to_string());
    let indices: Vec<u32> = (0..count as u32).collect();
    let (others, last) = variants.split_at(count - 1);
    let count = count as u32;
    let other_indices = &indices[..others.len()];
    Ok(quote! {
        #[automatically_derived]
        impl #wire::WireField for #ident {
            const NEEDS: #wire::Needs = #wire::Needs::Nothing;
            fn kind(_: &#wire::Options) -> #wire::Kind {
                #wire::Kind::Enum { variants: ::std::vec![#(::std::string::String::from(#names)),*] }
            }
            #[inline]
            fn write(&self, _: &#wire::Options, sink: &mut impl #wire::Sink) {
                let index = match self { #(Self::#variants => #indices),* };
                #wire::enum_write(index, sink);
            }
            #[inline]
            fn read(
                _: &#wire::Options,
                source: &mut impl #wire::Source,
            ) -> ::core::result::Result<Self, #wire::Refused> {
                // The index is below the count.
                ::core::result::Result::Ok(match #wire::enum_read(#count, source)? {
                    #(#other_indices => Self::#others,)*
                    _ => Self::#(#last)*,
                })
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(input: TokenStream) -> String {
        derive(input).expect_err("this is not a Wire type").into_iter().map(|error| error.to_string() + "; ").collect()
    }

    #[test]
    fn what_is_well_said_expands_to_items() {
        let inputs = [
            quote!(
                struct Unit;
            ),
            quote!(
                #[wire(name = "Other", crate = some::path)]
                struct Named {
                    #[wire(range = -1..=1, predict = "hold")]
                    r#type: i8,
                }
            ),
            quote!(
                struct Full {
                    #[wire(angle, bits = 10)]
                    a: f32,
                    #[wire(max = 24)]
                    b: String,
                    #[wire(skip)]
                    c: u64,
                }
            ),
            quote!(
                enum One {
                    Only,
                }
            ),
            quote!(
                enum Two {
                    A = 7,
                    B = 3,
                }
            ),
        ];
        for input in inputs {
            let output = derive(input).expect("it is well said");
            syn::parse2::<syn::File>(output).expect("the expansion is Rust");
        }
    }

    #[test]
    fn raw_names_lose_their_mark() {
        let output = derive(quote!(
            struct Named {
                r#type: i8,
            }
        ))
        .expect("it is well said")
        .to_string();
        assert!(output.contains("\"type\"") && !output.contains("\"r#type\""));
    }

    #[test]
    fn what_is_badly_said_is_told() {
        let field = |attributes: TokenStream| {
            quote!(
                struct Bad {
                    #[wire(#attributes)]
                    field: f32,
                }
            )
        };
        let cases = [
            (
                quote!(
                    struct Bad<T> {
                        field: T,
                    }
                ),
                "not generic",
            ),
            (
                quote!(
                    struct Bad(f32);
                ),
                "have names",
            ),
            (quote!(union Bad { a: u8 }), "union"),
            (
                quote!(
                    enum Bad {}
                ),
                "1 to 256 variants",
            ),
            (
                quote!(
                    enum Bad {
                        A(u8),
                    }
                ),
                "hold no data",
            ),
            (
                quote!(
                    #[wire(name = "Other")]
                    enum Bad {
                        A,
                    }
                ),
                "no name on the wire",
            ),
            (
                quote!(
                    #[wire(colour = 1)]
                    struct Bad;
                ),
                "unknown attribute",
            ),
            (field(quote!(colour = 1)), "unknown attribute"),
            (field(quote!(range = 0..1)), "`A..=B`"),
            (field(quote!(range = 0..=1, range = 0..=1)), "said twice"),
            (field(quote!(angle, angle, bits = 2)), "said twice"),
            (field(quote!(angle)), "needs `bits`"),
            (field(quote!(bits = 4)), "goes with `angle`"),
            (field(quote!(angle, bits = 4, range = 0..=1)), "neither `range` nor `step`"),
            (field(quote!(step = 0.5)), "goes with `range`"),
            (field(quote!(max = 4, range = 0..=1)), "for text and bytes"),
            (field(quote!(skip, max = 4)), "no other attribute"),
            (field(quote!(predict = "luck")), "\"velocity\""),
            (field(quote!(name = "")), "at least one letter"),
        ];
        for (input, message) in cases {
            let told = error(input.clone());
            assert!(told.contains(message), "{input}: {told}");
        }
    }

    #[test]
    fn all_fields_at_fault_are_told_at_once() {
        let told = error(quote!(
            struct Bad {
                #[wire(angle)]
                a: f32,
                #[wire(bits = 2)]
                b: f32,
            }
        ));
        assert!(told.contains("needs `bits`") && told.contains("goes with `angle`"));
    }

    #[test]
    fn a_mask_has_32_bits() {
        let fields = (0..33).map(|index| format_ident!("field{index}"));
        assert!(error(quote!(struct Bad { #(#fields: bool),* })).contains("at most 32"));
    }
}
