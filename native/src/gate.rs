//! The gate: rules G1 to G17 in their order, for one change against the tables of its document.
//!
//! A verdict depends on the change, its causal past and the signer's standing alone, never on what
//! else is known, on the order of arrival or on a clock. Source: docs/protocol.md, "The gate".

use std::sync::Arc;

use automerge::{Change, ExpandedChange};

use crate::chunk::{self, CountError, Hash, Header, Runs, TYPE_CHANGE};
use crate::clock::Clock;
use crate::guard::guarded;
use crate::operations::{self, Effects};
use crate::tables::{Entry, Tables, Totals};
use crate::verdict::{ACTOR_BYTES, Caps, Meta, Rules, Signer, Stop};

/// Column specifications: object, map key, insert, action, value, predecessors.
const COLUMNS: [u64; 10] = [1, 2, 21, 52, 66, 86, 87, 112, 113, 115];
const ACTION: u64 = 66;
const PRED_COUNT: u64 = 112;
const PRED_ACTOR: u64 = 113;
const PRED_COUNTER: u64 = 115;
/// Beyond this Automerge counts wrongly (32 bits inside).
const MAX_OP: u64 = 1 << 31;

pub struct Gate<'a> {
    pub tables: &'a Tables,
    pub caps: &'a Caps,
    pub rules: Rules,
}

/// The run that a change is part of.
pub struct Run<'a> {
    pub actor: &'a [u8],
    pub signer: Signer,
    /// Hash of the change before it in the run.
    pub before: Option<Hash>,
}

pub enum Judged {
    /// In the tables already.
    Held(Meta),
    New(Meta, Box<Entry>),
}

impl Gate<'_> {
    /// Judges one change; `run` is None for a change that comes from the own store.
    pub fn judge(&self, raw: &[u8], run: Option<&Run<'_>>) -> Result<Judged, Stop> {
        let header = self.g1_bytes(raw)?;
        if let Some(held) = self.tables.find(&header.hash) {
            return self.held(&header, held, run);
        }
        self.g2_deps_list(&header)?;
        let (deps, past) = self.g3_deps_known(&header)?;
        if let Some(run) = run {
            self.g4_actor(&header, run)?;
        }
        let previous = self.g5_own_chain(&header, &deps, &past, run)?;
        let seq = self.g6_seq(&header, previous)?;
        self.g7_start_op(&header, &deps)?;
        self.g8_rest_of_header(&header, &past)?;
        self.g9_columns(&header)?;
        let counted = self.g10_counts(&header)?;
        let change = self.g11_decode(raw, counted)?;
        let ops = change.operations.len() as u32;
        let effects = operations::read(self, &change, &past)?;
        self.g15_canonical(change, raw)?;
        operations::g16_schema(self, &effects, &past)?;
        let totals = self.g17_totals(raw.len(), &effects, &past)?;
        let meta = meta_of(
            &header,
            previous.map(|p| self.tables.known(p).hash),
            seq,
            ops,
        );
        let entry = Entry {
            hash: header.hash,
            raw: Arc::from(raw),
            actor: Box::from(header.actor),
            previous,
            seq,
            start_op: header.start_op,
            ops,
            past,
            totals,
            made: effects.made.into_iter().collect(),
            left: operations::left(effects.touched),
            shown: effects
                .shown
                .into_iter()
                .map(|(o, s)| (o, s.after))
                .collect(),
        };
        Ok(Judged::New(meta, Box::new(entry)))
    }

    fn refuse_if(&self, rule: usize, wrong: bool, detail: &str) -> Result<(), Stop> {
        if wrong && self.rules.judges(rule) {
            return Err(Stop::refused(rule, detail));
        }
        Ok(())
    }

    fn held(&self, header: &Header<'_>, held: u32, run: Option<&Run<'_>>) -> Result<Judged, Stop> {
        let known = self.tables.known(held);
        let previous = known.previous.map(|p| self.tables.known(p).hash);
        if let Some(run) = run {
            self.g4_actor(header, run)?;
            let follows = run.before.is_none() || run.before == previous;
            self.refuse_if(
                5,
                !follows,
                "does not follow the change before it in the run",
            )?;
        }
        Ok(Judged::Held(meta_of(
            header, previous, known.seq, known.ops,
        )))
    }

    fn g1_bytes<'r>(&self, raw: &'r [u8]) -> Result<Header<'r>, Stop> {
        let too_long = raw.len() as u64 > self.caps.change_bytes;
        self.refuse_if(1, too_long, "longer than a change may be")?;
        let header = chunk::parse(raw).map_err(|why| Stop::refused(1, why))?;
        self.refuse_if(1, header.kind != TYPE_CHANGE, "another chunk type")?;
        self.refuse_if(1, !header.checksum_fits, "another checksum")?;
        Ok(header)
    }

    fn g2_deps_list(&self, header: &Header<'_>) -> Result<(), Stop> {
        let count = header.deps.len() as u64;
        self.refuse_if(2, count == 0, "no deps")?;
        self.refuse_if(2, count > self.caps.deps, "too many deps")?;
        let ascending = header.deps.windows(2).all(|pair| pair[0] < pair[1]);
        self.refuse_if(2, !ascending, "deps not strictly ascending")?;
        let known = header.deps.iter().filter_map(|dep| self.tables.find(dep));
        let mut actors: Vec<u32> = known.map(|dep| self.tables.known(dep).actor).collect();
        actors.sort_unstable();
        let twice = actors.windows(2).any(|pair| pair[0] == pair[1]);
        self.refuse_if(2, twice, "two deps of one actor")
    }

    fn g3_deps_known(&self, header: &Header<'_>) -> Result<(Vec<u32>, Clock), Stop> {
        let (mut deps, mut missing) = (Vec::new(), Vec::new());
        for dep in &header.deps {
            match self.tables.find(dep) {
                Some(known) => deps.push(known),
                None => missing.push(*dep),
            }
        }
        if !missing.is_empty() && self.rules.judges(3) {
            let detail = format!("{} of {} deps unknown", missing.len(), header.deps.len());
            return Err(Stop::Waiting {
                rule: 3,
                detail,
                missing,
            });
        }
        if deps.is_empty() {
            deps.push(0);
        }
        let mut past = self.tables.known(deps[0]).clock.clone();
        for dep in &deps[1..] {
            past.join(&self.tables.known(*dep).clock);
        }
        let forked = deps.len() > 1 && self.tables.forked_in(&past);
        self.refuse_if(3, forked, "two changes of one actor and seq in its past")?;
        Ok((deps, past))
    }

    fn g4_actor(&self, header: &Header<'_>, run: &Run<'_>) -> Result<(), Stop> {
        if !self.rules.judges(4) {
            return Ok(());
        }
        if header.actor.len() != ACTOR_BYTES {
            let detail = format!("actor of {} bytes", header.actor.len());
            return Err(Stop::refused(4, detail));
        }
        if header.actor != run.actor {
            return Err(Stop::refused(4, "another actor than the run's"));
        }
        match run.signer {
            Signer::Member => Ok(()),
            Signer::Other => Err(Stop::refused(4, "device of another member")),
            Signer::Unknown => Err(Stop::Waiting {
                rule: 4,
                detail: String::from("device not proven yet"),
                missing: Vec::new(),
            }),
        }
    }

    fn g5_own_chain(
        &self,
        header: &Header<'_>,
        deps: &[u32],
        past: &Clock,
        run: Option<&Run<'_>>,
    ) -> Result<Option<u32>, Stop> {
        let actor = self.tables.find_actor(header.actor);
        let previous = actor.and_then(|actor| self.tables.last_of(actor, past));
        if let Some(previous) = previous {
            let listed = deps.contains(&previous);
            self.refuse_if(5, !listed, "own previous change not listed")?;
        }
        if let Some(before) = run.and_then(|run| run.before) {
            let follows = previous.is_some_and(|p| self.tables.known(p).hash == before);
            self.refuse_if(
                5,
                !follows,
                "does not follow the change before it in the run",
            )?;
        }
        Ok(previous)
    }

    fn g6_seq(&self, header: &Header<'_>, previous: Option<u32>) -> Result<u32, Stop> {
        let seq = previous.map_or(0, |p| self.tables.known(p).seq) + 1;
        self.refuse_if(6, header.seq != u64::from(seq), "seq does not follow")?;
        self.refuse_if(6, header.seq > self.caps.seq, "seq beyond the cap")?;
        Ok(seq)
    }

    fn g7_start_op(&self, header: &Header<'_>, deps: &[u32]) -> Result<(), Stop> {
        let most = deps.iter().map(|&d| self.tables.known(d).max_op()).max();
        let follows = Some(header.start_op) == most.map(|most| most + 1);
        self.refuse_if(7, !follows, "start_op does not follow its deps")?;
        let beyond = header.start_op.saturating_add(self.caps.ops) >= MAX_OP;
        self.refuse_if(7, beyond, "operation numbers beyond the cap")
    }

    fn g8_rest_of_header(&self, header: &Header<'_>, past: &Clock) -> Result<(), Stop> {
        self.refuse_if(8, header.time != 0, "a time")?;
        self.refuse_if(8, !header.message.is_empty(), "a message")?;
        self.refuse_if(8, !header.extra.is_empty(), "extra bytes")?;
        let others = &header.other_actors;
        let too_many = others.len() as u64 > self.caps.other_actors;
        self.refuse_if(8, too_many, "too many other actors")?;
        let known = others.iter().all(|id| {
            let actor = self.tables.find_actor(id);
            *id != header.actor && actor.is_some_and(|a| self.tables.last_of(a, past).is_some())
        });
        self.refuse_if(8, !known, "another actor that its past does not hold")
    }

    fn g9_columns(&self, header: &Header<'_>) -> Result<(), Stop> {
        let allowed = header.columns.iter().all(|c| COLUMNS.contains(&c.spec));
        self.refuse_if(9, !allowed, "a column that maps do not need")?;
        let ascending = header.columns.windows(2).all(|c| c[0].spec < c[1].spec);
        self.refuse_if(9, !ascending, "columns not strictly ascending")
    }

    /// The number of operations; None when the rule is switched off.
    fn g10_counts(&self, header: &Header<'_>) -> Result<Option<u64>, Stop> {
        if !self.rules.judges(10) {
            return Ok(None);
        }
        let (ops, preds) = (self.caps.ops, self.caps.preds);
        let mut actions = 0;
        for column in &header.columns {
            // The low three bits say how a column is written; 7 is bytes without runs.
            let runs = match column.spec & 7 {
                7 => continue,
                3 => Runs::Signed,
                4 => Runs::Boolean,
                5 => Runs::Text,
                _ => Runs::Unsigned,
            };
            let (most, most_sum) = match column.spec {
                PRED_COUNT => (ops, preds),
                PRED_ACTOR | PRED_COUNTER => (preds, u64::MAX),
                _ => (ops, u64::MAX),
            };
            let counted = chunk::count(column.data, runs, most, most_sum);
            let (entries, _) = counted.map_err(|error| {
                let why = match error {
                    CountError::Excess => "too many entries",
                    CountError::Malformed(why) => why,
                };
                Stop::refused(10, format!("column {}: {why}", column.spec))
            })?;
            if column.spec == ACTION {
                actions = entries;
            }
        }
        self.refuse_if(10, actions == 0, "no operations")?;
        Ok(Some(actions))
    }

    fn g11_decode(&self, raw: &[u8], counted: Option<u64>) -> Result<ExpandedChange, Stop> {
        let decoded = guarded(|| Change::try_from(raw).map(|change| change.decode()));
        let change = match decoded {
            Ok(Ok(change)) => change,
            Ok(Err(_)) => return Err(self.undecodable("not decodable")),
            Err(caught) => {
                let detail = format!("decoding panicked at {}", caught.place);
                return Err(self.undecodable(&detail));
            }
        };
        let same = counted.is_none_or(|count| count == change.operations.len() as u64);
        self.refuse_if(11, !same, "another number of operations than counted")?;
        Ok(change)
    }

    fn undecodable(&self, detail: &str) -> Stop {
        if self.rules.judges(11) {
            Stop::refused(11, detail)
        } else {
            Stop::Doubt(String::from(detail))
        }
    }

    fn g15_canonical(&self, change: ExpandedChange, raw: &[u8]) -> Result<(), Stop> {
        if !self.rules.judges(15) {
            return Ok(());
        }
        match guarded(|| Change::from(change).raw_bytes() == raw) {
            Ok(same) => self.refuse_if(15, !same, "not the canonical encoding"),
            Err(caught) => {
                let detail = format!("encoding panicked at {}", caught.place);
                Err(Stop::refused(15, detail))
            }
        }
    }

    fn g17_totals(&self, size: usize, effects: &Effects, past: &Clock) -> Result<Totals, Stop> {
        let own = Totals {
            changes: 1,
            bytes: size as u64,
            records: effects.records_made(),
        };
        if self.rules.judges(17) {
            let mut sum = self.tables.totals_of(past);
            sum.add(own);
            let caps = self.caps;
            self.refuse_if(17, sum.changes > caps.epoch_changes, "too many changes")?;
            self.refuse_if(17, sum.bytes > caps.epoch_bytes, "too many bytes")?;
            self.refuse_if(17, sum.records > caps.epoch_records, "too many records")?;
        }
        Ok(own)
    }
}

fn meta_of(header: &Header<'_>, previous: Option<Hash>, seq: u32, ops: u32) -> Meta {
    Meta {
        hash: header.hash,
        actor: header.actor.to_vec(),
        seq,
        deps: header.deps.clone(),
        previous,
        start_op: header.start_op,
        ops,
        size: header.size,
    }
}
