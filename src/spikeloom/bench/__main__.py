"""``python -m spikeloom.bench [NAME …]``: the rows so called, or else those whose names contain the
word; all if there are none."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spikeloom.bench.builds import BUILDS, measure
from spikeloom.bench.page import write_page
from spikeloom.bench.programs import PROGRAMS
from spikeloom.flow.files import write_json
from spikeloom.hls_model.errors import SpikeloomError


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m spikeloom.bench", description=__doc__)
    parser.add_argument("only", nargs="*", metavar="NAME", help="mnist, hx8k-evn, reference, …")
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    parser.add_argument("--page", type=Path, default=Path("docs/benchmarks.md"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="of nextpnr")
    arguments = parser.parse_args()
    file = arguments.out / "benchmarks.json"
    results: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    failed = False

    for name in _chosen((*BUILDS, *PROGRAMS), arguments.only):
        print(name, file=sys.stderr, flush=True)
        try:
            if name in BUILDS:
                results[name] = measure(BUILDS[name], arguments.out, arguments.seeds)
            else:
                results[name] = PROGRAMS[name]()
        except (SpikeloomError, ImportError) as error:
            failed = True
            results[name] = {"error": str(error)}
            print(error, file=sys.stderr)
        write_json(file, results)
        write_page(results, arguments.page)
    sys.exit(failed)


def _chosen(rows: Sequence[str], words: Sequence[str]) -> list[str]:
    def is_meant(row: str, word: str) -> bool:
        return row == word or (word not in rows and word in row)

    return [row for row in rows if not words or any(is_meant(row, word) for word in words)]


if __name__ == "__main__":
    main()
