"""A report as a picture: what bounds its cycles, what it takes of the device, the time it took."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikeloom.flow.report import read_report
from spikeloom.hls_model.errors import ArtefactError, ToolError
from spikeloom.hls_model.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FORMATS", "plot_report"]

FORMATS = (".svg", ".png", ".pdf")
_PANEL = (7.0, 2.6)
"""Inches of one panel."""

_LEGEND: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1, 1), "fontsize": "small"}


def plot_report(folder: Path | str, file: Path | str | None = None) -> Path:
    """Draw the report in ``folder`` and return the picture's path.

    Parameters
    ----------
    file : where to; its suffix is the format. By default ``report.svg`` in ``folder``.

    Raises
    ------
    ArtefactError
        If there is no report, nothing in it can be drawn yet, or the format is unknown.
    ToolError
        If Matplotlib is not installed.
    """
    folder = Path(folder)
    path = folder / "report.svg" if file is None else Path(file)
    if path.suffix not in FORMATS:
        raise ArtefactError(f"a plot must end in {', '.join(FORMATS)}, not {path.name!r}")
    report = read_report(folder)
    panels = list(_panels(report))
    if not panels:
        raise ArtefactError(
            f"{folder} holds no figures to draw yet; run `spikeloom cosim {folder}` first"
        )
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ToolError(
            "plots need Matplotlib, which is not installed; `pip install spikeloom[plot]`"
        ) from None
    width, height = _PANEL
    figure = Figure((width, height * len(panels)), layout="constrained")
    for axes, draw in zip(figure.subplots(len(panels), squeeze=False)[:, 0], panels, strict=True):
        draw(axes, report)
        axes.spines[["top", "right"]].set_visible(False)
    with write_atomically(path) as out:
        figure.savefig(out, format=path.suffix[1:])
    return path


def _panels(report: dict[str, Any]) -> Iterator[Callable[[Axes, dict[str, Any]], None]]:
    if report["roofline"]:
        yield _cycles
    if report["resources"]:
        yield _resources
    if report["seconds"]:
        yield _seconds


def _cycles(axes: Axes, report: dict[str, Any]) -> None:
    """Per core the cycles of its weight memory and of its sweeps, beside what was reached."""
    roofline = report["roofline"]
    cores = roofline["cores"][::-1]
    names = [core["population"] for core in cores]
    memory = [core["memory"] for core in cores]
    axes.barh(names, memory, label="weight memory")
    axes.barh(names, [core["sweep"] for core in cores], left=memory, label="sweeps")
    axes.axvline(roofline["cycles"], color="black", label=f"measured, {roofline['cycles']:,.0f}")
    expected = (report["estimate"] or {}).get("cycles_per_sample")
    if expected is not None:
        axes.axvline(expected, color="black", linestyle=":", label=f"estimated, {expected:,.0f}")
    axes.set_xlabel("cycles per sample")
    axes.set_title(f"Bound by the {roofline['limit']}")
    axes.legend(**_LEGEND)


def _resources(axes: Axes, report: dict[str, Any]) -> None:
    """Parts of the device in use, with what was estimated as dots."""
    resources, estimate = report["resources"], report["estimate"] or {}
    kinds = [
        name
        for name, figures in resources.items()
        if isinstance(figures, dict) and figures["available"]
    ][::-1]
    parts = [100 * resources[k]["used"] / resources[k]["available"] for k in kinds]
    bars = axes.barh(kinds, parts)
    axes.bar_label(bars, [f"{resources[k]['used']:,}" for k in kinds], padding=4)
    known = [k for k in kinds if estimate.get(k) is not None]
    axes.plot(
        [100 * estimate[k] / resources[k]["available"] for k in known],
        known,
        "ko",
        markersize=4,
        label="estimated",
    )
    axes.set_xlim(0, 110)
    axes.set_xlabel("% in use")
    axes.set_title(f"{resources['device']} at {report['timing']['clock_mhz']:.1f} MHz")
    axes.legend(**_LEGEND)


def _seconds(axes: Axes, report: dict[str, Any]) -> None:
    seconds = report["seconds"]
    names = list(seconds)[::-1]
    axes.bar_label(axes.barh(names, [seconds[n] for n in names]), fmt="%.1f", padding=4)
    axes.set_xlabel("seconds")
    axes.set_title("Stages")
    axes.margins(x=0.12)
