"""Errors raised while a function is traced: the user's files and lines in their text."""

from __future__ import annotations

import itertools
import linecache
import os
import traceback
import types
from typing import Any

from wengert._autograph import owner_of
from wengert.errors import OpError

__all__ = ["in_user_code"]

_REPEATS = 3  # of the same frame, in a recursion
_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep


def in_user_code(error: Exception) -> Exception:
    """The error with the frames of the user's code in its text.

    It has the same type, traceback and attributes. Where a type has a constructor of its own, it
    is the same object, and the text is a note (from Python 3.11 on).
    """
    frames = _user_frames(error.__traceback__)
    if not frames:
        return error
    cause = getattr(error, "_autograph_cause", None)
    if cause is None:
        cause = f"{type(error).__name__}: {error}"
    text = _text(frames, cause)
    made = _with_text(error, text)
    if made is error:
        if hasattr(error, "add_note"):
            notes: Any = error
            notes.__notes__ = [*_other_notes(error), text]
            notes._autograph_note = text
    else:
        made.__dict__.update({k: v for k, v in vars(error).items() if k not in vars(made)})
        made.__cause__, made.__context__ = error.__cause__, error.__context__
        made.__suppress_context__ = True
        made = made.with_traceback(error.__traceback__)
    made._autograph_cause = cause  # type: ignore[attr-defined]
    return made


def _other_notes(error: Any) -> list[str]:
    own = getattr(error, "_autograph_note", None)
    return [n for n in getattr(error, "__notes__", ()) if n != own]


def _user_frames(tb: types.TracebackType | None) -> list[tuple[str, int, str, str]]:
    """(file, line, function, mark) of converted code, and of what it called in the end."""
    frames: list[tuple[str, int, str, str]] = []
    owner, unconverted, direct = None, 0, False
    converts = False
    for frame, line in traceback.walk_tb(tb):
        code = frame.f_code
        filename = code.co_filename
        if filename.startswith(_HERE):
            machinery = filename.startswith(f"{_HERE}_autograph")
            converts = converts or (machinery and code.co_name == "run")
            direct = direct and machinery
            continue
        found = owner_of(code)
        if found is None or not (found[2] or converts):
            frames.append((filename, line, code.co_name, "  **" if direct else ""))
            unconverted += 1
            direct = converts = False
            continue
        if unconverted:  # only what comes last
            del frames[-unconverted:]
            unconverted = 0
        if frames and found[0] is owner and code is not owner:
            frames.pop()  # further inside the same function
        owner = found[0]
        frames.append((filename, line, found[1], "  *"))
        direct = converts = True
    return frames if owner is not None else []


def _text(frames: list[tuple[str, int, str, str]], cause: str) -> str:
    lines = ["in user code:", ""]
    for (filename, line, name, mark), group in itertools.groupby(frames):
        source = linecache.getline(filename, line).strip() or "<source unavailable>"
        shown = [f'    File "{filename}", line {line}, in {name}{mark}', f"        {source}"]
        times = len(list(group))
        lines += shown * min(times, _REPEATS)
        if times > _REPEATS:
            lines.append(f"    [the previous line repeated {times - _REPEATS} more times]")
    lines += ["", *(f"    {part}" for part in cause.split("\n")), ""]
    return "\n".join(lines)


class _KeyError(KeyError):
    """A KeyError shows its argument quoted; this one has a text of several lines."""

    _text = ""

    def __str__(self) -> str:
        return self._text


_KeyError.__name__ = _KeyError.__qualname__ = "KeyError"
_KeyError.__module__ = "builtins"

_PLAIN = (Exception, ArithmeticError, AssertionError, AttributeError, LookupError, NameError,
          RuntimeError, StopIteration, TypeError, ValueError)  # fmt: skip


def _with_text(error: Exception, text: str) -> Exception:
    """An error of the same type with another text, or the error where that cannot be made."""
    kind: Any = type(error)
    if kind in (KeyError, _KeyError):
        made = _KeyError(*error.args)
        made._text = text
        return made
    if isinstance(error, OpError):
        simple = kind.__init__ is OpError.__init__ or vars(kind).get("__init__") is None
        return kind(error.node_def, error.op, text) if simple else error
    if len(error.args) > 1 or not _is_plain(kind):
        return error
    made = kind(text)
    return made if isinstance(made, kind) else error


def _is_plain(kind: type) -> bool:
    """Whether the type is made from a message alone, and shows it."""
    for t in kind.__mro__:
        if t in _PLAIN:
            return True
        if t.__module__ == "builtins":
            if not issubclass(t, _PLAIN[1:]) or issubclass(t, (UnicodeError, SyntaxError)):
                return False
        elif {"__init__", "__new__", "__str__"} & vars(t).keys():
            return False
    return False
