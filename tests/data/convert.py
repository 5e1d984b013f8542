#!/usr/bin/env python3
"""Turns public question sets into sets that `nosia eval` reads. Standard library only.

    convert.py northwind DATA_DIR OUT.jsonl           the answerable questions, then those that must be refused
    convert.py squad     DATA_DIR OUT.jsonl           400 SQuAD 1.1 questions, to be refused by any other documents
    convert.py scifact   DATA_DIR OUT.jsonl DOCS_DIR  training claims; the abstracts are written to DOCS_DIR, a file each

DATA_DIR is the folder that holds `northwind`, `squad` and `scifact`. An example:

    python3 tests/data/convert.py scifact ../shared/data/qa scifact.jsonl scifact-docs
    nosia --data /tmp/scifact ingest scifact-docs
    nosia --data /tmp/scifact eval scifact.jsonl --retrieval-only --by all
"""

import csv
import json
import pathlib
import random
import re
import sys

SQUAD_QUESTIONS = 400
# The same questions every time.
SQUAD_SEED = 1
CITE = re.compile(r"\[([^\[\]]+?)#page=(\d+)\]")


def northwind(data):
    for number, line in enumerate(lines(data / "northwind" / "questions.jsonl"), 1):
        row = json.loads(line)
        cites = [{"source": name, "page": int(page)} for name, page in CITE.findall(row["truth"])]
        answer = CITE.sub("", row["truth"]).strip()
        yield {"id": f"northwind-{number}", "question": row["question"], "cites": cites, "answer": answer, "refuse": False}
    for number, line in enumerate(lines(data / "northwind" / "must-refuse.jsonl"), 1):
        yield {"id": f"refuse-{number}", "question": json.loads(line)["question"], "refuse": True}


def squad(data):
    with open(data / "squad" / "dev-v1.1.json", encoding="utf-8") as file:
        articles = json.load(file)["data"]
    questions = [qa for article in articles for paragraph in article["paragraphs"] for qa in paragraph["qas"]]
    random.Random(SQUAD_SEED).shuffle(questions)
    for qa in questions[:SQUAD_QUESTIONS]:
        yield {"id": f"squad-{qa['id']}", "question": qa["question"].strip(), "refuse": True}


def scifact(data, docs):
    docs.mkdir(parents=True, exist_ok=True)
    csv.field_size_limit(1 << 30)
    with open(data / "scifact" / "corpus.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            text = f"# {row['title'].strip()}\n\n{' '.join(sentences(row['abstract']))}\n"
            (docs / f"{row['doc_id']}.md").write_text(text, encoding="utf-8")
    claims = {}
    with open(data / "scifact" / "claims_train.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            claim = claims.setdefault(row["id"], (row["claim"], set()))
            # A claim is about the abstracts that it was written from, whether they support it or not.
            claim[1].update(re.findall(r"\d+", row["cited_doc_ids"]))
    for number, (claim, cited) in claims.items():
        cites = [{"source": f"{doc}.md"} for doc in sorted(cited)]
        yield {"id": f"scifact-{number}", "question": claim, "cites": cites, "refuse": False}


def sentences(printed):
    """The strings of an array as numpy prints it: quoted either way, apart by white space."""
    found = re.findall(r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\"""", printed)
    return [re.sub(r"\\(['\"\\])", r"\1", one or other).strip() for one, other in found]


def lines(path):
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def main(arguments):
    sets = {"northwind": (northwind, 0), "squad": (squad, 0), "scifact": (scifact, 1)}
    name = arguments[0] if arguments else ""
    if name not in sets or len(arguments) != 3 + sets[name][1]:
        sys.exit(__doc__)
    make, _ = sets[name]
    rows = make(pathlib.Path(arguments[1]), *map(pathlib.Path, arguments[3:]))
    with open(arguments[2], "w", encoding="utf-8") as out:
        for count, row in enumerate(rows, 1):
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(f"{count} questions in {arguments[2]}")


if __name__ == "__main__":
    main(sys.argv[1:])
