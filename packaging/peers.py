"""What the measuring scripts share: a Python with the programs to compare with, and model files of random weights."""

import json
import os
import pathlib
import subprocess
import sys
import venv

sys.dont_write_bytecode = True

TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", "target"))
# What is installed and written to be compared with; it is kept.
FOLDER = TARGET / "bench-peer"
NOSIA = TARGET / "release" / "nosia"


def python(name, packages):
    """A Python of its own, called `name`, that has `packages`; installed at the first call."""
    folder = FOLDER / name
    found = folder / "bin" / "python"
    if not found.exists():
        venv.create(folder, with_pip=True)
    subprocess.run([found, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages], check=True)
    return str(found)


def model_file(named, writer=None):
    """The file that is `named`, or one of the shape and type so named (granite-3.3-2b:Q4_K_M), written at first.

    The Python `writer` has gguf.
    """
    shape, _, kind = named.partition(":")
    if named.endswith(".gguf") or not kind:
        return pathlib.Path(named)
    path = FOLDER / f"{shape}-{kind}.gguf"
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        script = pathlib.Path(__file__).with_name("random-gguf")
        subprocess.run([writer or python("gguf", ["gguf==0.19.0"]), script, shape, kind, unfinished], check=True)
        unfinished.rename(path)
    return path


def run_json(command, **variables):
    """What `command` prints, which is JSON; no configuration of this machine counts."""
    environment = os.environ | {"NOSIA_CONFIG": os.devnull} | variables
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, env=environment)
    return json.loads(done.stdout)
