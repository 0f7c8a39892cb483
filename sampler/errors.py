"""The sampler's errors, under the roots of Holdfast's one tree (`da_node.errors`).

Unavailable
└── NothingToSample         503  the members that are not known to be silent keep too little
"""

from __future__ import annotations

from dataclasses import dataclass

from da_node.service import Unavailable


@dataclass(eq=False, kw_only=True)
class NothingToSample(Unavailable):
    """Too few columns are left to give any blob back, so no sample of them says anything."""

    code = "nothing_to_sample"
    template = (
        "without the members that are expected to be silent {columns} columns are left; "
        "{needed} are needed"
    )
    columns: int
    needed: int
