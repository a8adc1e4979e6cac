//! Damage as a member with a valid key could do it: the checksum always fits.

use super::{B, Dice, Parts, frame, reheaded, reworded};

/// Alters bytes, header or meaning of an honest change and makes the checksum right again.
pub fn damage(dice: &mut Dice, raw: &[u8]) -> Vec<u8> {
    match dice.roll(4) {
        0 => {
            let body = raw.len() - chunk_body(raw);
            let mut bytes = raw[body..].to_vec();
            for _ in 0..=dice.roll(3) {
                let at = dice.roll(bytes.len());
                bytes[at] = dice.roll(256) as u8;
            }
            frame(1, &bytes)
        }
        1 => reheaded(raw, |parts| damage_header(dice, parts)),
        2 => reheaded(raw, |parts| {
            let at = dice.roll(parts.columns.len());
            let data = &mut parts.columns[at].1;
            match dice.roll(3) {
                0 if !data.is_empty() => drop(data.pop()),
                1 => data.push(dice.roll(256) as u8),
                _ => {
                    let at = dice.roll(data.len().max(1)).min(data.len());
                    data.splice(at..at, [dice.roll(256) as u8]);
                }
            }
        }),
        _ => reworded(raw, |change| {
            let count = change.operations.len();
            let (one, two) = (dice.roll(count), dice.roll(count));
            match dice.roll(6) {
                0 => change.operations.swap(one, two),
                1 => drop(change.operations.remove(one)),
                2 => change.operations[one].pred = change.operations[two].pred.clone(),
                3 => change.operations[one].key = change.operations[two].key.clone(),
                4 => change.operations[one].obj = change.operations[two].obj.clone(),
                _ => change.operations[one].action = change.operations[two].action.clone(),
            }
        }),
    }
}

fn chunk_body(raw: &[u8]) -> usize {
    let mut at = 9;
    while raw[at] & 0x80 != 0 {
        at += 1;
    }
    raw.len() - at - 1
}

fn damage_header(dice: &mut Dice, parts: &mut Parts) {
    match dice.roll(7) {
        0 => parts.seq = dice.roll(5) as u64,
        1 => {
            parts.start_op = parts
                .start_op
                .wrapping_add(dice.roll(5) as u64)
                .wrapping_sub(2)
        }
        2 => parts.time = dice.roll(3) as i64 - 1,
        3 => parts.others.reverse(),
        4 => parts.others.push(B.to_vec()),
        5 if !parts.deps.is_empty() => drop(parts.deps.pop()),
        _ => parts.deps.push([0xff; 32]),
    }
}
