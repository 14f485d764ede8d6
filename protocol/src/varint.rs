//! Bytes in, bytes out: a bounded reader and the variable-length integers of the hot path.

/// Why bytes could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The bytes end in the middle of something.
    #[error("the bytes end too soon")]
    Truncated,
    /// A varint holds more than 32 bits.
    #[error("an integer is longer than 32 bits")]
    Overlong,
    /// Text that is not UTF-8.
    #[error("a text is not UTF-8")]
    NotUtf8,
    /// Bytes are left over where the form ends.
    #[error("{0} bytes are left over")]
    Trailing(usize),
}

/// Reads a slice from its front and never past its end.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader of all of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// One byte.
    ///
    /// # Errors
    /// [`ReadError::Truncated`] at the end.
    #[inline]
    pub fn u8(&mut self) -> Result<u8, ReadError> {
        let (&first, rest) = self.rest.split_first().ok_or(ReadError::Truncated)?;
        self.rest = rest;
        Ok(first)
    }

    /// The next `length` bytes.
    ///
    /// # Errors
    /// [`ReadError::Truncated`] if fewer are left.
    #[inline]
    pub fn bytes(&mut self, length: usize) -> Result<&'a [u8], ReadError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(ReadError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Four bytes, little endian.
    ///
    /// # Errors
    /// [`ReadError::Truncated`] if fewer are left.
    pub fn u32_le(&mut self) -> Result<u32, ReadError> {
        let (taken, rest) = self.rest.split_first_chunk::<4>().ok_or(ReadError::Truncated)?;
        self.rest = rest;
        Ok(u32::from_le_bytes(*taken))
    }

    /// An unsigned LEB128 of at most 32 bits.
    ///
    /// # Errors
    /// [`ReadError::Truncated`] or [`ReadError::Overlong`].
    #[inline]
    pub fn varint(&mut self) -> Result<u32, ReadError> {
        let first = self.u8()?;
        if first < 0x80 {
            return Ok(u32::from(first));
        }
        let mut value = u32::from(first & 0x7F);
        for shift in [7, 14, 21, 28] {
            let byte = self.u8()?;
            if shift == 28 && byte > 0x0F {
                return Err(ReadError::Overlong);
            }
            value |= u32::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(ReadError::Overlong)
    }

    /// A zigzagged i32.
    ///
    /// # Errors
    /// As [`Reader::varint`].
    #[inline]
    pub fn zigzag(&mut self) -> Result<i32, ReadError> {
        let folded = self.varint()?;
        Ok((folded >> 1) as i32 ^ -((folded & 1) as i32))
    }

    /// A length and as many bytes.
    ///
    /// # Errors
    /// As [`Reader::varint`] and [`Reader::bytes`].
    #[inline]
    pub fn opaque(&mut self) -> Result<&'a [u8], ReadError> {
        let length = self.varint()?;
        self.bytes(length as usize)
    }

    /// A length and as many bytes of UTF-8.
    ///
    /// # Errors
    /// As [`Reader::opaque`], and [`ReadError::NotUtf8`].
    pub fn text(&mut self) -> Result<&'a str, ReadError> {
        str::from_utf8(self.opaque()?).map_err(|_| ReadError::NotUtf8)
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`ReadError::Trailing`] if anything is left.
    pub fn end(self) -> Result<(), ReadError> {
        if self.rest.is_empty() { Ok(()) } else { Err(ReadError::Trailing(self.rest.len())) }
    }
}

/// Appends `value` as unsigned LEB128, 1 to 5 bytes.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends `value` zigzagged, so that small magnitudes of either sign are short.
#[inline]
pub fn put_zigzag(out: &mut Vec<u8>, value: i32) {
    put_varint(out, ((value << 1) ^ (value >> 31)) as u32);
}

/// Appends a length and the bytes.
#[inline]
pub fn put_opaque(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u32);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn integers_survive(unsigned: u32, signed: i32) {
            let mut out = Vec::new();
            put_varint(&mut out, unsigned);
            put_zigzag(&mut out, signed);
            let mut reader = Reader::new(&out);
            prop_assert_eq!(reader.varint(), Ok(unsigned));
            prop_assert_eq!(reader.zigzag(), Ok(signed));
            prop_assert_eq!(reader.end(), Ok(()));
        }

        #[test]
        fn random_bytes_never_panic(bytes: Vec<u8>) {
            let mut reader = Reader::new(&bytes);
            while reader.opaque().is_ok() && !reader.is_empty() {}
        }
    }

    #[test]
    fn more_than_32_bits_are_refused() {
        assert_eq!(Reader::new(&[0xFF, 0xFF, 0xFF, 0xFF, 0x1F]).varint(), Err(ReadError::Overlong));
        assert_eq!(Reader::new(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x00]).varint(), Err(ReadError::Overlong));
        assert_eq!(Reader::new(&[0xFF, 0xFF, 0xFF, 0xFF, 0x0F]).varint(), Ok(u32::MAX));
        assert_eq!(Reader::new(&[0x80]).varint(), Err(ReadError::Truncated));
    }
}
