//! Each rule of the gate with inputs that it takes and inputs that it refuses.
//!
//! The small world: A makes a record (a1: ops 2-4), B edits it (b1: op 5), A edits on top of both
//! (a2: op 6). Every input is a correct change in which one thing was altered.

mod common;

use _automerge::chunk::Hash;
use _automerge::document::Document;
use _automerge::verdict::{Caps, Signer};
use automerge::legacy::{Key, ObjectId, OpType};
use automerge::{ObjType, ScalarValue};
use common::*;

struct World {
    raws: Vec<Vec<u8>>,
    a1: Hash,
    b1: Hash,
    a2: Hash,
}

fn world() -> World {
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
    fn document(&self) -> Document {
        holding(&self.raws)
    }

    /// The next change of A, not accepted yet.
    fn next(&self, edits: &[_automerge::edit::Edit]) -> Vec<u8> {
        draft(&self.raws, &A, edits)
    }

    fn verdict(&self, raw: &[u8]) -> String {
        check(&mut self.document(), &A, &[raw])
    }
}

fn record() -> ObjectId {
    ObjectId::Id(op_id(2, &A))
}

#[test]
fn g1_bytes() {
    let world = world();
    let good = world.next(&[put("rev", 3)]);
    assert_eq!(world.verdict(&good), "accepted");
    let caps = |bytes: usize| Caps {
        change_bytes: bytes as u64,
        ..Caps::default()
    };
    let longest = |bytes: usize| {
        let first = draft(&[], &A, &[make(RECORD)]);
        assert_eq!(first.len(), 147, "the length that this test counts on");
        check(&mut with_caps(caps(bytes)), &A, &[&first])
    };
    assert_eq!(longest(147), "accepted");
    assert_eq!(longest(146), "refused G1");

    let mut wrong_checksum = good.clone();
    wrong_checksum[4] ^= 1;
    let another_type = reheaded(&good, |parts| parts.kind = 2);
    let mut tail = good.clone();
    tail.push(0);
    let body = &good[10 + usize::from(good.len() > 137)..];
    let mut long_number = vec![0x81, 0x00];
    long_number.extend(&body[1..]);
    for bad in [
        wrong_checksum,
        another_type,
        tail,
        frame(1, &long_number),
        good[..good.len() - 1].to_vec(),
        Vec::new(),
    ] {
        assert_eq!(world.verdict(&bad), "refused G1");
    }
}

#[test]
fn g2_deps_list() {
    let world = world();
    let good = world.next(&[put("rev", 3)]);
    assert_eq!(check(&mut world.document(), &A, &[&good]), "accepted");
    let deps = |deps: &[Hash]| reheaded(&good, |parts| parts.deps = deps.to_vec());
    let (mut low, mut high) = (world.a1, world.a2);
    if low > high {
        std::mem::swap(&mut low, &mut high);
    }
    assert_eq!(world.verdict(&deps(&[low, high])), "refused G2"); // two of one actor
    assert_eq!(world.verdict(&deps(&[])), "refused G2");
    assert_eq!(world.verdict(&deps(&[world.a2, world.a2])), "refused G2");
    let (mut first, mut second) = (world.a2, world.b1);
    if first < second {
        std::mem::swap(&mut first, &mut second);
    }
    assert_eq!(world.verdict(&deps(&[first, second])), "refused G2"); // descending
    assert_eq!(world.verdict(&deps(&[second, first])), "accepted"); // covered, yet allowed
    let many: Vec<Hash> = (0..65).map(|n| [n; 32]).collect();
    assert_eq!(world.verdict(&deps(&many)), "refused G2");
    assert_eq!(world.verdict(&deps(&many[..64])), "waiting G3");
}

#[test]
fn g3_deps_known() {
    let world = world();
    let good = world.next(&[put("rev", 3)]);
    let mut without_b = holding(&world.raws[..1]);
    assert_eq!(check(&mut without_b, &A, &[&world.raws[2]]), "waiting G3");
    let unknown = reheaded(&good, |parts| parts.deps = vec![[7; 32]]);
    assert_eq!(world.verdict(&unknown), "waiting G3");

    // A second a2: whoever joins both branches is refused, whoever follows one is not.
    let fork = draft(&world.raws[..2], &A, &[put("title", "Bread")]);
    let mut document = world.document();
    assert_eq!(accept(&mut document, &A, &[&fork]), "fork [2]");
    let after_one = draft(&world.raws, &B, &[put("area", "North")]);
    let on_other = [world.raws[0].clone(), world.raws[1].clone(), fork.clone()];
    let c = draft(&on_other, &C, &[put("area", "South")]);
    assert_eq!(accept(&mut document, &B, &[&after_one]), "accepted");
    assert_eq!(accept(&mut document, &C, &[&c]), "accepted");
    let mut deps = vec![hash(&after_one), hash(&c)];
    deps.sort_unstable();
    let joined = reheaded(&after_one, |parts| {
        (parts.deps, parts.seq) = (deps, 3);
        parts.start_op += 1;
    });
    assert_eq!(check(&mut document, &B, &[&joined]), "refused G3");
}

#[test]
fn g4_actor() {
    let world = world();
    let good = world.next(&[put("rev", 3)]);
    let mut document = world.document();
    let mut verdict = |signer| say(document.check(&A, signer, &[&good]));
    assert_eq!(verdict(Signer::Member), "accepted");
    assert_eq!(verdict(Signer::Other), "refused G4");
    assert_eq!(verdict(Signer::Unknown), "waiting G4");
    assert_eq!(check(&mut world.document(), &B, &[&good]), "refused G4");
    let short = reheaded(&good, |parts| parts.actor.truncate(35));
    assert_eq!(check(&mut world.document(), &A[..35], &[&short]), "refused G4");
}

#[test]
fn g5_own_chain() {
    let world = world();
    let good = world.next(&[put("rev", 3)]);
    // B on top of a2; then A on top of B alone: its own previous is covered but not listed.
    let b2 = draft(&world.raws, &B, &[put("area", "North")]);
    let mut document = world.document();
    assert_eq!(accept(&mut document, &B, &[&b2]), "accepted");
    let listed = |deps: &[Hash]| {
        let mut deps = deps.to_vec();
        deps.sort_unstable();
        reheaded(&good, |parts| {
            parts.deps = deps;
            parts.start_op += 1;
        })
    };
    assert_eq!(check(&mut document, &A, &[&listed(&[hash(&b2)])]), "refused G5");
    let both = listed(&[hash(&b2), world.a2]);
    assert_eq!(check(&mut document, &A, &[&both]), "accepted");
    // A run is one piece of one chain.
    let [a1, _, a2] = &world.raws[..] else {
        unreachable!()
    };
    assert_eq!(check(&mut document, &A, &[a1, a2, &both]), "accepted");
    assert_eq!(check(&mut document, &A, &[a1, &both]), "refused G5");
    assert_eq!(check(&mut document, &A, &[a2, a1]), "refused G5");
}

#[test]
fn g6_seq() {
    let world = world();
    let good = world.next(&[put("rev", 3)]);
    let seq = |seq: u64| reheaded(&good, |parts| parts.seq = seq);
    assert_eq!(world.verdict(&seq(3)), "accepted");
    for wrong in [0, 2, 4, u64::MAX] {
        assert_eq!(world.verdict(&seq(wrong)), "refused G6");
    }
    let mut document = world.document();
    let other = draft(&world.raws, &A, &[put("rev", 4)]);
    assert_eq!(accept(&mut document, &A, &[&good]), "accepted");
    assert_eq!(accept(&mut document, &A, &[&other]), "fork [3]");
    assert_eq!(check(&mut document, &A, &[&good]), "fork [3]"); // held, and the fork is known
    assert_eq!(check(&mut document, &A, &[&world.raws[0]]), "accepted");
    let caps = Caps {
        seq: 1,
        ..Caps::default()
    };
    let mut short = with_caps(caps);
    let first = draft(&[], &A, &[make(RECORD)]);
    let second = draft(std::slice::from_ref(&first), &A, &[put("rev", 1)]);
    assert_eq!(accept(&mut short, &A, &[&first]), "accepted");
    assert_eq!(accept(&mut short, &A, &[&second]), "refused G6");
}

#[test]
fn g7_start_op() {
    let world = world();
    let good = world.next(&[put("rev", 3)]);
    let start = |start: u64| reheaded(&good, |parts| parts.start_op = start);
    assert_eq!(world.verdict(&start(7)), "accepted");
    for wrong in [0, 1, 6, 8, u64::from(u32::MAX), u64::MAX] {
        assert_eq!(world.verdict(&start(wrong)), "refused G7");
    }
}

#[test]
fn g8_rest_of_header() {
    let world = world();
    let good = world.next(&[put("rev", 3)]);
    assert_eq!(world.verdict(&good), "accepted");
    let bad: [fn(&mut Parts); 7] = [
        |parts| parts.time = 1,
        |parts| parts.time = i64::MIN,
        |parts| parts.message = b"hello".to_vec(),
        |parts| parts.extra = vec![0],
        |parts| parts.others = vec![C.to_vec()],
        |parts| parts.others = vec![A.to_vec()],
        |parts| parts.others = vec![B.to_vec(); 65],
    ];
    for alter in bad {
        assert_eq!(world.verdict(&reheaded(&good, alter)), "refused G8");
    }
}

#[test]
fn g9_columns() {
    let world = world();
    let good = world.next(&[put("rev", 3)]);
    let specs: Vec<u64> = Parts::of(&good).columns.iter().map(|c| c.0).collect();
    assert_eq!(specs, [1, 2, 21, 52, 66, 86, 87, 112, 113, 115]);
    for refused in [0, 17, 19, 148, 165, 66 | 8, 1 << 40] {
        let bad = reheaded(&good, |parts| parts.set_column(refused, &[0x7f, 0]));
        assert_eq!(world.verdict(&bad), "refused G9");
    }
    let swapped = reheaded(&good, |parts| parts.columns.swap(0, 1));
    assert_eq!(world.verdict(&swapped), "refused G9");
    let twice = reheaded(&good, |parts| parts.columns.insert(0, (1, vec![0x7f, 0])));
    assert_eq!(world.verdict(&twice), "refused G9");
}

#[test]
fn g10_counts() {
    let world = world();
    let good = world.next(&[put("rev", 3)]);
    assert_eq!(world.verdict(&good), "accepted");
    let bombs: [(u64, &[u8]); 8] = [
        (66, &[0x80, 0xad, 0xe2, 0x04, 0x01]), // 10,000,000 operations
        (66, &[]),
        (66, &[0x81, 0x04, 0x01]),             // 513
        (112, &[0x01, 0x81, 0x20]),            // 4,097 predecessors in one
        (112, &[0x81, 0x04, 0x00]),            // 513 counts
        (52, &[0xff, 0xff, 0x03]),
        (21, &[0x00, 0xff, 0xff, 0x03]),       // nulls
        (115, &[0xff]),                        // torn
    ];
    for (spec, data) in bombs {
        let bad = reheaded(&good, |parts| parts.set_column(spec, data));
        assert_eq!(world.verdict(&bad), "refused G10", "column {spec}");
    }
}

#[test]
fn g11_decode() {
    let world = world();
    let good = world.next(&[put("rev", 3)]);
    let bad: [(u64, &[u8]); 5] = [
        (113, &[0x7f, 9]),       // actor index beyond the list: decode panics
        (1, &[0x7f, 9]),
        (86, &[0x7f, 0x15]),     // a float of one byte
        (21, &[0x7f, 1, 0xff]),  // a key that is no UTF-8
        (66, &[0x7f, 99]),       // an action that there is not
    ];
    for (spec, data) in bad {
        let bad = reheaded(&good, |parts| parts.set_column(spec, data));
        assert_eq!(world.verdict(&bad), "refused G11", "column {spec}");
    }
}

#[test]
fn g12_form() {
    let world = world();
    let good = world.next(&[put("rev", 3)]);
    let refused = |alter: &dyn Fn(&mut automerge::legacy::Op)| {
        let bad = reworded(&good, |change| alter(&mut change.operations[0]));
        world.verdict(&bad)
    };
    assert_eq!(refused(&|_| ()), "accepted");
    assert_eq!(refused(&|op| op.insert = true), "refused G12");
    assert_eq!(refused(&|op| op.obj = ObjectId::Root), "refused G12");
    assert_eq!(refused(&|op| op.key = Key::Map("".into())), "refused G12");
    let long = "k".repeat(97);
    assert_eq!(refused(&|op| op.key = Key::Map(long.as_str().into())), "refused G12");
    assert_eq!(refused(&|op| op.obj = records_object()), "refused G12");
    for action in [
        OpType::Make(ObjType::List),
        OpType::Make(ObjType::Text),
        OpType::Make(ObjType::Table),
        OpType::Increment(1),
        OpType::Put(ScalarValue::counter(1)),
        OpType::Put(ScalarValue::Unknown {
            type_code: 12,
            bytes: vec![1],
        }),
    ] {
        assert_eq!(refused(&|op| op.action = action.clone()), "refused G12");
    }
    // A list key needs columns that G9 refuses before.
    assert_eq!(refused(&|op| op.key = Key::head()), "refused G9");
}

#[test]
fn g13_object() {
    let world = world();
    let good = world.next(&[put("rev", 3)]);
    let on = |document: &mut Document, object: ObjectId, alter: &dyn Fn(&mut OpType)| {
        let bad = reworded(&good, |change| {
            change.operations = vec![op(OpType::Put(1.into()), object, "rev", vec![])];
            alter(&mut change.operations[0].action);
        });
        check(document, &A, &[&bad])
    };
    let mut document = world.document();
    let keep: &dyn Fn(&mut OpType) = &|_| ();
    // Found: then the missing pred is what is wrong.
    assert_eq!(on(&mut document, record(), keep), "refused G14");
    for unknown in [(3, A), (9, A), (99, B), (2, B), (5, B)] {
        let object = ObjectId::Id(op_id(unknown.0, &unknown.1));
        assert_eq!(on(&mut document, object, keep), "refused G13");
    }
    // Known to the document, yet not in the past of this change.
    let mut raws = world.raws.clone();
    raws.push(draft(&raws, &C, &[put("rev", 4)])); // op 7
    let a3 = draft(&raws, &A, &[put("rev", 5)]);
    raws.push(draft(&raws, &C, &[make("cccccccccccccccc")])); // op 8
    let late = reworded(&a3, |change| {
        let object = ObjectId::Id(op_id(8, &C));
        change.operations = vec![op(OpType::Put(1.into()), object, "rev", vec![])];
    });
    assert_eq!(check(&mut holding(&raws), &A, &[&late]), "refused G13");
    // Made earlier in the same change; not later; not deeper than four.
    let nested = |pairs: &[(u64, &str)]| {
        let bad = reworded(&good, |change| {
            change.operations = pairs
                .iter()
                .map(|(object, key)| {
                    let object = match object {
                        0 => record(),
                        counter => ObjectId::Id(op_id(*counter, &A)),
                    };
                    op(make_map(), object, key, vec![])
                })
                .collect();
        });
        world.verdict(&bad)
    };
    assert_eq!(nested(&[(0, "texts")]), "accepted");
    assert_eq!(nested(&[(0, "texts"), (7, "de")]), "refused G13");
    assert_eq!(nested(&[(8, "de"), (0, "texts")]), "refused G13");
    assert_eq!(nested(&[(7, "de")]), "refused G13");
}

#[test]
fn g14_pred() {
    let world = world();
    let good = world.next(&[put("rev", 3)]);
    let ops = |ops: &[(OpType, &str, &[(u64, [u8; 36])])]| {
        let bad = reworded(&good, |change| {
            let all = ops.iter().map(|(action, key, preds)| {
                let preds = preds.iter().map(|(c, a)| op_id(*c, a)).collect();
                op(action.clone(), record(), key, preds)
            });
            change.operations = all.collect();
        });
        world.verdict(&bad)
    };
    let put = || OpType::Put(ScalarValue::Int(9));
    assert_eq!(ops(&[(put(), "rev", &[(5, B)])]), "accepted");
    assert_eq!(ops(&[(put(), "rev", &[])]), "refused G14");
    assert_eq!(ops(&[(put(), "rev", &[(4, A)])]), "refused G14"); // overwritten before
    assert_eq!(ops(&[(put(), "rev", &[(3, A)])]), "refused G14"); // another key
    assert_eq!(ops(&[(put(), "rev", &[(77, B)])]), "refused G14");
    assert_eq!(ops(&[(put(), "rev", &[(5, B), (5, B)])]), "refused G14");
    assert_eq!(ops(&[(put(), "rev", &[(7, A)])]), "refused G14"); // itself
    assert_eq!(ops(&[(OpType::Delete, "rev", &[(5, B)])]), "accepted");
    assert_eq!(ops(&[(OpType::Delete, "area", &[])]), "refused G14");
    assert_eq!(ops(&[(OpType::Delete, "rev", &[])]), "refused G14");
    // The overlay: what an earlier operation of the change left.
    assert_eq!(ops(&[(put(), "rev", &[(5, B)]), (put(), "rev", &[(7, A)])]), "accepted");
    assert_eq!(ops(&[(put(), "rev", &[(5, B)]), (put(), "rev", &[(5, B)])]), "refused G14");
    let twice = [(OpType::Delete, "rev", &[(5, B)][..]), (OpType::Delete, "rev", &[][..])];
    assert_eq!(ops(&twice), "refused G14");
    assert_eq!(ops(&[(OpType::Delete, "rev", &[(5, B)]), (put(), "rev", &[])]), "accepted");
}

#[test]
fn g14_a_conflict_resolved_by_its_winner() {
    let world = world();
    let a3 = draft(&world.raws, &A, &[put("rev", 3)]);
    let b2 = draft(&world.raws, &B, &[put("rev", 4)]);
    let mut raws = world.raws.clone();
    raws.extend([a3, b2]);
    // 7@B wins over 7@A; B writes the winning value again: Automerge deletes the loser only.
    let settled = draft(&raws, &B, &[put("rev", 4)]);
    assert_eq!(check(&mut holding(&raws), &B, &[&settled]), "accepted");
    let wrong = reworded(&settled, |change| {
        change.operations[0].pred = vec![op_id(7, &B)].into();
    });
    assert_eq!(check(&mut holding(&raws), &B, &[&wrong]), "refused G14");
    // The winner still stands afterwards, and only it.
    raws.push(settled);
    let after = draft(&raws, &A, &[put("rev", 5)]);
    assert_eq!(check(&mut holding(&raws), &A, &[&after]), "accepted");
    let only = reworded(&after, |change| {
        assert_eq!(change.operations[0].pred.len(), 1);
        change.operations[0].pred = vec![op_id(7, &A), op_id(7, &B)].into();
    });
    assert_eq!(check(&mut holding(&raws), &A, &[&only]), "refused G14");
}

#[test]
fn g15_canonical() {
    let world = world();
    let good = world.next(&[put("rev", 3)]);
    let action = |data: &[u8]| reheaded(&good, |parts| parts.set_column(66, data));
    assert_eq!(world.verdict(&action(&[0x7f, 1])), "accepted");
    assert_eq!(world.verdict(&action(&[1, 1])), "refused G15"); // a run of one
    let unused = reheaded(&good, |parts| parts.others.push(GENESIS_ACTOR.to_vec()));
    assert_eq!(world.verdict(&unused), "refused G15");
}

#[test]
fn g16_shapes() {
    let world = world();
    let good = world.next(&[put("area", "North")]);
    let value = |value: ScalarValue| {
        let bad = reworded(&good, |c| c.operations[0].action = OpType::Put(value));
        world.verdict(&bad)
    };
    assert_eq!(value(text(&"x".repeat(2_800))), "accepted");
    assert_eq!(value(text(&"x".repeat(2_801))), "refused G16");
    assert_eq!(value(ScalarValue::Int(-(1 << 53))), "accepted");
    assert_eq!(value(ScalarValue::Int((1 << 53) + 1)), "refused G16");
    assert_eq!(value(ScalarValue::Uint(1 << 53)), "accepted");
    assert_eq!(value(ScalarValue::Uint(u64::MAX)), "refused G16");
    assert_eq!(value(ScalarValue::F64(0.5)), "accepted");
    assert_eq!(value(ScalarValue::F64(f64::NAN)), "refused G16");
    assert_eq!(value(ScalarValue::F64(f64::INFINITY)), "refused G16");
    assert_eq!(value(ScalarValue::Timestamp(1)), "refused G16");
    for fine in [ScalarValue::Null, true.into(), vec![0u8; 9].into()] {
        assert_eq!(value(fine), "accepted");
    }
    let field = |name: &str| {
        let bad = reworded(&good, |c| c.operations[0].key = Key::Map(name.into()));
        world.verdict(&bad)
    };
    assert_eq!(field("a_9"), "accepted");
    for wrong in ["9a", "Area", "a-b", "_a", "ä", &"a".repeat(33)] {
        assert_eq!(field(wrong), "refused G16");
    }
    let made = world.next(&[make("bbbbbbbbbbbbbbbb")]);
    let id = |id: &str| {
        let bad = reworded(&made, |c| c.operations[0].key = Key::Map(id.into()));
        world.verdict(&bad)
    };
    assert_eq!(id("234567abcdefghij"), "accepted");
    for wrong in ["short", "1234567abcdefghi", "ABCDEFGHabcdefgh", "aaaaaaaaaaaaaaaaa"] {
        assert_eq!(id(wrong), "refused G16");
    }
    let inner = world.next(&[put_in("de", "Wasser")]);
    assert_eq!(world.verdict(&inner), "accepted");
    let number = reworded(&inner, |c| c.operations[1].action = OpType::Put(1.into()));
    assert_eq!(world.verdict(&number), "refused G16");
}

#[test]
fn g16_record_caps() {
    let world = world();
    // kind, rev and title are there: 45 more fit.
    let fields = |count: usize| {
        let edits: Vec<_> = (0..count).map(|n| put(&format!("f{n}"), n as i64)).collect();
        world.verdict(&world.next(&edits))
    };
    assert_eq!(fields(45), "accepted");
    assert_eq!(fields(46), "refused G16");
    let entries = |count: usize| {
        let edits: Vec<_> = (0..count).map(|n| put_in(&format!("k{n}"), "x")).collect();
        world.verdict(&world.next(&edits))
    };
    assert_eq!(entries(12), "accepted");
    assert_eq!(entries(13), "refused G16");
    // kind 4+4, rev 3+8, title 5+5: 29 bytes. Seven texts with 2 bytes of name each.
    let bytes = |last: usize| {
        let mut edits: Vec<_> = (0..6)
            .map(|n| put(&format!("t{n}"), text(&"x".repeat(2_700))))
            .collect();
        edits.push(put("t6", text(&"x".repeat(last))));
        world.verdict(&world.next(&edits))
    };
    let rest = 16_384 - 29 - 6 * 2_702 - 2;
    assert_eq!(bytes(rest), "accepted");
    assert_eq!(bytes(rest + 1), "refused G16");
    // A text inside a map weighs the same, with its key and with the name of the field.
    let inside = |last: usize| {
        let mut edits: Vec<_> = (0..6)
            .map(|n| put_in(&format!("k{n}"), &"x".repeat(2_700)))
            .collect();
        edits.push(put_in("k6", &"x".repeat(last)));
        world.verdict(&world.next(&edits))
    };
    assert_eq!(inside(rest - 5), "accepted");
    assert_eq!(inside(rest - 4), "refused G16");
}

#[test]
fn g16_a_record_grown_by_merging_can_shrink() {
    let world = world();
    let half = |prefix: &str| -> Vec<_> {
        (0..30).map(|n| put(&format!("{prefix}{n}"), n as i64)).collect()
    };
    let a3 = draft(&world.raws, &A, &half("a"));
    let b2 = draft(&world.raws, &B, &half("b"));
    let mut raws = world.raws.clone();
    raws.extend([a3, b2]);
    let verdict = |edits: &[_automerge::edit::Edit]| {
        let raw = draft(&raws, &A, edits);
        check(&mut holding(&raws), &A, &[&raw])
    };
    assert_eq!(verdict(&[put("rev", 9)]), "accepted");
    assert_eq!(verdict(&[delete("a1"), delete("b1")]), "accepted");
    assert_eq!(verdict(&[delete("a1"), put("one_more", 1)]), "accepted");
    assert_eq!(verdict(&[put("one_more", 1)]), "refused G16");
}

#[test]
fn g17_totals() {
    let world = world();
    let next = world.next(&[make("bbbbbbbbbbbbbbbb")]);
    let bytes: usize = world.raws.iter().chain([&next]).map(Vec::len).sum();
    let verdict = |alter: &dyn Fn(&mut Caps)| {
        let mut caps = Caps::default();
        alter(&mut caps);
        let mut document = with_caps(caps);
        for raw in &world.raws {
            take(&mut document, raw);
        }
        check(&mut document, &A, &[&next])
    };
    assert_eq!(verdict(&|caps| caps.epoch_changes = 4), "accepted");
    assert_eq!(verdict(&|caps| caps.epoch_changes = 3), "refused G17");
    assert_eq!(verdict(&|caps| caps.epoch_bytes = bytes as u64), "accepted");
    assert_eq!(verdict(&|caps| caps.epoch_bytes = bytes as u64 - 1), "refused G17");
    assert_eq!(verdict(&|caps| caps.epoch_records = 2), "accepted");
    assert_eq!(verdict(&|caps| caps.epoch_records = 1), "refused G17");
}

#[test]
fn a_refused_run_leaves_no_trace() {
    let world = world();
    let mut document = world.document();
    let before = document.statistics();
    let a3 = world.next(&[put("rev", 3), put_in("de", "x"), make("bbbbbbbbbbbbbbbb")]);
    let mut raws = world.raws.clone();
    raws.push(a3.clone());
    let a4 = draft(&raws, &A, &[put("rev", 4)]);
    let bad = reheaded(&a4, |parts| parts.time = 1);
    assert_eq!(accept(&mut document, &A, &[&a3, &bad]), "refused G8");
    assert_eq!(check(&mut document, &A, &[&a3, &a4]), "accepted");
    assert_eq!(document.statistics(), before);
    assert_eq!(accept(&mut document, &A, &[&a4]), "waiting G3");
    assert_eq!(accept(&mut document, &A, &[&a3, &a4]), "accepted");
}
