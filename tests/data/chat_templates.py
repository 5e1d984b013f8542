#!/usr/bin/env python3
"""Writes golden/chat_templates.json: what Python's Jinja renders of real chat templates and of small ones.

    python tests/data/chat_templates.py FOLDER_OF_TEMPLATES

needs jinja2 3.1.6 alone, set up here as transformers sets it up in `utils/chat_template_utils.py`. Of a real template
only the hash is kept, and of a long rendering the length and the hash: the templates themselves are not this
project's. A real template is rendered with every conversation below; where it fails of itself nothing is kept, and
where it refuses (`raise_exception`), the refusal is. The small templates, of `small_templates.json`, are rendered
with one context; `null` stands for those that fail.
"""

import datetime
import hashlib
import json
import pathlib
import sys

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

NOW = datetime.datetime(2026, 3, 1, 14, 5, 9)
BOS, EOS = "<s>", "</s>"
WHOLE_CHARS_MAX = 700


class Generation(Extension):
    """The tag that marks the assistant's words, without the marking."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_inside"), [], [], body).set_lineno(line)

    def _inside(self, caller):
        return caller()


def environment():
    def to_json(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(
            value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
        )

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    made.filters["tojson"] = to_json
    made.globals["raise_exception"] = raise_exception
    made.globals["strftime_now"] = NOW.strftime
    return made


def say(role, content, **more):
    return {"role": role, "content": content, **more}


WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather in a city, \"now\" or later.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "The city, e.g. Besançon"},
                "days": {"type": "integer", "description": "How many days ahead"},
                "unit": {"type": "string", "description": "The unit", "enum": ["celsius", "fahrenheit"]},
            },
            "required": ["city"],
        },
    },
}
TIME = {
    "type": "function",
    "function": {"name": "time", "description": "Tells the time.", "parameters": {"type": "object", "properties": {}}},
}


def called(arguments, content):
    call = {"id": "abc123def", "type": "function", "function": {"name": "weather", "arguments": arguments}}
    return [
        say("user", "What is the weather in Besançon?"),
        {"role": "assistant", "content": content, "tool_calls": [call]},
        {"role": "tool", "name": "weather", "tool_call_id": "abc123def", "content": "{\"celsius\": 12.5}"},
    ]


TALK = [say("user", "Hello"), say("assistant", "Hello. What can I do?"), say("user", "Tell me of the sea.")]
ODD = "  Ünïcödé 日本語 🎉 \"quoted\" 'single' <b>&amp;</b> \\n {{ messages }} {% if %}\nsecond\tline \n\n "
CONVERSATIONS = {
    "user": {"messages": TALK[:1], "add_generation_prompt": True},
    "user, no prompt": {"messages": TALK[:1], "add_generation_prompt": False},
    "system": {"messages": [say("system", "Be brief."), *TALK[:1]], "add_generation_prompt": True},
    "talk": {"messages": TALK, "add_generation_prompt": True},
    "system and talk": {"messages": [say("system", "Be brief."), *TALK], "add_generation_prompt": True},
    "answered": {"messages": [say("system", "Be brief."), *TALK[:2]], "add_generation_prompt": False},
    "odd letters": {
        "messages": [say("system", ODD), say("user", ODD), say("assistant", ODD), say("user", ODD)],
        "add_generation_prompt": True,
    },
    "empty": {"messages": [say("system", ""), say("user", "")], "add_generation_prompt": True},
    "thought": {
        "messages": [TALK[0], say("assistant", "<think>\nHm.\n</think>\n\nYes."), TALK[2]],
        "add_generation_prompt": True,
    },
    "twice the user": {"messages": [TALK[0], TALK[0]], "add_generation_prompt": True},
    "system in between": {"messages": [*TALK[:2], say("system", "Now in verse."), TALK[2]], "add_generation_prompt": True},
    "tools": {"messages": TALK[:1], "tools": [WEATHER, TIME], "add_generation_prompt": True},
    "tools and system": {
        "messages": [say("system", "Be brief."), *TALK],
        "tools": [WEATHER],
        "add_generation_prompt": True,
    },
    "called": {
        "messages": called({"city": "Besançon", "days": 2}, ""),
        "tools": [WEATHER],
        "add_generation_prompt": True,
    },
    "called, as text": {
        "messages": called("{\"city\": \"Besançon\"}", None),
        "tools": [WEATHER, TIME],
        "add_generation_prompt": True,
    },
}

SMALL_CONTEXT = {
    "messages": [
        say("system", " Be brief. "),
        say("user", "Héllo \"wörld\" <b>&'x'\n"),
        say("assistant", "Hi\n\n"),
        say("user", "你好"),
    ],
    "n": 3,
    "f": 1.5,
    "t": True,
    "none": None,
    "s": "a-b_c D",
    "e": "",
    "l": [1, 2, 3],
    "d": {"b": 1, "a": "x", "c": [True, None, 1.0]},
    "add_generation_prompt": True,
    "tools": None,
    "documents": None,
}
SMALL = json.loads((pathlib.Path(__file__).parent / "small_templates.json").read_text())

# Adding to a text that is marked `safe` escapes HTML, even where nothing else is escaped. Ours does not.
DIFFERS = {"meetkai-functionary-medium-v3.1.jinja": {"tools", "tools and system", "called, as text"}}


def kept(text):
    if len(text) <= WHOLE_CHARS_MAX:
        return {"text": text}
    return {"bytes": len(text.encode()), "sha256": hashlib.sha256(text.encode()).hexdigest()}


def rendered(source, context):
    """What is kept of a rendering; `None` for nothing."""
    try:
        return kept(environment().from_string(source).render(bos_token=BOS, eos_token=EOS, **context))
    except jinja2.exceptions.TemplateError as error:
        refused = type(error) is jinja2.exceptions.TemplateError
        return {"refused": str(error)} if refused else None
    except Exception:
        return None


def main():
    real = []
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.jinja")):
        source = path.read_bytes().decode()
        results = {}
        for name, conversation in CONVERSATIONS.items():
            if name in DIFFERS.get(path.name, ()):
                continue
            # Some templates for tools go through them without looking whether there are any.
            without = rendered(source, conversation)
            result = rendered(source, {"tools": None, "documents": None, **conversation}) or without
            if result is not None:
                results[name] = result
        real.append({"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "results": results})
    small = []
    for source in SMALL:
        try:
            text = environment().from_string(source).render(bos_token=BOS, eos_token=EOS, **SMALL_CONTEXT)
            small.append([source, text])
        except Exception:
            small.append([source, None])
    golden = {"conversations": CONVERSATIONS, "small_context": SMALL_CONTEXT, "small": small, "real": real}
    out = pathlib.Path(__file__).parent / "golden" / "chat_templates.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n")
    print(f"{out}: {out.stat().st_size} bytes, {len(real)} real templates, {len(small)} small ones")


if __name__ == "__main__":
    main()
