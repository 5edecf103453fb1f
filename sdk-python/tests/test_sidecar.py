"""A supervisor that a client starts, and that ends with it, however that ends."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

import whipper
from conftest import TASKS
from runner_process import DEADLINE_SECONDS, write_script
from supervisor import Supervisor, gone, wait_until_gone


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where sidecars of a test have their folders."""
    folder = tmp_path / "t"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


def application(tmp_path: Path, body: str) -> "subprocess.Popen[str]":
    """An application that starts a sidecar, tells of it, and goes on with the body."""
    source = f"""
        import json, os, signal, sys, whipper
        signal.signal(signal.SIGINT, signal.default_int_handler)  # not ignored, wherever the tests run
        client = whipper.Client.start({str(TASKS)!r}, drain_timeout=2)
        worker = client.invoke("pid")
        print(json.dumps([client.sidecar.pid, worker, client.sidecar.dir]), flush=True)
    """
    script = tmp_path / "application.py"
    script.write_text(textwrap.dedent(source) + textwrap.dedent(body))
    command = [sys.executable, str(script)]
    # A group of its own, as a shell gives it one: Ctrl-C goes to all of it.
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0)


def test_it_serves_and_is_gone_with_its_folder_when_the_client_is_closed(temporary: Path) -> None:
    with whipper.Client.start(TASKS, min_workers=2, max_workers=2, threads=3) as client:
        assert client.invoke("add", 1, 2) == 3
        assert client.invoke("threads").startswith("whipper-")
        assert client.invoke("interpreter") == sys.executable
        assert client.stats().worker_count == 2
        assert client.sidecar is not None
        supervisor, worker = client.sidecar.pid, client.invoke("pid")
        assert supervisor is not None
        assert Path(client.sidecar.dir).parent == temporary
    assert gone(supervisor)
    assert gone(worker)
    assert list(temporary.iterdir()) == []


def test_it_is_gone_when_the_application_ends_without_a_word(tmp_path: Path, temporary: Path) -> None:
    with application(tmp_path, "") as process:
        assert process.stdout is not None
        supervisor, worker, dir = json.loads(process.stdout.readline())
        assert process.wait(DEADLINE_SECONDS) == 0
    assert gone(supervisor)
    assert gone(worker)
    assert not Path(dir).exists()


def test_it_is_gone_with_its_folder_when_the_application_is_killed(tmp_path: Path) -> None:
    with application(tmp_path, "input()") as process:
        assert process.stdout is not None
        supervisor, worker, dir = json.loads(process.stdout.readline())
        assert Path(dir).exists()
        process.kill()
    wait_until_gone(supervisor)
    assert gone(worker)
    assert not Path(dir).exists()


def test_a_folder_that_a_killed_supervisor_has_left_goes_with_the_application(tmp_path: Path) -> None:
    with application(tmp_path, "input()") as process:
        assert process.stdout is not None
        assert process.stdin is not None
        supervisor, _, dir = json.loads(process.stdout.readline())
        os.kill(supervisor, signal.SIGKILL)
        wait_until_gone(supervisor)
        assert Path(dir).exists()
        process.stdin.write("\n")
        process.stdin.close()
        assert process.wait(DEADLINE_SECONDS) == 0
    assert not Path(dir).exists()


def test_a_forked_child_does_not_keep_it_alive(tmp_path: Path) -> None:
    body = """
        if os.fork() == 0:
            sys.stdin.readline()  # lives on after its parent
            os._exit(0)
        os.kill(os.getpid(), 9)
    """
    with application(tmp_path, body) as process:
        assert process.stdout is not None
        supervisor, _, _ = json.loads(process.stdout.readline())
        wait_until_gone(supervisor)  # while the child lives
        assert process.stdin is not None
        process.stdin.close()


def test_ctrl_c_is_the_applications_and_its_calls_go_on(tmp_path: Path) -> None:
    body = """
        before = client.ping()["pid"]
        def interrupted(*_):
            client.invoke("nap", 0.3)  # meanwhile one that was told to end would begin to
            client.invoke("echo", 1)  # and would refuse this
            print("still here" if client.ping()["pid"] == before else "another one", flush=True)
        signal.signal(signal.SIGINT, interrupted)
        print("ready", flush=True)
        sys.stdin.readline()
    """
    source = application(tmp_path, body)
    with source as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert process.stdout.readline() == "ready\n"
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout.readline() == "still here\n"
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(DEADLINE_SECONDS) == 0


def test_it_is_started_again_when_it_has_died_and_its_jobs_live(temporary: Path) -> None:
    with whipper.Client.start(TASKS) as client:
        job = client.submit("echo", "survived", delay=1)
        assert client.sidecar is not None
        pid = client.sidecar.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert client.wait(job).value() == "survived"
        assert client.sidecar.pid != pid


def test_with_a_folder_of_ones_own_the_ledger_stays(tmp_path: Path) -> None:
    with whipper.Client.start(TASKS, dir=tmp_path / "kept") as client:
        job = client.submit("echo", 1, delay=3600)
    with whipper.Client.start(TASKS, dir=tmp_path / "kept") as client:
        assert client.job(job).state == "queued"


def test_another_supervisors_environment_is_not_its_own(monkeypatch: pytest.MonkeyPatch, shared: Supervisor) -> None:
    monkeypatch.setenv("WHIPPER_DIR", str(shared.dir))
    monkeypatch.setenv("WHIPPER_SOCKET", str(shared.dir / "whipper.sock"))
    monkeypatch.setenv("WHIPPER_POOL", "elsewhere")
    with whipper.Client.start(TASKS, env={"COLOUR": "green"}) as client:
        assert client.ping()["pid"] != shared.pid
        assert client.ping()["pools"] == ["default"]
        assert client.invoke("environment", "COLOUR") == "green"


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
@pytest.mark.parametrize("flags", [[], ["--clean-env"]])
def test_the_environment_is_nothing_that_other_users_can_read(flags: list[str]) -> None:
    with whipper.Client.start(TASKS, env={"COLOUR": "s3cret", "WHIPPER_THREADS": "1"}, flags=flags) as client:
        assert client.invoke("environment", "COLOUR") == "s3cret"
        assert client.invoke("environment", "WHIPPER_THREADS") == "1"
        assert client.sidecar is not None
        assert b"s3cret" not in Path(f"/proc/{client.sidecar.pid}/cmdline").read_bytes()


def test_any_program_can_be_a_worker(tmp_path: Path) -> None:
    program = write_script(tmp_path, "import whipper\nwhipper.serve({'twice': lambda x: 2 * x})", "worker.py")
    with whipper.Client.start(command=[sys.executable, str(program)]) as client:
        assert client.invoke("twice", 4) == 8


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("x = 1", "has nothing to serve"),
        ("import no_such_module", "No module named 'no_such_module'"),
    ],
)
def test_a_script_that_cannot_be_served_is_an_error_that_says_why(
    tmp_path: Path, temporary: Path, source: str, words: str
) -> None:
    with pytest.raises(whipper.StartError, match=words):
        whipper.Client.start(write_script(tmp_path, source))
    assert list(temporary.iterdir()) == []


def test_what_whipper_refuses_is_an_error_with_its_words(tmp_path: Path, temporary: Path) -> None:
    with pytest.raises(whipper.StartError, match=r"ended with exit code 127:\nwhipper: script .*nowhere\.py not found"):
        whipper.Client.start(tmp_path / "nowhere.py")
    with pytest.raises(whipper.StartError, match="exit code 2"):
        whipper.Client.start(TASKS, flags=["--no-such-flag"])
    assert list(temporary.iterdir()) == []


def test_options_that_there_are_not_or_that_cannot_be_meant_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"start\(\) has no option 'max_worker'"):
        whipper.Client.start(TASKS, max_worker=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="takes a script, or command"):
        whipper.Client.start()
    with pytest.raises(ValueError, match="invocation_timeout must be seconds"):
        whipper.Client.start(TASKS, invocation_timeout=-1)


def test_without_the_program_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    how = "download it from https://.* put it on PATH, or name it with WHIPPER_BIN or the option binary="
    with pytest.raises(whipper.BinaryNotFoundError, match=f"binary='/no/where' is no program that can be run: {how}"):
        whipper.Client.start(TASKS, binary="/no/where")
    monkeypatch.setenv("WHIPPER_BIN", str(tmp_path / "whipper"))
    with pytest.raises(whipper.BinaryNotFoundError, match=r"WHIPPER_BIN names '.*/whipper', which is no program"):
        whipper.Client.start(TASKS)
    monkeypatch.delenv("WHIPPER_BIN")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(whipper.BinaryNotFoundError, match="there is no whipper on PATH"):
        whipper.AsyncClient.start(TASKS)


def test_the_program_is_found_on_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "whipper").symlink_to(os.environ["WHIPPER_BIN"])
    monkeypatch.delenv("WHIPPER_BIN")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with whipper.Client.start(TASKS) as client:
        assert client.invoke("echo", 1) == 1


def test_what_workers_print_comes_to_stderr_without_what_the_supervisor_says_of_itself(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with whipper.Client.start(TASKS) as client:
        client.invoke("shout")
    printed = capfd.readouterr().err
    for line in ("printed", "written", "echo by a child"):
        assert line.removeprefix("echo ") in printed
    assert "is ready" not in printed


def test_an_async_client_starts_one_and_it_is_gone_when_that_is_closed(temporary: Path) -> None:
    async def main() -> int:
        async with whipper.AsyncClient.start(TASKS) as client:
            assert await client.invoke("add", 1, 2) == 3
            assert client.sidecar is not None
            pid = client.sidecar.pid
            assert pid is not None
            return pid

    assert gone(asyncio.run(main()))
    assert list(temporary.iterdir()) == []
