"""Claims: one process at a time works at a cell, and what a killed one had is soon free."""

import errno
import json
import multiprocessing
import os
import time
from contextlib import contextmanager

import pytest

from suppression.execution import claims as room
from suppression.execution.claims import Claim, Holder
from suppression.execution.store import Store, Unwritable


def claim_files(folder):
    return sorted(path.name for path in folder.glob("*.claim"))


@pytest.fixture
def folder(tmp_path):
    return Store(tmp_path).claims()


@pytest.fixture
def own_locks(monkeypatch):
    """Locks that everybody gets, as of a network disk that grants each machine its own."""
    monkeypatch.setattr("fcntl.flock", lambda *_: None)


@pytest.fixture
def no_locks(monkeypatch):
    def flock(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", flock)


@pytest.fixture
def clock(monkeypatch):
    """A monotonic clock that the test moves; what waits moves it by what it sleeps."""
    now = [1000.0]
    monkeypatch.setattr(room.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(room.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    return now


@contextmanager
def on(monkeypatch, host="far", machine="2", boot="b"):
    """What runs on another machine."""
    with monkeypatch.context() as there:
        there.setattr(room.socket, "gethostname", lambda: host)
        there.setattr(room, "told", {room.MACHINE_ID: machine, room.BOOT_ID: boot}.get)
        yield


def left_behind(monkeypatch, folder, **machine):
    """The claim of a process of another machine that was killed."""
    with on(monkeypatch, **machine):
        claim = Claim(folder, "k")
        assert claim.take() is None
    path, beats = claim.ours
    beats.end()
    claim.lock.release()
    return path


def hold(root, ready, go):
    with Store(root).claim("k"):
        ready.set()
        go.wait(30)


def start_holder(root):
    context = multiprocessing.get_context("fork")
    ready, go = context.Event(), context.Event()
    process = context.Process(target=hold, args=(root, ready, go))
    process.start()
    assert ready.wait(30)
    return process, go


@pytest.mark.parametrize("locks", [True, False])
def test_a_second_process_waits_for_the_first_and_is_told_who_it_is(tmp_path, locks, request):
    if not locks:
        request.getfixturevalue("no_locks")
    process, go = start_holder(tmp_path)
    told = []

    def on_wait(who):
        told.append(who)
        go.set()

    with Store(tmp_path).claim("k", on_wait=on_wait):
        assert told == [f"process {process.pid} of {room.socket.gethostname()}"]
    process.join()


@pytest.mark.parametrize("locks", [True, False])
def test_a_killed_holder_lets_go_of_its_claim_at_once(tmp_path, locks, request):
    if not locks:
        request.getfixturevalue("no_locks")
    process, _ = start_holder(tmp_path)
    process.kill()
    process.join()
    store = Store(tmp_path)
    assert len(claim_files(store.claims())) == 1
    with store.claim("k", on_wait=lambda who: pytest.fail("the claim outlived its holder")):
        assert len(claim_files(store.claims())) == 1
    assert claim_files(store.claims()) == []


def test_the_claim_of_another_machine_is_free_when_it_was_silent_for_minutes(
    folder, monkeypatch, own_locks, clock
):
    left_behind(monkeypatch, folder)
    notes, told = [], []
    claim = Claim(folder, "k", notes.append)
    claim.wait(told.append)
    assert told == [f"process {os.getpid()} of far"]
    assert notes == [f"process {os.getpid()} of far was silent; its claim is taken over"]
    assert 1000 + room.SILENCE < clock[0] < 1001 + room.SILENCE
    assert claim_files(folder) == ["k.2.claim"]
    claim.release()
    assert claim_files(folder) == []


def test_a_holder_that_beats_keeps_its_claim_for_ever(folder, monkeypatch, own_locks, clock):
    with on(monkeypatch):
        far = Claim(folder, "k")
        far.take()
    near = Claim(folder, "k")
    for _ in range(100):
        assert near.take() == f"process {os.getpid()} of far"
        clock[0] += room.SILENCE
        far.ours[1].beat()
    far.release()
    assert near.take() is None
    near.release()


def test_beats_come_by_themselves(folder, monkeypatch):
    monkeypatch.setattr(room, "BEAT", 0.01)
    claim = Claim(folder, "k")
    claim.take()
    path, _ = claim.ours
    until = time.monotonic() + 30
    while json.loads(path.read_bytes())["beat"] < 3 and time.monotonic() < until:
        time.sleep(0.01)
    assert json.loads(path.read_bytes())["beat"] >= 3
    claim.release()


def test_the_time_of_day_may_jump(folder, monkeypatch, own_locks, clock):
    path = left_behind(monkeypatch, folder)
    near = Claim(folder, "k")
    assert near.take() is not None
    monkeypatch.setattr(room.time, "time", lambda: 4e9)
    os.utime(path, (1, 1))
    assert near.take() is not None


@pytest.mark.parametrize(
    ("machine", "is_free"),
    [
        ({"host": "here", "machine": "1", "boot": "older"}, True),  # this one, started anew since
        ({"host": "here", "machine": "2", "boot": "older"}, False),  # another one of that name
        ({"host": "there", "machine": "1", "boot": "older"}, False),  # a copy of this one's disk
        ({"host": "here", "machine": "", "boot": ""}, False),  # nothing is known of it
    ],
)
def test_a_restart_of_this_machine_ends_its_claims(
    folder, monkeypatch, own_locks, machine, is_free
):
    left_behind(monkeypatch, folder, **machine)
    with on(monkeypatch, host="here", machine="1", boot="now"):
        near = Claim(folder, "k")
        assert (near.take() is None) == is_free
        near.release()


@pytest.mark.parametrize("locks", [True, False])
def test_a_later_process_of_the_holders_number_is_not_taken_for_it_where_there_are_locks(
    folder, monkeypatch, locks, request
):
    if not locks:
        request.getfixturevalue("no_locks")
    path = left_behind(monkeypatch, folder, boot="now")
    assert Holder.read(path.read_bytes()).pid == os.getpid()
    with on(monkeypatch, boot="now"):
        near = Claim(folder, "k")
        assert (near.take() is None) == locks
        near.release()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"holder": {}}', b"\xff" * 9])
def test_a_claim_that_was_cut_short_is_somebodys_until_it_was_silent(
    folder, own_locks, clock, content
):
    (folder / "k.1.claim").write_bytes(content)
    near = Claim(folder, "k")
    assert near.take() == "another process"
    clock[0] += room.SILENCE + 1
    assert near.take() is None
    near.release()


def test_a_claim_is_never_there_without_its_holder(folder, monkeypatch):
    """Another process that looks at any moment finds none, or a whole one."""
    seen, link = [], os.link

    def looked_at(source, target):
        seen.append(claim_files(folder))
        link(source, target)
        seen.append([Holder.read((folder / name).read_bytes()) for name in claim_files(folder)])

    monkeypatch.setattr(room.os, "link", looked_at)
    claim = Claim(folder, "k")
    assert claim.take() is None
    assert seen == [[], [claim.holder]]
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []
    claim.release()


def test_a_disk_without_links_has_claims_too(folder, monkeypatch, own_locks):
    def link(*_):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(room.os, "link", link)
    with on(monkeypatch):
        far = Claim(folder, "k")
        assert far.take() is None
    near = Claim(folder, "k")
    assert near.take() == far.holder.name
    assert claim_files(folder) == ["k.1.claim"]
    far.release()
    assert near.take() is None
    near.release()
    assert [path.name for path in folder.iterdir()] == ["k.lock"]


def test_what_a_kill_left_while_it_made_its_claim_goes_with_the_next(folder):
    (folder / ".k.0123456789abcdef").write_bytes(b"")
    claim = Claim(folder, "k")
    assert claim.take() is None
    claim.release()
    assert [path.name for path in folder.iterdir()] == ["k.lock"]


def test_of_two_that_wait_for_a_silent_claim_one_takes_it(folder, monkeypatch, own_locks, clock):
    left_behind(monkeypatch, folder)
    with on(monkeypatch, host="third", boot="c"):
        first = Claim(folder, "k")
    second = Claim(folder, "k")
    assert first.take() is not None
    assert second.take() is not None
    clock[0] += room.SILENCE + 1
    seen = second.latest()  # both have judged it before either of them takes it
    assert first.take() is None
    assert second.create(seen[0] + 1) is False
    assert second.take() == first.holder.name
    first.release()


def test_who_was_silent_and_wakes_leaves_the_new_claim_alone(folder, monkeypatch, own_locks, clock):
    with on(monkeypatch):
        far = Claim(folder, "k")
        far.take()
    near = Claim(folder, "k")
    near.take()
    clock[0] += room.SILENCE + 1
    assert near.take() is None
    path, _ = near.ours
    content = path.read_bytes()
    far.ours[1].beat()
    far.release()
    assert path.read_bytes() == content
    assert claim_files(folder) == ["k.2.claim"]
    near.release()


def work_alone(root, times, log):
    for _ in range(times):
        with Store(root).claim("k"):
            os.write(log, b"+")
            time.sleep(0.002)
            os.write(log, b"-")


@pytest.mark.parametrize("locks", [True, False])
def test_of_eight_processes_one_at_a_time_has_the_claim(tmp_path, locks, request, monkeypatch):
    if not locks:
        request.getfixturevalue("no_locks")
    monkeypatch.setattr(room, "LOOK", 0.001)
    log = os.open(tmp_path / "log", os.O_CREAT | os.O_APPEND | os.O_RDWR)
    context = multiprocessing.get_context("fork")
    crew = [context.Process(target=work_alone, args=(tmp_path, 5, log)) for _ in range(8)]
    for process in crew:
        process.start()
    for process in crew:
        process.join(60)
    assert [process.exitcode for process in crew] == [0] * 8
    assert (tmp_path / "log").read_bytes() == b"+-" * 40
    assert claim_files(Store(tmp_path).claims()) == []


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EIO])
def test_a_file_system_without_locks_is_told_and_used(tmp_path, code, monkeypatch):
    def flock(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("fcntl.flock", flock)
    notes, store = [], Store(tmp_path)
    with store.claim("k", on_wait=lambda who: pytest.fail("nobody holds it"), note=notes.append):
        assert store.try_to_claim("k") is None
    assert len(notes) == 1
    assert f"has no file locks ({os.strerror(code)})" in notes[0]


def test_a_disk_that_is_full_is_the_users_error_and_nothing_stays_claimed(tmp_path, monkeypatch):
    def write(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    store = Store(tmp_path)
    with monkeypatch.context() as full:
        full.setattr(room.os, "write", write)
        with pytest.raises(Unwritable, match="No space left"), store.claim("k"):
            pytest.fail("it was claimed")
    assert claim_files(store.claims()) == []
    with store.claim("k"):
        pass


def test_an_interruption_while_waiting_holds_nothing(tmp_path):
    def interrupted(who):
        raise KeyboardInterrupt

    process, go = start_holder(tmp_path)
    with (
        pytest.raises(KeyboardInterrupt),
        Store(tmp_path).claim("k", on_wait=interrupted),
    ):
        pytest.fail("it was claimed")
    go.set()
    process.join()
    assert claim_files(Store(tmp_path).claims()) == []
    with Store(tmp_path).claim("k", on_wait=lambda who: pytest.fail("somebody holds it")):
        pass
