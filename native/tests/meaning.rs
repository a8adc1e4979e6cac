//! Rules G12 to G17, what a change does, each with inputs that it takes and inputs that it refuses.
//!
//! Every input is a correct change upon the small world of `common`, with one thing altered.

mod common;

use _automerge::document::Document;
use _automerge::edit::Edit;
use _automerge::verdict::Caps;
use automerge::legacy::{Key, ObjectId, OpType};
use automerge::{ObjType, ScalarValue};
use common::*;

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
    assert_eq!(
        refused(&|op| op.key = Key::Map(long.as_str().into())),
        "refused G12"
    );
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

/// Action, field and predecessors.
type Written<'a> = (OpType, &'a str, &'a [(u64, [u8; 36])]);

#[test]
fn g14_pred() {
    let world = world();
    let good = world.next(&[put("rev", 3)]);
    let ops = |ops: &[Written<'_>]| {
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
    assert_eq!(
        ops(&[(put(), "rev", &[(5, B)]), (put(), "rev", &[(7, A)])]),
        "accepted"
    );
    assert_eq!(
        ops(&[(put(), "rev", &[(5, B)]), (put(), "rev", &[(5, B)])]),
        "refused G14"
    );
    let twice = [
        (OpType::Delete, "rev", &[(5, B)][..]),
        (OpType::Delete, "rev", &[][..]),
    ];
    assert_eq!(ops(&twice), "refused G14");
    assert_eq!(
        ops(&[(OpType::Delete, "rev", &[(5, B)]), (put(), "rev", &[])]),
        "accepted"
    );
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
    for wrong in [
        "short",
        "1234567abcdefghi",
        "ABCDEFGHabcdefgh",
        "aaaaaaaaaaaaaaaaa",
    ] {
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
        let edits: Vec<_> = (0..count)
            .map(|n| put(&format!("f{n}"), n as i64))
            .collect();
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
        (0..30)
            .map(|n| put(&format!("{prefix}{n}"), n as i64))
            .collect()
    };
    let a3 = draft(&world.raws, &A, &half("a"));
    let b2 = draft(&world.raws, &B, &half("b"));
    let mut raws = world.raws.clone();
    raws.extend([a3, b2]);
    let verdict = |edits: &[Edit]| {
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
    assert_eq!(
        verdict(&|caps| caps.epoch_bytes = bytes as u64 - 1),
        "refused G17"
    );
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
