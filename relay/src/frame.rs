//! WebSocket frames, whole and unmasked: built once, the same bytes for everyone who gets them.

use bytes::{BufMut as _, BytesMut};

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opcode {
    Text = 1,
    Binary = 2,
    Ping = 9,
}

/// Most bytes before a payload.
pub(crate) const MAX_HEADER: usize = 10;

/// Appends one frame.
pub(crate) fn put_frame(out: &mut BytesMut, opcode: Opcode, payload: &[u8]) {
    out.put_u8(0x80 | opcode as u8);
    match payload.len() {
        length @ 0..=125 => out.put_u8(length as u8),
        length @ 126..=0xFFFF => {
            out.put_u8(126);
            out.put_u16(length as u16);
        }
        length => {
            out.put_u8(127);
            out.put_u64(length as u64);
        }
    }
    out.put_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_takes_as_many_bytes_as_it_needs() {
        for (length, header) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let mut frame = BytesMut::new();
            put_frame(&mut frame, Opcode::Binary, &vec![7; length]);
            assert_eq!(frame.len(), header + length);
            assert_eq!(frame[0], 0x82);
        }
    }
}
