"""The sentences of the line: what is heard, in which words, in whose voice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from decroche.commands.context import line_of, pbx_of
from decroche.commands.printing import json_option, print_lines, print_rows, say

if TYPE_CHECKING:
    from decroche.asterisk.heard import Heard
    from decroche.records.folder import Folder


@click.group()
def prompt() -> None:
    """The sentences of the line: words, drafts, recordings."""


@prompt.command("list")
@json_option
@click.pass_context
def prompt_list(context: click.Context, as_json: bool) -> None:
    """List every sentence: its number, what is heard now, how long, how loud, its text.

    A phone of an agent records a sentence: it dials *15 and the number.
    Example: decroche prompt list
    """
    found = _sentences(line_of(context))
    rows = [one.as_json() if as_json else one.as_row() for one in found]
    print_rows(rows, as_json, "no sentence is said")


@prompt.command("say")
@click.argument("name")
@click.argument("text", required=False)
@click.option("--default", is_flag=True, help="Back to the words that the line comes with.")
@click.pass_context
def prompt_say(context: click.Context, name: str, text: str | None, default: bool) -> None:
    """Show the words of a sentence, or give it other ones in hotline.toml.

    NAME or its number. An empty TEXT: it is not said any more. A recording is heard in any case.
    Example: decroche prompt say information "Les impôts sont en panne."
    """
    from decroche.asterisk import sentences

    folder = line_of(context)
    name = sentences.name_of(name)
    if text is None and not default:
        return print_lines(_described(folder, name))
    print_lines(sentences.word(folder, name, None if default else text))
    if any(one.name == name and one.heard == "recorded" for one in _sentences(folder)):
        say(
            f"It is recorded: that is heard, whatever its words. See: decroche prompt record {name}"
        )


@prompt.command("record")
@click.argument("name")
@click.option("--agent", help="Ring this agent's phone and wait for the recording.")
@click.pass_context
def prompt_record(context: click.Context, name: str, agent: str | None) -> None:
    """Record a sentence by phone: say what to dial, or ring an agent's phone.

    Example: decroche prompt record greeting --agent camille
    """
    from decroche.asterisk import phoned, sentences

    folder = line_of(context)
    name = sentences.name_of(name)
    print_lines(_described(folder, name))
    if agent is None:
        return click.echo(f"From an agent's phone, dial {phoned.code_of(name)} and listen.")
    kept = phoned.ring(folder, pbx_of(context), agent, name, say)
    if kept is None:
        raise click.ClickException("nothing was kept; all is as it was")
    click.echo(f"{name} is recorded; the next caller hears it")


@prompt.command("import")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--as", "name", help="The sentence that it is.  [default: by the file's name]")
@click.pass_context
def prompt_import(context: click.Context, path: Path, name: str | None) -> None:
    """Take a recording from a file, or all of a folder; the next caller hears it.

    PATH: WAV, FLAC, Ogg, MP3, AIFF, of any rate, called by the sentence's name or number.
    Silence at both ends is cut, and it is made as loud as the others. If one of a folder cannot
    be used, none is taken. Example: decroche prompt import greeting.wav
    """
    from decroche.asterisk import sentences

    print_lines(sentences.take_all(line_of(context), path, name))


@prompt.command("draft")
@click.argument("name")
@click.pass_context
def prompt_draft(context: click.Context, name: str) -> None:
    """Put a recording aside: the machine's voice says the text.

    Example: decroche prompt draft still
    """
    from decroche.asterisk import sentences

    folder = line_of(context)
    name = sentences.name_of(name)
    print_lines(sentences.draft(folder, name))


@prompt.command("restore")
@click.argument("name")
@click.pass_context
def prompt_restore(context: click.Context, name: str) -> None:
    """Take back the last change of a sentence's sound; once more, and it is there again.

    Example: decroche prompt restore greeting
    """
    from decroche.asterisk import sentences

    folder = line_of(context)
    print_lines(sentences.restore(folder, sentences.name_of(name)))


@prompt.command("check")
@json_option
@click.pass_context
def prompt_check(context: click.Context, as_json: bool) -> None:
    """Find sentences that are missing, too long, too quiet, distorted or out of date.

    Exit code 1 when there is one. Example: decroche prompt check
    """
    from decroche.asterisk import heard
    from decroche.asterisk.prompts import in_force

    folder = line_of(context)
    found = list(heard.check(folder.prompts, in_force(folder)))
    print_rows([one.__dict__ for one in found], as_json, "every sentence can be heard well")
    if found:
        raise click.exceptions.Exit(1)


def _sentences(folder: Folder) -> list[Heard]:
    from decroche.asterisk import heard
    from decroche.asterisk.prompts import in_force

    return heard.sentences(folder.prompts, in_force(folder))


def _described(folder: Folder, name: str) -> list[str]:
    """A sentence in words: its text, and what is heard."""
    found = [one for one in _sentences(folder) if one.name == name]
    if not found:
        return [f"{name}: it has no text, or its part of the line is off; nobody hears it now"]
    one = found[0]
    length = "" if one.seconds is None else f", {one.seconds:.1f} s"
    text = one.text or "no words"
    return [f"{one.number}  {name}: {text}", f"heard: {one.heard}{length}"]
