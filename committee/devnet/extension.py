"""What the committee adds to `holdfast devnet`: its parts, its options, and its tables."""

from __future__ import annotations

from typing import Final

import click

from committee.devnet.founding import Founding, found
from committee.devnet.observer import CommitteeObserver
from committee.devnet.parts import DISPERSER, FAULT_PROXY, committee_parts, member_name
from committee.devnet.shape import Shape
from committee.parameters import MAX_MEMBERS
from da_node.service.network.extension import Contribution, Extension, Ground


def _contribute(ground: Ground) -> Contribution:
    options, ports = ground.options, ground.ports
    shape = Shape(
        members=options["members"],
        faults=options["faults"],
        threshold=options["threshold"],
        columns_per_member=options["columns_per_member"],
    ).complete()
    ports.of(DISPERSER)  # the first port is the one that people type
    urls = [f"http://127.0.0.1:{ports.of(member_name(i))}" for i in range(shape.members)]
    founding = found(ground.directory, shape, urls)
    parts = list(
        committee_parts(
            ground.directory,
            founding,
            ports,
            ground.more,
            fault_proxy=options["fault_proxy"],
        )
    )
    control = ports.of(FAULT_PROXY) if options["fault_proxy"] else None
    return Contribution(
        parts=parts,
        usage=_usage(ground, founding, control),
        observe=lambda network: CommitteeObserver(network, founding.committee),
    )


def _usage(ground: Ground, founding: Founding, control: int | None) -> list[str]:
    keyset = founding.committee.keyset
    disperser = f"http://127.0.0.1:{ground.ports.of(DISPERSER)}"
    members = " ".join(member.url for member in founding.committee.members)
    lines = [
        f"{keyset.size} members, of which {keyset.faults} may be dishonest; "
        f"{keyset.threshold} signatures certify a blob. In another terminal:",
        "",
        f"  export HOLDFAST_NODE={disperser}",
        "  holdfast put FILE                 # prints the id, once it is certified",
        "  holdfast get ID -o COPY           # through the disperser",
        f'  HOLDFAST_NODE="{members}" holdfast get ID -o COPY   # without it',
        f"  holdfast committee status --keyset {founding.keyset}",
        f"  holdfast member run --config {ground.directory}/member-0/settings.toml"
        "   # where it has ended",
    ]
    if control is not None:
        front = f"http://127.0.0.1:{control}/v1/fronts/member-0"
        lines.append(f"""  curl -X PUT {front} -d '[{{"fault": "delay", "seconds": 5}}]'""")
        lines.append(f"  curl -X PUT {front} -d '[]'   # healed")
    return [*lines, "", f"Logs: {ground.directory}/*/log"]


EXTENSION: Final = Extension(
    options=(
        click.Option(
            ["--members"],
            type=click.IntRange(1, MAX_MEMBERS),
            default=4,
            show_default=True,
            help="How many members; each is a process of 100 MB and another of 60.",
        ),
        click.Option(
            ["--faults"], type=int, default=1, show_default=True, help="Of them may be dishonest."
        ),
        click.Option(
            ["--threshold"], type=int, help="Signers of a certificate; members − faults if absent."
        ),
        click.Option(
            ["--columns-per-member"],
            type=int,
            help="Length of the arcs; the shortest that is safe if absent.",
        ),
        click.Option(
            ["--fault-proxy"],
            is_flag=True,
            help="Put a proxy in front of each member that can make it slow, silent or false.",
        ),
    ),
    contribute=_contribute,
)
