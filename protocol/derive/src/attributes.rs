//! What `#[wire(…)]` says, checked for contradictions.

use syn::meta::ParseNestedMeta;
use syn::{Attribute, Error, Expr, ExprRange, Ident, LitStr, Path, RangeLimits, Result};

/// The attributes of a type.
#[derive(Default)]
pub(crate) struct TypeAttributes {
    pub(crate) name: Option<String>,
    pub(crate) path: Option<Path>,
}

/// The attributes of a field.
#[derive(Default)]
pub(crate) struct FieldAttributes {
    pub(crate) name: Option<String>,
    pub(crate) range: Option<(Expr, Expr)>,
    pub(crate) step: Option<Expr>,
    pub(crate) bits: Option<Expr>,
    pub(crate) limit: Option<Expr>,
    pub(crate) predict: Option<&'static str>,
    pub(crate) skip: bool,
    angle: bool,
}

impl TypeAttributes {
    pub(crate) fn parse(attributes: &[Attribute]) -> Result<Self> {
        let mut parsed = Self::default();
        each(attributes, |meta| {
            if meta.path.is_ident("name") {
                once(&meta, &mut parsed.name, name(&meta)?)
            } else if meta.path.is_ident("crate") {
                once(&meta, &mut parsed.path, meta.value()?.call(Path::parse_mod_style)?)
            } else {
                Err(meta.error("unknown attribute: a type takes `name` and `crate`"))
            }
        })?;
        Ok(parsed)
    }
}

impl FieldAttributes {
    pub(crate) fn parse(field: &Ident, attributes: &[Attribute]) -> Result<Self> {
        let mut parsed = Self::default();
        each(attributes, |meta| parsed.take(&meta))?;
        match parsed.contradiction() {
            Some(message) => Err(Error::new(field.span(), message)),
            None => Ok(parsed),
        }
    }

    fn take(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let key = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        match key.as_str() {
            "name" => once(meta, &mut self.name, name(meta)?),
            "range" => once(meta, &mut self.range, range(meta)?),
            "step" => once(meta, &mut self.step, meta.value()?.parse()?),
            "bits" => once(meta, &mut self.bits, meta.value()?.parse()?),
            "max" => once(meta, &mut self.limit, meta.value()?.parse()?),
            "predict" => once(meta, &mut self.predict, predict(meta)?),
            "angle" => flag(meta, &mut self.angle),
            "skip" => flag(meta, &mut self.skip),
            _ => Err(meta.error(
                "unknown attribute: a field takes `range`, `step`, `angle`, `bits`, `max`, `predict`, `name` and `skip`",
            )),
        }
    }

    fn contradiction(&self) -> Option<&'static str> {
        let numeric = self.range.is_some() || self.step.is_some() || self.angle || self.predict.is_some();
        let any = numeric || self.bits.is_some() || self.limit.is_some() || self.name.is_some();
        match () {
            () if self.skip && any => Some("a skipped field takes no other attribute"),
            () if self.angle && self.bits.is_none() => Some("`angle` needs `bits`"),
            () if self.bits.is_some() && !self.angle => Some("`bits` goes with `angle`"),
            () if self.angle && (self.range.is_some() || self.step.is_some()) => {
                Some("an angle has neither `range` nor `step`")
            }
            () if self.step.is_some() && self.range.is_none() => Some("`step` goes with `range`"),
            () if self.limit.is_some() && numeric => Some("`max` is for text and bytes, the rest for numbers"),
            () => None,
        }
    }
}

fn each(attributes: &[Attribute], mut take: impl FnMut(ParseNestedMeta<'_>) -> Result<()>) -> Result<()> {
    let mut wire = attributes.iter().filter(|attribute| attribute.path().is_ident("wire"));
    wire.try_for_each(|attribute| attribute.parse_nested_meta(&mut take))
}

fn once<T>(meta: &ParseNestedMeta<'_>, place: &mut Option<T>, value: T) -> Result<()> {
    match place.replace(value) {
        Some(_) => Err(meta.error("this is said twice")),
        None => Ok(()),
    }
}

fn flag(meta: &ParseNestedMeta<'_>, place: &mut bool) -> Result<()> {
    if std::mem::replace(place, true) { Err(meta.error("this is said twice")) } else { Ok(()) }
}

fn name(meta: &ParseNestedMeta<'_>) -> Result<String> {
    let literal: LitStr = meta.value()?.parse()?;
    match literal.value() {
        name if name.is_empty() => Err(Error::new(literal.span(), "a name has at least one letter")),
        name => Ok(name),
    }
}

fn range(meta: &ParseNestedMeta<'_>) -> Result<(Expr, Expr)> {
    match meta.value()?.parse()? {
        Expr::Range(ExprRange { start: Some(start), end: Some(end), limits: RangeLimits::Closed(_), .. }) => {
            Ok((*start, *end))
        }
        other => Err(Error::new_spanned(other, "a range is written `A..=B`")),
    }
}

fn predict(meta: &ParseNestedMeta<'_>) -> Result<&'static str> {
    let literal: LitStr = meta.value()?.parse()?;
    match literal.value().as_str() {
        "auto" => Ok("Auto"),
        "hold" => Ok("Hold"),
        "velocity" => Ok("Velocity"),
        _ => Err(Error::new(literal.span(), "a prediction is \"auto\", \"hold\" or \"velocity\"")),
    }
}
