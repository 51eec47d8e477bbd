//! Thrift's compact protocol, as far as sizes are told in it: fields are passed over
//! by their kinds, and numbers read where they matter.

/// A header that ends early, or is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// How deep what is passed over may nest.
const MAX_SKIPPED: usize = 32;

/// What stands at the head of a page, as far as memory is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct PageHeader {
    /// Bytes of the page without compression, levels included.
    pub(super) uncompressed: u64,
    /// Bytes of the page in the file.
    pub(super) compressed: u64,
    /// Values of the page.
    pub(super) values: u64,
}

impl PageHeader {
    /// Reads the header that the bytes begin with, and tells its length.
    pub(super) fn read(bytes: &[u8]) -> Result<(Self, usize), Malformed> {
        let (mut wire, mut header) = (Wire { bytes, at: 0 }, Self::default());
        wire.fields(|wire, field, kind| {
            match field {
                2 => header.uncompressed = wire.size(kind)?,
                3 => header.compressed = wire.size(kind)?,
                5..=8 => {
                    let values = wire.head_of_page(field, kind)?;
                    header.values = header.values.max(values);
                }
                1 | 4 => wire.skip_as(&[Kind::I32], kind)?,
                _ => wire.skip(kind, MAX_SKIPPED)?,
            }
            Ok(())
        })?;
        Ok((header, wire.at))
    }
}

/// How deep the schema of a footer nests; 0 without one.
pub(super) fn schema_depth(footer: &[u8]) -> Result<usize, Malformed> {
    let (mut wire, mut depth) = (
        Wire {
            bytes: footer,
            at: 0,
        },
        0,
    );
    wire.fields(|wire, field, kind| {
        match field {
            2 if kind == Kind::LIST => depth = wire.nesting()?,
            _ => wire.skip(kind, MAX_SKIPPED)?,
        }
        Ok(())
    })?;
    Ok(depth)
}

/// The kind of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind(u8);

impl Kind {
    const TRUE: Self = Self(1);
    const FALSE: Self = Self(2);
    const BYTE: Self = Self(3);
    const I16: Self = Self(4);
    const I32: Self = Self(5);
    const I64: Self = Self(6);
    const DOUBLE: Self = Self(7);
    const BINARY: Self = Self(8);
    const LIST: Self = Self(9);
    const SET: Self = Self(10);
    const MAP: Self = Self(11);
    const STRUCT: Self = Self(12);
    const UUID: Self = Self(13);
}

struct Wire<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Wire<'_> {
    fn byte(&mut self) -> Result<u8, Malformed> {
        let byte = *self.bytes.get(self.at).ok_or(Malformed)?;
        self.at += 1;
        Ok(byte)
    }

    fn pass(&mut self, count: u64) -> Result<(), Malformed> {
        let left = self.bytes.len() - self.at;
        let count = usize::try_from(count).ok().filter(|count| *count <= left);
        self.at += count.ok_or(Malformed)?;
        Ok(())
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    /// A whole number that is not negative.
    fn size(&mut self, kind: Kind) -> Result<u64, Malformed> {
        if !matches!(kind, Kind::I16 | Kind::I32 | Kind::I64) {
            return Err(Malformed);
        }
        // Numbers alternate between signs: even ones are not negative.
        let zigzag = self.varint()?;
        (zigzag % 2 == 0).then_some(zigzag / 2).ok_or(Malformed)
    }

    /// The values of a page of data (5), of an index (6), of a dictionary (7), or of data
    /// in the second form (8).
    fn head_of_page(&mut self, page: u64, kind: Kind) -> Result<u64, Malformed> {
        const NUMBER: &[Kind] = &[Kind::I32];
        const TRUTH: &[Kind] = &[Kind::TRUE, Kind::FALSE];
        const STATISTICS: &[Kind] = &[Kind::STRUCT];
        if kind != Kind::STRUCT {
            return Err(Malformed);
        }
        let mut values = 0;
        self.fields(|wire, field, kind| {
            match (page, field) {
                (5 | 7 | 8, 1) => values = wire.size(kind)?,
                (5, 2..=4) | (7, 2) | (8, 2..=6) => wire.skip_as(NUMBER, kind)?,
                (7, 3) | (8, 7) => wire.skip_as(TRUTH, kind)?,
                (5, 5) | (8, 8) => wire.skip_as(STATISTICS, kind)?,
                _ => wire.skip(kind, MAX_SKIPPED)?,
            }
            Ok(())
        })?;
        Ok(values)
    }

    /// Passes over a known field. Its reader takes it for what it should be without
    /// looking, and would go on in another place than we do.
    fn skip_as(&mut self, wanted: &[Kind], kind: Kind) -> Result<(), Malformed> {
        match wanted.contains(&kind) {
            true => self.skip(kind, MAX_SKIPPED),
            false => Err(Malformed),
        }
    }

    /// Goes through the fields of a struct; `each` has to read or skip the field.
    fn fields(
        &mut self,
        mut each: impl FnMut(&mut Self, u64, Kind) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let mut field = 0_u64;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Ok(());
            }
            field = match head >> 4 {
                0 => self.varint()? / 2,
                delta => field.saturating_add(u64::from(delta)),
            };
            each(self, field, Kind(head & 0x0f))?;
        }
    }

    /// The head of a list: how many items of which kind.
    fn list(&mut self) -> Result<(u64, Kind), Malformed> {
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => self.varint()?,
            count => u64::from(count),
        };
        Ok((count, Kind(head & 0x0f)))
    }

    fn skip(&mut self, kind: Kind, depth: usize) -> Result<(), Malformed> {
        let below = depth.checked_sub(1).ok_or(Malformed)?;
        match kind {
            Kind::TRUE | Kind::FALSE => Ok(()),
            Kind::BYTE => self.pass(1),
            Kind::I16 | Kind::I32 | Kind::I64 => self.varint().map(drop),
            Kind::DOUBLE => self.pass(8),
            Kind::UUID => self.pass(16),
            Kind::BINARY => {
                let length = self.varint()?;
                self.pass(length)
            }
            Kind::LIST | Kind::SET => {
                let (count, kind) = self.list()?;
                (0..count).try_for_each(|_| self.skip_item(kind, below))
            }
            Kind::MAP => self.skip_map(below),
            Kind::STRUCT => self.fields(|wire, _, kind| wire.skip(kind, below)),
            _ => Err(Malformed),
        }
    }

    fn skip_map(&mut self, depth: usize) -> Result<(), Malformed> {
        let count = self.varint()?;
        if count == 0 {
            return Ok(());
        }
        let kinds = self.byte()?;
        for _ in 0..count {
            self.skip_item(Kind(kinds >> 4), depth)?;
            self.skip_item(Kind(kinds & 0x0f), depth)?;
        }
        Ok(())
    }

    /// In a list a truth takes a byte, unlike in a field.
    fn skip_item(&mut self, kind: Kind, depth: usize) -> Result<(), Malformed> {
        match kind {
            Kind::TRUE | Kind::FALSE => self.pass(1),
            kind => self.skip(kind, depth),
        }
    }

    /// How deep the elements of a schema nest, which stand in a row, each with the
    /// number of those below it.
    fn nesting(&mut self) -> Result<usize, Malformed> {
        let (count, kind) = self.list()?;
        if kind != Kind::STRUCT {
            return Err(Malformed);
        }
        let (mut open, mut deepest) = (Vec::new(), 0);
        for _ in 0..count {
            let children = self.children()?;
            deepest = deepest.max(open.len() + 1);
            if children > 0 {
                open.push(children);
                continue;
            }
            while let Some(left) = open.last_mut() {
                *left -= 1;
                if *left > 0 {
                    break;
                }
                open.pop();
            }
        }
        Ok(deepest)
    }

    fn children(&mut self) -> Result<u64, Malformed> {
        let mut children = 0;
        self.fields(|wire, field, kind| {
            match field {
                5 => children = wire.size(kind)?,
                _ => wire.skip(kind, MAX_SKIPPED)?,
            }
            Ok(())
        })?;
        Ok(children)
    }
}
