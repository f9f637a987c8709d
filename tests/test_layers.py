"""Nothing imports upwards: hls_model < quant, rtl < sim, boards < flow < cli, bench."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "src" / "spikeloom"
BELOW = {
    "hls_model": set(),
    "quant": {"hls_model"},
    "rtl": {"hls_model"},
    "sim": {"hls_model", "rtl"},
    "boards": {"hls_model", "rtl"},
    "flow": {"hls_model", "quant", "rtl", "sim", "boards"},
    "cli": {"hls_model", "quant", "rtl", "sim", "boards", "flow"},
    "bench": {"hls_model", "quant", "rtl", "sim", "boards", "flow"},
}


def imports(path: Path) -> Iterator[str]:
    """Full names of everything that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("package", BELOW)
def test_no_import_goes_upwards(package):
    allowed = {package, *BELOW[package]}
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for name in imports(path)
        if name.startswith("spikeloom.") and name.split(".")[1] not in allowed | {"__version__"}
    ]
    assert wrong == []


def test_packages_use_no_umbrella():
    """``import spikeloom`` alone would reach everything through its lazy attributes."""
    wrong = [
        str(path.relative_to(ROOT))
        for package in BELOW
        if package != "cli"
        for path in (ROOT / package).rglob("*.py")
        if "spikeloom" in imports(path)
    ]
    assert wrong == []


def test_hls_model_needs_numpy_and_its_one_compiled_loop():
    names = {
        name.split(".")[0] for path in (ROOT / "hls_model").rglob("*.py") for name in imports(path)
    }
    assert names - set(sys.stdlib_module_names) == {"numba", "numpy", "spikeloom"}
    numba = [p.name for p in (ROOT / "hls_model").rglob("*.py") if "numba" in imports(p)]
    assert numba == ["spike_sums.py"]


def test_every_package_is_ordered():
    found = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()}
    assert found == set(BELOW)
