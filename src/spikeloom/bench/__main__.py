"""``python -m spikeloom.bench [NAME …]``: the rows whose names contain one of the words; all if
there are none."""

from __future__ import annotations

import argparse
import json
import sys
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

    def wanted(name: str) -> bool:
        return not arguments.only or any(word in name for word in arguments.only)

    for name in filter(wanted, (*BUILDS, *PROGRAMS)):
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


if __name__ == "__main__":
    main()
