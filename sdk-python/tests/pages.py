"""Reads the snippets of a Markdown page: files to be written, commands to be run and what they print."""

import re
from dataclasses import dataclass, field
from pathlib import Path

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"# ([\w.]+\.py)\n")


@dataclass
class Section:
    """What stands under one heading."""

    title: str
    files: dict[str, str] = field(default_factory=dict)
    commands: list[tuple[str, str]] = field(default_factory=list)
    """Each with what it prints."""


def sections(page: Path) -> list[Section]:
    """Those that have commands to be run."""
    found = []
    for part in re.split(r"^## ", page.read_text(), flags=re.MULTILINE):
        section = Section(part.partition("\n")[0])
        for kind, text in _FENCE.findall(part):
            name = _NAME.match(text)
            if kind == "python" and name:
                section.files[name[1]] = text
            elif kind == "console":
                for command in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                    line, _, printed = command.partition("\n")
                    section.commands.append((line, printed))
        if section.files and section.commands:
            found.append(section)
    return found
