"""A store behind a URL (s3://, gs://): a folder of this machine, and a bucket that all share.

The folder is a store like any other, with the URL in its file `bucket`. Whatever is finished there
is sent; what is asked for and not there is fetched. Trainings under way, their checkpoints and the
claims to them stay in the folder: machines that share a bucket do not wait for one another.

BUCKET/cells/KEY.zip    a cell and its probes, as `--export` writes them
BUCKET/audits/KEY.zip   answers of a network that others trained, likewise

One object each, because an object is there whole or not at all and of two that are written at once
one stays: files of two trainings never mix. What comes back is checked as a stranger's archive is.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suppression.errors import UserError
from suppression.experiment.keys import is_key
from suppression.notes import tell
from suppression.writing import make_folders, replace, sha256

if TYPE_CHECKING:
    from suppression.execution.store import Store

SECRETS = re.compile(r"[@?#]")  # user:password@, ?token=
NAME = "bucket"  # of the file that holds the URL
FOLDERS = ("cells", "audits")
UNSENT = ""  # what the store has was not sent as it is now
REFUSED = "refused "  # before the version of an object that is damaged
LISTED = 2.0  # seconds that a list of the bucket is good for
MOST_BYTES = 4_000_000_000  # of an object: an archive's largest member has half of it
EXTRA = 'pip install "suppression[bucket]"'
LIBRARIES = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}


def folder_of(url: str) -> Path:
    """This machine's folder of a store behind a URL, which is made where it is not there.

    Raises:
        UserError: if it cannot be reached: a library or the bucket is not there, the URL has a
            secret in it.
    """
    from platformdirs import user_cache_path

    url = url.rstrip("/")
    if SECRETS.search(url):
        raise UserError(
            "a store's URL is written into files: leave passwords and tokens out of it; the "
            "environment or the settings of the cloud's own tools give them"
        )
    Bucket.at(url).check()
    plain = re.sub(r"[^A-Za-z0-9.-]+", "-", url.partition("://")[2]).strip("-")[:60]
    folder = user_cache_path("suppression") / "stores" / f"{plain}-{sha256(url.encode())[:12]}"
    make_folders(folder)
    replace(folder / NAME, url.encode())
    return folder


def bucket_of(folder: Path) -> Bucket | None:
    """What a store's folder is a copy of; None where it is the store itself."""
    try:
        return Bucket.at((folder / NAME).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None


class Bucket:
    """What all machines share.

    Args:
        url: Where it is.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.protocol = url.partition("://")[0]
        self.place = ""
        self.files = self.opened()
        self.listed: dict[str, tuple[float, dict[str, str]]] = {}
        self.told: set[str] = set()  # the names of objects that are too large

    @classmethod
    @cache
    def at(cls, url: str) -> Bucket:
        return cls(url)

    def opened(self) -> Any:
        """The library's file system."""
        try:
            import fsspec
        except ImportError as error:
            raise UserError(f"{self.url} needs fsspec: {EXTRA}") from error
        if self.protocol not in fsspec.available_protocols():
            raise UserError(f"{self.url}: nothing knows '{self.protocol}://'; s3:// or gs:// do")
        try:
            found, self.place = fsspec.core.url_to_fs(self.url, skip_instance_cache=True)
        except ImportError as error:
            library = LIBRARIES.get(self.protocol, "the library of its protocol")
            raise UserError(f"{self.url} needs {library}: {EXTRA}") from error
        except Exception as error:  # of whatever library
            raise self.out_of_reach(error) from error
        return found

    def out_of_reach(self, error: Exception) -> UserError:
        said = " ".join(str(error).split()) or type(error).__name__
        return UserError(f"{self.url} cannot be reached: {said}")

    @contextmanager
    def reaching(self) -> Iterator[None]:
        """Turns what a library raises into the user's error."""
        try:
            yield
        except UserError:
            raise
        except Exception as error:  # of the network, of credentials, of whatever library
            raise self.out_of_reach(error) from error

    def check(self) -> None:
        """Whether it is there and can be read.

        Raises:
            UserError: if not.
        """
        name = self.place.partition("/")[0]
        with self.reaching():
            is_there = self.protocol not in LIBRARIES or self.files.exists(name)
        if not is_there:
            raise UserError(
                f"{self.url}: there is no bucket '{name}', or it cannot be read: look at the "
                "network and at your credentials"
            )
        self.versions("cells")

    @property
    def is_of_one_process(self) -> bool:
        return self.protocol == "memory"

    def path(self, folder: str, key: str) -> str:
        return f"{self.place}/{folder}/{key}.zip"

    def versions(self, folder: str) -> dict[str, str]:
        """A word for each object, by its key, that changes when it is written anew.

        One that is larger than a cell can be is told, and is as good as none.
        """
        when, found = self.listed.get(folder, (0.0, {}))
        if folder in self.listed and time.monotonic() - when < LISTED:
            return found
        found = {}
        with self.reaching():
            try:
                self.files.invalidate_cache()
                there = self.files.ls(f"{self.place}/{folder}", detail=True)
            except FileNotFoundError:  # nothing was sent yet, or there is no bucket
                there = []
        for each in there:
            key = each["name"].rpartition("/")[2].removesuffix(".zip")
            if is_key(key) and self.is_of_a_cell(each):
                found[key] = version_of(each)
        self.listed[folder] = time.monotonic(), found
        return found

    def is_of_a_cell(self, info: dict[str, Any]) -> bool:
        """Whether an object is small enough to be fetched."""
        size = info.get("size") or 0
        if size > MOST_BYTES and info["name"] not in self.told:
            self.told.add(info["name"])
            tell(f"{self.url}: {info['name']} has {size:,} bytes, and is not fetched")
        return size <= MOST_BYTES

    def fetch(self, store: Store, folder: str, key: str) -> bool:
        """Take in what the store lacks of a cell or an answer; False where there is none.

        One that is damaged is told, and is as good as none: it is made again, and sent.

        Args:
            store: This machine's folder.
            folder: cells or audits.
            key: Of it.
        """
        from suppression.execution import archive

        version = self.versions(folder).get(key)
        known = self.known(store, folder, key)
        if version is None or known == REFUSED + version:
            return False
        is_here = store.has_here(key) if folder == "cells" else store.answers_here(key) is not None
        if is_here and known == version:
            return False
        with tempfile.TemporaryDirectory() as room:
            path = Path(room) / f"{key}.zip"
            with self.reaching():
                self.files.get_file(self.path(folder, key), str(path))
            try:
                left_out = archive.fetch(store, path, key)
            except UserError as error:
                left_out = str(error).replace(str(path), f"{self.url}/{folder}/{key}.zip")
        if left_out:
            tell(f"{self.url}: {key} is not taken, and is made again: {left_out}")
            version = REFUSED + version
        self.note(store, folder, key, version)
        return not left_out

    def send(self, store: Store, folder: str, key: str) -> None:
        """Send a cell or an answer, and take in first what other machines have joined to it.

        Raises:
            UserError: if it could not be sent. It is kept, and `send_unsent` sends it.
        """
        from suppression.execution import archive

        try:
            self.listed.pop(folder, None)
            self.fetch(store, folder, key)
            self.note(store, folder, key, UNSENT)
            with tempfile.TemporaryDirectory() as room:
                path = Path(room) / f"{key}.zip"
                cells, answers = ([key], []) if folder == "cells" else ([], [key])
                archive.export_cells(store, cells, path, answers)
                with self.reaching():
                    self.files.put_file(str(path), self.path(folder, key))
                    self.files.invalidate_cache()
                    version = version_of(self.files.info(self.path(folder, key)))
        except UserError as error:
            raise UserError(
                f"{error}. It is kept in {store.root}, and the same command sends it"
            ) from error
        self.note(store, folder, key, version)

    def send_unsent(self, store: Store) -> None:
        """Send what an earlier command could not."""
        for folder in FOLDERS:
            there = store.keys() if folder == "cells" else store.audit_keys()
            for key in there:
                if self.known(store, folder, key) == UNSENT:
                    self.send(store, folder, key)

    def forget(self, store: Store, folder: str, key: str, *, there: bool) -> None:
        """Fetch a cell or an answer anew when it is asked for next, or, `there`, delete it."""
        if there:
            with self.reaching():
                if self.files.exists(self.path(folder, key)):
                    self.files.rm_file(self.path(folder, key))
            self.listed.pop(folder, None)
        self.mark(store, folder, key).unlink(missing_ok=True)

    def mark(self, store: Store, folder: str, key: str) -> Path:
        """The file that says which version of an object the store has, or has refused."""
        return store.root / "sent" / folder / key

    def known(self, store: Store, folder: str, key: str) -> str:
        """What that says."""
        try:
            return self.mark(store, folder, key).read_text(encoding="utf-8")
        except FileNotFoundError:
            return UNSENT

    def note(self, store: Store, folder: str, key: str, version: str) -> None:
        mark = self.mark(store, folder, key)
        make_folders(mark.parent)
        replace(mark, version.encode())


def version_of(info: dict[str, Any]) -> str:
    """A word that changes when an object is written anew, of what its file system says of it."""
    for name in ("ETag", "etag", "generation", "mtime", "created", "LastModified"):
        if info.get(name):
            return f"{info[name]} {info.get('size')}"
    return str(info.get("size"))
