//! The bytes of one change chunk, read without Automerge: header, column list, run lengths.
//!
//! Nothing here allocates more than the input is long, whatever the input claims.

use sha2::{Digest, Sha256};

pub type Hash = [u8; 32];

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
pub const TYPE_CHANGE: u8 = 1;

/// One column as it stands in the change: specification number and bytes.
#[derive(Clone, Copy)]
pub struct Column<'a> {
    pub spec: u64,
    pub data: &'a [u8],
}

/// What a change says about itself before its operations.
pub struct Header<'a> {
    pub hash: Hash,
    pub checksum_fits: bool,
    pub kind: u8,
    pub size: usize,
    pub deps: Vec<Hash>,
    pub actor: &'a [u8],
    pub seq: u64,
    pub start_op: u64,
    pub time: i64,
    pub message: &'a [u8],
    pub other_actors: Vec<&'a [u8]>,
    pub columns: Vec<Column<'a>>,
    pub extra: &'a [u8],
}

/// Why bytes are not a change; a fixed text, so that it cannot carry content.
pub type Malformed = &'static str;

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: u64) -> Result<&'a [u8], Malformed> {
        let count = usize::try_from(count).map_err(|_| "a length beyond the end")?;
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or("a length beyond the end")?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(self.take(1)?[0])
    }

    fn hash(&mut self) -> Result<Hash, Malformed> {
        let mut hash = [0; 32];
        hash.copy_from_slice(self.take(32)?);
        Ok(hash)
    }

    /// Unsigned LEB128, shortest form only.
    fn unsigned(&mut self) -> Result<u64, Malformed> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                return Err("a number beyond 64 bits");
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 {
                    return Err("a number in more bytes than it needs");
                }
                return Ok(value);
            }
        }
        Err("a number beyond 64 bits")
    }

    /// Signed LEB128, shortest form only.
    fn signed(&mut self) -> Result<i64, Malformed> {
        let mut value = 0i64;
        let mut before = 0u8;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= i64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                if shift == 63 && byte != 0 && byte != 0x7f {
                    return Err("a number beyond 64 bits");
                }
                let sign = before & 0x40 != 0;
                if shift > 0 && ((byte == 0 && !sign) || (byte == 0x7f && sign)) {
                    return Err("a number in more bytes than it needs");
                }
                if shift < 57 && byte & 0x40 != 0 {
                    value |= -1 << (shift + 7);
                }
                return Ok(value);
            }
            before = byte;
        }
        Err("a number beyond 64 bits")
    }
}

/// SHA-256 over type byte, length and body, as Automerge names a change.
pub fn hash_of(kind: u8, body: &[u8]) -> Hash {
    let mut prefix = vec![kind];
    let mut length = body.len();
    while length >= 0x80 {
        prefix.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    prefix.push(length as u8);
    Sha256::new()
        .chain_update(prefix)
        .chain_update(body)
        .finalize()
        .into()
}

/// Reads the frame and the header. The checksum and the type are reported, not judged.
pub fn parse(raw: &[u8]) -> Result<Header<'_>, Malformed> {
    let mut reader = Reader { rest: raw };
    if reader.take(4)? != MAGIC {
        return Err("another magic number");
    }
    let checksum = reader.take(4)?;
    let kind = reader.byte()?;
    let length = reader.unsigned()?;
    let body = reader.take(length)?;
    if !reader.rest.is_empty() {
        return Err("bytes after the end");
    }
    let hash = hash_of(kind, body);
    let mut body = Reader { rest: body };
    let deps = list(&mut body, 32, Reader::hash)?;
    let length = body.unsigned()?;
    let actor = body.take(length)?;
    let seq = body.unsigned()?;
    let start_op = body.unsigned()?;
    let time = body.signed()?;
    let length = body.unsigned()?;
    let message = body.take(length)?;
    let other_actors = list(&mut body, 1, |reader| {
        let length = reader.unsigned()?;
        reader.take(length)
    })?;
    let specs = list(&mut body, 2, |reader| {
        Ok((reader.unsigned()?, reader.unsigned()?))
    })?;
    let columns = specs
        .into_iter()
        .map(|(spec, length)| {
            let data = body.take(length)?;
            Ok(Column { spec, data })
        })
        .collect::<Result<_, Malformed>>()?;
    Ok(Header {
        hash,
        checksum_fits: checksum == &hash[..4],
        kind,
        size: raw.len(),
        deps,
        actor,
        seq,
        start_op,
        time,
        message,
        other_actors,
        columns,
        extra: body.rest,
    })
}

/// A counted list whose entries take at least `least` bytes each.
fn list<'a, T>(
    reader: &mut Reader<'a>,
    least: usize,
    entry: impl Fn(&mut Reader<'a>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let count = reader.unsigned()?;
    if count > (reader.rest.len() / least) as u64 {
        return Err("a list longer than the change");
    }
    (0..count).map(|_| entry(reader)).collect()
}

/// How the entries of a run-length column are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Runs {
    Unsigned,
    Signed,
    Text,
    Boolean,
}

#[derive(Debug, PartialEq, Eq)]
pub enum CountError {
    /// More entries (or a greater sum) than allowed.
    Excess,
    Malformed(Malformed),
}

impl From<Malformed> for CountError {
    fn from(why: Malformed) -> Self {
        CountError::Malformed(why)
    }
}

/// Entries of a column and, for unsigned ones, the sum of their values; stops at the first excess.
pub fn count(data: &[u8], runs: Runs, most: u64, most_sum: u64) -> Result<(u64, u64), CountError> {
    let mut reader = Reader { rest: data };
    let (mut entries, mut sum) = (0u64, 0u64);
    while !reader.rest.is_empty() {
        if runs == Runs::Boolean {
            entries = within(entries.saturating_add(reader.unsigned()?), most)?;
            continue;
        }
        let length = reader.signed()?;
        if length == 0 {
            entries = within(entries.saturating_add(reader.unsigned()?), most)?;
            continue;
        }
        entries = within(entries.saturating_add(length.unsigned_abs()), most)?;
        let (values, times) = if length > 0 {
            (1, length.unsigned_abs())
        } else {
            (length.unsigned_abs(), 1)
        };
        for _ in 0..values {
            let value = entry_value(&mut reader, runs)?;
            sum = within(sum.saturating_add(value.saturating_mul(times)), most_sum)?;
        }
    }
    Ok((entries, sum))
}

fn entry_value(reader: &mut Reader<'_>, runs: Runs) -> Result<u64, Malformed> {
    match runs {
        Runs::Unsigned => reader.unsigned(),
        Runs::Signed => reader.signed().map(|_| 0),
        Runs::Text => {
            let length = reader.unsigned()?;
            reader.take(length).map(|_| 0)
        }
        Runs::Boolean => Ok(0),
    }
}

fn within(value: u64, most: u64) -> Result<u64, CountError> {
    if value > most {
        return Err(CountError::Excess);
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_their_shortest_form_only() {
        let unsigned = |bytes: &[u8]| Reader { rest: bytes }.unsigned();
        assert_eq!(unsigned(&[0x00]), Ok(0));
        assert_eq!(unsigned(&[0xe5, 0x8e, 0x26]), Ok(624_485));
        assert!(unsigned(&[0x80, 0x00]).is_err());
        assert!(unsigned(&[0xff; 11]).is_err());
        let mut most = [0xff; 10];
        most[9] = 1;
        assert_eq!(unsigned(&most), Ok(u64::MAX));
        let signed = |bytes: &[u8]| Reader { rest: bytes }.signed();
        assert_eq!(signed(&[0x7f]), Ok(-1));
        assert_eq!(signed(&[0xc0, 0x00]), Ok(64));
        assert!(signed(&[0xff, 0x7f]).is_err());
        assert!(signed(&[0x81, 0x00]).is_err());
        let mut least = [0x80; 10];
        least[9] = 0x7f;
        assert_eq!(signed(&least), Ok(i64::MIN));
        least[9] = 0x01;
        assert!(signed(&least).is_err());
    }

    #[test]
    fn counts_stop_at_the_first_excess() {
        // 10,000,000 times the value 1 in six bytes.
        let bomb = [0x80, 0xad, 0xe2, 0x04, 0x01];
        assert_eq!(
            count(&bomb, Runs::Unsigned, 512, u64::MAX),
            Err(CountError::Excess)
        );
        let run_and_literal = [0x03, 0x02, 0x7e, 0x05, 0x01];
        assert_eq!(
            count(&run_and_literal, Runs::Unsigned, 512, 99),
            Ok((5, 12))
        );
        assert_eq!(
            count(&run_and_literal, Runs::Unsigned, 512, 11),
            Err(CountError::Excess)
        );
        let nulls = [0x00, 0x05];
        assert_eq!(count(&nulls, Runs::Text, 5, 0), Ok((5, 0)));
        assert_eq!(count(&nulls, Runs::Text, 4, 0), Err(CountError::Excess));
        assert!(matches!(
            count(&[0x7f], Runs::Unsigned, 9, 9),
            Err(CountError::Malformed(_))
        ));
    }

    #[test]
    fn claimed_lengths_allocate_nothing() {
        let mut raw = MAGIC.to_vec();
        raw.extend([
            0, 0, 0, 0, 1, 9, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
        ]);
        assert!(parse(&raw).is_err());
    }
}
