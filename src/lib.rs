//! Nosia answers questions from an organisation's own documents, on one server, with citations that can be checked.
//!
//! # The floors
//!
//! Arrows point down only. A room names only rooms below it and never a neighbour on its own floor; `tests/tidy.rs`
//! holds the table and fails the build on an import that it does not allow.
//!
//! ```text
//!  cli   http                              doors      translate, never decide
//!      app    (config)                     hall       decides and joins; the only meeting place
//!  ingest  retrieve  answer                workrooms  one verb each, blind to one another
//!  store  blobs  vectors  fulltext  inference   engines  one each, blind to one another
//!  net                                     the only way out to a network
//!  domain  limits  clock  telemetry        ground     nouns, bounds, time, numbers; no other I/O
//! ```
//!
//! # The two walks
//!
//! - **Write walk**, `Upload -> Extract -> Chunk -> Vector`: a door -> [`app::sources`] (may this principal?) ->
//!   [`blobs`] (the file, by sha256) -> [`store`] (source and job in one transaction) -> acknowledged. Later
//!   [`app::worker`] claims the job -> [`ingest`]: extract, chunk, embed -> [`store`] (chunks and vectors, one
//!   transaction) -> [`vectors`] and [`fulltext`]. A source is ready when both have committed its number.
//! - **Read walk**, `Question -> Candidate -> Passage -> Piece -> Answer`: a door -> [`app::ask`] ->
//!   [`retrieve::passages`] (words and meaning searched at once, inside the caller's scope; fused; the best read anew;
//!   trimmed) -> [`answer::stream`] (quote or generate, cite, refuse) -> pieces back through the door as they come.
//!
//! **One truth**: SQLite and the blobs are ground state. The scan files and the full-text indexes are derived from
//! them: deleted or damaged, they are set aside and rebuilt.
//!
//! # Rooms, in reading order

pub mod domain;
pub mod limits;
pub mod clock;
pub mod telemetry;
pub mod net;
pub mod store;
pub mod blobs;
pub mod vectors;
pub mod fulltext;
pub mod inference;
pub mod ingest;
pub mod retrieve;
pub mod answer;
pub mod config;
pub mod app;
pub mod http;
pub mod cli;
