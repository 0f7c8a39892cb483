"""The simulation's figures. The one door to matplotlib, which only they need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sampler.simulation.curves import Bytes, Detection, Restoring, Verdicts

_SIZE: Final = (7.0, 4.0)
_WIDE: Final = (8.5, 4.0)
_FEWEST_SEEN: Final = 5
"""Rates that rest on fewer sessions say too little to be shown."""
_FINDING_COLOURS: Final = {
    "available": "#2a7f62",
    "withheld": "#b3392f",
    "inconclusive": "#c9c9c9",
}


def save(
    directory: Path,
    kind: str,
    *,
    detection: Sequence[Detection],
    sizes: Bytes,
    verdicts: Mapping[str, Verdicts],
    restoring: Sequence[Restoring],
) -> list[Path]:
    """Write every figure as `kind` ("svg" or "png") into the directory, which exists."""
    with mpl.rc_context(
        {
            "font.size": 9,
            "axes.grid": True,
            "grid.alpha": 0.3,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "legend.frameon": False,
            "svg.hashsalt": "holdfast",  # the same data give the same bytes
        }
    ):
        figures = {
            "detection": _detection(detection),
            "bytes": _bytes(sizes),
            "verdicts": _verdicts(verdicts),
            "restoring": _restoring(restoring),
        }
        paths = []
        for name, figure in figures.items():
            path = directory / f"{name}.{kind}"
            metadata = {"Date": None} if kind == "svg" else {}
            figure.savefig(path, dpi=110, metadata=metadata)
            paths.append(path)
    return paths


def _figure(size: tuple[float, float], panels: int = 1) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=size, layout="constrained")
    return figure, list(figure.subplots(1, panels, squeeze=False)[0])


def _detection(detection: Sequence[Detection]) -> Figure:
    figure, (axes,) = _figure(_SIZE)
    for place, one in enumerate(detection):
        colour = f"C{place}"
        axes.plot(one.asked, one.theory, color=colour, label=one.label, linewidth=1.2)
        seen = [
            (asked, wrong / one.sessions, 2 * wrong**0.5 / one.sessions)
            for asked, wrong in zip(one.asked_measured, one.wrong, strict=True)
            if wrong >= _FEWEST_SEEN
        ]
        x, y, spread = zip(*seen, strict=True)
        axes.errorbar(x, y, spread, fmt="o", color=colour, markersize=3.5, linewidth=0.8)
    axes.axhline(1e-6, color="black", linewidth=0.8, linestyle=":")
    axes.text(1, 1.2e-6, "wanted error, undivided", fontsize=8)
    axes.set(
        yscale="log",
        ylim=(2e-8, 1.5),
        xlabel="samples asked, all held",
        ylabel="chance that the blob cannot be given back",
        title=f"Detection: lines are exact, dots are {detection[0].sessions:,} sessions each",
    )
    axes.legend()
    return figure


def _bytes(sizes: Bytes) -> Figure:
    figure, (axes,) = _figure(_SIZE)
    for label, values in sizes.series.items():
        style = {"payload": ":", "per-cell scheme, 18 columns": "--"}.get(label, "-")
        colour = "black" if style == ":" else None
        axes.plot(sizes.payload_bytes, values, style, label=label, linewidth=1.4, color=colour)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="payload",
        ylabel="bytes of answers",
        title="Bytes to reach an error of 10⁻⁶, everyone answering",
    )
    axes.set_xticks([10**4, 10**5, 2**20, 2**24, 124 * 2**20])
    axes.set_xticklabels(["10 kB", "100 kB", "1 MiB", "16 MiB", "124 MiB"])
    axes.set_yticks([10**power for power in range(4, 9)])
    axes.set_yticklabels(["10 kB", "100 kB", "1 MB", "10 MB", "100 MB"])
    axes.minorticks_off()
    axes.legend()
    return figure


def _verdicts(verdicts: Mapping[str, Verdicts]) -> Figure:
    figure, panels = _figure(_WIDE, len(verdicts))
    for axes, (title, one) in zip(panels, verdicts.items(), strict=True):
        floor = [0.0] * len(one.silent)
        for finding, colour in _FINDING_COLOURS.items():
            shares = one.shares[finding]
            axes.bar(one.silent, shares, bottom=floor, color=colour, label=finding, width=0.85)
            floor = [below + share for below, share in zip(floor, shares, strict=True)]
        axes.axvline(one.faults + 0.5, color="black", linewidth=0.8, linestyle=":")
        axes.text(one.faults + 0.6, 1.015, f"faults = {one.faults}", fontsize=8)
        axes.set(xlabel="members silent, chosen at random", ylim=(0, 1.08))
        axes.set_xticks(one.silent[::2])
        axes.set_title(title, fontsize=9, pad=10)
        axes.grid(visible=False)
    panels[0].set_ylabel("share of sessions")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _restoring(restoring: Sequence[Restoring]) -> Figure:
    figure, (left, right) = _figure(_WIDE, 2)
    for place, one in enumerate(restoring):
        colour = f"C{place}"
        left.plot(one.samplers, one.restored, color=colour, label=one.label, linewidth=1.4)
        right.plot(one.askers, one.fooled, "o", color=colour, markersize=3)
        right.plot(one.askers, one.fooled_bound, color=colour, linewidth=1.2)
    left.set(
        xlabel="samplers that keep their points",
        ylabel="share of blobs restored",
        title="Samplers that restore a blob together",
    )
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    right.set(
        xlabel="samplers of the blob",
        ylabel="samplers satisfied",
        title="Servers that choose by asker: dots first come,\nlines bound on any choice (10⁻⁹)",
    )
    return figure
