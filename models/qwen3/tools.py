"""A Qwen3 so small that it fits in a fixture, and that has learned one thing: when to call a tool.

It looks at the shape of a conversation, not at what is said. With tools offered it calls `weather` for Paris (for Paris
and Rome, in two calls, if the last thing the user said ends in "both"); with an answer from a tool as the last turn it
says how warm it is; without tools it greets. That is what tests of tool calls need from a model. Training takes a few
minutes; another machine gives other weights of the same behaviour.
"""

import random
import string

import torch

import tiny

STEPS, BATCH, LONGEST = 260, 6, 900
CALL = '<tool_call>\n{"name": "weather", "arguments": {"city": "%s"}}\n</tool_call>'
GREETING, ANSWER = "Hello world.", "It is 21 degrees in Paris."


def words(source, least, most):
    letters = string.ascii_lowercase + "  .,?"
    return "".join(source.choice(letters) for _ in range(source.randint(least, most))).strip() or "a"


def conversation(source):
    """A conversation of one of four kinds, and what is to be said next."""
    kind = source.choice(["plain", "call", "both", "answered"])
    messages = [{"role": "system", "content": words(source, 5, 60)}] if source.random() < 0.5 else []
    for _ in range(source.choice([0, 0, 1])):
        messages.append({"role": "user", "content": words(source, 2, 60)})
        messages.append({"role": "assistant", "content": words(source, 2, 40)})
    text = words(source, 2, 80).rstrip("?., ")
    messages.append({"role": "user", "content": text + (" both" if kind == "both" else source.choice(["", "?", "."]))})
    tools = None
    if kind != "plain":
        tools = [{"type": "function", "function": {
            "name": source.choice(["weather", "get_weather", words(source, 3, 8).replace(" ", "_")]),
            "description": words(source, 5, 80),
            "parameters": {"type": "object", "properties": {
                source.choice(["city", "location", "place"]): {"type": "string"}}, "required": ["city"]}}}
            for _ in range(source.choice([1, 1, 2]))]
    if kind == "answered":
        called = {"name": "weather", "arguments": {"city": source.choice(["Paris", words(source, 2, 8)])}}
        messages.append({"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": called}]})
        messages.append({"role": "tool", "content": source.choice(['{"celsius": 21}', words(source, 2, 40)])})
    paris, rome = CALL % "Paris", CALL % "Rome"
    answer = {"plain": GREETING, "call": paris, "both": f"{paris}\n{rome}", "answered": ANSWER}[kind]
    return messages, tools, answer


def train(recipe, random_weights):
    """Starts from the random weights (transformers' names) and returns the trained ones."""
    torch.manual_seed(recipe.seed)
    source = random.Random(recipe.seed)
    vocabulary = recipe.vocabulary
    model = tiny.library_model(recipe, random_weights).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=STEPS, pct_start=0.1)
    end = vocabulary.id("<|im_end|>")
    for step in range(STEPS):
        rows = []
        while len(rows) < BATCH:
            messages, tools, answer = conversation(source)
            prompt = vocabulary.encode(tiny.render(vocabulary, messages, tools))
            target = vocabulary.encode(answer) + [end]
            if len(prompt) + len(target) <= LONGEST:
                rows.append((prompt, target))
        length = max(len(prompt) + len(target) for prompt, target in rows)
        ids = torch.full((BATCH, length), end)
        labels = torch.full((BATCH, length), -100)
        for row, (prompt, target) in enumerate(rows):
            ids[row, :len(prompt) + len(target)] = torch.tensor(prompt + target)
            labels[row, len(prompt):len(prompt) + len(target)] = torch.tensor(target)
        # What is behind a row's end is not seen from before it, so no mask is needed.
        loss = model(ids, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 49:
            print(f"step {step + 1}: loss {loss.item():.4f}", flush=True)
    return {name: value.detach().numpy() for name, value in model.state_dict().items()}
