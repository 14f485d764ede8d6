//! Counts the WebSocket frames in what a client sends, as its bytes come: empty fragments and halves of messages never surface as messages.

/// Where in a frame the bytes have come to.
#[derive(Debug, Default)]
pub(crate) struct FrameCounter {
    /// The header so far: at most 2 bytes, 8 of length, 4 of mask.
    header: [u8; 14],
    read: usize,
    /// Bytes of payload to come.
    payload: u64,
}

impl FrameCounter {
    /// Frames whose headers end in `bytes`.
    pub(crate) fn count(&mut self, mut bytes: &[u8]) -> u32 {
        let mut frames = 0;
        loop {
            let skipped = self.payload.min(bytes.len() as u64);
            self.payload -= skipped;
            bytes = &bytes[skipped as usize..];
            let Some((&byte, rest)) = bytes.split_first() else { return frames };
            bytes = rest;
            self.header[self.read] = byte;
            self.read += 1;
            if self.read == self.header_length() {
                self.payload = self.payload_length();
                self.read = 0;
                frames += 1;
            }
        }
    }

    /// Bytes of the header, as far as it tells.
    fn header_length(&self) -> usize {
        if self.read < 2 {
            return 2;
        }
        let length = match self.header[1] & 0x7F {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        2 + length + if self.header[1] & 0x80 != 0 { 4 } else { 0 }
    }

    fn payload_length(&self) -> u64 {
        let long = |bytes: &[u8]| bytes.iter().fold(0, |length, &byte| (length << 8) | u64::from(byte));
        match self.header[1] & 0x7F {
            126 => long(&self.header[2..4]),
            127 => long(&self.header[2..10]),
            length => length.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A masked frame of so many bytes.
    fn frame(payload: usize) -> Vec<u8> {
        let mut out = vec![0x82];
        match payload {
            0..126 => out.push(0x80 | payload as u8),
            126..65_536 => out.extend([&[0x80 | 126][..], &(payload as u16).to_be_bytes()].concat()),
            _ => out.extend([&[0x80 | 127][..], &(payload as u64).to_be_bytes()].concat()),
        }
        out.resize(out.len() + 4 + payload, 0xFF);
        out
    }

    #[test]
    fn frames_are_counted_however_they_are_cut() {
        let sizes = [0, 0, 1, 125, 126, 3, 65_535, 65_536, 0, 70_000, 2];
        let bytes: Vec<u8> = sizes.iter().flat_map(|&size| frame(size)).collect();
        for piece in [1, 2, 3, 7, 1000, usize::MAX] {
            let mut counter = FrameCounter::default();
            let counted: u32 = bytes.chunks(piece.min(bytes.len())).map(|piece| counter.count(piece)).sum();
            assert_eq!(counted as usize, sizes.len(), "in pieces of {piece}");
        }
    }

    #[test]
    fn a_length_beyond_reason_is_only_waited_for() {
        let mut counter = FrameCounter::default();
        let endless = [&[0x82, 0xFF][..], &[0xFF; 8], &[0; 4]].concat();
        assert_eq!(counter.count(&endless), 1);
        assert_eq!(counter.count(&[0; 4096]), 0);
    }
}
