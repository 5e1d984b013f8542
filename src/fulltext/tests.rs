//! The room as a whole, on real indexes: what is found, what a narrower scope sees, and what damage does.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::Fulltext;
use crate::domain::account::Scope;
use crate::domain::chunk::{Chunk, StoredChunk};
use crate::domain::extract::Span;
use crate::domain::id::{AccountId, ChunkId, CollectionId, SourceId};
use crate::domain::passage::Candidate;
use crate::limits;

const ACCOUNT: AccountId = AccountId(7);

fn stored(id: i64, source: i64, collection: i64, title: &str, text: &str) -> StoredChunk {
    StoredChunk {
        id: ChunkId(id),
        source: SourceId(source),
        collection: CollectionId(collection),
        title: title.to_owned(),
        file_name: title.to_owned(),
        chunk: Chunk {
            headings: Vec::new(),
            page: None,
            span: Span { start: 0, end: text.len() },
            text: text.to_owned(),
            tokens: 0,
        },
    }
}

fn whole() -> Scope {
    Scope { account: ACCOUNT, collections: vec![CollectionId(1)], whole: true }
}

fn only(collections: &[i64]) -> Scope {
    let collections = collections.iter().map(|id| CollectionId(*id)).collect();
    Scope { account: ACCOUNT, collections, whole: false }
}

/// An index of these texts, each a source with one chunk, numbered from 1.
fn index_of(texts: &[&str]) -> (tempfile::TempDir, Fulltext) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let fulltext = Fulltext::open(folder.path()).expect("it opens");
    let puts: Vec<StoredChunk> = (1..).zip(texts).map(|(id, text)| stored(id, id, 1, "", text)).collect();
    fulltext.apply(ACCOUNT, 1, &puts, &[]).expect("it applies");
    (folder, fulltext)
}

fn chunks(found: &[Candidate]) -> Vec<i64> {
    found.iter().map(|candidate| candidate.chunk.0).collect()
}

const MIXED: &[&str] = &[
    "Employees may carry over five days of unused holiday until the end of March, after which they expire.",
    "The travel policy covers train journeys in second class and flights within Europe when booked early.",
    "Les salariés bénéficient de vingt-cinq jours de congés payés par an, à prendre avant le 31 mai.",
    "Le télétravail est autorisé deux jours par semaine avec l'accord écrit du responsable hiérarchique.",
    "Die Kündigungsfrist beträgt drei Monate zum Ende eines Quartals, für beide Vertragsparteien.",
    "Alle Häuser der Siedlung wurden im Jahr 1987 gebaut und seitdem zweimal vollständig renoviert.",
    "东京都的人口在二零二零年超过一千四百万，是日本人口最多的地方行政区。",
    "有給休暇は入社半年後に十日間付与され、翌年度まで繰り越すことができます。",
    "제품 보증 기간은 구매일로부터 2년이며 영수증이 필요합니다.",
    "Order number AX-7731 was shipped to Schröder GmbH on 2024-03-05 with 1,250 units.",
];

#[test]
fn words_are_found_in_every_language() {
    let (_folder, fulltext) = index_of(MIXED);
    let cases = [
        ("How many holidays can an employee carry over?", 1),
        ("flight booking policies", 2),
        ("combien de congé payé a un salarié", 3),
        ("Puis-je travailler en TÉLÉTRAVAIL ?", 4),
        ("teletravail autorise", 4),
        ("Wie lange sind die Kündigungsfristen?", 5),
        ("Wann wurde das Haus gebaut?", 6),
        ("kundigungsfrist", 5),
        ("东京的人口是多少", 7),
        ("有給休暇は何日ですか", 8),
        ("보증기간", 9),
        ("Who is Schroder?", 10),
        ("Lieferung an Schröder", 10),
        ("ax7731 AX-7731", 10),
        ("1250", 10),
        ("１２５０ units", 10),
    ];
    for (question, expected) in cases {
        let found = fulltext.search(&whole(), question, 3).expect("it searches");
        assert_eq!(chunks(&found).first(), Some(&expected), "{question}: {found:?}");
    }
    assert_eq!(fulltext.search(&whole(), "zeppelin", 3).expect("it searches"), []);
    assert_eq!(fulltext.search(&whole(), "policy", 0).expect("it searches"), []);
}

#[test]
fn titles_file_names_and_headings_are_found() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let fulltext = Fulltext::open(folder.path()).expect("it opens");
    let mut under = stored(1, 1, 1, "Handbook", "It is thirty days for all staff members here.");
    under.chunk.headings = vec!["Parental leave".to_owned()];
    let mut named = stored(2, 2, 1, "Pricing", "It is thirty euros for all staff members here.");
    named.file_name = "Offer_ACME-2024.pdf".to_owned();
    let puts = [under, named];
    fulltext.apply(ACCOUNT, 1, &puts, &[]).expect("it applies");
    for (question, expected) in [("parental leave", 1), ("handbook", 1), ("prices", 2), ("the acme offer", 2)] {
        let found = fulltext.search(&whole(), question, 9).expect("it searches");
        assert_eq!(chunks(&found), [expected], "{question}");
    }
}

#[test]
fn foreign_documents_change_nothing_in_a_narrower_scope() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (alone, crowded) = (folder.path().join("alone"), folder.path().join("crowded"));
    let (alone, crowded) = (Fulltext::open(&alone).expect("it opens"), Fulltext::open(&crowded).expect("it opens"));
    let mine: Vec<StoredChunk> =
        (1..).zip(&MIXED[..6]).map(|(id, text)| stored(id, id, 1 + id % 2, "Title", text)).collect();
    alone.apply(ACCOUNT, 1, &mine, &[]).expect("it applies");
    // Foreign documents before, among and after, in other languages too, some of them replaced and dropped.
    for round in 0..12 {
        let seq = i64::from(round) + 1;
        let mut puts: Vec<StoredChunk> = (0..40)
            .map(|n| stored(1000 * seq + n, 500 + n + seq, 3 + n % 2, "Title", MIXED[n as usize % 10]))
            .collect();
        if round == 5 {
            puts.extend(mine.iter().rev().cloned());
        }
        crowded.apply(ACCOUNT, seq, &puts, &[SourceId(500 + seq)]).expect("it applies");
    }
    let questions =
        ["holiday policy", "congés des salariés", "Kündigungsfrist der Häuser", "人口", "five days Europe", ""];
    for scope in [only(&[1, 2]), only(&[2]), only(&[1])] {
        for question in questions {
            let expected = alone.search(&scope, question, 50).expect("it searches");
            let found = crowded.search(&scope, question, 50).expect("it searches");
            assert_eq!(bits(&expected), bits(&found), "{question}");
            let texts: Vec<&str> = MIXED.to_vec();
            let expected = alone.coverage(&scope, question, &texts).expect("it weighs");
            assert_eq!(crowded.coverage(&scope, question, &texts).expect("it weighs"), expected, "{question}");
        }
    }
    let all = Scope { whole: true, ..only(&[1, 2]) };
    for question in questions {
        let expected = alone.search(&only(&[1, 2]), question, 50).expect("it searches");
        assert_eq!(bits(&alone.search(&all, question, 50).expect("it searches")), bits(&expected));
    }
    assert_eq!(crowded.search(&only(&[]), "holiday", 5).expect("it searches"), []);
    assert!(!crowded.search(&only(&[3]), "holiday", 5).expect("it searches").is_empty());
}

fn bits(found: &[Candidate]) -> Vec<(i64, u32)> {
    found.iter().map(|candidate| (candidate.chunk.0, candidate.score.to_bits())).collect()
}

#[test]
fn coverage_weighs_words_by_how_rare_they_are() {
    let (_folder, fulltext) = index_of(&[
        "The annual report covers revenue and staff.",
        "The annual budget covers staff and travel.",
        "The annual plan covers staff and marketing.",
    ]);
    let texts = ["Staff travelled annually.", "Nothing of the kind.", "The revenue in the annual report of 2024", ""];
    // (question, the order of the texts' shares, shares that are certain)
    let cases = [
        ("annual staff", [1.0, 0.0, 0.5, 0.0]),
        ("What is the revenue?", [0.0, 0.0, 1.0, 0.0]),
        ("of the", [0.0, 1.0, 1.0, 0.0]),
        ("", [0.0, 0.0, 0.0, 0.0]),
        ("travel 2024", [0.0; 4]),
    ];
    for (question, expected) in cases {
        let shares = fulltext.coverage(&whole(), question, &texts).expect("it weighs");
        if question == "travel 2024" {
            // No document holds the number: it weighs more than the word that one of them holds.
            assert!(shares[2] > shares[0] && shares[0] > 0.0, "{shares:?}");
            continue;
        }
        for (share, expected) in shares.iter().zip(expected) {
            assert!((share - expected).abs() < 0.05, "{question}: {shares:?}");
        }
    }
    let nobody = Scope { account: AccountId(99), collections: vec![], whole: true };
    assert_eq!(fulltext.coverage(&nobody, "annual", &["annual"]).expect("it weighs"), [0.0]);
}

#[test]
fn random_changes_equal_a_model_after_each_reopening() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut fulltext = Fulltext::open(folder.path()).expect("it opens");
    let mut random = StdRng::seed_from_u64(11);
    let mut model: BTreeMap<i64, Vec<StoredChunk>> = BTreeMap::new();
    let (mut chunk, mut last) = (0, 0);
    for step in 0..40 {
        let seq = if step % 9 == 8 { last - 3 } else { last + random.random_range(1..4) };
        let mut puts = Vec::new();
        for _ in 0..random.random_range(0..4) {
            let source = random.random_range(1..12);
            for _ in 0..random.random_range(1..5) {
                chunk += 1;
                let text = format!("common {} word{chunk}", ["red", "green", "blue"][chunk as usize % 3]);
                puts.push(stored(chunk, source, 1 + source % 3, "", &text));
            }
        }
        let drops: Vec<SourceId> =
            (0..random.random_range(0..3)).map(|_| SourceId(random.random_range(1..12))).collect();
        fulltext.apply(ACCOUNT, seq, &puts, &drops).expect("it applies");
        if seq > last {
            last = seq;
            drops.iter().for_each(|source| drop(model.remove(&source.0)));
            puts.iter().for_each(|put| drop(model.remove(&put.source.0)));
            puts.into_iter().for_each(|put| model.entry(put.source.0).or_default().push(put));
        }
        if step % 5 == 0 {
            drop(fulltext);
            fulltext = Fulltext::open(folder.path()).expect("it reopens");
        }
        assert_eq!(fulltext.last_seq(ACCOUNT).expect("it is sound"), last);
        let all: Vec<&StoredChunk> = model.values().flatten().collect();
        assert_eq!(fulltext.count(ACCOUNT).expect("it is sound"), all.len() as u64);
        let mut found = chunks(&fulltext.search(&whole(), "common", 1_000).expect("it searches"));
        let mut expected: Vec<i64> = all.iter().map(|stored| stored.id.0).collect();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected);
        let scope = only(&[2]);
        let mut found = chunks(&fulltext.search(&scope, "green", 1_000).expect("it searches"));
        let green = |stored: &&&StoredChunk| stored.collection.0 == 2 && stored.chunk.text.contains("green");
        let mut expected: Vec<i64> = all.iter().filter(green).map(|stored| stored.id.0).collect();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }
    // Other accounts take the place of its writer, and see nothing of it.
    for other in 20..24 {
        fulltext.apply(AccountId(other), 1, &[stored(1, 1, 1, "", "common")], &[]).expect("it applies");
        let scope = Scope { account: AccountId(other), ..whole() };
        assert_eq!(fulltext.search(&scope, "common green", 9).expect("it searches").len(), 1);
    }
    fulltext.apply(ACCOUNT, last + 1, &[stored(9_999, 99, 1, "", "common")], &[]).expect("it applies");
    fulltext.forget(ACCOUNT).expect("it goes");
    assert_eq!((fulltext.last_seq(ACCOUNT).expect("sound"), fulltext.count(ACCOUNT).expect("sound")), (0, 0));
    fulltext.apply(ACCOUNT, 3, &[stored(1, 1, 1, "", "common")], &[]).expect("it applies");
    assert_eq!(fulltext.count(ACCOUNT).expect("sound"), 1);
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).expect("the folder exists").flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}

#[test]
fn damage_is_set_aside_or_harmless() {
    let (sound, fulltext) = index_of(MIXED);
    let questions = ["holiday policy", "congés", "人口", "1250 units"];
    let search = |fulltext: &Fulltext| {
        questions.map(|question| bits(&fulltext.search(&whole(), question, 9).expect("it searches")))
    };
    fulltext.apply(ACCOUNT, 2, &[stored(50, 2, 1, "", MIXED[1])], &[SourceId(1)]).expect("it applies");
    let expected = search(&fulltext);
    drop(fulltext);
    let files = files_of(&sound.path().join(ACCOUNT.to_string()));
    let mut random = StdRng::seed_from_u64(12);
    let mut set_aside = 0;
    for (file, round) in files.iter().flat_map(|file| (0..9).map(move |round| (file, round))) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let account = folder.path().join(ACCOUNT.to_string());
        fs::create_dir(&account).expect("it is made");
        for file in &files {
            fs::copy(file, account.join(file.file_name().expect("a file"))).expect("it is copied");
        }
        let target = account.join(file.file_name().expect("a file"));
        let mut bytes = fs::read(&target).expect("it is read");
        let place = if bytes.is_empty() { 0 } else { random.random_range(0..bytes.len()) };
        match round {
            0 => fs::remove_file(&target).expect("it goes"),
            1 => fs::write(&target, []).expect("it is written"),
            2..4 => fs::write(&target, &bytes[..place]).expect("it is written"),
            _ if bytes.is_empty() => continue,
            _ => {
                bytes[place] ^= 1 << random.random_range(0..8);
                fs::write(&target, bytes).expect("it is written");
            }
        }
        let fulltext = Fulltext::open(folder.path()).expect("damage does not keep it from opening");
        match fulltext.last_seq(ACCOUNT).expect("damage is no error") {
            0 => {
                set_aside += 1;
                assert!(folder.path().join(format!("{ACCOUNT}.damaged-1")).is_dir(), "{target:?}");
                assert_eq!(fulltext.count(ACCOUNT).expect("it is empty"), 0);
                if round == 0 {
                    fulltext.apply(ACCOUNT, 3, &[stored(1, 1, 1, "", "anew")], &[]).expect("it is rebuilt");
                    assert_eq!(chunks(&fulltext.search(&whole(), "anew", 9).expect("it searches")), [1]);
                }
            }
            2 => assert_eq!(search(&fulltext), expected, "{target:?}, round {round}, byte {place}"),
            other => panic!("{target:?}, round {round}, byte {place}: holds change {other}"),
        }
    }
    assert!(set_aside > files.len() * 3, "only {set_aside} of {} damages were noticed", files.len() * 9);
}

#[test]
fn a_folder_deleted_under_it_is_rebuilt() {
    let (folder, fulltext) = index_of(MIXED);
    fs::remove_dir_all(folder.path().join(ACCOUNT.to_string())).expect("it goes");
    let put = [stored(1, 1, 1, "", "anew")];
    // The change that finds the folder gone may fail; then the index starts empty.
    if fulltext.apply(ACCOUNT, 2, &put, &[]).is_err() {
        assert_eq!(fulltext.last_seq(ACCOUNT).expect("it is no error"), 0);
        fulltext.apply(ACCOUNT, 2, &put, &[]).expect("it is rebuilt");
    }
    assert_eq!(chunks(&fulltext.search(&whole(), "anew", 9).expect("it searches")), [1]);
    let stray = folder.path().join(ACCOUNT.to_string()).join(".tmpXYZ");
    fs::write(&stray, "half").expect("it is written");
    drop(fulltext);
    let fulltext = Fulltext::open(folder.path()).expect("it reopens");
    assert_eq!(fulltext.count(ACCOUNT).expect("it is sound"), 1);
    assert!(!stray.exists());
}

#[test]
fn any_text_is_a_question() {
    let (_folder, fulltext) = index_of(MIXED);
    let mut questions: Vec<String> = [
        "",
        " ",
        "\0\u{1}\u{7f}",
        "body:* OR (head:[a TO z]) AND NOT \"holiday\"~3^9 /.*/",
        "-+&&||!(){}[]^\"~*?:\\/",
        "'; DROP TABLE chunks; --",
        "\u{202e}\u{feff}\u{fffd}\u{10ffff}",
        "Z\u{351}\u{36b}\u{343}a\u{30a}lgo",
        "1.2.3.4,5,6..7,,8.",
        "''''''\u{2019}'a'b'",
    ]
    .map(str::to_owned)
    .to_vec();
    questions.extend(["holiday ", "a", "東", "\u{301}", "1,", "’a"].map(|part| part.repeat(8_000 / part.len())));
    let mut random = StdRng::seed_from_u64(13);
    questions.push((0..8_000).map(|_| random.random::<char>()).collect());
    questions.push((0..1_500).map(|n| format!("word{n} ")).collect::<String>() + "holiday");
    questions.push((0..600).map(|n| format!("word{n} ")).collect::<String>());
    for question in &naughty_strings() {
        questions.push(question.clone());
    }
    for question in &questions {
        let found = fulltext.search(&whole(), question, limits::CANDIDATES_MAX).expect("any text is a question");
        assert!(found.len() <= MIXED.len() && found.iter().all(|candidate| candidate.score.is_finite()));
        let shares = fulltext.coverage(&whole(), question, &[question, MIXED[0]]).expect("any text is a question");
        assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)), "{question:?}: {shares:?}");
    }
    let puts: Vec<StoredChunk> = (1..).zip(&questions).map(|(id, text)| stored(id, id, 1, text, text)).collect();
    fulltext.apply(ACCOUNT, 2, &puts, &[]).expect("any text is indexed");
    assert_eq!(fulltext.count(ACCOUNT).expect("it is sound"), puts.len().max(MIXED.len()) as u64);
}

/// Strings that break programs, where there are any at hand.
fn naughty_strings() -> Vec<String> {
    let Some(folder) = std::env::var_os("NOSIA_TEST_DATA") else {
        println!("left out: the naughty strings, since NOSIA_TEST_DATA is not set");
        return Vec::new();
    };
    let file = Path::new(&folder).join("hostile/naughty-strings/blns.json");
    let text = fs::read_to_string(file).expect("NOSIA_TEST_DATA holds hostile/naughty-strings/blns.json");
    serde_json::from_str(&text).expect("it is a list of strings")
}
