//! What the tests of the gate share: a small document, changes altered and checksummed again.
#![allow(dead_code)] // Each test file uses its own part of it.

pub mod damage;
pub mod devices;

use _automerge::chunk::{self, Hash};
use _automerge::document::{self, Document, Fault};
use _automerge::edit::Edit;
use _automerge::verdict::{Caps, RULES, Rules, Signer, Stop, Verdict};
use automerge::legacy::{Key, ObjectId, Op, OpId, OpType};
use automerge::{ActorId, Change, ExpandedChange, ObjType, ScalarValue};

pub const A: [u8; 36] = [0xaa; 36];
pub const B: [u8; 36] = [0xbb; 36];
pub const C: [u8; 36] = [0xcc; 36];
pub const GENESIS_ACTOR: [u8; 16] = [0x47; 16];
pub const RECORD: &str = "aaaaaaaaaaaaaaaa";

pub fn genesis() -> Vec<u8> {
    document::genesis(&GENESIS_ACTOR).unwrap()
}

pub fn new_document() -> Document {
    with_caps(Caps::default())
}

pub fn with_caps(caps: Caps) -> Document {
    Document::new(&genesis(), caps, Rules::ALL).unwrap()
}

pub fn text(value: &str) -> ScalarValue {
    ScalarValue::Str(value.into())
}

pub fn make(record: &str) -> Edit {
    Edit::Make {
        record: record.into(),
    }
}

pub fn put(field: &str, value: impl Into<ScalarValue>) -> Edit {
    Edit::Put {
        record: RECORD.into(),
        field: field.into(),
        value: value.into(),
    }
}

pub fn delete(field: &str) -> Edit {
    Edit::Delete {
        record: RECORD.into(),
        field: field.into(),
    }
}

pub fn put_in(key: &str, text: &str) -> Edit {
    Edit::PutIn {
        record: RECORD.into(),
        field: "texts".into(),
        key: key.into(),
        text: text.into(),
    }
}

/// Writes, and lets the own gate take it.
pub fn write(document: &mut Document, actor: &[u8], edits: &[Edit]) -> Vec<u8> {
    let raw = document.edit(actor, edits).unwrap().unwrap();
    assert_eq!(accept(document, actor, &[&raw]), "accepted");
    raw
}

/// What a write would give, in a copy: the document keeps not holding it.
pub fn draft(raws: &[Vec<u8>], actor: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut copy = holding(raws);
    copy.edit(actor, edits).unwrap().unwrap()
}

/// A document that accepted and applied these changes.
pub fn holding(raws: &[Vec<u8>]) -> Document {
    let mut document = new_document();
    for raw in raws {
        take(&mut document, raw);
    }
    document
}

/// Accepts a change of whatever actor, and applies it.
pub fn take(document: &mut Document, raw: &[u8]) {
    let actor = chunk::parse(raw).unwrap().actor.to_vec();
    let given = accept(document, &actor, &[raw]);
    assert!(given == "accepted" || given.starts_with("fork"), "{given}");
    document.apply(&[hash(raw)]).unwrap();
}

pub fn hash(raw: &[u8]) -> Hash {
    chunk::parse(raw).unwrap().hash
}

pub fn accept(document: &mut Document, actor: &[u8], run: &[&[u8]]) -> String {
    say(document.accept(actor, Signer::Member, run))
}

pub fn check(document: &mut Document, actor: &[u8], run: &[&[u8]]) -> String {
    say(document.check(actor, Signer::Member, run))
}

/// A verdict in one word or two.
pub fn say(verdict: Result<Verdict, Fault>) -> String {
    match verdict {
        Ok(Verdict::Accepted { forks, .. }) if forks.is_empty() => "accepted".into(),
        Ok(Verdict::Accepted { forks, .. }) => format!("fork {forks:?}"),
        Ok(Verdict::Stopped(Stop::Refused { rule, .. })) => format!("refused {}", RULES[rule - 1]),
        Ok(Verdict::Stopped(Stop::Waiting { rule, .. })) => format!("waiting {}", RULES[rule - 1]),
        Ok(Verdict::Stopped(Stop::Doubt(detail))) => format!("doubt {detail}"),
        Err(fault) => format!("{fault:?}"),
    }
}

/// A change taken apart down to its columns.
#[derive(Clone)]
pub struct Parts {
    pub kind: u8,
    pub deps: Vec<Hash>,
    pub actor: Vec<u8>,
    pub seq: u64,
    pub start_op: u64,
    pub time: i64,
    pub message: Vec<u8>,
    pub others: Vec<Vec<u8>>,
    pub columns: Vec<(u64, Vec<u8>)>,
    pub extra: Vec<u8>,
}

impl Parts {
    pub fn of(raw: &[u8]) -> Parts {
        let header = chunk::parse(raw).unwrap();
        let columns = header.columns.iter().map(|c| (c.spec, c.data.to_vec()));
        Parts {
            kind: header.kind,
            deps: header.deps.clone(),
            actor: header.actor.to_vec(),
            seq: header.seq,
            start_op: header.start_op,
            time: header.time,
            message: header.message.to_vec(),
            others: header.other_actors.iter().map(|a| a.to_vec()).collect(),
            columns: columns.collect(),
            extra: header.extra.to_vec(),
        }
    }

    pub fn set_column(&mut self, spec: u64, data: &[u8]) {
        self.columns.retain(|column| column.0 != spec);
        self.columns.push((spec, data.to_vec()));
        self.columns.sort();
    }

    /// Raw bytes with the right length and checksum.
    pub fn bytes(&self) -> Vec<u8> {
        let mut body = Vec::new();
        unsigned(&mut body, self.deps.len() as u64);
        body.extend(self.deps.iter().flatten());
        prefixed(&mut body, &self.actor);
        unsigned(&mut body, self.seq);
        unsigned(&mut body, self.start_op);
        signed(&mut body, self.time);
        prefixed(&mut body, &self.message);
        unsigned(&mut body, self.others.len() as u64);
        for other in &self.others {
            prefixed(&mut body, other);
        }
        unsigned(&mut body, self.columns.len() as u64);
        for (spec, data) in &self.columns {
            unsigned(&mut body, *spec);
            unsigned(&mut body, data.len() as u64);
        }
        for (_, data) in &self.columns {
            body.extend(data);
        }
        body.extend(&self.extra);
        frame(self.kind, &body)
    }
}

pub fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut raw = vec![0x85, 0x6f, 0x4a, 0x83];
    raw.extend(&chunk::hash_of(kind, body)[..4]);
    raw.push(kind);
    unsigned(&mut raw, body.len() as u64);
    raw.extend(body);
    raw
}

pub fn unsigned(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub fn signed(out: &mut Vec<u8>, mut value: i64) {
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        if (value == 0 && byte & 0x40 == 0) || (value == -1 && byte & 0x40 != 0) {
            out.push(byte);
            return;
        }
        out.push(byte | 0x80);
    }
}

fn prefixed(out: &mut Vec<u8>, bytes: &[u8]) {
    unsigned(out, bytes.len() as u64);
    out.extend(bytes);
}

/// The change with its header altered and the checksum made right.
pub fn reheaded(raw: &[u8], alter: impl FnOnce(&mut Parts)) -> Vec<u8> {
    let mut parts = Parts::of(raw);
    alter(&mut parts);
    parts.bytes()
}

/// The change with its meaning altered, encoded by Automerge itself.
pub fn reworded(raw: &[u8], alter: impl FnOnce(&mut ExpandedChange)) -> Vec<u8> {
    let mut change = Change::try_from(raw).unwrap().decode();
    alter(&mut change);
    Change::from(change).raw_bytes().to_vec()
}

pub fn op_id(counter: u64, actor: &[u8]) -> OpId {
    OpId(counter, ActorId::from(actor))
}

pub fn records_object() -> ObjectId {
    ObjectId::Id(op_id(1, &GENESIS_ACTOR))
}

pub fn op(action: OpType, object: ObjectId, key: &str, pred: Vec<OpId>) -> Op {
    Op {
        action,
        obj: object,
        key: Key::Map(key.into()),
        pred: pred.into(),
        insert: false,
    }
}

pub fn make_map() -> OpType {
    OpType::Make(ObjType::Map)
}

/// Numbers that look random and are the same in every run (splitmix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % below as u64) as usize
    }
}

/// A makes a record (a1: ops 2-4), B edits it (b1: op 5), A edits on top of both (a2: op 6). The
/// next change of A starts at op 7.
pub struct World {
    pub raws: Vec<Vec<u8>>,
    pub a1: Hash,
    pub b1: Hash,
    pub a2: Hash,
}

pub fn world() -> World {
    let mut document = new_document();
    let a1 = write(
        &mut document,
        &A,
        &[make(RECORD), put("kind", "need"), put("rev", 1)],
    );
    let b1 = write(&mut document, &B, &[put("rev", 2)]);
    let a2 = write(&mut document, &A, &[put("title", "Water")]);
    World {
        a1: hash(&a1),
        b1: hash(&b1),
        a2: hash(&a2),
        raws: vec![a1, b1, a2],
    }
}

impl World {
    pub fn document(&self) -> Document {
        holding(&self.raws)
    }

    /// The next change of A, not accepted yet.
    pub fn next(&self, edits: &[Edit]) -> Vec<u8> {
        draft(&self.raws, &A, edits)
    }

    pub fn verdict(&self, raw: &[u8]) -> String {
        check(&mut self.document(), &A, &[raw])
    }
}

pub fn record() -> ObjectId {
    ObjectId::Id(op_id(2, &A))
}
