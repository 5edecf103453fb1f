import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner_process import write_script
from whipper import loader
from whipper.loader import LoadError


@pytest.fixture(autouse=True)
def unharmed_interpreter() -> Iterator[None]:
    modules, path, argv = set(sys.modules), list(sys.path), sys.argv
    yield
    for name in set(sys.modules) - modules:
        del sys.modules[name]
    sys.path[:] = path
    sys.argv = argv


def served(folder: Path, source: str) -> list[str]:
    return list(loader.methods(loader.load(str(write_script(folder, source)), [])))


def test_a_module_serves_its_own_public_functions_sorted(tmp_path: Path) -> None:
    source = """
        import functools
        from os.path import join
        from textwrap import dedent as tidy
        class Person: pass
        class Caller:
            def __call__(self): pass
        caller = Caller()
        number = 3
        def _helper(): pass
        def b(): pass
        async def a(): pass
        double = lambda x: 2 * x
        @functools.cache
        def remembered(): pass
        """
    assert served(tmp_path, source) == ["a", "b", "double", "remembered"]


def test_marked_functions_are_served_and_no_others(tmp_path: Path) -> None:
    write_script(tmp_path, "import whipper\n@whipper.task\ndef send(): pass\ndef other(): pass", "mailing.py")
    source = """
        import whipper
        from mailing import send, other
        def plain(): pass
        @whipper.task
        def _shy(): pass
        @whipper.task(name="images.resize")
        def resize(): pass
        """
    assert served(tmp_path, source) == ["_shy", "images.resize", "send"]


def test_two_tasks_of_one_name_are_refused(tmp_path: Path) -> None:
    source = """
        import whipper
        @whipper.task(name="x")
        def a(): pass
        @whipper.task(name="x")
        def b(): pass
        """
    with pytest.raises(LoadError, match=r"tasks\.py has two tasks with the name 'x'"):
        served(tmp_path, source)


def test_a_module_with_nothing_to_serve_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"tasks\.py has nothing to serve"):
        served(tmp_path, "from os.path import join")


def test_a_script_that_is_missing_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"nowhere\.py': No such file"):
        loader.load(str(tmp_path / "nowhere.py"), [])


@pytest.mark.parametrize(
    ("file", "name"),
    [("tasks.py", "tasks"), ("my-tasks.py", "my-tasks"), ("a.b.py", "a_b"), ("pathlib.py", "_pathlib"), ("x", "x")],
)
def test_a_script_is_loaded_under_the_name_of_its_file(file: str, name: str) -> None:
    assert loader.module_name(f"/somewhere/{file}") == name


def test_no_bytecode_is_kept_of_a_script(tmp_path: Path) -> None:
    loader.load(str(write_script(tmp_path, "x = 1")), [])
    assert [path.name for path in tmp_path.iterdir()] == ["tasks.py"]
