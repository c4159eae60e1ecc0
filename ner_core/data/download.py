"""A file from the network: the one that was meant, whole, or not at all.

Chapter of part I. It answers: *how does a file come here, and how do I know that it is the one?*

Source: RFC 9110, section 14 (https://www.rfc-editor.org/rfc/rfc9110#section-14), for going on where a download was
cut; pip's hash-checking mode, for naming a file by its SHA-256.

Differs from them: no `If-Range` is needed, because the whole file is checked before it gets its name; where what came
in two downloads does not make the file, it is fetched once more from its beginning. Redirects lead only to hosts that
were named before.

>>> file = KnownFile("train", "ada.conll", "https://example.org/ada.conll", 51, "0" * 64)
>>> print(by_hand(file, Path("corpora")))
By hand: open https://example.org/ada.conll in a browser, save it as ada.conll in corpora, and fetch again: it is
checked and taken.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from ner_core.records import UploadError

BLOCK = 1 << 16  # bytes read at once
TIMEOUT = 20.0  # seconds a server may say nothing
TRIES = 4  # how often a cut download goes on by itself
STALE_SECONDS = 120.0  # a part nobody has written to for so long has no owner any more
_LOOPBACK = ("127.0.0.1", "localhost", "::1")  # this computer: the only place without https


class FetchError(UploadError):
    """A file cannot be fetched, or is not here: what happened, and how to get it all the same."""


class _CutError(Exception):
    """The connection ended before the file did."""


class _StaleError(Exception):
    """What came earlier does not belong to the file that is there now: begin again."""


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file that can be told from every other: its size in bytes and its SHA-256.

    `part` is the part of a corpus it holds; `url` None means behind a login; `page` says more about it; `hosts` are
    hosts its address may send us on to.
    """

    part: str
    name: str
    url: str | None
    n_bytes: int
    sha256: str
    page: str = ""
    hosts: tuple[str, ...] = ()


# --- what is here -----------------------------------------------------------------------


def is_here(file: KnownFile, folder: Path) -> bool:
    """Whether the file lies in `folder`, byte for byte."""
    path = folder / file.name
    try:
        found = path.stat()
        return found.st_size == file.n_bytes and _digest_kept(path, found.st_mtime_ns, found.st_ino) == file.sha256
    except OSError:
        return False


def n_bytes_of(file: KnownFile, folder: Path) -> int:
    """How many bytes of the file are in `folder`, whole or as a part that was left."""
    return file.n_bytes if is_here(file, folder) else min(_size(folder / f"{file.name}.part"), file.n_bytes)


@lru_cache(maxsize=64)
def _digest_kept(path: Path, modified: int, number: int) -> str:
    """The SHA-256 of a file, read again only when the file is another."""
    return _digest(path)


def _digest(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def keep(file: KnownFile, data: bytes, folder: Path) -> None:
    """Write bytes that were checked already. Raises FetchError where the disk refuses."""
    make_folder(folder)
    own = folder / f"{file.name}.{secrets.token_hex(4)}.part"
    try:
        own.write_bytes(data)
        _finish(own, folder / file.name)
    except OSError as error:
        own.unlink(missing_ok=True)
        raise _cannot_write(folder, error) from None


# --- fetching ---------------------------------------------------------------------------


def fetch_file(file: KnownFile, folder: Path, *, timeout: float = TIMEOUT) -> Iterator[int]:
    """Fetch one file into `folder`; yields how many of its bytes are here. Stop asking, and it stops.

    What came before a stop or a cut stays as NAME.part, and is not fetched twice. Raises FetchError.
    """
    part = _claim(file, folder)
    try:
        for attempt in range(TRIES):
            begun = _size(part)
            try:
                yield from _download(file, folder, part, timeout)
            except _StaleError:
                _forget(part)
                continue
            except _CutError as cut:
                if _size(part) <= begun or attempt == TRIES - 1:
                    raise _was_cut(file, _size(part), cut) from None
                continue
            received = _digest(part)
            if received == file.sha256:
                _finish(part, folder / file.name)
                return
            _forget(part)
            if not begun:
                raise _is_another(file, received)
        raise FetchError(
            f"{file.name} did not come together in {TRIES} tries: it changes there, or other pieces come than were "
            f"asked for. {by_hand(file, folder)}"
        )
    except OSError as error:  # of the disk: those of the network have become other errors below
        raise _cannot_write(folder, error) from None
    finally:
        _release(part, folder / f"{file.name}.part")


def _download(file: KnownFile, folder: Path, part: Path, timeout: float) -> Iterator[int]:
    """Write what the server sends behind what `part` holds already; raises _CutError, _StaleError, FetchError."""
    have = _size(part)
    if have == file.n_bytes:
        return
    answer = _open(file, folder, have, timeout)
    with answer, part.open("r+b") as out:
        done = have if answer.status == 206 else 0
        out.truncate(done)
        out.seek(done)
        yield done
        while block := _read_block(answer):
            if not done and _is_page(answer, block):
                raise FetchError(
                    f"{_host(answer.url)} sent a web page in place of {file.name}: a login, a filter of this network, "
                    f"or a page that says it has moved. {by_hand(file, folder)}"
                )
            done += len(block)
            if done > file.n_bytes:
                out.truncate(0)
                raise _has_another_length(file, f"more than {file.n_bytes:,}")
            out.write(block)
            out.flush()
            yield done
    if done < file.n_bytes:
        raise _CutError("it ended early")


def _open(file: KnownFile, folder: Path, have: int, timeout: float) -> http.client.HTTPResponse:
    """Ask for the file, or for what is missing of it; what comes back is 200 or the right 206."""
    hosts = {_host(file.url), *file.hosts}
    _check_address(file.url, hosts)
    headers = {"User-Agent": "ner-lab", "Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    opener = urllib.request.build_opener(_Redirects(hosts))
    try:
        answer = opener.open(urllib.request.Request(file.url, headers=headers), timeout=timeout)
    except urllib.error.HTTPError as refused:
        refused.close()
        if refused.code == 416 and have:
            total = refused.headers.get("Content-Range", "").rpartition("/")[2]
            is_told = total.isdigit() and int(total) != file.n_bytes
            raise _has_another_length(file, f"{int(total):,}") if is_told else _StaleError() from None
        raise _was_refused(file, folder, refused.code) from None
    except (OSError, http.client.HTTPException) as error:
        raise _cannot_be_reached(file, folder, have, error) from None
    problem = _problem_of(answer, file, have)
    if problem is not None:
        answer.close()
        raise problem
    return answer


def _problem_of(answer: http.client.HTTPResponse, file: KnownFile, have: int) -> Exception | None:
    """What speaks against an answer before its first byte is read."""
    length = answer.headers.get("Content-Length", "")
    if answer.status == 206:
        expected = f"bytes {have}-{file.n_bytes - 1}/{file.n_bytes}"
        return None if answer.headers.get("Content-Range", "").strip() == expected else _StaleError()
    if length.isdigit() and int(length) != file.n_bytes and not _is_html(answer):
        return _has_another_length(file, f"{int(length):,}")
    return None


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follow a redirect only to hosts that were named before."""

    def __init__(self, hosts: set[str]):
        self.hosts = hosts

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        try:
            _check_address(newurl, self.hosts)
        except FetchError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _check_address(url: str, hosts: set[str]) -> None:
    """Raise FetchError unless `url` is encrypted (or on this computer) and on one of `hosts`."""
    scheme, host = urlsplit(url).scheme, _host(url)
    if host not in hosts:
        raise FetchError(
            f"{' or '.join(sorted(hosts))} sends us on to {host or url[:80]}, a place the catalogue does not name: "
            "nothing was fetched from there. This network may want a login first: open any page in a browser."
        )
    if scheme != "https" and not (scheme == "http" and host in _LOOPBACK):
        raise FetchError(f"{url[:80]} is not an encrypted address (https): nothing was fetched from there.")


def _read_block(answer: http.client.HTTPResponse) -> bytes:
    """What has come, as soon as something has; b"" at the end."""
    try:
        return answer.read1(BLOCK)
    except TimeoutError:
        raise _CutError("the server says nothing any more") from None
    except (OSError, http.client.HTTPException) as error:
        raise _CutError(_said(error)) from None


def _is_html(answer: http.client.HTTPResponse) -> bool:
    return answer.headers.get_content_type() == "text/html"


def _is_page(answer: http.client.HTTPResponse, block: bytes) -> bool:
    start = block[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return _is_html(answer) or start.startswith((b"<!doctype html", b"<html"))


# --- files that appear whole or not at all ------------------------------------------------


def make_folder(folder: Path) -> None:
    """Make a folder where there is none. Raises FetchError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(folder, error) from None


def _claim(file: KnownFile, folder: Path) -> Path:
    """A part of our own to write to: the largest that somebody left, else an empty one. Two never write to one."""
    own = folder / f"{file.name}.{secrets.token_hex(4)}.part"
    for left in sorted(folder.glob(f"{file.name}*.part"), key=_size, reverse=True):
        with contextlib.suppress(OSError):  # somebody else was quicker
            if left.name == f"{file.name}.part" or time.time() - left.stat().st_mtime > STALE_SECONDS:
                left.rename(own)
                return own
    try:
        own.touch()
    except OSError as error:
        raise _cannot_write(folder, error) from None
    return own


def _release(own: Path, left: Path) -> None:
    """Leave what came for whoever goes on with it."""
    with contextlib.suppress(OSError):
        if _size(own):
            own.replace(left)
        else:
            own.unlink(missing_ok=True)


def _finish(part: Path, path: Path) -> None:
    """Give a checked file its name, in one step that a crash cannot cut in two."""
    with part.open("r+b") as out:
        os.fsync(out.fileno())
    part.replace(path)
    path.with_name(f"{path.name}.part").unlink(missing_ok=True)


def _forget(part: Path) -> None:
    part.write_bytes(b"")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


# --- what a person is told ------------------------------------------------------------------


def by_hand(file: KnownFile, folder: Path) -> str:
    """How a person gets the file without us."""
    other = f" The {file.name} that lies there now is not the known file." if (folder / file.name).exists() else ""
    return (
        f"By hand: open {file.url} in a browser, save it as {file.name} in {folder}, and fetch again: "
        f"it is checked and taken.{other}"
    )


def _said(error: object) -> str:
    """What an error of the system or the network says, on one line."""
    return " ".join((getattr(error, "strerror", None) or str(error) or type(error).__name__)[:120].split())


def _cannot_be_reached(file: KnownFile, folder: Path, have: int, error: Exception) -> FetchError:
    reason = getattr(error, "reason", error)
    why = "it says nothing" if isinstance(reason, TimeoutError) else _said(reason)
    kept = f" {have:,} of {file.n_bytes:,} bytes are kept." if have else ""
    return FetchError(
        f"{_host(file.url)} cannot be reached ({why}): this computer may be offline.{kept} {by_hand(file, folder)}"
    )


def _cannot_write(folder: Path, error: OSError) -> FetchError:
    return FetchError(
        f"Nothing can be written in {folder} ({_said(error)}). Make room there, or ask whoever runs NER Lab."
    )


def _was_cut(file: KnownFile, n_bytes: int, cut: _CutError) -> FetchError:
    kept = f"{n_bytes:,} of {file.n_bytes:,} bytes are kept: fetch again to go on from there." if n_bytes else ""
    return FetchError(f"The connection for {file.name} was cut: {cut}. {kept or 'Fetch again.'}")


def _was_refused(file: KnownFile, folder: Path, code: int) -> FetchError:
    what = "has no such file any more" if code in (404, 410) else "does not give the file"
    if code >= 500 or code == 429:
        what = "has trouble of its own; try again later"
    return FetchError(f"{_host(file.url)}: the server {what} ({code}). {by_hand(file, folder)}")


def _has_another_length(file: KnownFile, received: str) -> FetchError:
    return FetchError(
        f"{file.name} is {received} bytes long where it should be {file.n_bytes:,}: it was changed there, and is not "
        f"used. Its page may say why: {file.page}"
    )


def _is_another(file: KnownFile, received: str) -> FetchError:
    return FetchError(
        f"{file.name} came whole, but it is not the file the catalogue knows (SHA-256 begins {file.sha256[:12]}; "
        f"received: {received[:20]}): it is not used. Its page may say why: {file.page}"
    )
