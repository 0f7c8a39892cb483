"""A development chain with a settlement on it: anvil, the contracts with windows of seconds, and
samplers with their stake. For local networks and the demonstration; everything on loopback.

    GET /v1/deployment   what was deployed
    GET /healthz, /readyz
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from bridge_client.contract import Contract
from bridge_client.deploying import deploy
from bridge_client.errors import L1Unreachable, NotAsPlanned
from bridge_client.l1 import Chain, Endpoint
from bridge_client.life import Policy
from bridge_client.plans import Deployment, Plan
from bridge_client.sending import Sender, Waiting, opened
from bridge_client.transactions import created_by
from committee.keyset import VerifiedKeyset
from committee.secp256k1 import Address, EthereumKey
from da_node.service import logger
from da_node.service.http.answers import json_answer

CHAIN_ID: Final = 31_337
"""Anvil's own."""
LOOPBACK: Final = "127.0.0.1"
ETHER: Final = 10**18
BALANCE_WEI: Final = 1000 * ETHER
EXIT_DELAY_S: Final = 3600
POLL_S: Final = 0.2
"""Blocks come once a second."""
PATIENCE_S: Final = 120.0
MISSED: Final = 5
"""Questions in a row, a second apart, without an answer: then anvil is gone."""

_log = logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Windows:
    """The settlement's times, in seconds, and how many samplers it takes."""

    challenge_period_s: int
    response_window_s: int
    verdict_lifetime_s: int
    quorum: int


@dataclass(frozen=True, kw_only=True)
class Deploying:
    """What is put on the chain, and for whom."""

    directory: Path
    """Of the journal."""
    key: EthereumKey
    """Deploys, owns, and is the sequencer."""
    keysets: Sequence[VerifiedKeyset]
    samplers: Sequence[Address]
    """Are admitted, and their stake is paid."""
    accounts: Sequence[Address]
    """Are given ether."""
    windows: Windows


def settlement_of(sequencer: Address) -> Address:
    """Where the settlement of a chain lies that this account alone has deployed on: verifier and
    registry come before it. So whoever follows it can be told before it is there.
    """
    return created_by(sequencer, 2)


async def deployed(url: str, what: Deploying) -> Deployment:
    """The contracts, there already or put there now. Raises what deploying does, and NotAsPlanned
    where the settlement is not where `settlement_of` says.
    """
    async with Endpoint(url) as endpoint:
        for account in (what.key.address, *what.accounts):
            await endpoint.ask("anvil_setBalance", [account.hex0x, hex(BALANCE_WEI)])
        chain = Chain(endpoint.ask, endpoint.name)
        journal = await opened(what.directory, chain, CHAIN_ID)
        try:
            sender = Sender(
                chain,
                journal,
                chain_id=CHAIN_ID,
                key=what.key,
                policy=Policy(confirmations=1),
                waiting=Waiting(poll_s=POLL_S, bound_s=PATIENCE_S),
            )
            await sender.resume()
            made = await deploy(sender, _plan(what, sender.account), "devchain")
            registry = Contract(chain, made.samplers, "SamplerRegistry")
            for sampler in what.samplers:
                purpose = f"stake {sampler.hex0x}"
                await registry.send(sender, purpose, "stake", bytes(sampler), value=ETHER)
        finally:
            await journal.close()
    expected = settlement_of(what.key.address)
    if made.settlement != expected:
        raise NotAsPlanned(
            what="the settlement's address", value=made.settlement.hex0x, expected=expected.hex0x
        )
    return made


def _plan(what: Deploying, account: Address) -> Plan:
    windows = what.windows
    return Plan(
        keysets=tuple(what.keysets),
        sequencers=(account,),
        samplers=tuple(what.samplers),
        guardian=account,
        timelock_delay_s=0,
        challenge_period_s=windows.challenge_period_s,
        response_window_s=windows.response_window_s,
        margin_s=windows.response_window_s,
        verdict_lifetime_s=windows.verdict_lifetime_s,
        quorum=windows.quorum,
        objectors=windows.quorum,
        strict_only=False,
        proposal_bond_wei=ETHER,
        point_bond_wei=ETHER // 1000,
        row_bond_wei=ETHER // 10_000,
        forced_fee_wei=ETHER // 1000,
        stake_wei=ETHER,
        exit_delay_s=EXIT_DELAY_S,
    )


async def serve(url: str, what: Deploying, port: int, stop: asyncio.Event) -> None:
    """Deploy, and tell of it until `stop` is set. Raises as `deployed` does, L1Unreachable once
    the chain is gone, OSError where the port is taken.
    """
    told: dict[str, Any] = {}
    runner = web.AppRunner(_application(told), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, port).start()
        made = await deployed(url, what)
        told |= _document(url, made)
        _log.info("deployed", **told)
        await _while_there(url, stop)
    finally:
        await runner.cleanup()
    _log.info("stopped")


async def _while_there(url: str, stop: asyncio.Event) -> None:
    async with Endpoint(url) as endpoint:
        missed = 0
        while not stop.is_set():
            try:
                await endpoint.ask("eth_chainId", [])
                missed = 0
            except L1Unreachable:
                missed += 1
                if missed == MISSED:
                    raise
            try:
                await asyncio.wait_for(stop.wait(), 1)
            except TimeoutError:
                continue


def _document(url: str, made: Deployment) -> dict[str, Any]:
    document = {name: _shown(value) for name, value in asdict(made).items()}
    return {"rpc": url, "chain_id": CHAIN_ID, **document}


def _shown(value: Any) -> Any:
    return value.hex0x if isinstance(value, Address) else value


def _application(told: dict[str, Any]) -> web.Application:
    async def get_deployment(request: web.Request) -> web.Response:
        return json_answer(told, status=200 if told else 503)

    async def get_healthz(request: web.Request) -> web.Response:
        return json_answer({"status": "ok"})

    async def get_readyz(request: web.Request) -> web.Response:
        return json_answer({"ready": bool(told)}, status=200 if told else 503)

    application = web.Application()
    application.router.add_get("/v1/deployment", get_deployment)
    application.router.add_get("/healthz", get_healthz)
    application.router.add_get("/readyz", get_readyz)
    return application
