//! Shapes of record ids, fields and values: the part of G16 that needs no past. The gate and the
//! own edits ask the same functions.

use automerge::ScalarValue;
use automerge::legacy::OpType;

use crate::tables::{DEPTH_INNER, DEPTH_RECORD, DEPTH_RECORDS};
use crate::verdict::{Caps, MAX_INTEGER};

const RECORD_ID_CHARS: usize = 16;
const FIELD_CHARS: usize = 32;

/// What a value weighs in its record: text and bytes by length, numbers 8, the others 1.
pub fn value_bytes(value: &ScalarValue) -> u32 {
    let bytes = match value {
        ScalarValue::Str(text) => text.len(),
        ScalarValue::Bytes(bytes) => bytes.len(),
        ScalarValue::Boolean(_) | ScalarValue::Null => 1,
        _ => 8,
    };
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// 16 characters of lower-case Base32.
pub fn record_id(id: &str) -> Result<(), &'static str> {
    let fits = id.len() == RECORD_ID_CHARS
        && id
            .bytes()
            .all(|c| c.is_ascii_lowercase() || (b'2'..=b'7').contains(&c));
    fits.then_some(())
        .ok_or("record id is not 16 characters of a-z and 2-7")
}

/// `[a-z][a-z0-9_]{0,31}`.
pub fn field(name: &str) -> Result<(), &'static str> {
    let fits = name.len() <= FIELD_CHARS
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_');
    fits.then_some(())
        .ok_or("field name is not a letter and up to 31 of a-z, 0-9, _")
}

pub fn text(text: &str, caps: &Caps) -> Result<(), &'static str> {
    let fits = text.len() as u64 <= caps.string_bytes;
    fits.then_some(()).ok_or("text too long")
}

/// A key of a map inside a record.
pub fn inner_key(key: &str, caps: &Caps) -> Result<(), &'static str> {
    let fits = !key.is_empty() && key.len() as u64 <= caps.key_bytes;
    fits.then_some(()).ok_or("length of the key")
}

pub fn scalar(value: &ScalarValue, caps: &Caps) -> Result<(), &'static str> {
    match value {
        ScalarValue::Str(string) => text(string, caps),
        ScalarValue::Int(number) => {
            let fits = number.unsigned_abs() <= MAX_INTEGER.unsigned_abs();
            fits.then_some(()).ok_or("integer beyond 2^53")
        }
        ScalarValue::Uint(number) => {
            let fits = *number <= MAX_INTEGER.unsigned_abs();
            fits.then_some(()).ok_or("integer beyond 2^53")
        }
        ScalarValue::F64(number) => {
            let fits = number.is_finite();
            fits.then_some(()).ok_or("float that is not finite")
        }
        ScalarValue::Boolean(_) | ScalarValue::Null | ScalarValue::Bytes(_) => Ok(()),
        _ => Err("value of a type that records do not hold"),
    }
}

/// Key and value of one operation on a map at `depth`.
pub fn of_op(depth: u8, key: &str, action: &OpType, caps: &Caps) -> Result<(), &'static str> {
    match depth {
        DEPTH_RECORDS => record_id(key)?,
        DEPTH_RECORD => field(key)?,
        _ => {}
    }
    match action {
        OpType::Put(ScalarValue::Str(string)) => text(string, caps),
        OpType::Put(_) if depth >= DEPTH_INNER => Err("no text in a map inside a record"),
        OpType::Put(value) => scalar(value, caps),
        _ => Ok(()),
    }
}
