//! Every bound of the appliance, in one place, and the ties between them.
//!
//! A bound that can be set by the administrator has its default and its allowed range here; what is not listed in
//! `config` cannot be changed without a new build. Units stand last in the name.

// --- Uploads and extraction -----------------------------------------------------------------------------------

/// The largest original file accepted, in bytes.
pub const UPLOAD_BYTES_MAX: u64 = 512 << 20;
/// The most files accepted in one multipart request.
pub const UPLOAD_FILES_MAX: usize = 100;
/// The longest file name kept, in bytes of UTF-8 (what ext4 and xfs can hold).
pub const FILE_NAME_BYTES_MAX: usize = 255;
/// The longest title shown, in characters.
pub const TITLE_CHARS_MAX: usize = 300;
/// The most text one document may yield, in bytes of UTF-8.
pub const EXTRACT_BYTES_MAX: usize = 64 << 20;
/// The most pages read from one document.
pub const EXTRACT_PAGES_MAX: u32 = 10_000;
/// The most files that are taken out of one archive.
pub const ARCHIVE_FILES_MAX: usize = 10_000;
/// The most bytes that the files of one archive may have together.
pub const ARCHIVE_BYTES_MAX: u64 = 2 << 30;
/// How many times its own size an archive may unpack to.
pub const INFLATION_RATIO_MAX: u64 = 200;
/// Bytes that any archive may unpack to, however small it is.
pub const INFLATED_ALWAYS_BYTES: u64 = 64 << 20;
/// How deep documents may lie within documents: a file in an archive that is attached to a message has a depth of 2.
pub const PARTS_DEPTH_MAX: u32 = 3;
/// The most cells with something in them that are read of one sheet or table.
pub const SHEET_CELLS_MAX: usize = 5_000_000;
/// Address space of the extraction child, in bytes.
pub const EXTRACT_MEMORY_BYTES_MAX: u64 = 2 << 30;
/// Processor time of the extraction child, in seconds.
pub const EXTRACT_CPU_SECONDS_MAX: u64 = 600;
/// Processor time in which the text of one picture must be recognised, in seconds.
pub const OCR_SECONDS_MAX: u64 = 120;
/// The largest picture whose text is recognised, in bytes of its file.
pub const OCR_PICTURE_BYTES_MAX: u64 = 64 << 20;
/// The longest the extraction child may go without a sign of progress, in seconds.
pub const EXTRACT_SILENCE_SECONDS_MAX: u64 = 120;
/// The most bytes that one entry of a container (a DOCX is a zip) may inflate to.
pub const INFLATED_BYTES_MAX: u64 = 256 << 20;
/// The most bytes that all entries of a container may inflate to together.
pub const INFLATED_TOTAL_BYTES_MAX: u64 = 1 << 30;
/// Free space on the data folder's disk below which uploads are refused, in bytes.
pub const DISK_FREE_BYTES_MIN: u64 = 64 << 20;

// --- Chunks and embedding -------------------------------------------------------------------------------------

/// The default of `CHUNK_MAX_TOKENS`, in tokens of the embedding model.
pub const CHUNK_TOKENS_MAX_DEFAULT: usize = 512;
/// The default of `CHUNK_MIN_TOKENS`.
pub const CHUNK_TOKENS_MIN_DEFAULT: usize = 64;
/// The largest `CHUNK_MAX_TOKENS` that is allowed.
pub const CHUNK_TOKENS_MAX: usize = 2048;
/// The most tokens that a title and heading path may take in front of a chunk.
pub const CHUNK_CONTEXT_TOKENS_MAX: usize = 64;
/// Bytes of text that count as one token at least, so that text of few tokens (spaces, one endless word) is cut too.
pub const CHUNK_BYTES_PER_TOKEN_MAX: usize = 16;
/// The most chunks made of one document.
pub const CHUNKS_PER_SOURCE_MAX: usize = 200_000;
/// Tokens of the longest text that an embedder reads, whatever the model allows: no chunk is longer.
pub const EMBED_TOKENS_MAX: usize = CHUNK_TOKENS_MAX;
/// Tokens of question and passage that a reranker reads together unless the model allows less.
pub const RERANK_TOKENS_MAX: usize = 1024;
/// Tokens in one batch of the embedder, some 14 kB of memory each; a machine of few cores takes smaller batches.
pub const EMBED_BATCH_TOKENS_MAX: usize = 8192;
/// Texts of documents waiting for the embedder before a caller is told that it is busy.
pub const EMBED_QUEUE_MAX: usize = 256;
/// The same for questions and the sentences that may answer them: an answer that was begun is never refused half way.
pub const EMBED_QUESTIONS_MAX: usize = EMBED_QUEUE_MAX + QUESTIONS_AT_ONCE_MAX * QUOTE_CANDIDATES_MAX;
/// The largest vector that a remote embedder may return.
pub const EMBED_DIMENSIONS_MAX: usize = 4096;

// --- Questions and answers ------------------------------------------------------------------------------------

/// The longest question, in characters.
pub const QUESTION_CHARS_MAX: usize = 8_000;
/// The longest instructions of an account to the model that writes its answers, in characters.
pub const INSTRUCTIONS_CHARS_MAX: usize = 8_000;
/// Candidates asked of each index for one question, the default of `RETRIEVAL_FETCH_K`.
pub const CANDIDATES_DEFAULT: usize = 100;
/// The largest `RETRIEVAL_FETCH_K`.
pub const CANDIDATES_MAX: usize = 1_000;
/// Candidates that a reranker reads for one question at most.
pub const RERANKED_MAX: usize = 24;
/// Those that it is given at once: so many are ranked anew, or none, where it runs out of time.
pub const RERANKED_AT_ONCE: usize = 4;
/// Milliseconds that it may take for one question: the passages wait for it.
pub const RERANK_MS_MAX: u64 = 1_000;
/// Passages handed on to the answer.
pub const PASSAGES_MAX: usize = 8;
/// Tokens in one passage made of several chunks.
pub const PASSAGE_TOKENS_MAX: usize = 512;
/// Tokens in all passages handed on together.
pub const PASSAGES_TOKENS_MAX: usize = 3_000;
/// Sentences embedded to find those worth quoting.
pub const QUOTE_CANDIDATES_MAX: usize = 40;
/// Milliseconds that a generator may take to make a follow-up stand alone: the passages wait for it.
pub const CONDENSE_MS_MAX: u64 = 1_200;
/// Seconds that a guard model may take to judge the passages.
pub const GUARD_SECONDS_MAX: u64 = 30;
/// Sentences of one answer whose meaning is compared with their passages'; of more, only the words are.
pub const SENTENCES_COMPARED_MAX: usize = 32;
/// Answers that a model on this machine writes at once; more wait in a line.
pub const GENERATIONS_AT_ONCE_MAX: usize = 16;
/// The most that wait in it.
pub const GENERATIONS_WAITING_MAX: usize = 64;
/// Tokens of an answer where nobody said how many.
pub const ANSWER_TOKENS_MAX_DEFAULT: usize = 1_024;
/// A model must have room for so many tokens of prompt and answer, or it is not loaded.
pub const CONTEXT_TOKENS_MIN: usize = 1_024;
/// Tokens that are read when a model is loaded, to know how fast it is.
pub const WARM_UP_TOKENS: usize = 65;
/// Tokens that a prompt may hold.
pub const PROMPT_TOKENS_MAX: usize = 8_192;
/// Steps that a chat template may take for one prompt; each step pays for 64 bytes of text too.
pub const TEMPLATE_STEPS_MAX: u64 = 1_000_000;
/// The longest chat template that is read, in bytes.
pub const TEMPLATE_BYTES_MAX: usize = 128 << 10;
/// How deep the macros and loops of a chat template may be nested.
pub const TEMPLATE_DEPTH_MAX: usize = 200;
/// How many of the last tokens the repetition penalty looks back at.
pub const PENALTY_TOKENS_MAX: usize = 64;
/// Texts that may end an answer, in one request.
pub const STOPS_MAX: usize = 4;
/// The longest of them, in bytes.
pub const STOP_BYTES_MAX: usize = 1_000;
/// The largest JSON schema that an answer can be held to, in bytes.
pub const SCHEMA_BYTES_MAX: usize = 64 << 10;
/// How deep a JSON schema may be nested.
pub const SCHEMA_DEPTH_MAX: usize = 32;
/// The most parts of the grammar that a JSON schema becomes.
pub const SCHEMA_PARTS_MAX: usize = 100_000;
/// Bytes of one answer, after which generation is stopped.
pub const ANSWER_BYTES_MAX: usize = 256 << 10;
/// Messages of a chat that are read back as context.
pub const CHAT_MESSAGES_MAX: usize = 200;

// --- Requests -------------------------------------------------------------------------------------------------

/// The largest request body that is not a file, in bytes.
pub const REQUEST_BYTES_MAX: usize = 4 << 20;
/// Inputs in one `/v1/embeddings` request.
pub const EMBEDDING_INPUTS_MAX: usize = 256;
/// The longest text of which `nosia model tokenize` prints the tokens, in bytes.
pub const TOKENIZE_BYTES_MAX: u64 = 64 << 20;
/// Rows on one page of any listing.
pub const PAGE_ROWS_MAX: u32 = 200;
/// Questions answered at once; more are told that the appliance is busy. As many as are written and wait to be: a smaller
/// number would turn readers away from a line that has room for them, and that tells them their place.
pub const QUESTIONS_AT_ONCE_MAX: usize = GENERATIONS_AT_ONCE_MAX + GENERATIONS_WAITING_MAX;
/// Seconds that a stopping server waits for requests in progress.
pub const STOP_SECONDS_MAX: u64 = 20;
/// Seconds that a client may take to send the head of a request.
pub const REQUEST_HEAD_SECONDS_MAX: u64 = 10;
/// Seconds without a byte after which a request's body is given up.
pub const BODY_SILENCE_SECONDS_MAX: u64 = 60;
/// Bytes of a refused request's body that are still read, so that its sender hears why.
pub const DISCARDED_BYTES_MAX: u64 = 16 << 20;
/// Seconds without a byte after which the rest of a refused body is no longer waited for.
pub const DISCARD_SILENCE_SECONDS_MAX: u64 = 2;
/// Seconds that a closing connection may take.
pub const DISCONNECT_SECONDS_MAX: u64 = 5;
/// Seconds after which a streamed answer that has nothing to say shows that it is alive.
pub const STREAM_SILENCE_SECONDS_MAX: u64 = 15;
/// Seconds a remote endpoint may take to accept a connection.
pub const REMOTE_CONNECT_SECONDS_MAX: u64 = 10;
/// Seconds a remote endpoint may stay silent in the middle of an answer.
pub const REMOTE_SILENCE_SECONDS_MAX: u64 = 120;

// --- Web sites ------------------------------------------------------------------------------------------------

/// The most redirects followed to one page.
pub const WEB_REDIRECTS_MAX: usize = 10;
/// Seconds that one page may take, from the lookup of its name to its last byte.
pub const WEB_FETCH_SECONDS_MAX: u64 = 120;
/// Seconds that a web server may stay silent.
pub const WEB_SILENCE_SECONDS_MAX: u64 = 30;
/// Web sites of one account.
pub const WEBSITES_MAX: usize = 500;
/// Pages of one site, where nobody said how many.
pub const WEB_PAGES_MAX_DEFAULT: u32 = 500;
/// The most pages of one site.
pub const WEB_PAGES_MAX: u32 = 10_000;
/// Steps that links are followed, where nobody said how many.
pub const WEB_DEPTH_MAX_DEFAULT: u32 = 3;
/// The most steps that links are followed.
pub const WEB_DEPTH_MAX: u32 = 10;
/// Addresses visited for each page that a site may have; the rest turn out not to be for us.
pub const WEB_VISITS_PER_PAGE_MAX: i64 = 4;
/// Addresses of one site that differ in their query alone.
pub const WEB_QUERIES_MAX: i64 = 50;
/// The most bytes of one page.
pub const WEB_PAGE_BYTES_MAX: usize = 64 << 20;
/// The least time between two visits to one site, in milliseconds.
pub const WEB_PAUSE_MS_MIN: u64 = 500;
/// The longest time between them that a site may ask for, in seconds.
pub const WEB_PAUSE_SECONDS_MAX: u64 = 30;
/// Pages that could not be reached, one after the other, after which a round is given up.
pub const WEB_UNREACHABLE_MAX: u32 = 10;
/// Site maps read of one site.
pub const WEB_SITEMAPS_MAX: usize = 100;
/// How deep lists of site maps may be nested.
pub const WEB_SITEMAP_DEPTH_MAX: u32 = 3;
/// The longest address of a page, in bytes.
pub const WEB_ADDRESS_BYTES_MAX: usize = 2_000;
/// The most addresses taken from one page or site map; the protocol of site maps allows as many in one.
pub const WEB_LINKS_MAX: usize = 50_000;
/// The most bytes that a site map may unpack to, as its protocol has it.
pub const SITEMAP_BYTES_MAX: u64 = 50 << 20;
/// The longest entity tag, date or media type of a page that is kept, in bytes.
pub const WEB_VALIDATOR_BYTES_MAX: usize = 512;

// --- Folders ---------------------------------------------------------------------------------------------------

/// The most folders that an account has watched.
pub const FOLDERS_MAX: usize = 100;
/// The most files of one folder.
pub const FOLDER_FILES_MAX: usize = 100_000;
/// Milliseconds between two looks through a folder.
pub const FOLDER_EVERY_MS: i64 = 60_000;
/// The same where a file was still being written.
pub const FOLDER_SOON_MS: i64 = 3_000;
/// The longest path of a folder, in bytes.
pub const FOLDER_PATH_BYTES_MAX: usize = 4_096;

// --- People ---------------------------------------------------------------------------------------------------

/// The shortest password.
pub const PASSWORD_CHARS_MIN: usize = 12;
/// The longest password, so that hashing is bounded.
pub const PASSWORD_CHARS_MAX: usize = 256;
/// Seconds that a link which makes the first administrator is good for.
pub const SETUP_LINK_SECONDS_MAX: i64 = 30 * 60;
/// Seconds after which an unused session ends.
pub const SESSION_IDLE_SECONDS_MAX: i64 = 14 * 24 * 3600;
/// Seconds after which any session ends.
pub const SESSION_SECONDS_MAX: i64 = 90 * 24 * 3600;
/// Failed sign-ins of one name and address within [`SIGN_IN_WINDOW_SECONDS`] before the next is refused.
pub const SIGN_IN_FAILURES_MAX: usize = 10;
/// The window of [`SIGN_IN_FAILURES_MAX`].
pub const SIGN_IN_WINDOW_SECONDS: i64 = 15 * 60;

// --- Settings --------------------------------------------------------------------------------------------------

/// The largest settings file, credential or file that a `NAME_FILE` variable names, in bytes.
pub const SETTINGS_BYTES_MAX: u64 = 1 << 20;

// --- Jobs and the store ---------------------------------------------------------------------------------------

/// Times that the process may die while it runs one job before that job is failed for good. Documents are read in a
/// child of their own, so that a death is hardly ever the document's doing: power cuts and restarts come first.
pub const JOB_TRIES_MAX: u32 = 10;
/// Seconds for which a claimed job belongs to its worker without a sign of life.
pub const JOB_LEASE_SECONDS: i64 = 300;
/// Seconds for which the vectors of a generation are not made any further, once making them stopped the process
/// [`JOB_TRIES_MAX`] times without a batch done.
pub const BUILD_PUT_OFF_SECONDS: i64 = 24 * 3600;
/// Rows of vectors that are removed in one transaction.
pub const VECTORS_DROPPED_AT_ONCE: usize = 2_000;
/// Requests waiting for the writer before a caller is told that the store is busy.
pub const WRITER_QUEUE_MAX: usize = 1_024;
/// Requests waiting for a reader before a caller is told that the store is busy.
pub const READER_QUEUE_MAX: usize = 1_024;
/// Connections that read.
pub const READERS: usize = 4;
/// Pages in the write-ahead log after which the writer checkpoints.
pub const CHECKPOINT_PAGES: u32 = 4_000;
/// Changes applied to a derived index in one commit.
pub const CHANGES_PER_COMMIT_MAX: usize = 64;
/// Chunks after which a commit of a derived index takes in no further change.
pub const CHUNKS_PER_COMMIT_MAX: usize = 4_096;
/// Vectors below which a scope is scored exactly in the store instead of scanned.
pub const EXACT_SCAN_VECTORS_MAX: usize = 2_000;
/// Rows of the int8 scan for which another thread is worth starting.
pub const SCAN_ROWS_PER_THREAD_MIN: usize = 25_000;
/// Rows below which all files of a scan segment count as one size.
pub const SCAN_FILE_ROWS_SMALL: usize = 512;
/// Neighbouring scan files of one size that are merged into one.
pub const SCAN_FILES_MERGED_MIN: usize = 8;
/// The longest word that is told apart from others, in characters.
pub const WORD_CHARS_MAX: usize = 64;
/// Characters of a text from which its language is told.
pub const LANGUAGE_CHARS_MAX: usize = 500;
/// Distinct words of a question that are looked up in the word index.
pub const QUESTION_WORDS_READ_MAX: usize = 512;
/// Of those, how many take part in a search by words.
pub const QUESTION_WORDS_MAX: usize = 64;
/// Languages, the most common ones of a scope, in which the words of a passage are compared with a question's.
pub const COVERAGE_LANGUAGES_MAX: usize = 4;
/// Scopes whose statistics the word index of an account keeps.
pub const SCOPES_COUNTED_MAX: usize = 64;
/// Accounts whose word index is kept open for changes.
pub const WORD_WRITERS_MAX: usize = 2;
/// Memory in which one of them gathers a change before it goes to disk, in bytes.
pub const WORD_WRITER_BYTES: usize = 32 << 20;
/// Damaged folders of one derived index that are kept for the operator.
pub const DAMAGED_KEPT_MAX: u32 = 3;

const _: () = assert!(QUESTION_WORDS_MAX <= QUESTION_WORDS_READ_MAX);
const _: () = assert!(PASSAGES_TOKENS_MAX < PROMPT_TOKENS_MAX);
const _: () = assert!(PASSAGE_TOKENS_MAX < PASSAGES_TOKENS_MAX);
const _: () = assert!(CHUNK_CONTEXT_TOKENS_MAX * 2 < EMBED_TOKENS_MAX);
const _: () = assert!(EMBED_TOKENS_MAX <= EMBED_BATCH_TOKENS_MAX);
const _: () = assert!(PASSAGE_TOKENS_MAX < RERANK_TOKENS_MAX && RERANK_TOKENS_MAX <= EMBED_BATCH_TOKENS_MAX);
const _: () = assert!(CHUNK_TOKENS_MIN_DEFAULT < CHUNK_TOKENS_MAX_DEFAULT);
const _: () = assert!(CHUNK_TOKENS_MAX_DEFAULT <= CHUNK_TOKENS_MAX);
const _: () = assert!(CANDIDATES_DEFAULT <= CANDIDATES_MAX);
const _: () = assert!(PASSAGES_MAX <= CANDIDATES_DEFAULT);
const _: () = assert!(RERANKED_MAX <= CANDIDATES_DEFAULT);
