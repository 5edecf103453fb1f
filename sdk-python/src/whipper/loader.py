"""Loads the user's script and decides which of its functions are served."""

import functools
import importlib.machinery
import importlib.util
import os
import sys
from types import FunctionType, ModuleType
from typing import Any

from whipper.method import Method
from whipper.task import is_task, task_name


class LoadError(Exception):
    """The script cannot be served; the message is for its author."""


def load(script: str, args: list[str]) -> ModuleType:
    """Runs the script as a module and returns it.

    Its folder comes first on ``sys.path`` and ``sys.argv`` is the script and its args, as under ``python3 script.py``.
    But its ``__name__`` is its own, so that a ``__main__`` block does not run and pickle finds its functions again.

    Raises:
        LoadError: The file cannot be read.
        BaseException: Whatever the script raised.
    """
    path = os.path.abspath(script)
    loader = importlib.machinery.SourceFileLoader(module_name(path), path)
    try:
        source = loader.get_data(path)
    except OSError as error:
        raise LoadError(f"read {script!r}: {error.strerror}") from None
    spec = importlib.util.spec_from_file_location(loader.name, path, loader=loader)
    assert spec is not None  # a loader was given
    module = importlib.util.module_from_spec(spec)
    sys.modules[loader.name] = module
    sys.argv = [script, *args]
    sys.path.insert(0, os.path.dirname(os.path.realpath(path)))
    # Compiled here, not by the loader: its cache tells versions apart by the second, too coarsely for reloads.
    exec(compile(source, path, "exec", dont_inherit=True), module.__dict__)
    return module


def module_name(path: str) -> str:
    """The name under which a script is loaded: that of its file without the extension.

    It need not be an identifier: ``my-tasks`` can be found again by pickle. A dot would make it part of a package, so
    it becomes an underscore. A name that a loaded module has already (``json``) gets an underscore in front.
    """
    name = os.path.basename(path)
    stem, extension = os.path.splitext(name)
    name = (stem if extension else name).replace(".", "_")
    while name in sys.modules:
        name = "_" + name
    return name


def methods(module: ModuleType) -> dict[str, Method]:
    """What the module serves, by name, sorted.

    Those marked with ``whipper.task``, if any are; else the functions that are defined in the module (imported ones
    and classes are not) and whose names do not begin with an underscore.

    Raises:
        LoadError: There is none, or two go by one name.
    """
    members = dict(vars(module))
    marked = {name: value for name, value in members.items() if is_task(value)}
    served: dict[str, Method] = {}
    for bound, value in (marked or members).items():
        if not marked and not _is_public(bound, value, module):
            continue
        name = task_name(value) or bound if marked else bound
        if name in served and served[name].function is not value:
            raise LoadError(f"{_file(module)} has two tasks with the name {name!r}")
        served[name] = Method(name, value)
    if not served:
        raise LoadError(
            f"{_file(module)} has nothing to serve: no public function of its own, none marked @whipper.task"
        )
    return dict(sorted(served.items()))


def _is_public(name: str, value: Any, module: ModuleType) -> bool:
    if name.startswith("_") or not isinstance(value, _functions):
        return False
    return getattr(value, "__module__", None) == module.__name__


# And what functools.cache makes of one.
_functions = (FunctionType, functools._lru_cache_wrapper)


def _file(module: ModuleType) -> str:
    return os.path.basename(module.__file__ or module.__name__)
