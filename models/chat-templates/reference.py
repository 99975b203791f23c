"""Chat templates rendered by jinja2, and the fixtures of the parity tests.

    python reference.py     # writes Tests/Fixtures/chat-templates

The environment is the one that templates are published for: the immutable sandbox, `trim_blocks`,
`lstrip_blocks`, loop controls, the `generation` tag, `tojson` as plain `json.dumps`, and the functions
`raise_exception` and `strftime_now`. MODEL.md says what the project's own interpreter takes from it.
"""

import datetime
import json
from pathlib import Path

import jinja2
import jinja2.ext
import jinja2.sandbox

from expressions import EXPRESSIONS
from families import CONVERSATIONS, FAMILIES, TOOLS

FIXTURES = Path(__file__).resolve().parents[2] / "Tests" / "Fixtures" / "chat-templates"
# 2025-07-25 10:40:00 UTC, a Friday.
NOW = datetime.datetime.fromtimestamp(1753440000, datetime.timezone.utc)


class Refused(Exception):
    pass


class Generation(jinja2.ext.Extension):
    """`{% generation %}…{% endgeneration %}` prints its body."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_generation"), [], [], body).set_lineno(line)

    def _generation(self, caller):
        return caller()


def environment():
    def raise_exception(message):
        raise Refused(message)

    def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(
            value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
        )

    result = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    result.filters["tojson"] = tojson
    result.globals["raise_exception"] = raise_exception
    result.globals["strftime_now"] = NOW.strftime
    return result


def render(template, context):
    """`{"text"}`, or `{"refused"}` with the template's words, or `{"error"}` with the kind of jinja2's error."""
    try:
        return {"text": environment().from_string(template).render(**context)}
    except Refused as refusal:
        return {"refused": str(refusal)}
    except Exception as error:
        return {"error": type(error).__name__}


def contexts():
    for name, messages in CONVERSATIONS.items():
        for label, extra in (
            ("plain", {"tools": None, "add_generation_prompt": False}),
            ("prompt", {"tools": None, "add_generation_prompt": True}),
            ("tools", {"tools": TOOLS, "add_generation_prompt": True}),
            ("thinking", {"tools": None, "add_generation_prompt": True, "enable_thinking": False}),
        ):
            yield f"{name}/{label}", {
                "messages": messages, "documents": None, "bos_token": "<s>", "eos_token": "</s>", **extra,
            }


def write(name, value):
    text = json.dumps(value, ensure_ascii=False, indent=0)
    (FIXTURES / name).write_text(text + "\n", encoding="utf-8")


def main():
    FIXTURES.mkdir(parents=True, exist_ok=True)
    cases = dict(contexts())
    write("contexts.json", cases)
    write(
        "families.json",
        {
            family: {
                "template": template,
                "results": {name: render(template, context) for name, context in cases.items()},
            }
            for family, template in FAMILIES.items()
        },
    )
    variables = {
        "text": "  Ünïcode and\n\tTabs  ", "word": "hello", "n": 7, "items": [3, 1, 2], "empty": [], "flag": True,
        "d": {"b": 1, "a": [1, 2.5, None], "ключ": "it's"}, "nothing": None,
        "people": [{"name": "Zoé", "age": 31}, {"name": "adam", "age": 7}, {"name": "Bo", "age": 31}],
    }
    write(
        "expressions.json",
        {"variables": variables, "cases": [{"source": e, **render(e, variables)} for e in EXPRESSIONS]},
    )


if __name__ == "__main__":
    main()
