//! What a member with a valid key can send to hurt Automerge (each row panics there, hangs there, or
//! makes a document that never loads again), and random damage: all of it ends at the gate, by the
//! right rule, and whatever passes the gate is harmless.

mod common;

use _automerge::chunk;
use _automerge::document::Document;
use automerge::legacy::{Key, ObjectId, Op, OpType};
use automerge::{Automerge, ObjType, ScalarValue};
use common::damage::damage;
use common::*;

/// Damaged changes in the ordinary run; set MESHAID_DAMAGED for a long one.
const DAMAGED: usize = 20_000;

fn base() -> Vec<Vec<u8>> {
    let mut document = new_document();
    let a1 = write(
        &mut document,
        &A,
        &[
            make(RECORD),
            put("kind", "need"),
            put("rev", 1),
            put_in("de", "Brot"),
        ],
    );
    let b1 = write(&mut document, &B, &[put("rev", 2), put("area", "North")]);
    let mut behind = holding(std::slice::from_ref(&a1));
    let c1 = write(&mut behind, &C, &[put("rev", 7), make("cccccccccccccccc")]);
    take(&mut document, &c1);
    let a2 = write(&mut document, &A, &[put("title", "Water"), delete("area")]);
    vec![a1, b1, c1, a2]
}

/// What was accepted, and an honest next change of A.
struct Hostile {
    raws: Vec<Vec<u8>>,
    good: Vec<u8>,
}

fn hostile() -> Hostile {
    let raws = base();
    let good = draft(&raws, &A, &[put("kind", "offer")]);
    let hostile = Hostile { raws, good };
    assert_eq!(hostile.first(&|_| ()), "accepted");
    hostile
}

impl Hostile {
    fn verdict(&self, raw: &[u8]) -> String {
        check(&mut holding(&self.raws), &A, &[raw])
    }

    fn header(&self, alter: &dyn Fn(&mut Parts)) -> String {
        self.verdict(&reheaded(&self.good, |parts| alter(parts)))
    }

    fn column(&self, spec: u64, data: &[u8]) -> String {
        self.header(&|parts| parts.set_column(spec, data))
    }

    fn first(&self, alter: &dyn Fn(&mut Op)) -> String {
        let altered = reworded(&self.good, |change| alter(&mut change.operations[0]));
        self.verdict(&altered)
    }
}

/// These panic in apply, or in save afterwards.
#[test]
fn what_panics_in_automerge() {
    let hostile = hostile();
    assert_eq!(hostile.header(&|parts| parts.seq += 1), "refused G6");
    assert_eq!(
        hostile.header(&|parts| parts.others = vec![[9; 36].to_vec()]),
        "refused G8"
    );
    assert_eq!(
        hostile.header(&|parts| parts.others = vec![A.to_vec()]),
        "refused G8"
    );
    assert_eq!(hostile.column(113, &[0x7f, 40]), "refused G11");
    assert_eq!(hostile.column(1, &[0x7f, 40]), "refused G11");
    assert_eq!(hostile.column(86, &[0x7f, 0x15]), "refused G11"); // a float of one byte
    assert_eq!(hostile.header(&|parts| parts.time = i64::MIN), "refused G8");
    assert_eq!(hostile.header(&|parts| parts.start_op += 1), "refused G7");
    assert_eq!(hostile.header(&|parts| parts.start_op -= 1), "refused G7");
    assert_eq!(
        hostile.header(&|parts| parts.start_op = u64::from(u32::MAX) - 1),
        "refused G7"
    );
    let object = |object: ObjectId| hostile.first(&|op| op.obj = object.clone());
    assert_eq!(object(ObjectId::Id(op_id(99, &A))), "refused G13");
    assert_eq!(object(ObjectId::Id(op_id(3, &A))), "refused G13"); // a scalar as an object
}

/// These apply, read fine, and never load again after a save.
#[test]
fn what_never_loads_again() {
    let hostile = hostile();
    let preds = |preds: &[(u64, [u8; 36])]| {
        let preds: Vec<_> = preds.iter().map(|(c, actor)| op_id(*c, actor)).collect();
        hostile.first(&|op| op.pred = preds.clone().into())
    };
    assert_eq!(preds(&[(99, B)]), "refused G14");
    assert_eq!(preds(&[(4, A)]), "refused G14"); // of another key
    assert_eq!(preds(&[(3, A), (3, A)]), "refused G14"); // twice
    let own = chunk::parse(&hostile.good).unwrap().start_op;
    assert_eq!(preds(&[(own, A)]), "refused G14"); // itself
    let dangling = hostile.first(&|op| {
        op.action = OpType::Delete;
        op.pred = vec![].into();
    });
    assert_eq!(dangling, "refused G14");
    let mut unsorted = vec![hash(&hostile.raws[1]), hash(&hostile.raws[3])];
    unsorted.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(
        hostile.header(&|parts| parts.deps = unsorted.clone()),
        "refused G2"
    );
    assert_eq!(
        hostile.header(&|parts| parts.others = vec![B.to_vec()]),
        "refused G15"
    ); // known, unused
    assert_eq!(
        hostile.header(&|parts| parts.deps = vec![hash(&hostile.raws[1])]),
        "refused G5"
    ); // not on its own last
}

/// Lists, texts, marks, counters, strange scalars, the root.
#[test]
fn what_records_do_not_hold() {
    let hostile = hostile();
    assert_eq!(hostile.first(&|op| op.key = Key::head()), "refused G9");
    assert_eq!(hostile.column(165, &[0x7f, 1, b'm']), "refused G9");
    assert_eq!(hostile.column(148, &[0, 1]), "refused G9");
    assert_eq!(
        hostile.first(&|op| op.action = OpType::Make(ObjType::Text)),
        "refused G12"
    );
    assert_eq!(
        hostile.first(&|op| op.action = OpType::MarkEnd(true)),
        "refused G9"
    );
    assert_eq!(
        hostile.first(&|op| op.action = OpType::Increment(i64::MAX)),
        "refused G12"
    );
    let counter = OpType::Put(ScalarValue::counter(i64::MAX));
    assert_eq!(
        hostile.first(&|op| op.action = counter.clone()),
        "refused G12"
    );
    let root = |key: &str| {
        hostile.first(&|op| {
            op.obj = ObjectId::Root;
            op.key = Key::Map(key.into());
            op.pred = vec![op_id(1, &GENESIS_ACTOR)].into();
        })
    };
    assert_eq!(root("records"), "refused G12");
    assert_eq!(
        hostile.first(&|op| op.key = Key::Map("".into())),
        "refused G12"
    );
}

/// 3,000 maps inside each other, ten million operations, deflated changes.
#[test]
fn depth_and_bombs() {
    let hostile = hostile();
    let nested = |count: u64| {
        hostile.verdict(&reworded(&hostile.good, |change| {
            let start = change.start_op.get();
            change.operations = (0..count)
                .map(|n| {
                    let on = if n == 0 {
                        op_id(2, &A)
                    } else {
                        op_id(start + n - 1, &A)
                    };
                    op(make_map(), ObjectId::Id(on), "m", vec![])
                })
                .collect();
        }))
    };
    assert_eq!(nested(3_000), "refused G10");
    assert_eq!(nested(300), "refused G13");

    // Bombs: ten million operations, and a deflated change.
    assert_eq!(
        hostile.column(66, &[0x80, 0xad, 0xe2, 0x04, 0x01]),
        "refused G10"
    );
    assert_eq!(hostile.verdict(&frame(2, &[0; 100])), "refused G1");
    assert_eq!(hostile.verdict(&frame(0, &[0; 100])), "refused G1");
}

/// What the gate accepts applies, saves, loads and reads back byte for byte.
#[test]
fn what_passes_is_harmless() {
    let asked = std::env::var("MESHAID_DAMAGED").ok();
    let rounds = asked.map_or(DAMAGED, |count| count.parse().unwrap());
    let raws = base();
    let (mut dice, mut accepted, mut document) = (Dice(1), 0, holding(&raws));
    for _ in 0..rounds {
        let at = dice.roll(raws.len() + 1);
        let edits = [
            put("rev", dice.roll(9) as i64),
            put_in("fr", "pain"),
            delete("kind"),
        ];
        let honest = match raws.get(at) {
            Some(raw) => raw.clone(),
            None => draft(&raws, &[A, B, C][dice.roll(3)], &edits[..1 + dice.roll(3)]),
        };
        let damaged = damage(&mut dice, &honest);
        let Ok(header) = chunk::parse(&damaged) else {
            assert_eq!(check(&mut document, &A, &[&damaged]), "refused G1");
            continue;
        };
        let actor = header.actor.to_vec();
        let given = check(&mut document, &actor, &[&damaged]);
        if given == "accepted" && !raws.contains(&damaged) {
            harmless(&raws, &damaged);
            accepted += 1;
        }
        assert!(!given.contains("Poisoned"), "{given}");
    }
    assert!(accepted > rounds / 200, "{accepted} of {rounds} accepted");
}

fn harmless(raws: &[Vec<u8>], extra: &[u8]) {
    let mut document: Document = holding(raws);
    take(&mut document, extra);
    let loaded = Automerge::load(&document.export()).unwrap();
    let heads: Vec<_> = loaded.get_heads().iter().map(|head| head.0).collect();
    assert_eq!(heads, document.heads());
    let changes = loaded.get_changes(&[]);
    assert!(changes.iter().any(|change| change.raw_bytes() == extra));
    assert!(document.read(None).is_ok());
}
