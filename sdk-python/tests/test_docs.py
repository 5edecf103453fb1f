"""What the documents show is what happens."""

import os
import shlex
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from pages import Section, sections
from runner_process import DEADLINE_SECONDS
from supervisor import Supervisor

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs" / "python.md", ROOT / "sdk-python" / "README.md"]
SECTIONS = [(page, section) for page in PAGES for section in sections(page)]


@pytest.mark.parametrize(("page", "section"), SECTIONS, ids=[f"{page.stem}-{s.title}" for page, s in SECTIONS])
def test_what_a_page_shows_is_what_happens(page: Path, section: Section, tmp_path: Path) -> None:
    for name, text in section.files.items():
        (tmp_path / name).write_text(text)
    with ExitStack() as stack:
        for command, printed in section.commands:
            match shlex.split(command):
                case ["whipper", "exec", script, "&"]:
                    stack.enter_context(Supervisor(tmp_path / ".whipper", tmp_path / script))
                case ["python3", *arguments]:
                    done = subprocess.run(
                        [sys.executable, *arguments],
                        cwd=tmp_path,
                        stdout=subprocess.PIPE,
                        timeout=3 * DEADLINE_SECONDS,
                        text=True,
                        check=False,
                    )
                    assert (done.stdout, done.returncode) == (printed, 0)
                case ["whipper", *arguments]:
                    shown = subprocess.run(
                        [os.environ["WHIPPER_BIN"], *arguments],
                        cwd=tmp_path,
                        capture_output=True,
                        text=True,
                        check=False,
                    )
                    assert shown.stdout == printed
                case _:
                    pytest.fail(f"{page.name} shows a command that nothing here runs: {command}")


def test_each_page_has_something_to_run() -> None:
    assert {page for page, _ in SECTIONS} == set(PAGES)
