//! Devices of one member that write and meet at random.

use std::collections::BTreeSet;

use _automerge::chunk::{self, Hash};
use _automerge::document::{Document, Fault};
use _automerge::edit::{Content, Edit};

use super::{Dice, accept, hash, new_document};

pub const IDS: [&str; 3] = ["aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb", "cccccccccccccccc"];
pub const FIELDS: [&str; 4] = ["kind", "rev", "title", "area"];
pub const KEYS: [&str; 2] = ["de", "fr"];

/// A device of the member: its actor and its own copy of the document.
pub struct Device {
    pub actor: [u8; 36],
    pub document: Document,
    pub held: BTreeSet<Hash>,
    /// Whether it has met a fork.
    pub forked: bool,
}

/// All changes ever made, in a causal order.
pub type Log = Vec<(Hash, [u8; 36], Vec<u8>)>;

pub fn devices(count: usize) -> Vec<Device> {
    let device = |number: usize| Device {
        actor: [b'0' + number as u8; 36],
        document: new_document(),
        held: BTreeSet::new(),
        forked: false,
    };
    (0..count).map(device).collect()
}

fn random_edit(dice: &mut Dice, shown: &[String]) -> Edit {
    let record = String::from(IDS[dice.roll(IDS.len())]);
    if !shown.contains(&record) {
        return Edit::Make { record };
    }
    let field = String::from(FIELDS[dice.roll(FIELDS.len())]);
    let key = String::from(KEYS[dice.roll(KEYS.len())]);
    let number = dice.roll(3) as i64;
    match dice.roll(12) {
        0 => Edit::Delete { record, field },
        1 => Edit::PutIn {
            record,
            field: "texts".into(),
            key,
            text: format!("text {number}"),
        },
        2 => Edit::DeleteIn {
            record,
            field: "texts".into(),
            key,
        },
        3 => {
            let inner = Content::Inner(vec![(key, "x".into())]);
            let scalar = Content::Scalar(number.into());
            let fields = vec![(field, scalar), (String::from("texts"), inner)];
            Edit::Remake { record, fields }
        }
        _ => Edit::Put {
            record,
            field,
            value: number.into(),
        },
    }
}

/// One device writes upon what it holds; its own gate takes it.
pub fn write_something(dice: &mut Dice, device: &mut Device, log: &mut Log) {
    let shown = device.document.record_ids();
    let mut edits: Vec<Edit> = Vec::new();
    for _ in 0..=dice.roll(3) {
        let edit = random_edit(dice, &shown);
        if !matches!(edit, Edit::Make { .. }) || edits.is_empty() {
            edits.push(edit);
        }
    }
    let written = match device.document.edit(&device.actor, &edits) {
        Ok(written) => written,
        // Its chain is forked, and it knows: a real device goes on under a new nonce.
        Err(Fault::Value(why)) if why.contains("nonce") => None,
        Err(fault) => panic!("{fault:?}"),
    };
    if let Some(raw) = written {
        let given = accept(&mut device.document, &device.actor, &[&raw]);
        assert_eq!(given, "accepted", "own change");
        let hash = hash(&raw);
        device.held.insert(hash);
        // A copied device may write the very same change.
        if !in_log(log, &hash) {
            log.push((hash, device.actor, raw));
        }
    }
}

/// Gives a device what it lacks, in a random causal order, up to `most` changes.
pub fn deliver(dice: &mut Dice, device: &mut Device, log: &Log, most: usize) {
    for _ in 0..most {
        let ready: Vec<_> = log
            .iter()
            .filter(|(hash, _, raw)| {
                let deps = chunk::parse(raw).unwrap().deps;
                let known = |dep: &Hash| device.held.contains(dep) || !in_log(log, dep);
                !device.held.contains(hash) && deps.iter().all(known)
            })
            .collect();
        if ready.is_empty() {
            return;
        }
        let (hash, actor, raw) = ready[dice.roll(ready.len())];
        let given = accept(&mut device.document, actor, &[raw]);
        assert!(given == "accepted" || given.starts_with("fork"), "{given}");
        // The second branch of a fork, and what hangs on it, is held and does not count.
        match device.document.apply(&[*hash]) {
            Ok(_) => {}
            Err(Fault::Value(_)) if device.forked || given != "accepted" => device.forked = true,
            Err(fault) => panic!("{fault:?}"),
        }
        device.held.insert(*hash);
    }
}

/// The genesis is in no log.
fn in_log(log: &Log, hash: &Hash) -> bool {
    log.iter().any(|entry| entry.0 == *hash)
}
