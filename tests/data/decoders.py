#!/usr/bin/env python3
"""Makes the golden logits of the decoder networks: small random ones, computed in f32 by Hugging Face transformers.

    python3 -m venv /tmp/golden && /tmp/golden/bin/pip install torch transformers gguf llama-cpp-python
    /tmp/golden/bin/python tests/data/decoders.py [--check] [NAME...]

Writes to golden/decoders, for each network of `NETWORKS`, NAME.gguf (the weights, with the names, metadata and order of
rows that llama.cpp's converter gives them), NAME.json (the prompt, and the tokens that follow it when the likeliest is
always taken; none for the quantised one, whose products may be rounded on the way) and NAME.f32 (the logits at each
position of the prompt, little-endian float32, a row of `VOCABULARY` each).

Every network has `matters`: settings that, changed one by one, must move the logits. What they do not move they do not
prove. With --check llama.cpp reads the files too and has to agree; of its K/V cache and its table of GELU it keeps
16-bit floats, so the printed differences are larger where those are.
"""

import copy
import ctypes
import json
import pathlib
import sys

import gguf
import numpy
import torch
import transformers

HERE = pathlib.Path(__file__).resolve().parent / "golden" / "decoders"
PROMPT_TOKENS = 24
GREEDY_TOKENS = 16
# The context that the files are meant to be opened with: more than a longrope's original one.
CONTEXT = 64
# A printable alphabet of bytes as GPT-2 writes them, one merged pair, and a token that ends the text.
ALPHABET = [chr(code) for code in range(33, 126) if chr(code) != "`"] + ["Ġ", "Ċ", "th", "<|end|>"]
VOCABULARY = len(ALPHABET)
TEMPLATE = "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}assistant:"
# How far the likeliest token has to be before the second, so that rounding cannot choose another.
GAP_MIN = 0.01
# What a changed setting has to move the largest logit difference by.
MATTERS_MIN = 0.05

END = VOCABULARY - 1
SMALL = dict(
    vocab_size=VOCABULARY,
    max_position_embeddings=128,
    rms_norm_eps=1e-5,
    pad_token_id=None,
    bos_token_id=END,
    eos_token_id=END,
)
# Four query heads of 16 on two key-value heads.
WIDE = dict(
    SMALL, hidden_size=64, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2
)
NARROW = dict(WIDE, hidden_size=32, intermediate_size=64)
GRANITE = dict(embedding_multiplier=3.0, residual_multiplier=0.6, attention_multiplier=0.15, logits_scaling=1.7)
MAMBA = dict(mamba_n_heads=4, mamba_d_head=16, mamba_n_groups=1, mamba_d_state=16, mamba_d_conv=4, mamba_expand=2)
LLAMA3 = dict(
    rope_type="llama3",
    rope_theta=1000.0,
    factor=8.0,
    low_freq_factor=1.0,
    high_freq_factor=4.0,
    original_max_position_embeddings=64,
)
LONGROPE = dict(
    rope_type="longrope",
    rope_theta=1000.0,
    partial_rotary_factor=0.75,
    original_max_position_embeddings=16,
    short_factor=[1.0, 1.1, 1.2, 1.3, 1.4, 1.5],
    long_factor=[1.0, 1.3, 1.9, 2.7, 4.1, 6.0],
)
PLAIN = dict(rope_type="default", rope_theta=10000.0)


def hybrid(layers, **more):
    kinds = ["full_attention" if kind == "A" else "linear_attention" for kind in layers]
    heads = dict(num_attention_heads=2, num_key_value_heads=1, num_hidden_layers=len(kinds), layer_types=kinds)
    return dict(NARROW, **MAMBA) | GRANITE | heads | dict(tie_word_embeddings=True) | more


# Name: architecture in the file, configuration, and the settings that must matter.
NETWORKS = {
    "llama": (
        "llama",
        transformers.LlamaConfig(**WIDE, tie_word_embeddings=True, rope_parameters=PLAIN),
        dict(rope_parameters=dict(PLAIN, rope_theta=500.0), rms_norm_eps=0.1),
    ),
    # Rows of 256, as the K types need; see QUANTISED.
    "llama-quantised": (
        "llama",
        transformers.LlamaConfig(
            **(SMALL | dict(hidden_size=256, intermediate_size=256, num_hidden_layers=1)),
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=64,
            tie_word_embeddings=True,
            rope_parameters=PLAIN,
        ),
        dict(rope_parameters=dict(PLAIN, rope_theta=500.0)),
    ),
    # Llama 3: scaled frequencies, a head of its own, and heads wider than the share of the embedding.
    "llama3": (
        "llama",
        transformers.LlamaConfig(**NARROW, head_dim=16, tie_word_embeddings=False, rope_parameters=LLAMA3),
        dict(rope_parameters=dict(PLAIN, rope_theta=1000.0)),
    ),
    "granite": (
        "granite",
        transformers.GraniteConfig(**WIDE, **GRANITE, tie_word_embeddings=True, rope_parameters=PLAIN),
        dict(embedding_multiplier=1.0, residual_multiplier=1.0, attention_multiplier=0.25, logits_scaling=1.0),
    ),
    "qwen2": (
        "qwen2",
        transformers.Qwen2Config(**WIDE, tie_word_embeddings=True, rope_parameters=PLAIN),
        dict(rope_parameters=dict(PLAIN, rope_theta=500.0)),
    ),
    "qwen3": (
        "qwen3",
        transformers.Qwen3Config(**NARROW, head_dim=32, tie_word_embeddings=True, rope_parameters=PLAIN),
        dict(rope_parameters=dict(PLAIN, rope_theta=500.0)),
    ),
    "phi3": (
        "phi3",
        transformers.Phi3Config(
            **(NARROW | dict(num_attention_heads=2, num_key_value_heads=1)),
            original_max_position_embeddings=128,
            tie_word_embeddings=False,
            rope_parameters=PLAIN,
        ),
        dict(rope_parameters=dict(PLAIN, rope_theta=500.0)),
    ),
    # Phi 3.5 and 4-mini: three quarters of each head are turned, by other angles in long contexts.
    "phi3-longrope": (
        "phi3",
        transformers.Phi3Config(
            **WIDE,
            original_max_position_embeddings=16,
            tie_word_embeddings=True,
            rope_parameters=LONGROPE,
        ),
        dict(
            rope_parameters=dict(LONGROPE, long_factor=LONGROPE["short_factor"]),
            max_position_embeddings=16,
        ),
    ),
    # Five sliding layers, then one that sees everything.
    "gemma3": (
        "gemma3",
        transformers.Gemma3TextConfig(
            **(NARROW | dict(intermediate_size=32, num_hidden_layers=6, num_attention_heads=2, num_key_value_heads=1)),
            head_dim=16,
            query_pre_attn_scalar=16,
            sliding_window=8,
            tie_word_embeddings=True,
            rope_parameters={
                "full_attention": dict(rope_type="linear", factor=8.0, rope_theta=1000.0),
                "sliding_attention": dict(rope_type="default", rope_theta=100.0),
            },
        ),
        dict(
            sliding_window=9,
            query_pre_attn_scalar=32,
            rope_parameters={
                "full_attention": dict(rope_type="default", rope_theta=1000.0),
                "sliding_attention": dict(rope_type="default", rope_theta=100.0),
            },
        ),
    ),
    "granitehybrid": (
        "granitehybrid",
        transformers.GraniteMoeHybridConfig(
            **hybrid("MA", intermediate_size=32, shared_intermediate_size=64, num_local_experts=4, num_experts_per_tok=2)
        ),
        dict(embedding_multiplier=1.0, residual_multiplier=1.0, attention_multiplier=0.25, num_experts_per_tok=1),
    ),
    "granitehybrid-dense": (
        "granitehybrid",
        transformers.GraniteMoeHybridConfig(
            **hybrid("AM", intermediate_size=64, shared_intermediate_size=64, num_local_experts=0, num_experts_per_tok=0)
        ),
        dict(residual_multiplier=1.0, attention_multiplier=0.25),
    ),
}

# The types of the quantised network's tensors: each type once at least.
T = gguf.GGMLQuantizationType
QUANTISED = {
    "embed_tokens": T.Q6_K,
    "q_proj": T.Q4_K,
    "k_proj": T.F16,
    "v_proj": T.BF16,
    "o_proj": T.Q4_0,
    "gate_proj": T.Q8_0,
    "up_proj": T.Q5_K,
    "down_proj": T.Q4_K,
}
# Where a block of a K type has its 16-bit floats, and what they are to one another: minima make the values' mean zero.
HALVES = {T.Q4_K: {0: 1.0, 2: 7.5}, T.Q5_K: {0: 1.0, 2: 15.5}, T.Q6_K: {208: 1.0}}

# The names of tensors in a file, by their names in transformers.
NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.qkv_proj": "attn_qkv",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.gate_up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "block_sparse_moe.router": "ffn_gate_inp",
    "mamba.in_proj": "ssm_in",
    "mamba.conv1d": "ssm_conv1d",
    "mamba.norm": "ssm_norm",
    "mamba.out_proj": "ssm_out",
}
# Gemma calls its four norms otherwise: two of them follow what they are named after.
NAMES_GEMMA = NAMES | {
    "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
}


def network(config, sharpness):
    """A network whose logits differ by several units; the sharper it is, the fewer places its attention looks at."""
    torch.manual_seed(3)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith("embed_tokens.weight"):
                weight.normal_(0, (2.0 if "gemma" in config.model_type else 4.0) / weight.shape[1] ** 0.5)
            elif name.endswith("A_log"):
                weight.uniform_(-2.0, 1.0)
            elif name.endswith("mamba.D") or name.endswith("bias"):
                weight.normal_(0, 0.7)
            elif weight.dim() == 1:
                weight.normal_(0.0 if "gemma" in config.model_type else 1.0, 0.3)
            else:
                sharp = any(part in name for part in ("q_proj", "k_proj", "qkv_proj", "router", "lm_head"))
                weight.normal_(0, (sharpness if sharp else 1.0) / weight.shape[-1] ** 0.5)
    return model


def quantise(model):
    """Makes the matrices of `model` what quantised ones are read as, and keeps those as `model.stored`."""
    model.stored = {}
    chance = numpy.random.default_rng(5)
    for name, weight in model.named_parameters():
        kind = next((kind for part, kind in QUANTISED.items() if part in name), None)
        if kind is None:
            continue
        values = weight.detach().numpy()
        stored = random_blocks(kind, values, chance) if kind in HALVES else gguf.quantize(values, kind)
        model.stored[name] = (torch.from_numpy(stored.view(numpy.uint8)), kind)
        weight.data = torch.from_numpy(gguf.dequantize(stored, kind).copy())


def random_blocks(kind, values, chance):
    """Blocks of random bytes with the spread of `values`: the package reads the K types, but does not write them."""
    block, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = chance.integers(0, 256, (values.size // block, size), dtype=numpy.uint8)

    def scaled(scale):
        for at, share in HALVES[kind].items():
            blocks[:, at : at + 2] = numpy.array([scale * share], dtype=numpy.float16).view(numpy.uint8)
        return blocks.reshape(values.shape[0], -1)

    spread = gguf.dequantize(scaled(1.0), kind).std()
    return scaled(values.std() / spread)


def logits(model, tokens):
    with torch.no_grad():
        return model(torch.tensor([tokens]), use_cache=False).logits[0].float()


def greedy(model, prompt):
    tokens = list(prompt)
    for _ in range(GREEDY_TOKENS):
        last = logits(model, tokens)[-1]
        first, second = last.topk(2).values
        assert first - second > GAP_MIN, f"a choice is too close to be a test: {first} and {second}"
        tokens.append(int(last.argmax()))
    return tokens[len(prompt) :]


def tensors(architecture, model):
    """Each tensor of the file: its name, its values with the length of a row last, and its type if that is not F32."""
    config = model.config
    names = NAMES_GEMMA if architecture == "gemma3" else NAMES
    for name, weight in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        weight, kind = getattr(model, "stored", {}).get(name, (weight.detach(), None))
        prefix = ""
        if name.startswith("model.layers."):
            layer, name = name.removeprefix("model.layers.").split(".", 1)
            prefix = f"blk.{layer}."
        if architecture in ("llama", "granite", "granitehybrid") and ("q_proj" in name or "k_proj" in name):
            weight = interleaved(weight, config.num_attention_heads if "q_proj" in name else config.num_key_value_heads)
        if architecture == "gemma3" and "norm" in name:
            weight = weight + 1
        for inner, values in renamed(name, weight, config, names):
            yield prefix + inner, numpy.ascontiguousarray(values.numpy()), kind
    factors = rope_tensors(config)
    for name, values in factors.items():
        yield name, numpy.asarray(values, dtype=numpy.float32), None


def interleaved(weight, heads):
    """Rows of each head from halves (0, 1, .. | n/2, ..) to neighbours (0, n/2, 1, ..): llama.cpp turns those here."""
    halves = weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:])
    return halves.transpose(1, 2).reshape(weight.shape)


def renamed(name, weight, config, names):
    """One tensor of transformers as one or two of the file."""
    dense = not getattr(config, "num_local_experts", None)
    if name.endswith("experts.gate_up_proj"):
        gate, up = weight.chunk(2, dim=1)
        return [("ffn_gate_exps.weight", gate), ("ffn_up_exps.weight", up)]
    if name.endswith("experts.down_proj"):
        return [("ffn_down_exps.weight", weight)]
    if name.startswith("shared_mlp."):
        suffix = ".weight" if dense else "_shexp.weight"
        if "output_linear" in name:
            return [("ffn_down" + suffix, weight)]
        gate, up = weight.chunk(2, dim=0)
        return [("ffn_gate" + suffix, gate), ("ffn_up" + suffix, up)]
    special = {
        "mamba.A_log": ("ssm_a", lambda: -weight.exp().reshape(-1, 1)),
        "mamba.D": ("ssm_d", lambda: weight.reshape(-1, 1)),
        "mamba.dt_bias": ("ssm_dt.bias", lambda: weight),
        "mamba.conv1d.weight": ("ssm_conv1d.weight", lambda: weight.squeeze(1)),
        "mamba.norm.weight": ("ssm_norm.weight", lambda: weight.reshape(config.mamba_n_groups, -1)),
    }
    if name in special:
        inner, values = special[name]
        return [(inner, values())]
    stem, _, kind = name.rpartition(".")
    return [(f"{names[stem]}.{kind}", weight)]


def rope_tensors(config):
    rope = config.rope_parameters or {}
    if rope.get("rope_type") == "longrope":
        return {"rope_factors_long.weight": rope["long_factor"], "rope_factors_short.weight": rope["short_factor"]}
    if rope.get("rope_type") != "llama3":
        return {}
    # Frequencies divided: the slow ones by `factor`, the fast ones by 1, those between by something between.
    frequencies = rope["rope_theta"] ** -(numpy.arange(0, config.head_dim, 2) / config.head_dim)
    turns = rope["original_max_position_embeddings"] * frequencies / (2 * numpy.pi)
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    smooth = numpy.clip((turns - low) / (high - low), 0, 1)
    return {"rope_freqs.weight": 1 / ((1 - smooth) / rope["factor"] + smooth)}


def write(architecture, model, path):
    config = model.config
    writer = gguf.GGUFWriter(path, architecture)
    # No name: llama.cpp looks for `phi3` in it, and then for special tokens that are not here.
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    kinds = getattr(config, "layer_types", None) or []
    kv = config.num_key_value_heads
    if architecture == "granitehybrid":
        writer.add_head_count_kv([kv if kind == "full_attention" else 0 for kind in kinds])
    else:
        writer.add_head_count_kv(kv)
    write_rope(writer, architecture, config)
    if architecture.startswith("granite"):
        writer.add_attention_scale(config.attention_multiplier)
        writer.add_embedding_scale(config.embedding_multiplier)
        writer.add_residual_scale(config.residual_multiplier)
        writer.add_logit_scale(config.logits_scaling)
    if architecture == "granitehybrid":
        writer.add_expert_count(config.num_local_experts)
        writer.add_expert_used_count(config.num_experts_per_tok)
        writer.add_expert_shared_feed_forward_length(config.shared_intermediate_size)
        writer.add_ssm_conv_kernel(config.mamba_d_conv)
        writer.add_ssm_state_size(config.mamba_d_state)
        writer.add_ssm_group_count(config.mamba_n_groups)
        writer.add_ssm_inner_size(config.mamba_expand * config.hidden_size)
        writer.add_ssm_time_step_rank(config.mamba_n_heads)
    if architecture == "gemma3":
        writer.add_sliding_window(config.sliding_window)
    if architecture == "phi3":
        writer.add_sliding_window(config.sliding_window or 0)
    write_vocabulary(writer)
    for name, values, kind in tensors(architecture, model):
        writer.add_tensor(name, values, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_rope(writer, architecture, config):
    rope = config.rope_parameters or {}
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    if getattr(config, "head_dim", None):
        writer.add_key_length(head)
        writer.add_value_length(head)
    writer.add_rope_dimension_count(int(head * rope.get("partial_rotary_factor", 1.0)))
    if architecture == "granitehybrid":
        writer.add_rope_scaling_finetuned(False)
        return
    whole = rope.get("full_attention", rope)
    writer.add_rope_freq_base(whole["rope_theta"])
    if whole["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(whole["factor"])
    if "sliding_attention" in rope:
        writer.add_rope_freq_base_swa(rope["sliding_attention"]["rope_theta"])
    if architecture == "phi3":
        original = config.original_max_position_embeddings
        writer.add_rope_scaling_orig_ctx_len(original)
        if rope["rope_type"] == "longrope":
            scale = config.max_position_embeddings / original
            writer.add_rope_scaling_attn_factors(float(numpy.sqrt(1 + numpy.log(scale) / numpy.log(original))))


def write_vocabulary(writer):
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(ALPHABET)
    normal, control = gguf.TokenType.NORMAL, gguf.TokenType.CONTROL
    writer.add_token_types([normal] * END + [control])
    writer.add_token_merges(["t h"])
    writer.add_bos_token_id(END)
    writer.add_eos_token_id(END)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)


def check_that_settings_matter(name, model, prompt, expected, matters):
    for setting, value in matters.items():
        config = copy.deepcopy(model.config)
        setattr(config, setting, value)
        other = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
        other.load_state_dict(model.state_dict())
        moved = (logits(other, prompt) - expected).abs().max()
        assert moved > MATTERS_MIN, f"{name}: {setting} moves nothing ({moved})"


def llama_cpp_logits(path, prompt):
    import llama_cpp as peer

    global SILENT
    SILENT = peer.llama_log_callback(lambda _level, _text, _data: None)
    peer.llama_log_set(SILENT, None)
    model = peer.llama_model_load_from_file(str(path).encode(), peer.llama_model_default_params())
    assert model, f"llama.cpp opens {path}"
    settings = peer.llama_context_default_params()
    settings.n_ctx = CONTEXT
    settings.type_k = settings.type_v = peer.GGML_TYPE_F32
    settings.flash_attn_type = peer.LLAMA_FLASH_ATTN_TYPE_DISABLED
    context = peer.llama_init_from_model(model, settings)
    rows = []
    # All at once, asking for every position.
    batch = peer.llama_batch_init(len(prompt), 0, 1)
    batch.n_tokens = len(prompt)
    for at, token in enumerate(prompt):
        batch.token[at], batch.pos[at], batch.n_seq_id[at], batch.logits[at] = token, at, 1, 1
        batch.seq_id[at][0] = 0
    assert peer.llama_decode(context, batch) == 0
    for at in range(len(prompt)):
        row = ctypes.cast(peer.llama_get_logits_ith(context, at), ctypes.POINTER(ctypes.c_float * VOCABULARY))
        rows.append(list(row.contents))
    peer.llama_free(context)
    peer.llama_model_free(model)
    return torch.tensor(rows)


def main(names, check):
    HERE.mkdir(parents=True, exist_ok=True)
    prompt = torch.randint(0, END, (PROMPT_TOKENS,), generator=torch.Generator().manual_seed(1)).tolist()
    for name in names or NETWORKS:
        architecture, config, matters = NETWORKS[name]
        quantised = name == "llama-quantised"
        # Roundings grow where attention is sharp.
        model = network(config, 1.0 if quantised else 2.0)
        if quantised:
            quantise(model)
        expected = logits(model, prompt)
        check_that_settings_matter(name, model, prompt, expected, matters)
        path = HERE / f"{name}.gguf"
        write(architecture, model, path)
        expected.numpy().astype("<f4").tofile(HERE / f"{name}.f32")
        chosen = [] if quantised else greedy(model, prompt)
        golden = {"prompt": prompt, "greedy": chosen, "context": CONTEXT}
        (HERE / f"{name}.json").write_text(json.dumps(golden) + "\n", encoding="utf-8")
        spread = expected.std(dim=1).mean()
        said = f"{name}: {path.stat().st_size} bytes, spread {spread:.2f}"
        if check:
            said += f", llama.cpp differs by {(llama_cpp_logits(path, prompt) - expected).abs().max():.2e}"
        print(said)


if __name__ == "__main__":
    main([name for name in sys.argv[1:] if name != "--check"], "--check" in sys.argv)
