"""Uses the official client as anyone would, with nothing but another address: python openai_client.py BASE TOKEN"""

import sys

import openai

QUESTION = "Where does the spare key of the boathouse hang?"
ANSWER = "harbour office"

base, token = sys.argv[1:]
client = openai.OpenAI(base_url=f"{base}/v1", api_key=token, max_retries=0)


def refused(error, **request):
    try:
        client.chat.completions.create(**request)
    except error as seen:
        return seen
    raise AssertionError(f"{request} was not refused")


def ask(text):
    return {"model": "nosia", "messages": [{"role": "user", "content": text}]}


models = {model.id: model for model in client.models.list()}
assert "nosia" in models, models
assert client.models.retrieve("nosia").id == "nosia"
embedder = next(name for name, model in models.items() if model.nosia["kind"] == "embedding")

whole = client.chat.completions.create(temperature=0.2, max_tokens=200, **ask(QUESTION))
message = whole.choices[0].message
assert ANSWER in message.content, message
assert whole.choices[0].finish_reason == "stop"
assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens
assert any(ANSWER in citation["quote"] for citation in message.citations), message.citations
assert message.citations == whole.citations

parts = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": QUESTION}]}]
chunks = list(
    client.chat.completions.create(model="nosia", messages=parts, stream=True, stream_options={"include_usage": True})
)
assert chunks[0].choices[0].delta.role == "assistant"
text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
assert text == message.content, (text, message.content)
assert chunks[-1].choices == [] and chunks[-1].usage == whole.usage, chunks[-1]
last = chunks[-2]
assert last.choices[0].finish_reason == "stop" and last.citations == whole.citations, last

refusal = client.chat.completions.create(**ask("Which enzyme unwinds DNA during replication in bacteria?"))
assert refusal.nosia == {"refused": True} and refusal.citations == [], refusal

packed = client.embeddings.create(model=embedder, input=["a boat", "a key"])
plain = client.embeddings.create(model=embedder, input="a boat", encoding_format="float")
assert len(packed.data) == 2 and packed.usage.total_tokens > 0
assert max(abs(a - b) for a, b in zip(packed.data[0].embedding, plain.data[0].embedding)) < 1e-6
assert abs(sum(value * value for value in plain.data[0].embedding) - 1) < 1e-3

assert refused(openai.NotFoundError, **{**ask("x"), "model": "gpt-none"}).param == "model"
assert refused(openai.BadRequestError, temperature=3, **ask("x")).param == "temperature"
assert refused(openai.BadRequestError, **ask("é" * 100_000)).param == "messages[0].content"
assert refused(openai.BadRequestError, model="nosia", messages=[]).param == "messages"
client = client.with_options(api_key="nsk_guess")
assert refused(openai.AuthenticationError, **ask("x")).code == "invalid_api_key"
print("ok", openai.__version__)
