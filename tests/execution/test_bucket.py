"""A store behind a URL: what one machine has finished the others have, whole or not at all."""

import shutil
import socket
import time
from contextlib import contextmanager

import pytest

import suppression as sup
from suppression.errors import UserError
from suppression.execution import bucket as room
from suppression.execution import executor, scheduler
from suppression.execution.context import Context
from suppression.execution.runner import run_cell
from suppression.execution.store import Store
from suppression.experiment.plan import make_plan
from suppression.metrics.units import without_units
from suppression.store import main as store_command

fsspec = pytest.importorskip("fsspec", reason="extra bucket")
ONE = {"method": "simclr", "tau": 0.2, "size2": 12, "redraw": 0.0}  # one cell


@pytest.fixture(autouse=True)
def looked_at_anew(monkeypatch):
    monkeypatch.setattr(room, "LISTED", 0.0)
    yield
    room.Bucket.at.cache_clear()


@pytest.fixture
def url():
    """An empty bucket in memory."""
    files = fsspec.filesystem("memory")
    files.store.clear()
    yield "memory://bucket/store"
    files.store.clear()


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine by its name: each has folders of its own."""

    @contextmanager
    def on(name):
        with monkeypatch.context() as there:
            there.setenv("XDG_CACHE_HOME", str(tmp_path / name))
            yield

    return on


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A store with one real cell and its probe."""
    root = tmp_path_factory.mktemp("trained")
    plan = make_plan("digit_size", scale="smoke", pins=ONE)
    (cell,) = plan.cells
    rows = run_cell(cell, plan.probe, Context(store=root, threads=1))
    return Store(root), cell, plan.probe, rows


def copied(trained, store):
    """The real cell, published and probed there as a training does it."""
    source, cell, _, rows = trained
    files = source.files_of(cell.key)
    store.publish(
        cell.key,
        cell=source.cell(cell.key),
        weights=source.weights(cell.key),
        trace=source.trace(cell.key),
        about=source.about(cell.key),
    )
    (name,) = [each for each in files if each.startswith("probes/") and each.endswith(".json")]
    probe = name.removeprefix("probes/").removesuffix(".json")
    store.put_rows(cell.key, probe, rows)
    return cell.key, probe


def objects():
    return {path: file.getvalue() for path, file in fsspec.filesystem("memory").store.items()}


def test_what_one_machine_has_finished_another_has_bit_by_bit(url, machine, trained):
    with machine("a"):
        first = Store(url)
        key, probe = copied(trained, first)
    with machine("b"):
        second = Store(url)
        assert second.root != first.root
        assert second.place == url
        assert not second.has("0" * 24)
        assert second.has(key)
        assert second.damage(key) is None
        assert second.files_of(key) == first.files_of(key)
        rows = second.rows(key, probe)
    assert [without_units(row) for row in rows] == [without_units(row) for row in trained[3]]
    assert Store(second.root).has(key)  # as a worker is told of it, by the folder
    assert list(objects()) == [f"/bucket/store/cells/{key}.zip"]


def test_answers_of_audits_go_the_same_way_and_may_be_deleted(url, machine, trained):
    rows = trained[3]
    with machine("a"):
        first = Store(url)
        first.put_answers("a" * 24, rows)
    with machine("b"):
        second = Store(url)
        assert len(second.answers("a" * 24)) == len(rows)
        second.discard_audit("a" * 24)
    assert objects() == {}


def test_probes_of_two_machines_join(url, machine, trained):
    with machine("a"):
        first = Store(url)
        key, _ = copied(trained, first)
    with machine("b"):
        second = Store(url)
        assert second.has(key)
        second.put_rows(key, "probe-bb", trained[3])
    with machine("a"):
        first.put_rows(key, "probe-aa", trained[3])
    with machine("c"):
        third = Store(url)
        assert third.has(key)
        assert third.rows(key, "probe-aa") is not None
        assert third.rows(key, "probe-bb") is not None
    with machine("b"):
        assert second.rows(key, "probe-aa") is not None


def test_of_two_trainings_of_one_cell_the_bucket_has_one_whole(url, machine, trained):
    source, cell, *_ = trained
    weights = source.weights(cell.key)

    def publish(store, add):
        other = {name: value + add for name, value in weights.items() if value.is_floating_point()}
        store.publish(
            cell.key,
            cell=source.cell(cell.key),
            weights={**weights, **other},
            trace=source.trace(cell.key),
            about={**source.about(cell.key), "seconds": add},
        )

    with machine("a"):
        first = Store(url)
    with machine("b"):
        second = Store(url)
        publish(second, 2.0)  # while a has begun, too
    with machine("a"):
        publish(first, 1.0)
        assert first.about(cell.key)["seconds"] == 1.0
    with machine("c"):
        third = Store(url)
        assert third.has(cell.key)
        assert third.damage(cell.key) is None
        assert third.about(cell.key)["seconds"] in (1.0, 2.0)


def test_what_could_not_be_sent_is_kept_and_sent_by_the_next_command(
    url, machine, trained, monkeypatch
):
    def fails(*_, **__):
        raise ConnectionError("no route to host")

    with machine("a"):
        store = Store(url)
        with monkeypatch.context() as down:
            down.setattr(store.bucket.files, "put_file", fails)
            with pytest.raises(UserError, match=r"no route to host\. It is kept in .* sends it"):
                copied(trained, store)
        assert objects() == {}
        (key,) = store.keys()
        assert store.damage(key) is None
        Store(url).check_writable()
        assert list(objects()) == [f"/bucket/store/cells/{key}.zip"]
        sent = objects()
        Store(url).check_writable()
        assert objects() == sent


def test_a_probe_whose_sending_was_killed_is_sent_by_the_next_command(
    url, machine, trained, monkeypatch
):
    def killed(*_, **__):
        raise SystemExit

    with machine("a"):
        store = Store(url)
        key, _ = copied(trained, store)
        with monkeypatch.context() as dying:
            dying.setattr(store.bucket, "send", killed)
            with pytest.raises(SystemExit):
                store.put_rows(key, "probe-aa", trained[3])
        Store(url).check_writable()
    with machine("b"):
        assert Store(url).rows(key, "probe-aa") is not None


def test_what_was_deleted_on_this_machine_is_fetched_again(url, machine, trained):
    with machine("a"):
        store = Store(url)
        key, _ = copied(trained, store)
        shutil.rmtree(store.root / "cells")
        assert store.has(key)


def test_a_bucket_that_cannot_be_reached_is_the_users_error(url, machine, monkeypatch):
    with machine("a"):
        store = Store(url)

        def fails(*_, **__):
            raise PermissionError("Forbidden")

        monkeypatch.setattr(store.bucket.files, "ls", fails)
        with pytest.raises(UserError, match=f"{url} cannot be reached: Forbidden"):
            store.has("0" * 24)


@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
def test_a_flipped_bit_in_the_bucket_is_told_and_that_cell_alone_is_made_again(
    url, machine, trained, at, capsys
):
    with machine("a"):
        key, probe = copied(trained, Store(url))
    ((path, content),) = objects().items()
    place = int(at * len(content))
    flipped = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
    fsspec.filesystem("memory").pipe_file(path, flipped)
    with machine("b"):
        store = Store(url)
        assert not store.has(key)
        assert f"{url}: {key} is not taken, and is made again: " in capsys.readouterr().err
        assert not store.has(key)
        assert capsys.readouterr().err == ""  # it is told once
        assert copied(trained, store) == (key, probe)
    with machine("c"):
        assert Store(url).has(key)


def test_a_flipped_bit_on_this_machine_is_mended_from_the_bucket(url, machine, trained):
    with machine("a"):
        store = Store(url)
        key, _ = copied(trained, store)
        path = store.root / "cells" / key / "weights.safetensors"
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        assert store.damage(key)
        store.set_aside(key)
        assert store.has(key)
        assert store.damage(key) is None
        assert path.read_bytes() == whole


def test_what_is_of_other_pictures_goes_everywhere(url, machine, trained):
    with machine("a"):
        store = Store(url)
        key, _ = copied(trained, store)
        store.set_aside(key, everywhere=True)
        assert not store.has(key)
    assert objects() == {}


def test_a_strangers_objects_are_told_or_not_looked_at(url, machine, trained, tmp_path, capsys):
    source, cell, *_ = trained
    from suppression.execution.archive import export_cells

    export_cells(source, [cell.key], tmp_path / "other.zip")
    files = fsspec.filesystem("memory")
    other = "b" * 24
    files.pipe_file(f"/bucket/store/cells/{other}.zip", (tmp_path / "other.zip").read_bytes())
    files.pipe_file("/bucket/store/cells/..%2Fevil.zip", b"")
    files.pipe_file("/bucket/store/cells/notes.txt", b"")
    with machine("a"):
        store = Store(url)
        assert list(store.bucket.versions("cells")) == [other]
        assert not store.has(other)
        assert store.keys() == []
    assert "it is of another one" in capsys.readouterr().err


def test_an_object_that_is_no_cell_by_its_size_is_told_once_and_not_fetched(
    url, machine, trained, monkeypatch, capsys
):
    with machine("a"):
        key, _ = copied(trained, Store(url))
    monkeypatch.setattr(room, "MOST_BYTES", 1000)
    with machine("b"):
        store = Store(url)
        assert not store.has(key)
        assert not store.has(key)
    assert capsys.readouterr().err.count("bytes, and is not fetched") == 1


def test_a_thousand_cells_are_listed_in_two_seconds(url, machine):
    files = fsspec.filesystem("memory")
    for i in range(1000):
        files.pipe_file(f"/bucket/store/cells/{i:024x}.zip", b"")
    with machine("a"):
        store = Store(url)
        began = time.process_time()
        assert len(store.bucket.versions("cells")) == 1000
        assert time.process_time() - began < 2


def test_the_store_command_lists_checks_exports_imports_and_deletes(
    url, machine, trained, tmp_path, capsys
):
    with machine("a"):
        key, _ = copied(trained, Store(url))
    with machine("b"):
        assert store_command(["--store", url, "--cells"]) == 0
        assert key in capsys.readouterr().out
        assert store_command(["--store", url]) == 0
        assert f"{url}: 1 cells" in capsys.readouterr().out
        assert store_command(["--store", url, "--check"]) == 0
        assert store_command(["--store", url, "--export", str(tmp_path / "cells.zip")]) == 0
        assert store_command(["--store", url, "--keep-recipes", "random_bits", "--delete"]) == 0
    assert objects() == {}
    with machine("c"):
        assert store_command(["--store", url, "--import", str(tmp_path / "cells.zip")]) == 0
    assert list(objects()) == [f"/bucket/store/cells/{key}.zip"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("s3://me:secret@bucket/store", "leave passwords and tokens out of it"),
        ("s3://bucket/store?token=1", "leave passwords and tokens out of it"),
        ("s4://bucket/store", "nothing knows 's4://'; s3:// or gs:// do"),
    ],
)
def test_mistakes_are_told_in_a_line(name, why, machine, capsys):
    with machine("a"):
        assert store_command(["--store", name]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert why in said
    assert "secret" not in said
    assert said.count("\n") == 1


def test_a_library_that_is_not_installed_is_told_with_the_line_that_brings_it(machine, monkeypatch):
    def missing(*_, **__):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    with machine("a"), pytest.raises(UserError, match=r"needs s3fs: pip install .suppression.buck"):
        Store("s3://bucket/store")


def test_memory_is_of_one_process_and_slurm_wants_a_folder(url, machine):
    with machine("a"):
        with pytest.raises(UserError, match="is memory of this process"):
            sup.run("digit_size", scale="smoke", store=url, **ONE)
        store = Store(url)
        store.bucket.protocol = "s3"
        with pytest.raises(UserError, match="--on slurm keeps its queue in the store"):
            scheduler.check_store(Context(store=store.root), scheduler.Target("slurm"))


# --- a real protocol -----------------------------------------------------------------------------


@pytest.fixture
def s3(monkeypatch):
    pytest.importorskip("s3fs", reason="extra bucket")
    server = pytest.importorskip("moto.server", reason="moto[server] is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    running.start()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    fsspec.filesystem("s3", skip_instance_cache=True).mkdir(f"mine-{port}")
    yield f"s3://mine-{port}/store"
    running.stop()


@pytest.mark.slow
def test_another_machine_trains_nothing_and_has_the_same_rows(s3, machine, monkeypatch):
    with machine("a"):
        first = sup.run("digit_size", scale="smoke", store=s3, **ONE)

    def trains(*_, **__):
        pytest.fail("it was trained again")

    monkeypatch.setattr(executor, "run", trains)
    with machine("b"):
        second = sup.run("digit_size", scale="smoke", store=s3, **ONE)
        assert second.rows == first.rows


def test_a_bucket_that_is_not_there_is_told(s3, machine):
    with (
        machine("a"),
        pytest.raises(UserError, match="s3://other/store: there is no bucket 'other'"),
    ):
        Store("s3://other/store")
