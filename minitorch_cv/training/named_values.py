"""What a command line says as NAME=VALUE, several times for several."""

import json
from collections.abc import Iterable
from typing import Any


def named_values(flag: str, texts: Iterable[str], words: bool = False) -> dict[str, Any]:
    """`["crop=4", "scale=[0.5, 1]"]` as a dictionary: values are numbers, lists of numbers, true or false, as JSON writes them.

    flag: what introduced them, for errors. words: whether a value may be a word, which then is a string: `activation=relu`.
    Raises ValueError where a text is something else.
    """
    values = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            values[name] = json.loads(value)
        except json.JSONDecodeError:
            if not (words and value.isidentifier()):
                a_word = ", a word" if words else ""
                raise ValueError(f"{flag}: got {text!r}, expected {name}= and a number, a list of numbers, true or false{a_word}") from None
            values[name] = value
    return values
