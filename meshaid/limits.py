"""Every bound on what a peer, a file or a person can feed, with its reason.

*Format* bounds are part of the rules: every node must reach the same verdict, so they change only
with a new rules version. All others are local: they delay or close, they never refuse for good.
Source: docs/protocol.md, "Limits".
"""

from __future__ import annotations

from typing import Final

# ---- format: changes (gate rules G1 to G17)
MAX_CHANGE_BYTES: Final = 65_536
"""One raw change. A slip is 0.2 to 3 kB; 64 KiB leaves room for an epoch's opening."""
MAX_CHANGE_OPS: Final = 512
"""Operations in one change: 168 bytes can claim 10 million (seconds of CPU, gigabytes)."""
MAX_CHANGE_PREDS: Final = 4_096
"""Predecessors in one change, for the same reason."""
MAX_CHANGE_DEPS: Final = 64
"""Dependencies of one change: at most one per actor, and a new epoch is due at 32 actors."""
MAX_OTHER_ACTORS: Final = 64
"""Other actors named by one change; never more than its past can hold at one per device nonce."""
MAX_DEPTH: Final = 4
"""ROOT, records, record, map inside a record. 3,000 nested maps overflow Automerge's stack."""
MAX_KEY_BYTES: Final = 96
"""A map key: field names have 32 bytes, language tags fewer."""
MAX_STRING_BYTES: Final = 2_800
"""A text of 700 characters, each of at most 4 bytes in UTF-8."""
MAX_INTEGER: Final = 2**53
"""Beyond this a JavaScript reader rounds."""
MAX_RECORD_FIELDS: Final = 48
"""The longest kind of the first version has fewer than 40 fields."""
MAX_RECORD_BYTES: Final = 16_384
"""Four full texts with everything else; a board of 5,000 such records still fits in memory."""
MAX_INNER_ENTRIES: Final = 12
"""Languages of one notice."""
MAX_SEQ: Final = 65_535
"""Changes of one actor in one epoch; far below Automerge's 32 bits."""
MAX_EPOCH_CHANGES: Final = 20_000
"""Changes in one document: twice the number at which its devices ask for a new epoch."""
MAX_EPOCH_BYTES: Final = 33_554_432
"""Bytes of all changes in one document (32 MiB): one member cannot fill a laptop's disk."""
MAX_EPOCH_RECORDS: Final = 20_000
"""Records ever made in one document."""

# ---- format: runs and deltas
MAX_RUN_CHANGES: Final = 256
"""Changes under one kept signature: what is lost or asked again when a run is refused."""
MAX_RUN_BYTES: Final = 262_144
"""Raw bytes under one kept signature (256 KiB; one larger change may stand alone)."""

# ---- format: cards
MAX_CARD_BYTES: Final = 1_024
"""A card with its signatures; the longest, a device card, has about 400 bytes."""
MAX_LIST_CARD_BYTES: Final = 16_384
"""A removal or epoch card, which carries lists of up to about 450 hashes."""
CARDS_PER_ISSUER: Final = 256
"""Cards of one kind by one signer that count (smallest hashes first): bounds what a stolen key
can mint. More invites than this come from more than one device."""
LINKS_PER_ISSUER: Final = 16
"""Links by one device that count: twice the devices that a member should have."""
LINKED_PER_MEMBER: Final = 32
"""Linked devices of one member that count. Each may link more, so without this bound one member
could fill the roster of everybody; honest members have 8 devices at most."""
INVITE_USES: Final = 50
"""Members under one invite; a street meeting invites fewer."""
MAX_EPOCH_CARDS: Final = 256
"""Epochs of one member: one a day for most of a year."""
MAX_GRANT_DEPTH: Final = 64
"""Invites and links on the shortest way from the root to a card. Each step needs a person who
invites; a longer line of puppets is an attack, and its end does not count."""
MAX_GRANT_WAYS: Final = 16
"""Ways from the root to one card that are weighed at a time, each with the removals still open
against it. An honest card has one or two; a crafted tangle of grants has exponentially many."""
MAX_CIRCLE_STEPS: Final = 32_768
"""Steps in one circle of cards that grant each other, about 0.1 s. Two stewards who invited each
other again need fewer than a hundred."""
DOOR_GENERATIONS: Final = 3
"""Door keys that still open a session (older ones for cards only), and door cards per issuer."""
MAX_CHAIN_CARDS: Final = 256
"""Cards shown first to prove one device. Three or four per person on the way; the nearest to the
device come first when a tangle of grants has more."""
CARD_NAME_CHARS: Final = 60
"""A community's or member's shown name."""
CARD_LABEL_CHARS: Final = 40
"""A device's label."""
CARD_LIST_ITEMS: Final = 512
"""Entries of one list in a card: 16 KiB hold 481 hashes."""

# ---- local: people
DEVICES_PER_MEMBER: Final = 8
"""`link` refuses beyond this; no card falls by it."""
INVITE_TEXT_CHARS: Final = 1_024
"""An invite text; a longer one is no invite."""
INVITE_FILE_BYTES: Final = 1_048_576
"""An invite file with its chain of cards."""
INVITE_ADDRESSES: Final = 4
"""Addresses in an invite; with more the QR code gets too dense for a terminal."""
ADDRESS_CHARS: Final = 120
"""One `host:port` in an invite; local names and IPv6 addresses are far shorter."""
CSV_BYTES: Final = 16_777_216
"""An imported table (16 MiB): some 50,000 slips."""
CSV_ROWS: Final = 20_000
"""Rows of an imported table: no document holds more records."""
TABLE_COLUMNS: Final = 512
"""Columns of an imported table: the widest real one has some 300. A row of a million cells would
make gigabytes of a file that may have 20,000 rows."""
CAP_BYTES: Final = 262_144
"""An alert (256 KiB): real ones have 2 to 60 kB, most of it polygons."""
CAP_INFOS: Final = 20
"""Info blocks of one alert: its languages times its parts."""
CAP_REFERENCES: Final = 100
"""Alerts that one alert replaces or cancels; a flood that lasts a week has fewer updates."""
CAP_DEPTH: Final = 24
"""Nesting of an alert's elements: five of its own, more of a signature in it."""
CAP_TEXT_BYTES: Final = 12_000
"""Texts by language in one notice, so that it stays below MAX_RECORD_BYTES with all the rest."""
LABEL_CHARS: Final = 200
"""A label that a hub sorts into a category; what tables call things is shorter."""
IMPORT_REMEMBERED: Final = 500
"""Labels that a hub has sorted into categories; and alerts that were ended before they came."""
IMPORT_BATCH: Final = 100
"""Records in one transaction of an import, under 0.1 s: that long others wait for the store, and
that much is written again at most when the import is killed."""

# ---- local: wire
HANDSHAKE_SECONDS: Final = 5.0
"""A handshake takes 1.5 ms of work; 5 s allow for a slow link and free idle sockets soon."""
HANDSHAKE_BYTES: Final = 1_024
"""Bytes read before the handshake is complete; the three messages need 240."""
MAX_HALF_OPEN: Final = 64
"""Inbound connections without a finished handshake: 3,000 idle sockets must not hang a hub."""
MAX_HALF_OPEN_PER_ADDRESS: Final = 4
"""The same from one address, so that one stranger cannot use up all places."""
MAX_SESSIONS: Final = 32
"""Sessions at once, in and out: 5 links are wanted, visitors of a hub come on top."""
MAX_FRAME: Final = 65_535
"""One Noise message (specification section 3)."""
MAX_MESSAGE: Final = 1_048_576
"""One message after reassembly, announced before anything is allocated."""
INFLATE_LIMIT: Final = 1_048_576
"""Plain bytes of one compressed payload: 261 kB can inflate to 256 MB otherwise."""
MSGPACK_DEPTH: Final = 8
"""Nesting of one message; ours have 4."""
MSGPACK_ARRAY: Final = 10_000
"""Entries of one array: 4 MB of empty maps become 283 MB in memory otherwise."""
MSGPACK_MAP: Final = 1_000
"""Entries of one map; no message of ours has a map."""
REKEY_SECONDS: Final = 3_600.0
"""A session ends after this and a new handshake gives fresh keys."""
REKEY_BYTES: Final = 1_073_741_824
"""The same after 1 GiB."""
REKEY_MESSAGES: Final = 2**32
"""The same after 2^32 messages, far below the nonce space of 2^64."""
REQUESTS_IN_FLIGHT: Final = 8
"""Requests that a peer may have unanswered; it waits for answers before it asks more."""
KEEPALIVE_SECONDS: Final = 20.0
"""An idle session says so; Wi-Fi access points drop silent flows after about a minute."""
SILENCE_SECONDS: Final = 60.0
"""Three missed keep-alives: the peer walked away."""
CARDS_PER_MESSAGE: Final = 256
"""Cards in one answer; 256 of 400 bytes are 100 kB."""
MAX_CARD_SESSION_CARDS: Final = 4_096
"""Cards taken in one session from a peer whose chain is not proven yet."""
SETTLE_SECONDS: Final = 0.5
"""After this long without traffic two live peers compare digests again."""
RECHECK_SECONDS: Final = 30.0
"""Two idle live peers compare digests at least this often."""
READ_BUFFER_BYTES: Final = 4_194_304
"""Bytes read from a peer and not yet taken as messages: three of the longest with their frames;
whoever lets more wait should stop reading instead."""

# ---- local: memory and disk
WAITING_CHANGES: Final = 1_024
"""Changes of one document held until what they need arrives."""
WAITING_BYTES: Final = 1_048_576
"""The same in bytes."""
WAITING_TOTAL_BYTES: Final = 16_777_216
"""Waiting runs of all documents."""
DOCUMENTS_IN_MEMORY: Final = 256
"""Loaded documents kept; the rest is rebuilt from the store in milliseconds."""
BALLAST_BYTES: Final = 4_194_304
"""A file freed first when the disk is full: SQLite needs room even to delete."""
LOCK_SECONDS: Final = 2.0
"""How long a second process waits for the store's lock before it says that it is busy."""

# ---- local: links and discovery
FULL_MESH_PEERS: Final = 6
"""Up to here every node links to every other."""
TARGET_LINKS: Final = 5
"""Beyond it: 2 ring neighbours and 3 random links (docs/protocol.md, "Links")."""
MAX_CANDIDATES: Final = 64
"""Addresses heard by mDNS: 10,000 fake records must not fill memory."""
MAX_ADDRESSES: Final = 30
"""Remembered addresses of peers met before."""
BACKOFF_FIRST_SECONDS: Final = 1.0
"""First pause after a failed dial; it doubles."""
BACKOFF_LAST_SECONDS: Final = 60.0
"""Longest pause between dials of one address."""
DIAL_SECONDS: Final = 5.0
"""A TCP connect on a local network takes milliseconds."""
MAX_CONTROL_BYTES: Final = 33_554_432
"""One request or answer on the control socket; an imported table is the largest."""

# ---- local: board
NEED_HOURS: Final = 72
"""Needs and offers expire after this unless told otherwise."""
NOTICE_HOURS: Final = 48
"""Notices expire after this unless told otherwise."""
INVITE_HOURS: Final = 72
"""Invites say they expire after this; clocks lie, so it is advice to stewards."""

# ---- local: cards that cannot be judged yet
MAX_PENDING_CARDS: Final = 4_096
"""Cards whose granter is not known yet: a hub that meets many joiners before the steward."""

# ---- local: store
WAL_CHECKPOINT_PAGES: Final = 256
"""Pages (4 KiB each) in the write-ahead log before they move into the store: 1 MiB, so that what
was deleted does not linger there and the log stays far below the ballast."""
STORE_CACHE_KIB: Final = 16_384
"""Decrypted pages of the store kept in memory (16 MiB): at 100,000 changes the hash index alone
has 5 MB, and every miss costs a decryption."""
SEARCH_WORDS: Final = 32
"""Words of one search; FTS5 takes 256 parts of an expression, nobody types 32."""

DELTA_BYTES: Final = 196_608
"""Raw bytes of the runs gathered into one delta message (one larger run goes alone): well below
INFLATE_LIMIT, and small enough that the first records of a long sync show early."""
FOUNDING_STEWARDS: Final = 16
"""Further steward invites made at founding; more lines than a neighbourhood has organisers."""
PASSPHRASE_CHARS: Final = 1_024
"""A passphrase; a longer file was given by mistake."""
KEY_FILE_BYTES: Final = 1_024
"""`store.key` has about 160 bytes; more is another file under its name."""
ARGON2_MEMORY_KIB: Final = 65_536
"""Memory for unwrapping the data key (64 MiB): what a guess costs, and an old laptop still has."""
ARGON2_PASSES: Final = 3
"""Passes over it: with 4 lanes under a second on a laptop (RFC 9106, second recommended option)."""
ARGON2_LANES: Final = 4
"""Lanes of it, as RFC 9106 recommends."""

# ---- local: one conversation
MAX_REQUEST: Final = 2**32 - 1
"""Numbers of requests; a session ends after an hour, long before they run out."""
DOCUMENTS_PER_REQUEST: Final = 64
"""Documents in one request and in one answer: some 10 kB of clocks, so that answers start soon."""
CLOCK_ACTORS: Final = 4_096
"""Actors of one document named in a request (300 kB). A new epoch is due at 32; of a document that
an attacker filled with more only these are named, and the rest is sent again."""
REQUEST_BYTES: Final = 524_288
"""Clocks in one request: half a message, so that one more clock of CLOCK_ACTORS still fits."""
MAX_ITEMS: Final = 40_000
"""Documents in one table of 24 bytes each: what fits into a message. 5,000 are expected."""
MAX_CARD_NAMES: Final = 60_000
"""Cards in one list of 16 bytes each: what fits into a message. 5,000 members have some 15,000."""
QUEUE_BYTES: Final = 524_288
"""Deltas made ready for one peer at a time: answers are made while they are sent, so a peer that
asks for everything and reads slowly holds half a megabyte, not the board."""
PASSES_AT_ONCE: Final = 16
"""Tables that a peer may have from us in quick succession; then one every PASS_SECONDS. A table of
5,000 documents has 120 kB, and whoever makes us send it may ask for the whole board by it."""
PASS_SECONDS: Final = 5.0
"""See PASSES_AT_ONCE. An honest pair needs one or two tables, and another after a long absence."""
USELESS_BYTES: Final = 67_108_864
"""Plain bytes of deltas in a row that bring nothing new (each counts as USELESS_LEAST or more). An
honest peer repeats at most what another one sent at the same time; then the link is of no use."""
USELESS_LEAST: Final = 4_096
"""What the smallest useless delta counts: 16,384 of them in a row end a link."""
CARDS_ONLY_SECONDS: Final = 60.0
"""How long a session goes on while one side is not proven to the other: the missing card may come
from a third device; otherwise the two try again when the roster changes."""
SHOWN_PER_MEMBER: Final = 5
"""Rows of one member on the first page: 10,000 fake needs leave the others in sight."""
RELATED_LISTED: Final = 1_000
"""Promises, answers and flags given with one record (a megabyte). Of more it is few of each member
but the record's own, so that no flood makes the answer larger than MAX_CONTROL_BYTES."""

# ---- local: discovery by mDNS
NETWORK_CHECK_SECONDS: Final = 2.0
"""How often the addresses of this device are read again. Reading takes about a millisecond, and
whoever plugs in a cable or joins a Wi-Fi expects something to happen within a breath."""
RESCAN_SECONDS: Final = 120.0
"""How often all devices are asked for anew, against lost multicast and dropped events: with 100
devices this makes about three packets a second."""
DISCOVERY_RETRY_SECONDS: Final = 10.0
"""Pause before mDNS is tried again where it could not be opened."""
MAX_DISCOVERY_EVENTS: Final = 128
"""Discovery events waiting to be taken: all candidates once, and room for their changes. What
does not fit is dropped and comes again with the next scan."""
RESOLVES_PER_CHECK: Final = 2
"""Services without complete records, of ours and of unknown ones each, that are asked for after
a check of the network: an honest announcement is complete, and 10,000 fake ones may not cause
10,000 questions."""
RESOLVE_SECONDS: Final = 1.0
"""How long an answer to such a question is waited for, and the question repeated once."""
ADDRESSES_PER_INSTANCE: Final = 4
"""Addresses taken from one service: two networks with IPv4 and IPv6 each."""
SYNC_SECONDS: Final = 30.0
"""How long `sync` waits for equal digests unless told otherwise."""

# ---- local: whom to dial
SPARE_LINKS: Final = 3
"""Links above TARGET_LINKS that are tolerated: others may have chosen this node, too."""
DIALS_AT_ONCE: Final = 8
"""Connections being opened at once, so that a node which hears 64 candidates does not flood."""
ABSENT_FAILURES: Final = 3
"""Failed dials in a row after which a candidate counts as absent: about seven seconds. It is
still tried now and then, but the ring of neighbours closes over it."""
PATIENCE_SECONDS: Final = 2.0
"""How long the one of two devices with the larger instance name leaves the first dial to the
other; without it both would dial at once each time, and one handshake would be for nothing."""
ROTATE_SECONDS: Final = 240.0
"""How long the same random links are kept before one is chosen anew, so that islands meet."""
ANSWER_SECONDS: Final = 120.0
"""How long a peer may leave every question unanswered: one delta message at 2 kB/s fits into it."""
CONTROL_SECONDS: Final = 60.0
"""How long a command waits for the running node's answer; a large import takes seconds."""

REMEMBER_SECONDS: Final = 60
"""How often one session writes down that both are in sync: each is a commit, and cards wear out."""
DOCUMENT_ACTORS: Final = 1_024
"""Actors of one document that a node takes; runs of further ones wait. Actors that do not see each
other escape the totals of rule G17, and a new epoch is due at 32."""
MAX_UNPROVEN: Final = 8
"""Inbound sessions whose device is not proven yet: each new one sends the oldest away, so that a
holder of the door key who never proves anything cannot keep joiners or members out."""
PROBE_SECONDS: Final = 3.0
"""How often to look whether a link that was asked for a sign of life has given one, or ended."""

# ---- format: sealed notes
NOTE_RECIPIENTS: Final = 24
"""Members that one note is sealed to: the author, a community's stewards and a few more."""
NOTE_SIZES: Final = (128, 512, 3_072)
"""Sizes to which a note's content is padded, so that its length tells little. The largest holds a
contact of CONTACT_CHARS with the list of its readers."""
MAX_NOTE_BYTES: Final = 6_144
"""A note with its signature: the largest content for NOTE_RECIPIENTS readers."""
NOTES_PER_ERASURE: Final = 64
"""Notes named by one erasure; of one record there are far fewer."""

# ---- local: sealed notes
NOTES_PER_RECORD: Final = 16
"""Notes, and erasures, of one record that are kept (smallest ids): a person has one contact or
two, and corrects it a few times."""
NOTES_PER_MEMBER: Final = 4_096
"""Notes, and erasures, of one member that are kept (smallest ids): a hub that enters a slip a
minute for three days. A member that floods loses notes of its own only."""
NOTE_BYTES_PER_MEMBER: Final = 4_194_304
"""The same in bytes of notes (4 MiB): a note with three readers has some 500."""
MAX_NOTES: Final = 40_000
"""Notes and erasures of all members: what one list of 24 bytes each can name in a message."""
MAX_NOTES_BYTES: Final = 67_108_864
"""The same in bytes (64 MiB), so that sixteen flooders do not fill a laptop's disk. Beyond it the
member with the most of them loses first."""
NOTES_PER_MESSAGE: Final = 64
"""Notes in one request and one answer: at most 400 kB."""
UNPLACED_NOTES: Final = 1_024
"""Names of notes that one peer listed and whose record is not held yet: looked at again whenever
something changed. What is beyond them is found at the next meeting."""
NOTE_DAYS: Final = 14
"""Days from a record's expiry until its notes are erased. Hidden they are at once; the time
between is for clocks that are wrong, and for records that are renewed. Also the term of notes at
records that never expire by themselves."""
NOTE_SWEEP_SECONDS: Final = 600.0
"""How often a running node looks for notes to erase; their time is counted in days."""
CONTACT_CHARS: Final = 500
"""A contact: a phone number, a door, how to ring; in any script at most 2,000 bytes."""
CLAIM_TRIES: Final = 5
"""Wrong claim codes for one slip in CLAIM_SECONDS: guessing a million takes 22 years."""
CLAIM_SECONDS: Final = 3_600
"""See CLAIM_TRIES."""
CLAIM_SLIPS: Final = 1_024
"""Slips for which wrong codes are counted at one time; a queue at a desk is far shorter."""

# ---- local: suggestions
PROPOSALS_PER_NEED: Final = 5
"""Offers proposed for each need in the list for the whole board; `match REF` lists all of one."""
OFFERS_WEIGHED: Final = 1_000
"""Offers of a category, equally near, that are weighed for one need in that list. Nobody honest
comes near it; every further one in a flood would cost each need a few microseconds."""
NEEDS_WEIGHED: Final = 200
"""Needs that come equally early whose offers are weighed for that list, so that it is there within
a second whatever is written; of more each member has its turn, and `match REF` leaves none out."""
PROPOSALS_LISTED: Final = 200
"""Proposals in one answer: more than anybody reads before the board has changed."""

# ---- format: what is counted on the board
FLAGS_PER_MEMBER: Final = 20
"""Open flags of one member that count (smallest record ids): a grudge cannot fold a whole board.
Every node must hide the same records."""
SIMILAR_PERCENT: Final = 50
"""Wording shared from which two records may say the same: lower shows too many that do not."""
COMPARED_AROUND: Final = 100
"""Records of one kind, category group and area that one is compared with, earlier and later each:
a flood into one group must not make typing slow."""
CANDIDATES_SHOWN: Final = 5
"""Possible duplicates shown of one record: as many as one reads while somebody waits."""
DUPLICATES_LISTED: Final = 100
"""Possible duplicates in the list for the whole board."""
