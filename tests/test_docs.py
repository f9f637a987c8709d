"""The pages' Python examples run, their links lead somewhere, and their tables tell the truth."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def examples(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def digits(tmp_path, monkeypatch):
    """A folder with the digits' checkpoint and samples, as the pages assume."""
    pytest.importorskip("sklearn")
    out = ["--out", str(tmp_path / "digits.npz"), "--limit", "32"]
    subprocess.run(
        [sys.executable, "-m", "examples.digits.samples", *out],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    shutil.copy(ROOT / "examples" / "digits" / "digits.nir", tmp_path)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("page", [p for p in PAGES if examples(p)], ids=lambda p: p.name)
def test_python_examples_run(page, digits, monkeypatch):
    """A page's examples are one program."""
    module = type(sys)("example")
    # Dataclasses look their module up.
    monkeypatch.setitem(sys.modules, "example", module)
    for source in examples(page):
        exec(compile(source, str(page), "exec"), vars(module))


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        if target.startswith("https:"):
            continue
        name, _, anchor = target.partition("#")
        linked = page.parent / name if name else page
        assert linked.exists(), target
        headings = re.findall(r"^#+ (.*)$", linked.read_text(), re.MULTILINE)
        slugs = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}
        assert not anchor or anchor in slugs, target


def test_board_table():
    from spikeloom.boards import BOARDS

    text = (ROOT / "README.md").read_text()
    rows = re.findall(r"^\| `(\w[\w-]+)` \| (.*) \|$", text, re.MULTILINE)
    assert [name for name, _ in rows] == list(BOARDS)
    for name, row in rows:
        board = BOARDS[name]
        title, device, lut4, bram, programmer = row.split(" | ")
        assert (title, device, programmer) == (
            board.title,
            board.device.name,
            board.programmer.tool,
        )
        assert lut4 == f"{board.device.lut4:,}"
        ram = board.device.bram
        assert bram.startswith(f"{ram.count} × {ram.bits / 1024:g} Kb")


def test_commands_are_described():
    from spikeloom.flow import STAGES

    text = (ROOT / "docs" / "reference.md").read_text()
    for command in (*STAGES, "explain", "build", "flash", "boards", "doctor"):
        assert f"\nspikeloom {command}" in text


def test_report_keys_are_described(tmp_path):
    from spikeloom.flow.report import write_report

    text = (ROOT / "docs" / "reference.md").read_text()
    for key in write_report(tmp_path, {}):
        assert f"| `{key}` |" in text


def test_public_names_are_described():
    import spikeloom

    described = set(re.findall(r"\w+", (ROOT / "docs" / "reference.md").read_text()))
    missing = set(spikeloom.__all__) - described
    assert missing <= {"BOOL", "CONTRACT", "EVENTS", "Result", "__version__"}


def test_contract_page_has_the_version():
    from spikeloom.hls_model import CONTRACT

    assert (
        (ROOT / "docs" / "arithmetic.md")
        .read_text()
        .startswith(f"# The arithmetic contract, version {CONTRACT}\n")
    )
