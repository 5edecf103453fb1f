"""The wheel, in a project that has nothing else."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

import whipper
from pages import sections
from runner_process import DEADLINE_SECONDS

ROOT = Path(__file__).parents[1]


def run(*command: str | Path, cwd: Path) -> str:
    # Without what would let it find this checkout.
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(
        command, cwd=cwd, env=plain, capture_output=True, text=True, check=False, timeout=4 * DEADLINE_SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the checkout."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    [wheel] = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an empty environment with the wheel installed."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check"]
    run(*pip, "install", "--quiet", "--no-index", wheel, cwd=folder)
    return python


def test_the_wheel_has_the_package_its_types_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    source = ROOT / "src"
    files = {str(path.relative_to(source)) for path in source.rglob("*") if path.suffix in {".py", ".typed"}}
    assert {name for name in names if ".dist-info/" not in name} == files
    metadata = zipfile.ZipFile(wheel).read(f"whipper-{whipper.__version__}.dist-info/METADATA").decode()
    assert [line for line in metadata.splitlines() if line.startswith("Requires-Dist") and "extra ==" not in line] == []
    assert "Requires-Python: >=3.11" in metadata


def test_the_quickstart_works_where_nothing_else_is_installed(python: Path, tmp_path: Path) -> None:
    [quickstart] = [section for section in sections(ROOT / "README.md") if section.title == "Quickstart"]
    for name, text in quickstart.files.items():
        (tmp_path / name).write_text(text)
    [(command, printed)] = quickstart.commands
    assert command == "python3 app.py"
    assert run(python, "app.py", cwd=tmp_path) == printed
    where = run(python, "-c", "import whipper; print(whipper.__file__)", cwd=tmp_path)
    assert where.startswith(str(python.parents[1]))


def test_a_worker_of_ones_own_works_with_the_installed_package(python: Path, tmp_path: Path) -> None:
    (tmp_path / "worker.py").write_text("import whipper\nwhipper.serve({'twice': lambda x: 2 * x})\n")
    program = f"""
import whipper
with whipper.Client.start(command=[{str(python)!r}, "worker.py"]) as client:
    print(client.invoke("twice", 4))
with whipper.Client.start(command=[{str(python)!r}, "-m", "whipper", "--threads", "2", "tasks.py"]) as client:
    print(client.invoke("name"))
"""
    (tmp_path / "tasks.py").write_text("import threading\ndef name(): return threading.current_thread().name[:8]\n")
    (tmp_path / "app.py").write_text(program)
    assert run(python, "app.py", cwd=tmp_path) == "8\nwhipper-\n"
