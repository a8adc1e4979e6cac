//! Forks: a copied device writes under the same actor. Both branches stay in the tables, and a
//! verdict depends on the past of a change alone, whatever else the tables hold.

mod common;

use _automerge::chunk;
use _automerge::document::Document;
use common::damage::damage;
use common::devices::{Device, Log, deliver, devices, write_something};
use common::*;

const DOCUMENTS: u64 = 60;
const DAMAGED_PER_CHANGE: usize = 4;

/// Three actors on five devices: two are copies.
fn forked_document(seed: u64) -> (Vec<Device>, Log) {
    let mut dice = Dice(seed);
    let mut devices = devices(5);
    devices[3].actor = devices[0].actor;
    devices[4].actor = devices[1].actor;
    let mut log = Log::new();
    for _ in 0..40 {
        let one = dice.roll(devices.len());
        if dice.roll(3) == 0 {
            let most = 1 + dice.roll(6);
            deliver(&mut dice, &mut devices[one], &log, most);
        } else {
            write_something(&mut dice, &mut devices[one], &mut log);
        }
    }
    for device in &mut devices {
        deliver(&mut dice, device, &log, usize::MAX);
    }
    (devices, log)
}

/// A document that holds the past of `raw` and nothing else.
fn past_of(log: &Log, raw: &[u8]) -> Document {
    let mut wanted = chunk::parse(raw).unwrap().deps;
    let mut past: Vec<&[u8]> = Vec::new();
    for (hash, _, raw) in log.iter().rev() {
        if wanted.contains(hash) {
            wanted.extend(chunk::parse(raw).unwrap().deps);
            past.insert(0, raw);
        }
    }
    let mut document = new_document();
    document.restore(&past).unwrap();
    document
}

fn plain(verdict: String) -> String {
    match verdict.starts_with("fork") {
        true => String::from("accepted"),
        false => verdict,
    }
}

#[test]
fn a_verdict_depends_on_the_past_alone() {
    let (mut forks, mut refused, mut accepted) = (0, 0, 0);
    for seed in 0..DOCUMENTS {
        let (mut devices, log) = forked_document(seed);
        forks += usize::from(devices[0].forked);
        let mut dice = Dice(!seed);
        for (hash, actor, raw) in &log {
            let mut scratch = past_of(&log, raw);
            assert_eq!(plain(check(&mut scratch, actor, &[raw])), "accepted");
            for _ in 0..DAMAGED_PER_CHANGE {
                let damaged = damage(&mut dice, raw);
                let deps = match chunk::parse(&damaged) {
                    Ok(header) if header.hash != *hash => header.deps,
                    _ => continue,
                };
                // Other deps are another past; an unknown one waits, however much is known.
                if deps != chunk::parse(raw).unwrap().deps {
                    continue;
                }
                let alone = plain(check(&mut scratch, actor, &[&damaged]));
                for device in &mut devices {
                    assert_eq!(
                        plain(check(&mut device.document, actor, &[&damaged])),
                        alone
                    );
                }
                refused += usize::from(alone.starts_with("refused"));
                accepted += usize::from(alone == "accepted");
            }
        }
    }
    assert!(forks as u64 > DOCUMENTS / 2, "{forks} forked documents");
    assert!(
        refused > 1_000 && accepted > 50,
        "{refused} refused, {accepted} accepted"
    );
}

#[test]
fn tables_do_not_depend_on_the_order_of_arrival() {
    for seed in 0..DOCUMENTS {
        let (devices, log) = forked_document(seed);
        let mut first = devices[0].document.statistics();
        first.pop(); // what counts differs: each device applied the branch that it saw first
        for device in &devices[1..] {
            let mut other = device.document.statistics();
            other.pop();
            assert_eq!(other, first);
        }
        assert_eq!(first[0], ("changes", log.len() as u64));
    }
}
