"""`holdfast bridge govern`: what only the owner may do, through its timelock."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import click

from bridge_client.cli.session import EXIT_NOT_YET, Session, bridge_command
from bridge_client.cli.tokens import escrow_of
from bridge_client.contract import Contract
from bridge_client.deploying import register
from bridge_client.governing import Owner
from bridge_client.sending import Sender
from committee.secp256k1 import Address
from da_node.service import Output


@dataclass(frozen=True)
class _Step:
    """One call that the owner makes."""

    contract: Contract
    function: str
    arguments: tuple[Any, ...] = ()


_Plan = Callable[[Session, Sender, str | None], Awaitable[Sequence[_Step]]]


def _address(value: str | None) -> bytes:
    if value is None:
        raise click.UsageError("this act needs an address")
    return bytes(Address.from_hex(value))


def _at_registry(function: str) -> _Plan:
    async def plan(session: Session, sender: Sender, value: str | None) -> Sequence[_Step]:
        registry = (await session.settlement()).registry
        return [_Step(registry, function, (_address(value),))]

    return plan


def _at_settlement(is_allowed: bool) -> _Plan:
    async def plan(session: Session, sender: Sender, value: str | None) -> Sequence[_Step]:
        contract = (await session.settlement()).contract
        return [_Step(contract, "setSequencer", (_address(value), is_allowed))]

    return plan


def _at_bridge(function: str) -> _Plan:
    async def plan(session: Session, sender: Sender, value: str | None) -> Sequence[_Step]:
        return [_Step(escrow_of(session).contract, function, (_address(value),))]

    return plan


async def _guard(session: Session, sender: Sender, value: str | None) -> Sequence[_Step]:
    verifier = (await session.settlement()).verifier
    return [_Step(verifier, "setGuardian", (_address(value),))]


async def _enable(session: Session, sender: Sender, value: str | None) -> Sequence[_Step]:
    verifier = (await session.settlement()).verifier
    steps = []
    for keyset in await asyncio.to_thread(session.keysets):
        await register(sender, verifier, keyset, "register", verifier.address.hex0x)
        steps.append(_Step(verifier, "enableKeyset", (bytes(keyset.hash),)))
    return steps


async def _unpause(session: Session, sender: Sender, value: str | None) -> Sequence[_Step]:
    """The contract's function toggles: it must not pause a bridge that runs."""
    escrow = escrow_of(session)
    return [_Step(escrow.contract, "togglePauseState")] if await escrow.is_paused() else []


_ACTS: Final[dict[str, _Plan]] = {
    "admit": _at_registry("admit"),
    "expel": _at_registry("retire"),
    "allow": _at_settlement(True),
    "bar": _at_settlement(False),
    "enable": _enable,
    "guard": _guard,
    "appoint": _at_bridge("setWithdrawalSigner"),
    "bridge-guard": _at_bridge("setGuardian"),
    "unpause": _unpause,
}


@click.command("govern")
@click.argument("act", type=click.Choice(list(_ACTS)))
@click.argument("value", required=False)
@click.option("--key", default="1", show_default=True, help="Another one does the same once more.")
@click.option("--cancel", is_flag=True, help="Take back what is scheduled.")
@bridge_command
async def govern_command(
    session: Session, output: Output, act: str, value: str | None, key: str, cancel: bool
) -> None:
    """Do what only the owner may do: at once where the account owns, else by its timelock.

    admit, expel SAMPLER; allow, bar SEQUENCER; enable (--keysets, which are registered first);
    guard ADDRESS (the verifier's guardian); and at the bridge: appoint SIGNER, bridge-guard
    ADDRESS, unpause. Behind a timelock the act is scheduled, and the same command carries it out
    after the delay. Exit codes: 0 done, 11 scheduled, or not confirmed in time, 1 refused, 2 wrong
    usage.
    """
    sender = await session.sender()
    salt = hashlib.sha256(key.encode()).digest()
    waiting: list[int] = []
    for step in await _ACTS[act](session, sender, value):
        owner = await Owner.of(step.contract)
        named = f"govern {step.contract.address.hex0x} {key}"

        def purpose(*what: object, named: str = named) -> str:
            return " ".join(map(str, (named, *what)))

        do = owner.take_back if cancel else owner.act
        given = (purpose, step.contract, step.function, *step.arguments)
        free = await do(sender, *given, salt=salt)
        if free is not None:
            waiting.append(free)
    until = max(waiting, default=None)
    done = "taken back" if cancel else "done"
    text = done if until is None else f"scheduled; give the same command again after {until}"
    output.result({"act": act, "value": value, "waiting_until": until}, text)
    if until is not None:
        raise click.exceptions.Exit(EXIT_NOT_YET)
