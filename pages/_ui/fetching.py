"""Public corpora on their way here: one thread of the server a corpus, the same for all sessions.

Use: `fetching.start(entry)` when a person has asked for it; `fetching.now(entry)` -> Fetching or None.
It is a thread because nothing drawn in a dialog can interrupt a script run, and because a download goes on when the
person looks at another page. It makes no call to Streamlit; whoever draws looks at its numbers.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from ner_core.data.catalogue import Entry, fetch
from ner_core.records import UploadError
from pages._ui import loading

_all: dict[tuple[Path, str], Fetching] = {}
_lock = threading.Lock()


class Fetching:
    """One download: how far it is, and what went wrong ("" as long as nothing did)."""

    def __init__(self, entry: Entry, cache: Path):
        self.done, self.total, self.problem = 0, entry.n_bytes, ""
        self._is_told_to_stop = False
        self._thread = threading.Thread(target=self._work, args=(entry, cache), name=f"fetch {entry.name}", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        """End after the block that is on its way; what came is kept."""
        self._is_told_to_stop = True

    def wait(self, seconds: float) -> None:
        """Return when it has ended, or after so long."""
        self._thread.join(seconds)

    def _work(self, entry: Entry, cache: Path) -> None:
        steps = fetch(entry, cache)
        try:
            for step in steps:
                self.done = step.done
                if self._is_told_to_stop:
                    break
        except UploadError as problem:
            self.problem = str(problem)
        except Exception as problem:
            logging.getLogger(__name__).exception("fetching %s", entry.name)
            self.problem = f"{entry.title} cannot be fetched: something nobody foresaw ({type(problem).__name__})."
        finally:
            steps.close()


def start(entry: Entry) -> None:
    """Fetch it, unless that goes on already."""
    key = (loading.cache(), entry.name)
    with _lock:
        if key not in _all or not _all[key].is_running:
            _all[key] = Fetching(entry, key[0])


def now(entry: Entry) -> Fetching | None:
    """The download that goes on, or the last there was."""
    return _all.get((loading.cache(), entry.name))
