"""Makes the golden vectors of all-MiniLM-L6-v2 with sentence-transformers, the reference implementation.

    python3 -m venv /tmp/golden && /tmp/golden/bin/pip install sentence-transformers
    /tmp/golden/bin/python tests/data/golden/make.py MODEL_FOLDER

MODEL_FOLDER holds model.safetensors, tokenizer.json, config.json and the sentence-transformers files of the model.
Writes, beside this file, texts.json (the texts and the number of tokens of each, uncut, special tokens included) and
vectors.f32 (little-endian float32, one row of 384 for each text, in the same order).
"""

import json
import pathlib
import sys

import numpy
import sentence_transformers

SHORT = [
    "a",
    ".",
    "?",
    "  spaces  around   and\tinside \n",
    "Who approves overtime?",
    "How many days of annual leave does an employee have in the first year?",
    "The invoice is due within 30 days of receipt.",
    "Le délai de paiement est de trente jours à compter de la réception de la facture.",
    "Où se trouve l'extincteur le plus proche ? À l'accueil, près de l'entrée principale.",
    "Ça coûte 1 234,56 € TTC, œuvre d'art comprise — naïveté, Noël, garçon, forêt.",
    "Die Kündigungsfrist beträgt drei Monate zum Quartalsende.",
    "El horario de atención es de 9:00 a 17:30, de lunes a viernes.",
    "A manutenção preventiva é feita a cada 5.000 horas.",
    "Срок хранения документов составляет пять лет.",
    "Η ημερομηνία λήξης αναγράφεται στη συσκευασία.",
    "会社の休暇規定によると、年次有給休暇は二十日です。",
    "根据公司政策,员工每年享有十五天带薪年假。",
    "연차 휴가는 일 년에 열다섯 날입니다.",
    "سياسة الإجازات السنوية للموظفين",
    "הנהלים מתעדכנים אחת לשנה",
    "नीति हर साल अद्यतन की जाती है",
    "พนักงานมีวันลาพักร้อนสิบวัน",
    "😀 🎉 thumbs up 👍🏽 family 👨‍👩‍👧‍👦 flag 🇫🇷",
    "mixed 日本語 and English, e.g. 東京 office (3F)",
    "e\u0301 versus é, and ﬁ ligature versus fi",
    "zero\u200bwidth, soft\u00adhyphen, no\u00a0break, bell\u0007 and nul\u0000 characters",
    "[CLS] is a special token and so is [SEP]; [MASK] and [PAD] too",
    "foo[SEP]bar",
    "C:\\Program Files\\Nosia\\nosia.toml",
    "https://example.org/a/b?c=d&e=f#g user@example.org +33 1 23 45 67 89",
    "SELECT id, title FROM sources WHERE account_id = ?1 ORDER BY id DESC LIMIT 20;",
    "fn main() -> ExitCode { nosia::cli::run() }",
    "| Part | Torque (N·m) |\n|---|---|\n| M8 bolt | 25 ± 2 |\n| M10 bolt | 49 ± 3 |",
    "E = mc²; ∑ᵢ xᵢ ≤ ∞; 5 × 10⁻³; H₂O; ½ + ¼; 25 °C; §4.2; №7; ™®©",
    "ALL CAPITALS SHOUTING AND lower case and CamelCaseIdentifiers and snake_case_names",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "x" * 99,
    "x" * 150,
    "0123456789" * 12,
    "!!! ??? ... --- ___ *** /// \\\\\\ ((( )))",
]

PASSAGES = [
    "Employees may carry over up to five unused days of annual leave into the next calendar year. Days carried over "
    "lapse on 31 March unless the line manager has agreed otherwise in writing. Leave that could not be taken because "
    "of sickness or parental leave does not lapse.",
    "Before the pump is opened it has to be isolated from the mains, drained, and secured against being switched on "
    "again. The residual pressure is read on gauge P2 and must be below 0.2 bar. Wear gloves: the housing can be hot "
    "for up to forty minutes after the pump has stopped.",
    "En cas d'incendie, gardez votre calme, déclenchez l'alarme la plus proche et composez le 18. N'utilisez pas les "
    "ascenseurs. Rendez-vous au point de rassemblement situé sur le parking nord, où le responsable d'étage procède à "
    "l'appel. Personne ne retourne dans le bâtiment avant l'autorisation des pompiers.",
    "Abstract. We measured the concentration of 25-hydroxyvitamin D in 1,204 adults (mean age 54.3 years, 51% women) "
    "over two winters. Supplementation with 800 IU daily raised the median from 38 to 61 nmol/L (p < 0.001), and the "
    "effect did not depend on body mass index after adjustment for age, sex and season.",
]


def long_texts():
    """Texts beyond the 256 tokens that the model reads, and at its very edge."""
    joined = " ".join(PASSAGES)
    yield joined
    yield joined * 4
    yield " ".join(reversed(PASSAGES)) * 2
    yield "東京本社の就業規則は毎年四月に改定されます。" * 30
    yield " ".join(["leave"] * 253)
    yield " ".join(["leave"] * 254)
    yield " ".join(["leave"] * 255)
    yield " ".join(f"{n}." for n in range(400))


def main(folder):
    texts = SHORT + PASSAGES + list(long_texts())
    model = sentence_transformers.SentenceTransformer(str(folder), device="cpu")
    assert model.max_seq_length == 256, model.max_seq_length
    vectors = model.encode(texts, batch_size=1, normalize_embeddings=True, convert_to_numpy=True)
    counts = [len(model.tokenizer(text, truncation=False)["input_ids"]) for text in texts]
    here = pathlib.Path(__file__).resolve().parent
    rows = [{"text": text, "tokens": count} for text, count in zip(texts, counts)]
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (here / "texts.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    numpy.asarray(vectors, dtype="<f4").tofile(here / "vectors.f32")
    print(f"{len(texts)} texts, {vectors.shape[1]} dimensions, sentence-transformers {sentence_transformers.__version__}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
