"""`holdfast sampler check`, `audit` and `evidence`: one answer, and an exit code."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import msgspec

from da_node.client.addresses import node_urls
from da_node.coding import BlobId, Header
from da_node.service import (
    BadConfiguration,
    HoldfastError,
    NotFound,
    Output,
    parse_seconds,
    printable,
    table,
    with_output,
)
from da_node.service.kzg_pool import KzgPool
from sampler.checking import Audited, Checker, checking
from sampler.cli.evidence import evidence_text
from sampler.committees import Committees
from sampler.conclusion import Finding
from sampler.confidence import Rule, item_bytes
from sampler.judging import Policy
from sampler.settings import SamplerSettings
from sampler.signing import SigningKey, signing_key
from sampler.state import State

EXIT_CODES: Final = {Finding.AVAILABLE: 0, Finding.WITHHELD: 10, Finding.INCONCLUSIVE: 11}
EXIT_UNSOUND: Final = 10
"""Of an audit: the member does not serve what it says, or what it signed for."""

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


class _BlobId(click.ParamType[BlobId]):
    name = "id"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> BlobId:
        try:
            return BlobId.from_hex(value)
        except HoldfastError as error:
            self.fail(str(error), param, ctx)


def _reaching(command: F) -> F:
    """Options of commands that ask nodes and members."""
    for option in reversed(
        (
            click.option(
                "--node",
                "nodes",
                multiple=True,
                envvar="HOLDFAST_NODE",
                default=("http://127.0.0.1:8800",),
                show_default=True,
                metavar="URL",
                help="Node to learn headers and certificates from; may be given several times.",
            ),
            click.option(
                "--keyset",
                "keysets",
                multiple=True,
                metavar="FILE",
                help="File of a keyset that is followed; may be given several times.",
            ),
            click.option(
                "--keyset-hash",
                "hashes",
                multiple=True,
                metavar="HASH",
                help="Hash of one that the nodes are asked for.",
            ),
        )
    ):
        command = option(command)
    return command


@click.command("check")
@click.argument("blob_id", metavar="ID", type=_BlobId())
@_reaching
@click.option("--strict", is_flag=True, help="Trust nobody, a valid certificate included.")
@click.option("--error", default="1e-6", show_default=True, help="Chance of a wrong `available`.")
@click.option("--deadline", default="15s", show_default=True, metavar="TIME")
@click.option("--together", is_flag=True, help="One request for all that is asked of one member.")
@click.option("--chain-id", type=click.IntRange(0), default=1, show_default=True)
@click.option(
    "--keystore", type=click.Path(path_type=Path), help="Key that the verdict is signed with."
)
@click.option("--password-file", type=click.Path(path_type=Path), help="Of the keystore.")
@click.option("--evidence", "shows_evidence", is_flag=True, help="Show what the verdict rests on.")
@with_output
def check_command(
    output: Output,
    blob_id: BlobId,
    nodes: tuple[str, ...],
    keysets: tuple[str, ...],
    hashes: tuple[str, ...],
    strict: bool,
    error: str,
    deadline: str,
    together: bool,
    chain_id: int,
    keystore: Path | None,
    password_file: Path | None,
    shows_evidence: bool,
) -> None:
    """Sample the blob ID once, and say whether it is there.

    Exit codes: 0 available, 10 withheld, 11 inconclusive, 1 failed, 2 wrong usage.
    """
    settings = SamplerSettings(
        feeds=",".join(nodes),
        keysets=",".join(keysets),
        keyset_hashes=",".join(hashes),
        wanted_error=error,
        deadline_s=_seconds(deadline),
        together=together,
        chain_id=chain_id,
        keystore=keystore,
        password_file=password_file,
    )
    settings.check()
    judgement = _run(settings, lambda checker: checker.check(blob_id, is_strict=strict))
    document = msgspec.json.decode(judgement.document)
    evidence = msgspec.json.decode(judgement.evidence)
    lines = [printable(f"{document['finding']}: {document['reason']}")]
    figure = float(judgement.verdict.error)
    if judgement.verdict.finding is not Finding.INCONCLUSIVE:
        lines.append(f"wrong with a chance of at most {figure:.3g}")
    verdict = judgement.verdict
    unit = evidence["unit"]
    header = Header.parse_trusted(bytes.fromhex(evidence["header"].removeprefix("0x")), blob_id)
    held_bytes = verdict.held * item_bytes(verdict.unit, header.row_count)
    lines.append(
        f"{verdict.held} of {verdict.asked} {unit} held ({evidence['rule']}): "
        f"{held_bytes:,} bytes, {100 * held_bytes / header.payload_length:.1f} % of the payload, "
        f"in {judgement.elapsed_s:.2f} s"
    )
    if verdict.rule is Rule.STRICT and not strict:
        output.note(_why_strict(settings))
    if shows_evidence:
        lines += ["", evidence_text(evidence)]
        document["evidence"] = evidence
    output.result(document, "\n".join(lines))
    raise click.exceptions.Exit(EXIT_CODES[judgement.verdict.finding])


@click.command("audit")
@click.argument("member", metavar="MEMBER")
@_reaching
@click.option("--blobs", type=click.IntRange(1, 1000), default=20, show_default=True)
@with_output
def audit_command(
    output: Output,
    member: str,
    nodes: tuple[str, ...],
    keysets: tuple[str, ...],
    hashes: tuple[str, ...],
    blobs: int,
) -> None:
    """Compare what MEMBER says it keeps, and signed for, with what it serves.

    MEMBER is its address, or its name in a keyset that is given by --keyset. Looks at the latest
    blobs of its feed, and asks for random points of each. Exit codes: 0 it serves everything asked
    for, 10 it does not, 1 failed, 2 wrong usage.
    """
    settings = SamplerSettings(
        feeds=",".join(nodes), keysets=",".join(keysets), keyset_hashes=",".join(hashes)
    )
    settings.check()
    url = _address(member, settings)
    found = _run(settings, lambda checker: checker.audit(url, blobs))
    if not found:
        raise NotFound(what="blob in the feed of", value=url)
    rows = [
        [
            one.blob_id.hex0x,
            str(len(one.says)),
            str(len(one.promised)),
            str(len(one.lacking)),
            f"{sum(n for o, n in one.outcomes.items() if o.value == 'held')} of {one.asked}",
            ", ".join(f"{n} {o.value}" for o, n in one.outcomes.items() if o.value != "held"),
        ]
        for one in found
    ]
    headings = ("BLOB", "SAYS", "SIGNED FOR", "LACKS", "SERVED", "NOT SERVED")
    is_sound = all(one.is_sound for one in found)
    output.result(
        {"member": url, "sound": is_sound, "blobs": [_audited(one) for one in found]},
        table(*headings, rows=rows),
    )
    if not is_sound:
        raise click.exceptions.Exit(EXIT_UNSOUND)


@click.command("evidence")
@click.argument("blob_id", metavar="ID", type=_BlobId())
@click.option(
    "--directory",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    default=Path("holdfast-sampler"),
    show_default=True,
    envvar="HOLDFAST_SAMPLER_DIRECTORY",
    help="The sampler's, which may be running.",
)
@with_output
def evidence_command(output: Output, blob_id: BlobId, directory: Path) -> None:
    """Print what the latest verdict on the blob ID rests on: by member, and every question.

    Exit codes: 0 printed, 1 there is none, 2 wrong usage.
    """
    state = State.view(directory)
    try:
        evidence, stored = state.evidence(blob_id), state.verdict(blob_id)
    finally:
        state.close()
    if evidence is None or stored is None:
        raise NotFound(what="verdict on blob", value=blob_id.hex0x)
    document = msgspec.json.decode(evidence)
    verdict = msgspec.json.decode(stored.document)
    output.result({"verdict": verdict, "evidence": document}, evidence_text(document))


def _run(settings: SamplerSettings, work: Callable[[Checker], Awaitable[T]]) -> T:
    with signing_key(settings) as key:
        return _run_with(settings, key, work)


def _run_with(
    settings: SamplerSettings, key: SigningKey | None, work: Callable[[Checker], Awaitable[T]]
) -> T:
    committees = Committees.read(settings.keyset_files, settings.pinned)
    policy = Policy(
        wanted=settings.wanted,
        patience=settings.patience,
        together=settings.together,
        most_items=settings.most_items,
        chain_id=settings.chain_id,
        key=key,
    )
    kzg = KzgPool(1, proves=False)

    async def run() -> T:
        async with checking(
            policy, committees, settings.feed_urls, kzg, connections=settings.connections
        ) as checker:
            await asyncio.to_thread(kzg.warm)
            return await work(checker)

    try:
        return asyncio.run(run())
    finally:
        kzg.close()


def _address(member: str, settings: SamplerSettings) -> str:
    for committee in Committees.read(settings.keyset_files).all:
        for one in committee.members:
            if one.name == member:
                return one.url
    (url,) = node_urls(member)
    return url


def _audited(one: Audited) -> dict[str, Any]:
    return {
        "blob_id": one.blob_id.hex0x,
        "label": one.label,
        "says": sorted(one.says),
        "signed_for": sorted(one.promised),
        "lacks": sorted(one.lacking),
        "asked": one.asked,
        "outcomes": {outcome.value: count for outcome, count in one.outcomes.items()},
        "sound": one.is_sound,
    }


def _why_strict(settings: SamplerSettings) -> str:
    """Why nobody's certificate was of use."""
    if settings.keyset_files or settings.pinned:
        return "no valid certificate under the keysets given: are they this network's?"
    return "no keyset is given, so no certificate counts, and the nodes alone were asked"


def _seconds(text: str) -> float:
    try:
        return parse_seconds(text)
    except ValueError as error:
        raise BadConfiguration(
            source="command line", name="--deadline", reason=str(error)
        ) from None
