"""Words as the search sees them: folded, split as the index splits, French small words known."""

import re
import unicodedata

# The index's tokenizer folds accents but keeps ligatures; people type oe and ae.
LIGATURES = {"œ": "oe", "æ": "ae", "Œ": "OE", "Æ": "AE"}
_LIGATURE = str.maketrans(LIGATURES)

_WORD = re.compile(r"[^\W_]+")
_LIGATURE_WORD = re.compile(r"[^\W_]*[œæŒÆ][^\W_]*")
_ELISION = re.compile(
    r"\b(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|quoiqu|quelqu|presqu)['’ʼ`´]\s*", re.IGNORECASE
)

# Words that nearly every sheet holds: they tell no sheet from another.
SMALL_WORDS = frozenset(
    "a ai as au aux avec c ca car ce ces cet cette d dans de des donc du elle elles en est et eu"
    " il ils j je l la le les leur leurs lui ma mais me mes moi mon n ne ni nos notre nous on ont"
    " ou par pas pour plus qu que qui s sa se ses si son sont sur t ta te tes toi ton tu un une"
    " vos votre vous y the of to and in is it for on my your how".split()
)


def fold(text: str) -> str:
    """Return lower-case text without accents, ligatures opened: "Œuvre reçue" -> "oeuvre recue"."""
    spread = unicodedata.normalize("NFD", text.lower().translate(_LIGATURE))
    return "".join(c for c in spread if not unicodedata.combining(c))


def split_words(text: str) -> list[str]:
    """Split what a person typed into folded words; elisions go: l'écoute -> ecoute."""
    spaced = unicodedata.normalize("NFC", text).replace("\x00", " ")
    return _WORD.findall(fold(_ELISION.sub(" ", spaced)))


def opened_ligatures(text: str) -> str:
    """Return the words of a text that hold a ligature, opened: "sa sœur" -> "soeur"."""
    return " ".join(word.translate(_LIGATURE) for word in _LIGATURE_WORD.findall(text))


def any_accent(word: str) -> str:
    """Return a regular expression for a folded word in any French spelling, lower case."""
    letters = "".join(_class(letter) for letter in word)
    for plain, ligature in (("ae", "æ"), ("oe", "œ")):
        pair = _class(plain[0]) + _class(plain[1])
        letters = letters.replace(pair, f"(?:{pair}|{ligature})")
    return letters


def spellings(letter: str) -> str:
    """Return the letters, lower case, with which a word of this first folded letter begins."""
    return letter + _ACCENTED.get(letter, "") + {"a": "æ", "o": "œ"}.get(letter, "")


def _class(letter: str) -> str:
    return f"[{letter}{_ACCENTED[letter]}]" if letter in _ACCENTED else letter


# Western European letters only: each letter more costs time in every search.
_ACCENTED = {
    **{"a": "àâäáãå", "c": "ç", "e": "éèêë", "i": "îïíì", "n": "ñ"},
    **{"o": "ôöóòõ", "u": "ùûüú", "y": "ÿý"},
}
