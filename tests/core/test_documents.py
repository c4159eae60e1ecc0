"""What the documents tell people to type works, and what they point to exists."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs" / name).read_text(encoding="utf-8"), re.DOTALL)


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "NER_LAB_HOME": str(folder / "home"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240)


def test_the_python_lines_for_developers_run(tmp_path):
    [code] = blocks("developers.md", "python")
    done = run([sys.executable, "-W", "ignore", "-c", code], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "entity F1" in done.stdout and done.stdout.rstrip().endswith("]")


def test_the_shell_lines_for_developers_run(tmp_path):
    [code] = blocks("developers.md", "sh")
    done = run(["bash", "-euo", "pipefail", "-c", code], tmp_path)
    assert done.returncode == 0, done.stderr
    assert '"entities"' in done.stdout.splitlines()[-1]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_pictures_exist(path):
    for target in re.findall(r"\]\(([^)#]+)\)|src=\"([^\"]+)\"", path.read_text(encoding="utf-8")):
        target = next(filter(None, target))
        if not target.startswith(("http://", "https://")):
            assert (path.parent / target).exists(), f"{path.name} points to {target}"


def test_every_chapter_stands_in_the_architecture():
    from ner_core import CHAPTERS

    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for chapter in CHAPTERS:
        name = "data.formats.*" if chapter.startswith("data.formats.") else chapter
        assert f"`{name}`" in text, chapter
