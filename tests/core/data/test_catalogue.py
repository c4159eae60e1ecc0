"""Public corpora: the list, every way a download can go wrong, and files that a person puts there by hand."""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import os
import re
import socket
import subprocess
import sys
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from ner_core.__main__ import main
from ner_core.data import catalogue, download
from ner_core.data.catalogue import entries, fetch, find, identify, load_fetched, missing, take
from ner_core.data.corpus import READERS
from ner_core.data.download import FetchError, KnownFile, fetch_file, is_here
from tests.core.data.loopback import PAGE, FaultyServer, cut, page, redirect, refuse, serve, silence

ROOT = Path(__file__).parents[3]
REAL = ROOT.parent / "shared/corpora"
SENTENCE = b"Ada\tB-per\nLovelace\tI-per\nlives\tO\nin\tO\nLondon\tB-geo\n.\tO\n\n"
DATA = SENTENCE * 4000  # more than one block, so that it comes in pieces


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")


def known(url: str | None, data: bytes = DATA, **facts) -> KnownFile:
    """A file as the catalogue would know it."""
    return KnownFile(
        "train", "ada.conll", url, len(data), hashlib.sha256(data).hexdigest(), "https://ada.example", **facts
    )


def bring(file: KnownFile, folder: Path, timeout: float = 5.0) -> list[int]:
    return list(fetch_file(file, folder, timeout=timeout))


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- the list --------------------------------------------------------------------------------


def test_every_row_says_all_that_a_person_must_know():
    assert [entry.name for entry in entries()] == ["wnut-17", "gmb", "bc5cdr"]
    for entry in entries():
        assert entry.about and entry.licence and entry.labels and entry.page.startswith("https://")
        assert entry.form in READERS
        assert re.fullmatch(r"[a-z0-9-]+", entry.name)  # a folder, and a word in an address
        assert [file.part for file in entry.files] in (["train"], ["train", "dev", "test"])
        assert bool(entry.steps) == entry.is_by_hand
        for file in entry.files:
            assert re.fullmatch(r"[\w.-]+", file.name) and re.fullmatch("[0-9a-f]{64}", file.sha256)
            assert file.url is None or (file.url.startswith("https://") and file.url.endswith(f"/{file.name}"))


@pytest.mark.skipif(not REAL.exists(), reason="the real corpora are not here")
@pytest.mark.parametrize(
    ("name", "part", "path"),
    [
        ("wnut-17", "train", "wnut17/wnut17train.conll"),
        ("wnut-17", "dev", "wnut17/emerging.dev.conll"),
        ("wnut-17", "test", "wnut17/emerging.test.annotated"),
        ("gmb", "train", "gmb/ner_dataset.csv.xz"),
        ("bc5cdr", "train", "bc5cdr/train.iobes.tsv.xz"),
        ("bc5cdr", "dev", "bc5cdr/devel.iobes.tsv.xz"),
        ("bc5cdr", "test", "bc5cdr/test.iobes.tsv.xz"),
    ],
)
def test_sizes_and_hashes_are_those_of_the_real_files(name, part, path):
    data = (REAL / path).read_bytes()
    data = lzma.decompress(data) if path.endswith(".xz") else data
    file = next(file for file in find(name).files if file.part == part)
    assert (file.n_bytes, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_an_unknown_name_is_told_what_there_is():
    with pytest.raises(FetchError, match=r"no corpus 'conll-2003'. It has wnut-17, gmb, bc5cdr"):
        find("conll-2003")


# --- it comes ---------------------------------------------------------------------------------


def test_a_file_comes_whole_and_tells_how_far_it_is(tmp_path):
    with FaultyServer(serve(DATA)) as server:
        told = bring(known(server.url), tmp_path)
    assert told[0] == 0 and told[-1] == len(DATA) and told == sorted(told) and len(told) > 3
    assert left(tmp_path) == ["ada.conll"]
    assert (tmp_path / "ada.conll").read_bytes() == DATA


def test_a_file_without_a_stated_length_comes_as_well(tmp_path):
    with FaultyServer(serve(DATA, declared=False)) as server:
        bring(known(server.url), tmp_path)
    assert is_here(known(None), tmp_path)


def test_a_redirect_on_the_same_host_is_followed(tmp_path):
    with FaultyServer(redirect("/elsewhere"), serve(DATA)) as server:
        bring(known(server.url), tmp_path)
    assert is_here(known(None), tmp_path)


def test_a_redirect_to_a_host_that_was_named_is_followed(tmp_path):
    with FaultyServer(serve(DATA)) as other, FaultyServer(redirect(f"http://localhost:{other.port}/")) as server:
        bring(known(server.url, hosts=("localhost",)), tmp_path)
    assert is_here(known(None), tmp_path)


# --- it is cut, and goes on ---------------------------------------------------------------------


def test_a_cut_download_goes_on_by_itself_where_it_was_cut(tmp_path):
    with FaultyServer(cut(DATA, 70_000), serve(DATA)) as server:
        bring(known(server.url), tmp_path)
        assert server.ranges == [None, "bytes=70000-"]
    assert is_here(known(None), tmp_path)


def test_what_came_is_kept_and_the_next_fetch_goes_on_from_there(tmp_path):
    with FaultyServer(cut(DATA, 70_000), cut(DATA, 0)) as server:
        with pytest.raises(FetchError, match="70,000 of 224,000 bytes are kept: fetch again to go on from there"):
            bring(known(server.url), tmp_path)
        assert left(tmp_path) == ["ada.conll.part"]
        server.faults = [serve(DATA)]
        assert bring(known(server.url), tmp_path)[0] == 70_000
        assert server.ranges[-1] == "bytes=70000-"
    assert left(tmp_path) == ["ada.conll"]


def test_a_stop_keeps_what_came(tmp_path):
    with FaultyServer(serve(DATA)) as server:
        asking = fetch_file(known(server.url), tmp_path, timeout=5)
        came = next(n for n in asking if n)
        asking.close()
        assert left(tmp_path) == ["ada.conll.part"]
        assert bring(known(server.url), tmp_path)[0] == came
    assert is_here(known(None), tmp_path)


def test_a_server_that_ignores_ranges_is_read_from_the_beginning(tmp_path):
    with FaultyServer(cut(DATA, 70_000), serve(DATA, ranges=False)) as server:
        assert bring(known(server.url), tmp_path).count(0) == 2
        assert server.ranges == [None, "bytes=70000-"]
    assert is_here(known(None), tmp_path)


def test_a_server_that_sends_another_range_is_read_from_the_beginning(tmp_path):
    with FaultyServer(cut(DATA, 70_000), serve(DATA, total=999), serve(DATA)) as server:
        bring(known(server.url), tmp_path)
        assert server.ranges == [None, "bytes=70000-", None]
    assert is_here(known(None), tmp_path)


def test_a_file_changed_between_two_parts_is_fetched_again_from_its_beginning(tmp_path):
    with FaultyServer(cut(DATA.upper(), 70_000), serve(DATA)) as server:
        bring(known(server.url), tmp_path)
        assert server.ranges == [None, "bytes=70000-", None]
    assert is_here(known(None), tmp_path)


@pytest.mark.parametrize("length", [len(DATA), len(DATA) + 9], ids=["as long", "longer"])
def test_a_part_that_is_something_else_is_not_trusted(tmp_path, length):
    (tmp_path / "ada.conll.part").write_bytes(b"?" * length)
    with FaultyServer(serve(DATA)) as server:
        bring(known(server.url), tmp_path)
    assert left(tmp_path) == ["ada.conll"] and is_here(known(None), tmp_path)


def test_a_part_whose_owner_was_killed_is_taken_over(tmp_path):
    orphan = tmp_path / "ada.conll.0123abcd.part"
    orphan.write_bytes(DATA[:70_000])
    os.utime(orphan, (0, 0))
    with FaultyServer(serve(DATA)) as server:
        assert bring(known(server.url), tmp_path)[0] == 70_000
    assert left(tmp_path) == ["ada.conll"]


def test_two_fetches_at_once_do_not_disturb_each_other(tmp_path):
    with FaultyServer(serve(DATA)) as server:
        first = fetch_file(known(server.url), tmp_path, timeout=5)
        next(n for n in first if n)
        bring(known(server.url), tmp_path)  # from its beginning to its end, while the first is half done
        assert server.ranges == [None, None]
        assert list(first)[-1] == len(DATA)
    assert left(tmp_path) == ["ada.conll"] and is_here(known(None), tmp_path)


def test_what_another_fetch_left_goes_when_the_file_is_here(tmp_path):
    with FaultyServer(serve(DATA)) as server:
        first, second = (fetch_file(known(server.url), tmp_path, timeout=5) for _ in range(2))
        next(n for n in first if n)
        next(n for n in second if n)
        second.close()
        assert len(left(tmp_path)) == 2
        list(first)
    assert left(tmp_path) == ["ada.conll"]


def test_many_fetches_at_once_all_succeed(tmp_path):
    failed = []

    def work():
        try:
            bring(known(server.url), tmp_path)
        except Exception as error:
            failed.append(error)

    with FaultyServer(serve(DATA)) as server:
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failed
    assert left(tmp_path) == ["ada.conll"] and is_here(known(None), tmp_path)


# --- it is not the file, or nothing at all --------------------------------------------------------

UPPER = DATA.upper()

FAULTS = {
    "another file, as long": (serve(UPPER), "not the file the catalogue knows"),
    "short, and says so": (serve(DATA[:-1]), "223,999 bytes long where it should be 224,000"),
    "long, and says so": (serve(DATA + b"x"), "224,001 bytes long where it should be 224,000"),
    "long, and does not say so": (serve(DATA * 2, declared=False), "more than 224,000 bytes long"),
    "short, and does not say so": (serve(DATA[:-1], declared=False), "223,999 bytes long where it should be 224,000"),
    "cut at every try": (cut(DATA, 9), "36 of 224,000 bytes are kept"),
    "nothing": (cut(DATA, 0), "was cut: it ended early. Fetch again"),
    "a page": (page(), "sent a web page in place of ada.conll: a login.* open http.* save it as ada.conll in /"),
    "a page called text": (page("text/plain", b"\n<HTML>" + b" " * 223_993), "sent a web page"),
    "a page without length": (page("application/octet-stream", PAGE, declared=False), "sent a web page"),
    "401": (refuse(401), r"does not give the file \(401\)"),
    "403": (refuse(403), r"does not give the file \(403\). By hand: open http"),
    "404": (refuse(404), r"has no such file any more \(404\)"),
    "429": (refuse(429), r"trouble of its own; try again later \(429\)"),
    "500": (refuse(500), r"trouble of its own; try again later \(500\)"),
    "another host": (redirect("https://elsewhere.example/ada.conll"), "sends us on to elsewhere.example, a place"),
    "another name of this host": (redirect("http://localhost:9/"), "sends us on to localhost, a place"),
    "a file of this computer": (redirect("ftp://127.0.0.1/etc/passwd"), "not an encrypted address"),
    "in circles": (redirect("/ada.conll"), r"does not give the file \(302\)"),
    "never the piece asked for": (
        lambda handler: cut(DATA, 9)(handler) if not handler.headers.get("Range") else serve(DATA, total=9)(handler),
        "did not come together in 4 tries",
    ),
    "not even a status": (lambda handler: handler.wfile.write(b"hello\r\n\r\n"), "cannot be reached"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_one_sentence_and_nothing_gets_the_name(tmp_path, name):
    fault, said = FAULTS[name]
    with FaultyServer(fault) as server, pytest.raises(FetchError, match=said) as raised:
        bring(known(server.url), tmp_path)
    assert "\n" not in str(raised.value)
    assert set(left(tmp_path)) <= {"ada.conll.part"}
    if not name.startswith(("cut", "short, and does not", "never")):
        assert left(tmp_path) == []


def test_more_than_was_stated_is_not_even_read(tmp_path):
    """The limit holds while it is read: an endless answer ends where the file should."""
    sent = []

    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        try:
            while len(sent) < 100_000:
                handler.wfile.write(DATA)
                sent.append(1)
        except OSError:
            pass

    with FaultyServer(endless) as server, pytest.raises(FetchError, match="more than"):
        bring(known(server.url), tmp_path)
    assert len(sent) < 100


@pytest.mark.parametrize("fault", [silence, cut(DATA, 5, stalls=True)], ids=["from the start", "in the middle"])
def test_a_server_that_says_nothing_is_left(tmp_path, fault):
    with FaultyServer(fault) as server, pytest.raises(FetchError, match="says nothing"):
        bring(known(server.url), tmp_path, timeout=0.2)


def test_without_a_network_it_says_how_to_do_it_by_hand(tmp_path):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # not listening: refused
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/ada.conll"
        with pytest.raises(FetchError) as raised:
            bring(known(url), tmp_path)
    said = str(raised.value)
    assert "127.0.0.1 cannot be reached (Connection refused): this computer may be offline." in said
    assert f"open {url} in a browser, save it as ada.conll in {tmp_path}, and fetch again" in said


def test_a_name_nobody_knows_is_offline_too(tmp_path, monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(FetchError, match=r"ada.invalid cannot be reached \(Name or service not known\)"):
        bring(known("https://ada.invalid/ada.conll"), tmp_path)


def test_only_this_computer_is_asked_without_encryption(tmp_path, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("a connection was opened"))
    with pytest.raises(FetchError, match="not an encrypted address"):
        bring(known("http://ada.example/ada.conll"), tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="a device that is always full")
def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch):
    entry = replace(find("wnut-17"), files=(known("http://127.0.0.1:9/ada.conll"),))
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FetchError, match=r"Nothing can be written in .*file.wnut-17"):
        list(fetch(entry, tmp_path / "file"))


def test_a_disk_that_fills_up_is_one_sentence(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with FaultyServer(serve(DATA)) as server:
        asking = fetch_file(known(server.url), tmp_path, timeout=5)
        next(asking)
        monkeypatch.setattr(download, "_finish", full)
        with pytest.raises(FetchError, match=r"Nothing can be written in .* \(No space left on device\)"):
            list(asking)


# --- a whole corpus, and files put there by hand -----------------------------------------------------


def corpus_at(url: str) -> catalogue.Entry:
    """A corpus of two files on a server, which serves the same for both."""
    train = known(f"{url}train")
    return replace(
        find("wnut-17"), files=(replace(train, name="train.conll"), replace(train, part="test", name="test.conll"))
    )


def test_a_corpus_tells_one_progress_for_all_its_files(tmp_path):
    with FaultyServer(serve(DATA)) as server:
        entry = corpus_at(server.url)
        told = list(fetch(entry, tmp_path))
        assert [step.done for step in told] == sorted(step.done for step in told)
        assert {step.file for step in told} == {"train.conll", "test.conll"}
        assert told[-1].done == told[-1].total == entry.n_bytes == 2 * len(DATA)
        assert not missing(entry, tmp_path)
        n_asked = len(server.ranges)
        list(fetch(entry, tmp_path))
        assert len(server.ranges) == n_asked == 2, "what is here was asked for again"


def test_a_file_put_there_by_hand_is_checked_and_not_fetched(tmp_path):
    (tmp_path / "wnut-17").mkdir()
    (tmp_path / "wnut-17/train.conll").write_bytes(DATA)
    with FaultyServer(serve(DATA)) as server:
        list(fetch(corpus_at(server.url), tmp_path))
        assert len(server.ranges) == 1


def test_another_file_put_there_by_hand_is_told_and_replaced(tmp_path):
    (tmp_path / "wnut-17").mkdir()
    (tmp_path / "wnut-17/train.conll").write_bytes(DATA.lower())
    with FaultyServer(refuse(500), serve(DATA)) as server:
        entry = corpus_at(server.url)
        assert len(missing(entry, tmp_path)) == 2
        with pytest.raises(FetchError, match=r"The train.conll that lies there now is not the known file"):
            list(fetch(entry, tmp_path))
        list(fetch(entry, tmp_path))
        assert not missing(entry, tmp_path)


def test_a_file_damaged_later_is_noticed(tmp_path):
    with FaultyServer(serve(DATA)) as server:
        entry = corpus_at(server.url)
        list(fetch(entry, tmp_path))
    (tmp_path / "wnut-17/test.conll").unlink()
    (tmp_path / "wnut-17/test.conll").write_bytes(b"?" + DATA[1:])
    assert [file.name for file in missing(entry, tmp_path)] == ["test.conll"]


@pytest.fixture
def little_gmb(tmp_path, monkeypatch):
    """A catalogue whose GMB is the sentence above: (its bytes, the folder of the cache)."""
    table = b"Sentence #,Word,POS,Tag\nSentence: 1,Ada,NNP,B-per\n,lives,VBZ,O\n" * 1
    rows = json.loads(catalogue.CATALOGUE.read_text(encoding="utf-8"))
    [file] = rows["corpora"][1]["files"]
    file |= {"bytes": len(table), "sha256": hashlib.sha256(table).hexdigest()}
    (tmp_path / "catalogue.json").write_text(json.dumps(rows), encoding="utf-8")
    monkeypatch.setattr(catalogue, "CATALOGUE", tmp_path / "catalogue.json")
    return table, tmp_path / "home/corpora"


def zipped(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()


def test_what_is_behind_a_login_is_explained(tmp_path):
    with pytest.raises(FetchError, match=r"asks for a login.*Press Download.*archive.zip.*kaggle.com") as raised:
        list(fetch(find("gmb"), tmp_path))
    assert str(tmp_path / "gmb") in str(raised.value)


def test_the_archive_is_taken_as_it_comes(little_gmb):
    table, cache = little_gmb
    archive = zipped(**{"ner.csv": b"something else", "ner_dataset.csv": table})
    entry, file = take(archive, cache)
    assert (entry.name, file.name) == ("gmb", "ner_dataset.csv")
    corpus = load_fetched("gmb", cache)
    assert (corpus.name, corpus.labels, len(corpus.sentences)) == ("GMB", ("per",), 1)


def test_the_bare_file_is_taken_and_another_one_is_not(little_gmb):
    table, cache = little_gmb
    assert take(table.lower(), cache) is None and identify(b"") is None
    assert not cache.exists()
    assert take(table, cache)


@pytest.mark.parametrize("name", ["archive.zip", "ner_dataset.csv", "ner_dataset (1).csv"])
def test_what_lies_in_the_folder_is_taken(little_gmb, name):
    table, cache = little_gmb
    (cache / "gmb").mkdir(parents=True)
    (cache / "gmb" / name).write_bytes(zipped(**{"ner_dataset.csv": table}))
    (cache / "gmb/notes.zip").write_bytes(b"PK\x03\x04 no archive")
    list(fetch(find("gmb"), cache))
    assert not missing(find("gmb"), cache)


def test_a_corpus_that_is_not_here_says_how_to_get_it(tmp_path):
    with pytest.raises(FetchError, match=r"GMB is not here yet .*python -m ner_core catalogue gmb"):
        load_fetched("gmb", tmp_path)


@pytest.mark.skipif(not REAL.exists(), reason="the real corpora are not here")
def test_wnut_17_is_read_from_the_cache_in_its_own_parts(tmp_path):
    for path in (REAL / "wnut17").iterdir():
        assert take(path.read_bytes(), tmp_path)
    corpus = load_fetched("wnut-17", tmp_path)
    assert [len(corpus.part(part)) for part in ("train", "dev", "test")] == [3394, 1009, 1287]
    assert corpus.name == "WNUT-17" and corpus.has_given_parts


# --- the command line ----------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("NER_LAB_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_the_command_lists_what_there_is(home, capsys):
    assert main(["catalogue"]) == 0
    out = capsys.readouterr().out
    assert "wnut-17" in out and "0.8 MB" in out and "CC BY 4.0" in out and "by hand" in out
    assert main(["catalogue", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["corpora"]
    assert [(row["name"], row["is_here"]) for row in rows] == [("wnut-17", False), ("gmb", False), ("bc5cdr", False)]
    assert not home.exists()


def test_the_command_fetches_and_other_commands_accept_the_name(home, monkeypatch, capsys):
    with FaultyServer(serve(DATA)) as server:
        entry = corpus_at(server.url)
        monkeypatch.setattr(catalogue, "entries", lambda: (entry,))
        assert main(["corpus", "wnut-17"]) == 2
        assert "not here yet" in capsys.readouterr().err
        assert not server.ranges, "something was fetched unasked"
        assert main(["catalogue", "wnut-17"]) == 0
        told = capsys.readouterr()
        assert "100 %" in told.err and "WNUT-17 is here" in told.err and not told.out
        assert main(["corpus", "wnut-17", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["sentences"] == 8000
        server.faults = [refuse(404)]
        (home / "corpora/wnut-17/test.conll").unlink()
        assert main(["catalogue", "wnut-17"]) == 2
        assert "404" in capsys.readouterr().err


def test_the_command_takes_a_file_got_by_hand(little_gmb, home, tmp_path, capsys):
    table, _ = little_gmb
    (tmp_path / "archive.zip").write_bytes(zipped(**{"ner_dataset.csv": table}))
    assert main(["catalogue", "gmb", "--file", str(tmp_path / "archive.zip")]) == 0
    assert "This is the known file ner_dataset.csv" in capsys.readouterr().err
    assert main(["corpus", "gmb", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "GMB"
    (tmp_path / "mine.csv").write_bytes(table.lower())
    assert main(["catalogue", "gmb", "--file", str(tmp_path / "mine.csv")]) == 2
    assert "It can be used all the same: give" in capsys.readouterr().err
    assert main(["catalogue", "--file", str(tmp_path / "mine.csv")]) == 2


# --- nothing unasked -------------------------------------------------------------------------------------


def test_importing_the_book_and_reading_the_list_opens_no_connection():
    code = (
        "import socket\n"
        "def never(*_, **__): raise SystemExit('a connection was opened')\n"
        "socket.socket.connect = socket.create_connection = socket.getaddrinfo = never\n"
        "import ner_core.data.catalogue as catalogue, pathlib\n"
        "from ner_core.__main__ import main\n"
        "main(['catalogue']); main(['corpus', 'wnut-17']); catalogue.missing(catalogue.find('gmb'), pathlib.Path('x'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
