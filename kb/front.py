"""The head of a sheet's file: TOML between two +++ lines."""

import datetime
import re
import tomllib
from typing import Annotated

import msgspec

Short = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Slug = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,79}\Z")]
Language = Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2}\Z")]

_FENCE = "+++"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class Front(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What a sheet may say about itself; every key may be left out."""

    title: Short | None = None
    slug: Slug | None = None
    topic: Short | None = None
    summary: Annotated[str, msgspec.Meta(min_length=1, max_length=400)] | None = None
    language: Language = "fr"
    updated: datetime.date | None = None
    keywords: Annotated[list[Short], msgspec.Meta(max_length=50)] = []


def split_front(text: str) -> tuple[Front, str]:
    """Return the head and the Markdown below it.

    Raises ValueError with a reason for people; line numbers are those of the file.
    """
    lines = text.split("\n")
    if lines[0].rstrip() == "---" and "---" in (line.rstrip() for line in lines[1:]):
        raise ValueError("the head stands between --- lines: write TOML between +++ lines")
    if lines[0].rstrip() != _FENCE:
        return Front(), text
    for number, line in enumerate(lines[1:], start=1):
        if line.rstrip() == _FENCE:
            # One empty line stands for the fence, so that errors count as the file does.
            return read_front("\n".join(["", *lines[1:number], ""])), "\n".join(lines[number + 1 :])
    raise ValueError("line 1: the head that +++ opens is never closed by a second +++ line")


def read_front(toml: str) -> Front:
    """Read the TOML of a head. Raises ValueError with a reason for people."""
    try:
        front = msgspec.convert(tomllib.loads(toml), Front)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"the head is not TOML: {error}") from None
    except msgspec.ValidationError as error:
        known = ", ".join(Front.__struct_fields__)
        reason = str(error).replace(" | null", "")
        raise ValueError(f"the head: {reason} (keys: {known})") from None
    words = [front.title, front.topic, front.summary, *front.keywords]
    if any(word is not None and _is_bad(word) for word in words):
        raise ValueError("the head: a value is blank or holds a control character")
    return front


def _is_bad(value: str) -> bool:
    return not value.strip() or _CONTROL.search(value) is not None
