"""Compiles the contracts with npm's `solc` into the artifacts that are committed.

    python -m bridge_client.compiler       renew bridge_client/contracts/artifacts

Only developers need it. What it reads lies beside the sources: `make` puts the compiler and
OpenZeppelin's contracts into `node_modules` there, by the lock file.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any, Final

import msgspec

from bridge_client.artifacts import DIRECTORY, Artifact
from bridge_client.errors import CompilerFailed, ToolMissing

CONTRACTS: Final = Path(__file__).parent / "contracts"
SOURCES: Final = CONTRACTS / "src"
MODULES: Final = CONTRACTS / "node_modules"
TIMELOCK: Final = "@openzeppelin/contracts/governance/TimelockController.sol"
"""Deployed as it is, as the owner of ours."""

SETTINGS: Final[dict[str, Any]] = {
    "evmVersion": "prague",
    "viaIR": True,
    "optimizer": {"enabled": True, "runs": 10_000},
    # no hash of sources and paths at the end of the code: the same code is the same bytes
    "metadata": {"bytecodeHash": "none", "appendCBOR": False},
}
_OUTPUTS: Final = ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"]
_IMPORT: Final = re.compile(r'^import\s[^"]*"([^"]+)";', re.MULTILINE)
_TIMEOUT_S: Final = 300
"""Ten seconds are usual."""


class _Answer(msgspec.Struct):
    """Of `compile.js`."""

    version: str
    output: dict[str, Any]


def compile_contracts(
    directory: Path = SOURCES, others: Iterable[str] = (TIMELOCK,)
) -> dict[str, Artifact]:
    """Every contract that can be deployed, of the sources directly in a directory and of others'
    packages, by name. Raises ToolMissing, CompilerFailed (which also warnings are).
    """
    roots = {f"{directory.name}/{path.name}": path for path in directory.glob("*.sol")}
    roots |= {name: MODULES / name for name in others}
    answer = _run({name: {"content": text} for name, text in _with_imports(roots).items()})
    return {
        name: Artifact(
            name=name,
            compiler=answer.version,
            settings=SETTINGS,
            abi=output["abi"],
            bytecode="0x" + output["evm"]["bytecode"]["object"],
            deployed_bytecode="0x" + output["evm"]["deployedBytecode"]["object"],
        )
        for source in roots
        for name, output in answer.output["contracts"].get(source, {}).items()
        if any(entry["type"] == "function" for entry in output["abi"])
        and output["evm"]["bytecode"]["object"]
    }


def encode_artifact(compiled: Artifact) -> bytes:
    """The file that is committed."""
    return msgspec.json.format(msgspec.json.encode(compiled), indent=1) + b"\n"


def node() -> str:
    """The JavaScript interpreter: the system's, or PyPI's beside Python. Raises ToolMissing."""
    beside = Path(sys.executable).parent / "node"
    found = shutil.which("node") or (str(beside) if beside.exists() else None)
    if found is None:
        raise ToolMissing(what="node")
    return found


def _run(sources: dict[str, dict[str, str]]) -> _Answer:
    if not (MODULES / "solc").exists():
        raise ToolMissing(what="solc")
    request = {
        "language": "Solidity",
        "sources": sources,
        "settings": SETTINGS | {"outputSelection": {"*": {"*": _OUTPUTS}}},
    }
    run = subprocess.run(
        [node(), str(CONTRACTS / "compile.js")],
        input=msgspec.json.encode(request),
        capture_output=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if run.returncode != 0:
        raise CompilerFailed(reason=run.stderr.decode(errors="replace")[-2000:])
    answer = msgspec.json.decode(run.stdout, type=_Answer)
    problems = [error["formattedMessage"] for error in answer.output.get("errors", ())]
    if problems:
        raise CompilerFailed(reason="\n".join(problems))
    return answer


def _with_imports(roots: dict[str, Path]) -> dict[str, str]:
    """The sources and all that they import, by the names that the compiler sees."""
    texts: dict[str, str] = {}
    waiting = dict(roots)
    while waiting:
        name, path = waiting.popitem()
        if not path.exists():
            raise ToolMissing(what=name)
        texts[name] = path.read_text()
        for target in _IMPORT.findall(texts[name]):
            if not target.startswith("."):
                found = target
            else:
                found = str(_joined(PurePosixPath(name).parent, target))
            if found not in texts:
                waiting[found] = _place(found)
    return texts


def _joined(directory: PurePosixPath, target: str) -> PurePosixPath:
    parts = list(directory.parts)
    for part in PurePosixPath(target).parts:
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return PurePosixPath(*parts)


def _place(name: str) -> Path:
    return MODULES / name if name.startswith("@") else CONTRACTS / name


def main() -> None:
    """Write every artifact, and remove those of contracts that are no more."""
    directory = Path(__file__).parent / DIRECTORY
    directory.mkdir(exist_ok=True)
    everything = compile_contracts()
    for stale in directory.glob("*.json"):
        stale.unlink()
    for name, compiled in everything.items():
        (directory / f"{name}.json").write_bytes(encode_artifact(compiled))


if __name__ == "__main__":
    main()
