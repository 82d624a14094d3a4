//! A shrinking slice that cannot overrun: every read either succeeds or says how much was missing.

/// A cursor over bytes of the wire, big-endian.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the front of `bytes`.
    #[inline]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    /// What is left.
    #[inline]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// How much is left.
    #[inline]
    pub const fn len(&self) -> usize {
        self.rest.len()
    }

    /// Whether nothing is left.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Where it stands in `whole`, the slice that it was started at.
    #[inline]
    pub const fn offset_in(&self, whole: &[u8]) -> usize {
        whole.len().saturating_sub(self.rest.len())
    }

    /// The next `n` bytes, or `None` where fewer are left (and nothing is consumed).
    #[inline]
    pub fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.rest.split_at_checked(n)?;
        self.rest = tail;
        Some(head)
    }

    /// The next `N` bytes as an array.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.rest.split_first_chunk::<N>()?;
        self.rest = tail;
        Some(*head)
    }

    /// One byte.
    #[inline]
    pub fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[b]| b)
    }

    /// Two bytes.
    #[inline]
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// Three bytes.
    #[inline]
    pub fn u24(&mut self) -> Option<u32> {
        self.array::<3>().map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    /// Four bytes.
    #[inline]
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// A vector with a one-byte length before it.
    #[inline]
    pub fn vec8(&mut self) -> Option<&'a [u8]> {
        let mut probe = *self;
        let n = probe.u8()?;
        let v = probe.take(n.into())?;
        *self = probe;
        Some(v)
    }

    /// A vector with a two-byte length before it.
    #[inline]
    pub fn vec16(&mut self) -> Option<&'a [u8]> {
        let mut probe = *self;
        let n = probe.u16()?;
        let v = probe.take(n.into())?;
        *self = probe;
        Some(v)
    }

    /// A QUIC variable-length integer (RFC 9000 §16).
    #[inline]
    pub fn varint(&mut self) -> Option<u64> {
        let first = *self.rest.first()?;
        let n = 1usize << (first >> 6);
        let bytes = self.take(n)?;
        Some(bytes.iter().skip(1).fold(u64::from(first & 0x3f), |v, b| (v << 8) | u64::from(*b)))
    }
}

/// What a decoder says of the bytes it was given; the fourth answer keeps a broken length from looking like a short read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict<T> {
    /// Here it is.
    Found(T),
    /// These bytes are something else, whatever follows.
    Not,
    /// It may be; at least this many bytes in all are needed to say more.
    NeedMore(usize),
    /// It began as that and contradicts itself at this offset.
    Malformed(usize),
}

impl<T> Verdict<T> {
    /// The same answer, what was found turned into something else.
    pub fn map<U>(self, turn: impl FnOnce(T) -> U) -> Verdict<U> {
        match self {
            Verdict::Found(found) => Verdict::Found(turn(found)),
            Verdict::Not => Verdict::Not,
            Verdict::NeedMore(n) => Verdict::NeedMore(n),
            Verdict::Malformed(at) => Verdict::Malformed(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_or_leaves_untouched() {
        let mut r = Reader::new(&[1, 0, 2, 9, 9, 3, 1]);
        assert_eq!(r.u8(), Some(1));
        assert_eq!(r.vec16(), Some(&[9, 9][..]));
        assert_eq!(r.vec8(), None);
        assert_eq!(r.rest(), &[3, 1]);
    }

    #[test]
    fn reads_the_varints_of_rfc_9000_appendix_a() {
        let value = |b: &[u8]| Reader::new(b).varint();
        assert_eq!(value(&[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c]), Some(151_288_809_941_952_652));
        assert_eq!(value(&[0x9d, 0x7f, 0x3e, 0x7d]), Some(494_878_333));
        assert_eq!(value(&[0x7b, 0xbd]), Some(15_293));
        assert_eq!(value(&[0x25]), Some(37));
        assert_eq!(value(&[0x7b]), None);
    }
}
