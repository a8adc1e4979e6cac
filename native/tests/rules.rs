//! Rules G1 to G11, bytes and header, each with inputs that it takes and inputs that it refuses.
//!
//! Every input is a correct change upon the small world of `common`, with one thing altered.

mod common;

use _automerge::chunk::Hash;
use _automerge::verdict::{Caps, Signer};
use common::*;

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
    assert_eq!(
        check(&mut world.document(), &A[..35], &[&short]),
        "refused G4"
    );
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
    assert_eq!(
        check(&mut document, &A, &[&listed(&[hash(&b2)])]),
        "refused G5"
    );
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
        (66, &[0x81, 0x04, 0x01]),  // 513
        (112, &[0x01, 0x81, 0x20]), // 4,097 predecessors in one
        (112, &[0x81, 0x04, 0x00]), // 513 counts
        (52, &[0xff, 0xff, 0x03]),
        (21, &[0x00, 0xff, 0xff, 0x03]), // nulls
        (115, &[0xff]),                  // torn
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
        (113, &[0x7f, 9]), // actor index beyond the list: decode panics
        (1, &[0x7f, 9]),
        (86, &[0x7f, 0x15]),    // a float of one byte
        (21, &[0x7f, 1, 0xff]), // a key that is no UTF-8
        (66, &[0x7f, 99]),      // an action that there is not
    ];
    for (spec, data) in bad {
        let bad = reheaded(&good, |parts| parts.set_column(spec, data));
        assert_eq!(world.verdict(&bad), "refused G11", "column {spec}");
    }
}
