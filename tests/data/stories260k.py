#!/usr/bin/env python3
"""A plain forward pass of stories260K, a story teller of 260,000 weights, and what it tells.

    python3 -m venv /tmp/golden && /tmp/golden/bin/pip install numpy
    /tmp/golden/bin/python tests/data/stories260k.py FOLDER

FOLDER holds stories260K.bin and tok512.bin, in llama2.c's layout. Writes golden/stories260k.json: for each prompt its
tokens, and those that follow when the likeliest is always taken. The weights are not committed: a test makes a GGUF file
of them (stories260k.rs) and has to tell the same.
"""

import json
import pathlib
import struct
import sys

import numpy

PROMPTS = ["Once upon a time", "Lily and Ben went to the park. They saw a big dog"]
GREEDY_TOKENS = 100
BOS = 1
FIRST_BYTE = 3
NORM_EPSILON = 1e-5
ROPE_BASE = 10000.0
# How far the likeliest token has to be before the second, so that rounding cannot choose another.
GAP_MIN = 1e-3


class Network:
    def __init__(self, path):
        data = path.read_bytes()
        self.width, inner, self.layers, self.heads, self.kv_heads, words, self.context = struct.unpack_from("<7i", data)
        self.head = self.width // self.heads
        kv = self.kv_heads * self.head
        at = 28

        def take(*shape):
            nonlocal at
            count = int(numpy.prod(shape))
            values = numpy.frombuffer(data, "<f4", count, at).reshape(shape)
            at += 4 * count
            return values

        layers, width = self.layers, self.width
        self.words = take(words, width)
        self.attention_norm = take(layers, width)
        self.query, self.key, self.value = take(layers, width, width), take(layers, kv, width), take(layers, kv, width)
        self.output = take(layers, width, width)
        self.inner_norm = take(layers, width)
        self.gate = take(layers, inner, width)
        self.down, self.up = take(layers, width, inner), take(layers, inner, width)
        self.last_norm = take(width)
        # What follows are the angles' cosines and sines, which are computed here; the words are the head, too.
        assert at + 4 * self.context * self.head == len(data), "the file is as long as its header says"

    def logits(self, tokens):
        """The logits after the last of `tokens`."""
        x = self.words[tokens]
        visible = numpy.tril(numpy.ones((len(tokens), len(tokens)), dtype=bool))
        for layer in range(self.layers):
            x = x + self.attention(layer, norm(x, self.attention_norm[layer]), visible)
            n = norm(x, self.inner_norm[layer])
            gate = n @ self.gate[layer].T
            x = x + (gate / (1 + numpy.exp(-gate)) * (n @ self.up[layer].T)) @ self.down[layer].T
        return norm(x[-1], self.last_norm) @ self.words.T

    def attention(self, layer, n, visible):
        count = len(n)
        query = turned((n @ self.query[layer].T).reshape(count, self.heads, self.head))
        key = turned((n @ self.key[layer].T).reshape(count, self.kv_heads, self.head))
        value = (n @ self.value[layer].T).reshape(count, self.kv_heads, self.head)
        out = numpy.empty_like(query)
        for head in range(self.heads):
            shared = head // (self.heads // self.kv_heads)
            scores = query[:, head] @ key[:, shared].T / numpy.float32(self.head**0.5)
            scores = numpy.where(visible, scores, -numpy.inf)
            weights = numpy.exp(scores - scores.max(axis=1, keepdims=True))
            out[:, head] = weights / weights.sum(axis=1, keepdims=True) @ value[:, shared]
        return out.reshape(count, -1) @ self.output[layer].T


def norm(x, weight):
    return x / numpy.sqrt((x * x).mean(axis=-1, keepdims=True) + numpy.float32(NORM_EPSILON)) * weight


def turned(x):
    """Neighbours turned as pairs, by the position times a frequency that falls from pair to pair."""
    count, _, head = x.shape
    angles = numpy.outer(numpy.arange(count), ROPE_BASE ** (-numpy.arange(0, head, 2) / head))
    pairs = x.reshape(count, -1, head // 2, 2)
    turned = (pairs[..., 0] + 1j * pairs[..., 1]) * numpy.exp(1j * angles)[:, None]
    return numpy.stack([turned.real, turned.imag], axis=-1).reshape(x.shape).astype(numpy.float32)


class Words:
    def __init__(self, path, count):
        data = path.read_bytes()
        at, self.scores, self.texts = 4, [], []
        for _ in range(count):
            score, length = struct.unpack_from("<fi", data, at)
            self.scores.append(score)
            self.texts.append(data[at + 8 : at + 8 + length])
            at += 8 + length
        self.numbers = {text: number for number, text in enumerate(self.texts)}

    def tokens(self, text):
        """The best-scored neighbours are merged first; a text begins with a space, and each begins with BOS."""
        tokens = []
        for character in " " + text:
            data = character.encode()
            tokens += [self.numbers[data]] if data in self.numbers else [byte + FIRST_BYTE for byte in data]
        while True:
            pairs = [self.texts[left] + self.texts[right] for left, right in zip(tokens, tokens[1:])]
            merged = [(self.scores[self.numbers[pair]], -at) for at, pair in enumerate(pairs) if pair in self.numbers]
            if not merged:
                return [BOS] + tokens
            at = -max(merged)[1]
            tokens[at : at + 2] = [self.numbers[pairs[at]]]

    def text(self, tokens):
        last_byte = FIRST_BYTE + 255
        return b"".join(
            bytes([token - FIRST_BYTE]) if FIRST_BYTE <= token <= last_byte else self.texts[token] for token in tokens
        ).decode()


def greedy(network, prompt):
    tokens, narrowest = list(prompt), numpy.inf
    for _ in range(GREEDY_TOKENS):
        logits = network.logits(tokens)
        second, first = numpy.sort(logits)[-2:]
        narrowest = min(narrowest, first - second)
        tokens.append(int(logits.argmax()))
    assert narrowest > GAP_MIN, f"a choice is too close to be a test: {narrowest}"
    return tokens[len(prompt) :]


def main(folder):
    network = Network(folder / "stories260K.bin")
    words = Words(folder / "tok512.bin", len(network.words))
    rows = []
    for prompt in PROMPTS:
        tokens = words.tokens(prompt)
        told = greedy(network, tokens)
        text = words.text(told)
        rows.append({"prompt": prompt, "tokens": tokens, "greedy": told, "text": text})
        print(prompt + text)
    out = pathlib.Path(__file__).resolve().parent / "golden" / "stories260k.json"
    out.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
