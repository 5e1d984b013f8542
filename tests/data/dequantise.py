#!/usr/bin/env python3
"""Makes the golden values of quantised blocks with the `gguf` package, the reference.

    python3 -m venv /tmp/golden && /tmp/golden/bin/pip install gguf
    /tmp/golden/bin/python tests/data/dequantise.py

Writes to golden/dequantise, for each type, TYPE.bin (blocks as a file holds them: of extreme bytes, then of random ones)
and TYPE.f32 (their values, little-endian float32). Scales are finite: of an infinite one no value could be compared.
"""

import pathlib

import gguf
import numpy

HERE = pathlib.Path(__file__).resolve().parent / "golden" / "dequantise"
# Each type: its blocks, and where in a block 16-bit floats stand.
TYPES = {
    "F16": (256, [0]),
    "BF16": (256, []),
    "Q4_0": (32, [0]),
    "Q8_0": (32, [0]),
    "Q4_K": (16, [0, 2]),
    "Q5_K": (16, [0, 2]),
    "Q6_K": (16, [208]),
}
FILLS = [0x00, 0xFF, 0x55, 0xAA, 0x7F, 0x80, 0x0F, 0xF0]
# Ends of the range, the smallest normal and subnormal numbers, zeros, and one that is neither.
HALVES = [65504.0, -65504.0, 6.104e-5, 6e-8, -6e-8, 0.0, -0.0, 1.0009765625]


def main():
    HERE.mkdir(parents=True, exist_ok=True)
    chance = numpy.random.default_rng(1)
    for name, (count, halves) in TYPES.items():
        kind = gguf.GGMLQuantizationType[name]
        _, size = gguf.GGML_QUANT_SIZES[kind]
        blocks = chance.integers(0, 256, (count, size), dtype=numpy.uint8)
        for at, fill in enumerate(FILLS):
            blocks[at] = fill
        for at in halves:
            blocks[:, at : at + 2] = scales(count, chance).view(numpy.uint8).reshape(count, 2)
        values = gguf.dequantize(blocks.reshape(1, -1), kind).astype("<f4").reshape(-1)
        # Of BF16 any two bytes are a value; those that are none are left out.
        finite = numpy.isfinite(values).reshape(count, -1).all(axis=1)
        blocks[finite].tofile(HERE / f"{name}.bin")
        values = values.reshape(count, -1)[finite]
        values.tofile(HERE / f"{name}.f32")
        print(f"{name}: {len(values)} blocks, from {values.min()} to {values.max()}")


def scales(count, chance):
    """Finite 16-bit floats: the remarkable ones, then any."""
    random = chance.integers(0, 1 << 16, 4 * count, dtype=numpy.uint16).view(numpy.float16)
    random = random[numpy.isfinite(random)]
    return numpy.concatenate([numpy.array(HALVES, dtype=numpy.float16), random])[:count].copy()


if __name__ == "__main__":
    main()
