"""The command line that the families' `reference.py` share."""

import argparse
from pathlib import Path

FIXTURES = Path(__file__).resolve().parents[2] / "Tests" / "Fixtures" / "generation"


def run(description, recipes, conversations=None, published=None, trained=None):
    """Reads the arguments and makes the fixtures.

    `recipes()` yields the small checkpoints. `conversations` are their chats, by name, where they are their own.
    `trained(recipe)` returns the weights of a checkpoint that is not random, or None. `published(path)` returns what
    `published.make` needs beside the path, if the family has a published model here.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    tiny = commands.add_parser("tiny", help="checkpoints with random weights")
    tiny.add_argument("--only", help="the one checkpoint to make")
    if published:
        commands.add_parser("published", help="a published model").add_argument("model", type=Path)
    for command in commands.choices.values():
        command.add_argument("--output", type=Path, default=FIXTURES)
    arguments = parser.parse_args()
    if arguments.command == "published":
        from published import make
        make(arguments.model, arguments.output, **published(arguments.model))
        return
    from tiny import make
    output = arguments.output / "tiny"
    output.mkdir(parents=True, exist_ok=True)
    for recipe in recipes():
        if arguments.only in (None, recipe.name):
            make(recipe, output, (conversations or {}).get(recipe.name), trained(recipe) if trained else None)
