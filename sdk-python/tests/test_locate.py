"""Which supervisor a client means, and which it trusts."""

import os
import socket
from pathlib import Path

import pytest

import whipper
from supervisor import Supervisor
from whipper.client import locate
from whipper.client.locate import Target


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_folder_named_goes_before_the_environment_and_a_socket_before_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHIPPER_DIR", str(tmp_path))
    me = os.geteuid()
    assert locate.locate(None, None) == Target(str(tmp_path), str(tmp_path / "whipper.sock"), me)
    monkeypatch.setenv("WHIPPER_SOCKET", "/run/a.sock")
    assert locate.locate(None, None) == Target("", "/run/a.sock", me)
    assert locate.locate(tmp_path, None).dir == str(tmp_path)
    assert locate.locate(tmp_path, "/run/b.sock").path == "/run/b.sock"


def test_the_nearest_folder_upward_is_found_and_may_name_its_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / ".whipper").mkdir()
    (tmp_path / ".whipper" / "socket").write_text("/run/far.sock\n")
    (tmp_path / "a" / ".whipper").write_text("a file is no folder")
    monkeypatch.chdir(deep)
    assert locate.locate(None, None).path == "/run/far.sock"


def test_a_folder_of_another_users_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    owner = tmp_path.stat().st_uid
    if owner == 0:
        os.chown(tmp_path, 4243, -1)
        owner = 4243
    with pytest.raises(whipper.UntrustedError, match=f"folder '.*' belongs to user {owner}, not to this one"):
        locate.locate(tmp_path, None)


def test_a_process_of_another_users_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s")
        listener.listen()
        monkeypatch.setattr(locate, "_peer", lambda connection: 4243)
        with pytest.raises(whipper.UntrustedError, match="process at socket 's' belongs to user 4243"):
            Target("", "s", os.geteuid()).connect()
        monkeypatch.undo()
        Target("", str(tmp_path / "s"), os.geteuid()).connect().close()


def test_a_path_that_is_too_long_for_a_socket_is_no_supervisor() -> None:
    with pytest.raises(whipper.NoSupervisorError, match="no supervisor listens on socket"):
        whipper.Client(socket="/" + "x" * 200)


def test_a_client_finds_the_supervisor_of_the_working_folder(
    shared: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shared.dir.parent)
    with whipper.Client() as client:
        monkeypatch.chdir("/")  # it goes on to mean that one only by its folder
        assert client.invoke("echo", 1) == 1
