//! How a text is cut into words before their letters are merged: the pre-tokenizers of byte-pair encodings, by the
//! names that GGUF files call them.
//!
//! Each is the list of patterns of the model's own `tokenizer.json`: every pattern cuts the pieces that the one before
//! it left, and both what matches and what lies between is a piece. The patterns have no look-around, so that they run
//! in linear time on any text; what the originals say by `\s+(?!\S)`, that a run of white space leaves its last
//! character to the word after it, is [`Cut::Words`].

/// A pre-tokenizer.
pub(super) struct Row {
    pub(super) names: &'static [&'static str],
    pub(super) cuts: &'static [Cut],
    pub(super) rule: Rule,
}

/// What else a pre-tokenizer's name tells of its model.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// Words are bytes, joined by the merges alone.
    Merges,
    /// A word that is a token stays whole, whatever the merges say.
    WholeWords,
    /// As `WholeWords`, and texts begin with the BOS token unless the file says otherwise.
    WholeWordsAndBos,
    /// Words are characters, in which U+2581 stands for a space; a character without a token becomes tokens of bytes.
    Characters,
}

/// One step of the cutting.
#[derive(Clone, Copy)]
pub(super) enum Cut {
    /// Each match is a piece.
    Each(&'static str),
    /// As `Each`; of a match that is white space of several characters before something else, the last one is left.
    Words(&'static str),
    /// As `Words`, but white space that ends in a line end is left as it is.
    Lines(&'static str),
    /// As `Lines`, and white space is cut into the largest powers of two up to 512.
    Powers(&'static str),
    /// Each match is digits, cut in threes from the right.
    Thousands(&'static str),
    /// As `Thousands`, but digits that a word goes on from are left as they are.
    FreeThousands(&'static str),
}

/// GPT-2's own pattern, the ancestor of all.
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+";
/// Llama 3: contractions in any case, digits in threes, a word takes any one sign before it.
const LLAMA3: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+"
);
/// Qwen 2: as Llama 3, each digit by itself.
const QWEN2: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+"
);
/// GPT-4o: words also end where small letters turn to capitals, and keep their contractions.
const GPT4O: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+"
);
/// DeepSeek-V3, after digits and Chinese have been cut out.
const DEEPSEEK3: &str = concat!(
    r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"##,
    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+"
);
/// Chinese and Japanese signs, as DeepSeek-V3 has them.
const CHINESE: &str = "[一-龥぀-ゟ゠-ヿ]+";
/// What DeepSeek's older models call Chinese: everything from U+0800, and Hangul.
const CHINESE_WIDE: &str = "[一-龥ࠀ-一가-퟿]+";
/// Letters that have a case, in the list of DeepSeek-LLM, which is older than some of them.
const CASED: &str = concat!(
    r"\s?[A-Za-z",
    r"\x{B5}\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{1BA}\x{1BC}-\x{1BF}\x{1C4}-\x{293}\x{295}-\x{2AF}\x{370}-\x{373}",
    r"\x{376}\x{377}\x{37B}-\x{37D}\x{37F}\x{386}\x{388}-\x{38A}\x{38C}\x{38E}-\x{3A1}\x{3A3}-\x{3F5}",
    r"\x{3F7}-\x{481}\x{48A}-\x{52F}\x{531}-\x{556}\x{10A0}-\x{10C5}\x{13A0}-\x{13F5}\x{13F8}-\x{13FD}",
    r"\x{1C90}-\x{1CBA}\x{1CBD}-\x{1CBF}\x{1D00}-\x{1D2B}\x{1D6B}-\x{1D77}\x{1D79}-\x{1D9A}\x{1E00}-\x{1F15}",
    r"\x{1F18}-\x{1F1D}\x{1F20}-\x{1F45}\x{1F48}-\x{1F4D}\x{1F50}-\x{1F57}\x{1F59}\x{1F5B}\x{1F5D}",
    r"\x{1F5F}-\x{1F7D}\x{1F80}-\x{1FB4}\x{1FB6}-\x{1FBC}\x{1FBE}\x{1FC2}-\x{1FC4}\x{1FC6}-\x{1FCC}",
    r"\x{1FD0}-\x{1FD3}\x{1FD6}-\x{1FDB}\x{1FE0}-\x{1FEC}\x{1FF2}-\x{1FF4}\x{1FF6}-\x{1FFC}\x{2102}\x{2107}",
    r"\x{210A}-\x{2113}\x{2115}\x{2119}-\x{211D}\x{2124}\x{2126}\x{2128}\x{212A}-\x{212D}\x{212F}-\x{2134}\x{2139}",
    r"\x{213C}-\x{213F}\x{2145}-\x{2149}\x{214E}\x{2183}\x{2184}\x{2C00}-\x{2C7B}\x{2C7E}-\x{2CE4}",
    r"\x{2CEB}-\x{2CEE}\x{2CF2}\x{2CF3}\x{A640}-\x{A66D}\x{A680}-\x{A69B}\x{A722}-\x{A76F}\x{A771}-\x{A787}",
    r"\x{A78B}-\x{A78E}\x{AB70}-\x{ABBF}\x{FB00}-\x{FB06}\x{FB13}-\x{FB17}\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A}",
    r"\x{10400}-\x{1044F}\x{104B0}-\x{104D3}\x{104D8}-\x{104FB}\x{10C80}-\x{10CB2}\x{10CC0}-\x{10CF2}",
    r"\x{118A0}-\x{118DF}\x{1E900}-\x{1E943}",
    r"]+"
);
/// What ends a word for BLOOM and its kin.
const BLOOM: &str = r" ?[^(\s|.,!?…。，、।۔،)]+";
/// Lines, and what parts them.
const LINES: &str = r"[^\n]+|\n+";

/// Files without a name were written before there were any.
const UNNAMED: &str = "default";

pub(super) const ROWS: &[Row] = &[
    Row {
        names: &[UNNAMED],
        cuts: &[Cut::Each(r"[\p{P}$+<=>^~|]+"), Cut::Words(GPT2), Cut::Each(r"\p{N}+"), Cut::Each("[0-9][0-9][0-9]")],
        rule: Rule::Merges,
    },
    Row {
        names: &[
            "gpt-2",
            "mpt",
            "olmo",
            "jais",
            "trillion",
            "granite-docling",
            "phi-2",
            "exaone4",
            "gigachat",
            "a.x-4.0",
            "mellum",
            "modern-bert",
            "roberta-bpe",
            "jina-es",
            "jina-de",
            "jina-v1-en",
            "jina-v2-es",
            "jina-v2-de",
            "jina-v2-code",
        ],
        cuts: &[Cut::Words(GPT2)],
        rule: Rule::Merges,
    },
    Row {
        names: &["starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b", "mellum2"],
        cuts: &[Cut::Each(r"\p{N}"), Cut::Words(GPT2)],
        rule: Rule::Merges,
    },
    Row {
        names: &["falcon"],
        cuts: &[Cut::Each(r"[\p{P}$+<=>^~|`]+"), Cut::Words(GPT2), Cut::Each("[0-9][0-9][0-9]")],
        rule: Rule::Merges,
    },
    Row {
        names: &[
            "llama-bpe",
            "llama3",
            "llama-v3",
            "falcon3",
            "falcon-h1",
            "pixtral",
            "midm-2.0",
            "lfm2",
            "jina-v5-nano",
        ],
        cuts: &[Cut::Lines(LLAMA3)],
        rule: Rule::WholeWordsAndBos,
    },
    Row { names: &["dbrx", "smaug-bpe", "chatglm-bpe"], cuts: &[Cut::Lines(LLAMA3)], rule: Rule::Merges },
    Row { names: &["glm4", "glm5"], cuts: &[Cut::Lines(LLAMA3)], rule: Rule::WholeWords },
    Row { names: &["jais-2"], cuts: &[Cut::Powers(LLAMA3)], rule: Rule::Merges },
    Row {
        names: &[
            "qwen2",
            "stablelm2",
            "hunyuan",
            "solar-open",
            "megrez",
            "deepseek-r1-qwen",
            "kormo",
            "f2llmv2",
            "grok-2",
        ],
        cuts: &[Cut::Lines(QWEN2)],
        rule: Rule::Merges,
    },
    Row {
        names: &["qwen35"],
        cuts: &[Cut::Lines(concat!(
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}",
            r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+"
        ))],
        rule: Rule::Merges,
    },
    Row {
        names: &["ufakzeka"],
        cuts: &[Cut::Lines(r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+")],
        rule: Rule::Merges,
    },
    Row {
        names: &["bailingmoe", "bailingmoe2", "llada-moe"],
        cuts: &[Cut::Lines(concat!(
            r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}",
            r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+"
        ))],
        rule: Rule::Merges,
    },
    Row {
        names: &["seed-coder"],
        cuts: &[Cut::Lines(concat!(
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}",
            r"| ?[^\s\p{L}\p{N}]+|\s*[\r\n]+|\s+"
        ))],
        rule: Rule::Merges,
    },
    Row {
        names: &["exaone-moe"],
        cuts: &[Cut::Lines(concat!(
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}",
            r"| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+"
        ))],
        rule: Rule::Merges,
    },
    Row {
        names: &["minicpm5"],
        cuts: &[
            Cut::Each(r"\p{N}{1,3}"),
            Cut::Lines(concat!(
                r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+",
                r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+"
            )),
        ],
        rule: Rule::WholeWords,
    },
    Row { names: &["laguna"], cuts: &[Cut::Each(LINES), Cut::Lines(QWEN2)], rule: Rule::Merges },
    Row {
        names: &["tekken"],
        cuts: &[Cut::Lines(concat!(
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+",
            r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*",
            r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+"
        ))],
        rule: Rule::WholeWordsAndBos,
    },
    Row {
        names: &["gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"],
        cuts: &[Cut::Lines(GPT4O)],
        rule: Rule::Merges,
    },
    Row { names: &["granite-embed-multi-97m"], cuts: &[Cut::Lines(GPT4O)], rule: Rule::WholeWords },
    Row {
        names: &["tiny_aya", "cohere2moe"],
        cuts: &[Cut::FreeThousands(r"\d+"), Cut::Lines(GPT4O)],
        rule: Rule::Merges,
    },
    Row {
        names: &["kimi-k2"],
        cuts: &[Cut::Lines(concat!(
            r"\p{Han}+",
            r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&\P{Han}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&\P{Han}]+",
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
            r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&\P{Han}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&\P{Han}]*",
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
            r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+"
        ))],
        rule: Rule::Merges,
    },
    Row {
        names: &["youtu"],
        cuts: &[
            Cut::Each("[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+"),
            Cut::Lines(concat!(
                r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+",
                r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
                r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*",
                r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
                r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+"
            )),
        ],
        rule: Rule::WholeWords,
    },
    Row {
        names: &["deepseek-llm"],
        cuts: &[
            Cut::Each(r"[\r\n]"),
            Cut::Each(CASED),
            Cut::Each(r"\s?[!-/:-~！-／：-～‘-‟　-。]+"),
            Cut::Each(r"\s+$"),
            Cut::Each(CHINESE_WIDE),
            Cut::Each(r"\p{N}+"),
        ],
        rule: Rule::Merges,
    },
    Row {
        names: &["deepseek-coder"],
        cuts: &[
            Cut::Each(r"[\r\n]"),
            Cut::Each(r"\s?\p{L}+"),
            Cut::Each(r"\s?\p{P}+"),
            Cut::Each(CHINESE_WIDE),
            Cut::Each(r"\p{N}"),
        ],
        rule: Rule::Merges,
    },
    Row {
        names: &["deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"],
        cuts: &[Cut::Each(r"\p{N}{1,3}"), Cut::Each(CHINESE), Cut::Lines(DEEPSEEK3)],
        rule: Rule::Merges,
    },
    Row {
        names: &["afmoe"],
        cuts: &[
            Cut::Thousands(r"\p{N}+"),
            Cut::Each("[一-鿿㐀-䶿豈-﫿぀-ゟ゠-ヿ･-ﾟ⼀-⿟เ-๿຀-໿ក-៿က-႟ꩠ-ꩿꧠ-꧿가-힯ᄀ-ᇿ]+"),
            Cut::Lines(DEEPSEEK3),
        ],
        rule: Rule::Merges,
    },
    Row {
        names: &["spark2_5"],
        cuts: &[
            Cut::Each(r"\p{N}{1,3}"),
            Cut::Each(CHINESE),
            Cut::Words(concat!(
                r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"##,
                r"| ?[\p{P}\p{S}]+|[\r\n]|\s+"
            )),
            Cut::Each(r"\p{N}"),
        ],
        rule: Rule::Merges,
    },
    Row { names: &["bloom", "poro-chat", "gpt3-finnish"], cuts: &[Cut::Each(BLOOM)], rule: Rule::Merges },
    Row { names: &["viking"], cuts: &[Cut::Each(BLOOM), Cut::Each(r"\p{N}")], rule: Rule::Merges },
    Row { names: &["superbpe"], cuts: &[Cut::Each(r"\p{N}+"), Cut::Thousands(r"\d+")], rule: Rule::Merges },
    Row {
        names: &["chameleon"],
        cuts: &[
            Cut::Each("<sentinel:[0-9]+>"),
            Cut::Each("IMGIMG[A-I]{1,4}Z"),
            Cut::Each(r"[\t\n]|    |  "),
            Cut::Each(r"\p{N}"),
            Cut::Each(r"[\p{P}!-/:-@\[-`{-~]"),
            Cut::Words(GPT2),
        ],
        rule: Rule::Merges,
    },
    Row {
        names: &["gemma4", "granite-embed-multi-311m", "sarvam-moe"],
        cuts: &[Cut::Each(LINES)],
        rule: Rule::Characters,
    },
];

/// The row of the pre-tokenizer `name`; without a name, of the oldest.
///
/// # Errors
/// The name is unknown: it and all known ones.
pub(super) fn row(name: Option<&str>) -> Result<&'static Row, String> {
    let name = name.unwrap_or(UNNAMED);
    ROWS.iter().find(|row| row.names.contains(&name)).ok_or_else(|| {
        let mut known: Vec<&str> = ROWS.iter().flat_map(|row| row.names).copied().collect();
        known.sort_unstable();
        format!("its pre-tokenizer `{name}` is not supported; supported are {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::{ROWS, row};

    #[test]
    fn a_name_is_in_one_row_and_an_unknown_one_is_refused() {
        let mut names: Vec<&str> = ROWS.iter().flat_map(|row| row.names).copied().collect();
        names.sort_unstable();
        assert!(names.is_sorted_by(|before, after| before < after), "a name is there twice: {names:?}");
        assert!(row(None).is_ok());
        let Err(what) = row(Some("gpt-9")) else { panic!("there is no gpt-9") };
        assert!(what.contains("`gpt-9`") && what.contains("command-r, dbrx"), "{what}");
    }
}
