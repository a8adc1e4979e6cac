//! The words in which the gate answers.

use crate::chunk::Hash;

pub const RULES: [&str; 17] = [
    "G1", "G2", "G3", "G4", "G5", "G6", "G7", "G8", "G9", "G10", "G11", "G12", "G13", "G14", "G15",
    "G16", "G17",
];

/// Which rules are judged. All of them, except where one is switched off to prove that it is
/// needed, and where a document takes back what it accepted before.
#[derive(Clone, Copy)]
pub struct Rules(u32);

impl Rules {
    pub const ALL: Rules = Rules((1 << 18) - 2);
    /// What a change from the own store is held to: structure, not meaning.
    pub const RESTORE: Rules =
        Rules(1 << 1 | 1 << 3 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 11 | 1 << 13);

    /// All rules but the one of this name; None when there is no such rule.
    pub fn without(name: &str) -> Option<Rules> {
        let at = RULES.iter().position(|rule| *rule == name)?;
        Some(Rules(Rules::ALL.0 & !(2 << at)))
    }

    pub fn judges(self, rule: usize) -> bool {
        self.0 & (1 << rule) != 0
    }
}

/// How the run's device stands towards the member whose document this is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signer {
    Member,
    Other,
    Unknown,
}

/// What is known of a change once it is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    pub hash: Hash,
    pub actor: Vec<u8>,
    pub seq: u32,
    pub deps: Vec<Hash>,
    pub previous: Option<Hash>,
    pub start_op: u64,
    pub ops: u32,
    pub size: usize,
}

/// Why a change does not go in. Details name types, sizes and positions, never content.
#[derive(Debug, PartialEq, Eq)]
pub enum Stop {
    Refused {
        rule: usize,
        detail: String,
    },
    Waiting {
        rule: usize,
        detail: String,
        missing: Vec<Hash>,
    },
    /// Automerge panicked and the rule that would have refused is switched off.
    Doubt(String),
}

impl Stop {
    pub fn refused(rule: usize, detail: impl Into<String>) -> Stop {
        let detail = detail.into();
        Stop::Refused { rule, detail }
    }
}

/// The answer to a whole run.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    Accepted {
        metas: Vec<Meta>,
        /// Seqs of the run at which another change is known too.
        forks: Vec<u32>,
    },
    Stopped(Stop),
}

/// The caps of the gate. They are part of the format; `limits.py` gives each its reason.
#[derive(Clone, Debug)]
pub struct Caps {
    pub change_bytes: u64,
    pub ops: u64,
    pub preds: u64,
    pub deps: u64,
    pub other_actors: u64,
    pub depth: u64,
    pub key_bytes: u64,
    pub string_bytes: u64,
    pub record_fields: u64,
    pub record_bytes: u64,
    pub inner_entries: u64,
    pub epoch_changes: u64,
    pub epoch_bytes: u64,
    pub epoch_records: u64,
    pub seq: u64,
}

impl Default for Caps {
    fn default() -> Self {
        Caps {
            change_bytes: 65_536,
            ops: 512,
            preds: 4_096,
            deps: 64,
            other_actors: 64,
            depth: 4,
            key_bytes: 96,
            string_bytes: 2_800,
            record_fields: 48,
            record_bytes: 16_384,
            inner_entries: 12,
            epoch_changes: 20_000,
            epoch_bytes: 33_554_432,
            epoch_records: 20_000,
            seq: 65_535,
        }
    }
}

pub const MAX_INTEGER: i64 = 1 << 53;
pub const ACTOR_BYTES: usize = 36;
pub const GENESIS_ACTOR_BYTES: usize = 16;
