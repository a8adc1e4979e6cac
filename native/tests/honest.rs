//! Honest documents with several writing devices: nothing is refused, whatever the order of
//! arrival, all devices end alike, and our tables see what Automerge's `get_all_at` sees.

mod common;

use _automerge::chunk::{self, Hash};
use _automerge::tables::{OpRef, RECORDS, Tables};
use automerge::{ActorId, Automerge, Change, ChangeHash, ObjId, ObjType, ROOT, ReadDoc, Value};
use common::devices::{Device, FIELDS, IDS, KEYS, Log, deliver, devices, write_something};
use common::*;

const DOCUMENTS: u64 = 2_000;
const WITNESSED: u64 = 200;

fn random_document(seed: u64) -> (Vec<Device>, Log) {
    let mut dice = Dice(seed);
    let mut devices = devices(2 + seed as usize % 4);
    let mut log = Log::new();
    for _ in 0..20 + dice.roll(20) {
        let one = dice.roll(devices.len());
        if dice.roll(3) == 0 {
            let most = 1 + dice.roll(8);
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

#[test]
fn honest_changes_are_never_refused() {
    let mut changes = 0;
    for seed in 0..DOCUMENTS {
        let (devices, log) = random_document(seed);
        changes += log.len();
        let first = devices[0].document.read(None).unwrap();
        for device in &devices[1..] {
            assert_eq!(device.document.heads(), devices[0].document.heads());
            assert_eq!(device.document.read(None).unwrap(), first);
        }
    }
    assert!(changes > DOCUMENTS as usize * 10, "{changes} changes");
}

#[test]
fn restoring_and_judging_give_the_same_tables() {
    for seed in 0..50 {
        let (devices, log) = random_document(seed);
        let raws: Vec<&[u8]> = log.iter().map(|entry| &*entry.2).collect();
        let mut restored = new_document();
        let metas = restored.restore(&raws).unwrap();
        let hashes: Vec<Hash> = metas.iter().map(|meta| meta.hash).collect();
        restored.apply(&hashes).unwrap();
        assert_eq!(restored.heads(), devices[0].document.heads());
        // What is written next passes the gate of the other, which judged every change itself.
        let mut judged = new_document();
        for (_, _, raw) in &log {
            take(&mut judged, raw);
        }
        let next = restored
            .edit(&C, &[make("dddddddddddddddd")])
            .unwrap()
            .unwrap();
        assert_eq!(check(&mut judged, &C, &[&next]), "accepted");
    }
}

/// `standing` against `get_all_at`, for every key of every map, at the deps of every change.
#[test]
fn our_tables_see_what_automerge_sees() {
    let mut compared = 0;
    for seed in 0..WITNESSED {
        let (_, log) = random_document(seed);
        let raws: Vec<&[u8]> = log.iter().map(|entry| &*entry.2).collect();
        let (tables, witness) = both(&raws);
        let maps = maps_of(&tables, &witness);
        for raw in &raws {
            let deps = chunk::parse(raw).unwrap().deps;
            let heads: Vec<ChangeHash> = deps.iter().map(|dep| ChangeHash(*dep)).collect();
            let mut past = _automerge::clock::Clock::default();
            for dep in &deps {
                past.join(&tables.known(tables.find(dep).unwrap()).clock);
            }
            for (object, id) in &maps {
                for key in IDS.iter().chain(&FIELDS).chain(&KEYS).chain(&["texts"]) {
                    let mut ours: Vec<_> = tables
                        .standing(*object, key, &past)
                        .iter()
                        .map(|value| tables.op_id(value.op))
                        .map(|(counter, actor)| (counter, actor.to_vec()))
                        .collect();
                    let theirs = witness.get_all_at(id, *key, &heads).unwrap();
                    let mut theirs: Vec<_> = theirs.iter().map(|(_, id)| op_of(id)).collect();
                    ours.sort();
                    theirs.sort();
                    assert_eq!(ours, theirs, "seed {seed}, key {key}");
                    compared += theirs.len();
                }
            }
        }
    }
    assert!(compared > 10_000, "{compared} values");
}

fn op_of(id: &ObjId) -> (u64, Vec<u8>) {
    match id {
        ObjId::Id(counter, actor, _) => (*counter, actor.to_bytes().to_vec()),
        ObjId::Root => (0, Vec::new()),
    }
}

/// The tables, filled by restoring, and an Automerge document of the same changes.
fn both(raws: &[&[u8]]) -> (Tables, Automerge) {
    let mut document = new_document();
    document.restore(raws).unwrap();
    let genesis = genesis();
    let all = std::iter::once(&*genesis).chain(raws.iter().copied());
    let changes: Vec<Change> = all.map(|raw| Change::try_from(raw).unwrap()).collect();
    let mut witness = Automerge::new();
    witness.apply_changes(changes).unwrap();
    (document.into_tables(), witness)
}

/// Every map ever made, ours beside theirs.
fn maps_of(tables: &Tables, witness: &Automerge) -> Vec<(OpRef, ObjId)> {
    let Some((Value::Object(ObjType::Map), records)) = witness.get(ROOT, "records").unwrap() else {
        panic!("no records");
    };
    let mut maps = vec![(RECORDS, records)];
    for (change, known) in tables.changes().iter().enumerate().skip(1) {
        for offset in 0..known.ops {
            let op = OpRef {
                change: change as u32,
                offset,
            };
            if tables.place(op).is_some() {
                let (counter, actor) = tables.op_id(op);
                maps.push((op, ObjId::Id(counter, ActorId::from(actor), 0)));
            }
        }
    }
    maps
}
