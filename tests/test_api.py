"""The public names, and that they cost nothing until they are used."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import spikeloom


@pytest.mark.parametrize("name", spikeloom.__all__)
def test_every_public_name_is_there(name):
    assert getattr(spikeloom, name) is not None
    assert name in dir(spikeloom)


@pytest.mark.parametrize("name", ["boards", "flow", "hls_model", "quant", "rtl", "sim"])
def test_packages_are_attributes(name):
    assert getattr(spikeloom, name).__name__ == f"spikeloom.{name}"


def test_unknown_names():
    with pytest.raises(AttributeError, match="module 'spikeloom' has no attribute 'simulat'"):
        getattr(spikeloom, "simulat")  # noqa: B009


def test_what_type_checkers_see_is_what_there_is():
    tree = ast.parse(Path(spikeloom.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name for node in block.body if isinstance(node, ast.ImportFrom)
            for alias in node.names}  # fmt: skip
    assert seen | {"__version__"} == set(spikeloom.__all__)


def test_errors():
    assert issubclass(spikeloom.errors.FitError, spikeloom.errors.SpikeloomError)
