"""What a volunteer agrees to: a Markdown text, known by its SHA-256.

The line's own is ``DIR/charter.md``, in whatever language; else ours, in French and English.
"""

import hashlib
from pathlib import Path

from ..kb.render import Renderer
from ..records.folder import Folder

CONFIGS = Path(__file__).parent.with_name("configs")
LANGUAGES = ("fr", "en")

_renderer = Renderer()


def text_of(folder: Folder, language: str) -> str:
    """The text as it is now."""
    own = folder.root / "charter.md"
    path = own if own.exists() else CONFIGS / f"charter.{language}.md"
    return path.read_text("utf-8", "replace")


def html_of(text: str) -> str:
    """Safe HTML; its headings begin at h2."""
    return _renderer.html(text)


def version_of(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def versions(folder: Folder) -> set[str]:
    """The versions that are good today: one for each language, or that of the line's own."""
    return {version_of(text_of(folder, language)) for language in LANGUAGES}
