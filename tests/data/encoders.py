#!/usr/bin/env python3
"""Makes the golden vectors and scores of the encoders: small random networks, computed in f32 by sentence-transformers.

    python3 -m venv /tmp/golden && /tmp/golden/bin/pip install sentence-transformers gguf
    /tmp/golden/bin/python tests/data/encoders.py

Writes to golden/encoders, for each network of `NETWORKS`, the folder NAME as sentence-transformers saves it, NAME.gguf (the
same weights with the names and metadata that llama.cpp's converter gives them; none for a BERT reranker, whose converter
leaves out a layer), and NAME.json: the texts with their token ids and vectors, or the pairs with theirs and their logits.

Weights are kept in 16 bits and computed in 32. Every network has `matters`: settings that, changed one by one, must move
what comes out. What they do not move they do not prove.
"""

import copy
import json
import pathlib
import shutil

import gguf
import numpy
import safetensors.torch
import sentence_transformers
import sentence_transformers.models as modules
import tokenizers
import torch
import transformers
from tokenizers import models, normalizers, pre_tokenizers, processors

HERE = pathlib.Path(__file__).resolve().parent / "golden" / "encoders"
TOKENS_MAX = 48
# What a changed setting has to move the largest difference of any value by.
MATTERS_MIN = 0.003

TEXTS = [
    "a",
    "Who approves overtime?",
    "the invoice is due within 30 days of receipt.",
    "  spaces   around and inside  ",
    "over the time, the order of the day: 9 to 17!",
    "one two three four five six seven eight nine ten",
    "the the the the",
    "Long texts are cut where the model ends reading them. " * 9,
]
PAIRS = [
    ("Who approves overtime?", "The head of the department approves overtime."),
    ("Who approves overtime?", "the invoice is due within 30 days of receipt."),
    ("a", "b"),
    ("the order of the day", "one two three four five six seven eight nine ten " * 4),
]
SMALL = dict(hidden_size=32, intermediate_size=48, num_attention_heads=4, hidden_dropout_prob=0.0)


def letters():
    return [chr(code) for code in range(ord("a"), ord("z") + 1)]


WORDS = ["the", "over", "time", "of", "order", "is", "invoice", "day", "one", "two", "read", "who", "to", "and"]
SIGNS = list("0123456789.,:;!?'-")


def wordpiece():
    """As BERT has it."""
    tail = ["##" + letter for letter in letters()] + ["##time", "##s", "##ing", "##ed", "##er"]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters(), *SIGNS, *WORDS, *dict.fromkeys(tail)]
    vocabulary = {token: at for at, token in enumerate(tokens)}
    tokenizer = tokenizers.Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    named = dict(pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]")
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named)


def unigram():
    """As XLM-RoBERTa has it."""
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces += [("▁" + word, -2.0 - 0.125 * at) for at, word in enumerate(WORDS)]
    pieces += [(word, -5.0 - 0.125 * at) for at, word in enumerate(["time", "ed", "ing", "er", "s"])]
    upper = [letter.upper() for letter in letters()]
    singles = dict.fromkeys(["▁", *letters(), *upper, *SIGNS])
    singles = [single for single in singles if single not in dict(pieces)]
    pieces += [(single, -7.0 - 0.0625 * at) for at, single in enumerate(singles)]
    tokenizer = tokenizers.Tokenizer(models.Unigram(pieces, unk_id=3, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Strip(), normalizers.Replace(tokenizers.Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    named = dict(bos_token="<s>", cls_token="<s>", eos_token="</s>", sep_token="</s>", pad_token="<pad>", unk_token="<unk>")
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named)


def bytes_bpe():
    """As ModernBERT has it."""
    alphabet = [chr(code) for code in range(33, 127)] + ["Ġ"]
    merges = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("i", "n"), ("e", "r"), ("o", "v"), ("ov", "er"), ("Ġ", "o")]
    tokens = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]", *alphabet, *("".join(merge) for merge in merges)]
    vocabulary = {token: at for at, token in enumerate(tokens)}
    tokenizer = tokenizers.Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    named = dict(pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]")
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named)


BERT = dict(SMALL, max_position_embeddings=TOKENS_MAX, type_vocab_size=2, num_hidden_layers=2)
# Positions begin behind the padding token's.
ROBERTA = dict(
    SMALL,
    max_position_embeddings=TOKENS_MAX + 2,
    type_vocab_size=1,
    num_hidden_layers=2,
    pad_token_id=1,
    bos_token_id=0,
    eos_token_id=2,
    layer_norm_eps=1e-5,
)
# The first and the fourth layer see everything, the others four tokens to each side.
MODERN = dict(
    hidden_size=32,
    intermediate_size=32,
    num_attention_heads=4,
    num_hidden_layers=4,
    max_position_embeddings=TOKENS_MAX,
    local_attention=8,
    global_attn_every_n_layers=3,
    global_rope_theta=500.0,
    local_rope_theta=50.0,
    pad_token_id=3,
    cls_token_id=1,
    sep_token_id=2,
    bos_token_id=None,
    eos_token_id=None,
    attn_implementation="eager",
)
NOMIC = dict(
    hidden_size=32,
    intermediate_size=32,
    num_attention_heads=4,
    num_hidden_layers=2,
    max_position_embeddings=TOKENS_MAX,
    hidden_act="silu",
    type_vocab_size=2,
    rope_parameters=dict(rope_type="default", rope_theta=100.0),
)
PREFIXES = {"query": "search_query: ", "document": "search_document: "}
A = gguf.MODEL_ARCH


class Network:
    def __init__(self, config, model, tokenizer, arch, pooling=None, prompts=None, matters=None):
        self.config, self.model, self.tokenizer, self.arch = config, model, tokenizer, arch
        self.pooling, self.prompts, self.matters = pooling, prompts or {}, matters or {}


NETWORKS = {
    "bert": Network(
        transformers.BertConfig(**BERT),
        transformers.BertModel,
        wordpiece,
        A.BERT,
        "mean",
        matters=dict(layer_norm_eps=0.1),
    ),
    "xlm-roberta": Network(
        transformers.XLMRobertaConfig(**ROBERTA),
        transformers.XLMRobertaModel,
        unigram,
        A.BERT,
        "cls",
        matters=dict(layer_norm_eps=0.1),
    ),
    "modernbert": Network(
        transformers.ModernBertConfig(**MODERN),
        transformers.ModernBertModel,
        bytes_bpe,
        A.MODERN_BERT,
        "cls",
        matters=dict(norm_eps=0.1, local_attention=12),
    ),
    "nomic": Network(
        transformers.NomicBertConfig(**NOMIC),
        transformers.NomicBertModel,
        wordpiece,
        A.NOMIC_BERT,
        "mean",
        PREFIXES,
        matters=dict(layer_norm_eps=0.1, rope_parameters=dict(rope_type="default", rope_theta=10.0)),
    ),
    "bert-reranker": Network(
        transformers.BertConfig(**BERT, num_labels=1), transformers.BertForSequenceClassification, wordpiece, None
    ),
    "xlm-roberta-reranker": Network(
        transformers.XLMRobertaConfig(**ROBERTA, num_labels=1),
        transformers.XLMRobertaForSequenceClassification,
        unigram,
        A.BERT,
    ),
    "modernbert-reranker": Network(
        transformers.ModernBertConfig(**MODERN, num_labels=1, classifier_pooling="mean"),
        transformers.ModernBertForSequenceClassification,
        bytes_bpe,
        None,
        matters=dict(classifier_pooling="cls"),
    ),
}


def random_model(network):
    """Random weights of 16 bits, held in 32, of such a size that tokens and their order matter."""
    torch.manual_seed(3)
    model = network.model(network.config).float().eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() == 1:
                weight.normal_(1.0 if name.endswith("weight") else 0.0, 0.3)
            elif "embed" in name:
                weight.normal_(0, 1.0)
            else:
                sharp = any(part in name for part in ("query", "key", "q_proj", "k_proj", "Wqkv", "classifier"))
                weight.normal_(0, (2.0 if sharp else 1.0) / weight.shape[-1] ** 0.5)
            weight.copy_(weight.half().float())
    return model


def vectors(network, model, tokenizer, texts):
    """Vectors by the model itself, to compare those of sentence-transformers and of changed settings with."""
    found = []
    for text in texts:
        encoded = tokenizer(text, truncation=True, max_length=TOKENS_MAX, return_tensors="pt")
        with torch.no_grad():
            states = model(input_ids=encoded["input_ids"]).last_hidden_state[0]
        pooled = states.mean(dim=0) if network.pooling == "mean" else states[0]
        found.append(pooled / pooled.norm())
    return torch.stack(found)


def logits(model, tokenizer, pairs):
    found = []
    for question, passage in pairs:
        told_apart = model.config.model_type == "bert"
        cut = dict(truncation="only_second", max_length=TOKENS_MAX, return_token_type_ids=told_apart)
        encoded = tokenizer(question, passage, return_tensors="pt", **cut)
        assert not told_apart or encoded["token_type_ids"].any()
        with torch.no_grad():
            found.append(model(**encoded).logits[0])
    return torch.stack(found)


def check_that_settings_matter(name, network, model, computed, expected):
    for setting, value in network.matters.items():
        changed = copy.deepcopy(network.config)
        setattr(changed, setting, value)
        other = network.model(changed).float().eval()
        other.load_state_dict(model.state_dict())
        moved = (computed(other) - expected).abs().max()
        assert moved > MATTERS_MIN, f"{name}: {setting} moves only {moved}"


def write_folder(network, model, tokenizer, folder):
    """The folder as sentence-transformers saves it, less what is not read; and its vectors, if it makes any."""
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    tokenizer.model_max_length = TOKENS_MAX
    tokenizer.save_pretrained(folder)
    found = None
    if network.pooling:
        transformer = modules.Transformer(str(folder), max_seq_length=TOKENS_MAX)
        pooling = modules.Pooling(model.config.hidden_size, pooling_mode=network.pooling)
        whole = sentence_transformers.SentenceTransformer(
            modules=[transformer, pooling, modules.Normalize()], prompts=network.prompts, device="cpu"
        )
        found = torch.from_numpy(whole.encode(TEXTS))
        if network.prompts:
            asked = whole.encode(TEXTS, prompt_name="query")
            told = whole.encode(TEXTS, prompt_name="document")
            found = torch.cat([found, torch.from_numpy(asked), torch.from_numpy(told)])
        whole.save_pretrained(str(folder), create_model_card=False)
    kept = ("config.json", "tokenizer.json", "modules.json", "sentence_bert_config.json", "config_sentence_transformers.json")
    shutil.rmtree(folder / "2_Normalize", ignore_errors=True)
    for path in folder.iterdir():
        if path.is_file() and path.name not in kept and path.suffix != ".safetensors":
            path.unlink()
    tensors = safetensors.torch.load_file(folder / "model.safetensors")
    safetensors.torch.save_file({name: values.half() for name, values in tensors.items()}, folder / "model.safetensors")
    return found


def write_gguf(network, model, folder, path):
    """The weights of `folder` as llama.cpp's converter (`conversion/bert.py`) writes them."""
    config, arch = model.config, network.arch
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[arch])
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(TOKENS_MAX)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_layer_norm_eps(getattr(config, "norm_eps", None) or config.layer_norm_eps)
    writer.add_causal_attention(False)
    kind = gguf.PoolingType
    writer.add_pooling_type({"mean": kind.MEAN, "cls": kind.CLS, None: kind.RANK}[network.pooling])
    if arch == A.NOMIC_BERT:
        writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    if arch == A.MODERN_BERT:
        writer.add_rope_freq_base(MODERN["global_rope_theta"])
        writer.add_rope_freq_base_swa(MODERN["local_rope_theta"])
        writer.add_sliding_window(MODERN["local_attention"])
        writer.add_sliding_window_pattern(MODERN["global_attn_every_n_layers"])
    write_vocabulary(writer, json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"], config)
    names = gguf.get_tensor_name_map(arch, config.num_hidden_layers)
    for name, values in safetensors.torch.load_file(folder / "model.safetensors").items():
        for prefix in ("bert.", "roberta.", "model."):
            name = name.removeprefix(prefix)
        if "pooler" in name or "position_ids" in name:
            continue
        if "position_embeddings" in name and config.model_type == "xlm-roberta":
            values = values[config.pad_token_id + 1 :]
        inner = names.get_name(name, try_suffixes=(".weight", ".bias"))
        assert inner, name
        whole = values.dim() == 1 or "position_embd" in inner or "token_types" in inner
        writer.add_tensor(inner, (values.float() if whole else values).contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_vocabulary(writer, model, config):
    kind = gguf.TokenType
    if model["type"] == "Unigram":
        tokens = [piece for piece, _ in model["vocab"]]
        types = [kind.CONTROL, kind.CONTROL, kind.CONTROL, kind.UNKNOWN] + [kind.NORMAL] * (len(tokens) - 4)
        writer.add_tokenizer_model("t5")
        writer.add_tokenizer_pre("default")
        writer.add_token_list(tokens)
        writer.add_token_scores([score for _, score in model["vocab"]])
        writer.add_token_types(types)
        writer.add_add_space_prefix(True)
        writer.add_remove_extra_whitespaces(True)
        writer.add_token_type_count(config.type_vocab_size)
        special = dict(bos=0, pad=1, eos=2, unk=3, sep=2)
    else:
        tokens = sorted(model["vocab"], key=model["vocab"].get)
        special = {name.strip("[]").lower(): at for at, name in enumerate(tokens) if name.startswith("[") and len(name) > 1}
        types = [kind.CONTROL if at in special.values() else kind.NORMAL for at in range(len(tokens))]
        if model["type"] == "WordPiece":
            marked = lambda token: token[2:] if token.startswith("##") else "▁" + token
            tokens = [token if type == kind.CONTROL else marked(token) for token, type in zip(tokens, types)]
            writer.add_tokenizer_model("bert")
            writer.add_tokenizer_pre("default")
            writer.add_token_type_count(2)
        else:
            writer.add_tokenizer_model("gpt2")
            writer.add_tokenizer_pre("gpt-2")
            writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]])
            writer.add_add_bos_token(True)
            writer.add_add_eos_token(True)
        writer.add_token_list(tokens)
        writer.add_token_types(types)
        # What stands before a text is its beginning to the converter, whatever the model calls it.
        special |= dict(bos=special.pop("cls"), eos=special["sep"])
    added = dict(
        bos=writer.add_bos_token_id,
        eos=writer.add_eos_token_id,
        unk=writer.add_unk_token_id,
        sep=writer.add_sep_token_id,
        pad=writer.add_pad_token_id,
        mask=writer.add_mask_token_id,
    )
    for name, token in special.items():
        added[name](token)


def main():
    HERE.mkdir(parents=True, exist_ok=True)
    for name, network in NETWORKS.items():
        tokenizer = network.tokenizer()
        network.config.vocab_size = len(tokenizer)
        model = random_model(network)
        folder = HERE / name
        golden = {}
        if network.pooling:
            computed = lambda model: vectors(network, model, tokenizer, TEXTS)
        else:
            computed = lambda model: logits(model, tokenizer, PAIRS)
        expected = computed(model)
        check_that_settings_matter(name, network, model, computed, expected)
        found = write_folder(network, model, tokenizer, folder)
        cut = dict(truncation=True, max_length=TOKENS_MAX)
        if network.pooling:
            off = (found[: len(TEXTS)] - expected).abs().max()
            assert off < 1e-5, f"{name}: sentence-transformers differs by {off}"
            golden["texts"] = TEXTS
            golden["ids"] = [tokenizer(text, **cut)["input_ids"] for text in TEXTS]
            golden["vectors"] = rounded(found[: len(TEXTS)])
            if network.prompts:
                golden["asked"] = rounded(found[len(TEXTS) : 2 * len(TEXTS)])
                golden["told"] = rounded(found[2 * len(TEXTS) :])
        else:
            golden["pairs"] = PAIRS
            cut["truncation"] = "only_second"
            golden["ids"] = [tokenizer(*pair, **cut)["input_ids"] for pair in PAIRS]
            golden["logits"] = rounded(expected[:, 0])
        (HERE / f"{name}.json").write_text(json.dumps(golden) + "\n", encoding="utf-8")
        if network.arch:
            write_gguf(network, model, folder, HERE / f"{name}.gguf")
        spread = expected.std(dim=0).mean()
        print(f"{name}: {model.num_parameters()} parameters, spread {spread:.2f}")


def rounded(values):
    return [[round(float(one), 7) for one in row] if row.dim() else round(float(row), 6) for row in values]


if __name__ == "__main__":
    main()
