"""The steps of the bridge client that must survive it, each one transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Final

from bridge_client.errors import OtherChain
from bridge_client.journal.records import Attempt, Intent, Place, Sighting
from bridge_client.journal.schema import SCHEMA
from bridge_client.l1.answers import HASH_BYTES
from bridge_client.life import LIVE, Event, State, after
from bridge_client.transactions import Call, Fee, Signed
from committee.secp256k1 import Address
from da_node.service import Bug
from da_node.service.database import Database, Sql

REMEMBERED_BLOCKS: Final = 256
"""Newest blocks whose hashes a watcher remembers: it undoes reorganisations so deep."""

_INTENT: Final = """number, purpose, account, nonce, target, data, value, hashes, gas, state,
block_number, block_hash"""


class Journal:
    """Not thread-safe: used from one thread, which waits for the disk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, directory: Path) -> Journal:
        """The journal in a directory, owned by this process. Raises JournalInUse, JournalFault."""
        return cls(Database.open(directory, SCHEMA))

    def close(self) -> None:
        """Let go of it. Idempotent."""
        self._database.close()

    # ------------------------------------------------------------ the chain

    def genesis(self) -> bytes | None:
        """The hash of the chain's first block; None where no chain is journalled yet."""
        with self._database.reading() as sql:
            row = sql.execute("SELECT genesis FROM chain").fetchone()
            return None if row is None else bytes(row[0])

    def head(self) -> int:
        """The highest block that was seen; 0 where none was."""
        with self._database.reading() as sql:
            row = sql.execute("SELECT head FROM chain").fetchone()
            return 0 if row is None else int(row[0])

    def bind(self, chain_id: int, genesis: bytes) -> None:
        """This journal is of that chain, for good. A crash here binds it or does not; nothing was
        sent. Raises OtherChain.
        """
        with self._database.transaction() as sql:
            row = sql.execute("SELECT chain_id, genesis FROM chain").fetchone()
            if row is None:
                sql.execute("INSERT INTO chain VALUES (1, ?, ?, 0)", (chain_id, genesis))
            elif (row[0], bytes(row[1])) != (chain_id, genesis):
                raise OtherChain(what="the id", value=str(chain_id), expected=str(row[0]))

    def saw(self, head: int) -> None:
        """There was a block of that number. A crash here forgets it, which lets an endpoint that
        lags pass once.
        """
        with self._database.transaction() as sql:
            sql.execute("UPDATE chain SET head = ? WHERE head < ?", (head, head))

    # ------------------------------------------------------------ intents

    def intend(
        self,
        purpose: str,
        account: Address,
        call: Call,
        gas: int,
        *,
        least_nonce: int,
        made_at: int,
        sign: Callable[[int], Signed],
        sidecar: bytes = b"",
    ) -> Intent:
        """What is about to be sent, with the nonce that it has for good: the next after all in the
        journal, and at least `least_nonce`. `sign` makes the transaction of that nonce; `sidecar`
        is what goes beside one with blobs.

        A crash before this leaves nothing, and nothing was sent; a crash after it leaves an open
        intent, which the next start sends.
        """
        with self._database.transaction() as sql:
            (highest,) = sql.execute(
                "SELECT max(nonce) FROM intents WHERE account = ?", (account,)
            ).fetchone()
            nonce = least_nonce if highest is None else max(least_nonce, highest + 1)
            number = sql.execute(
                "INSERT INTO intents "
                "(purpose, account, nonce, target, data, value, hashes, gas, state) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    purpose,
                    account,
                    nonce,
                    call.to,
                    call.data,
                    str(call.value),
                    b"".join(call.versioned_hashes),
                    gas,
                    State.OPEN,
                ),
            ).lastrowid
            assert number is not None  # a row was inserted
            if sidecar:
                sql.execute("INSERT INTO sidecars VALUES (?, ?)", (number, sidecar))
            _attempt(sql, number, 0, sign(nonce), made_at)
            return _by_number(sql, number)

    def attempt(
        self, number: int, signed: Signed, *, made_at: int, cancels: bool = False
    ) -> Intent:
        """Another attempt of an open intent; one that `cancels` it does nothing, and no later one
        does what was meant. A crash here leaves the earlier one, which is as good, or the new one,
        which the next start sends.
        """
        with self._database.transaction() as sql:
            intent = _by_number(sql, number)
            if intent.state is not State.OPEN:
                raise Bug(reason=f"intent {number} is {intent.state.name}, not open")
            if intent.is_cancelling and not cancels:
                raise Bug(reason=f"intent {number} is being cancelled")
            _attempt(sql, number, len(intent.attempts), signed, made_at, cancels=cancels)
            return _by_number(sql, number)

    def record(self, number: int, event: Event, place: Place | None) -> Intent:
        """What was found out of an intent; once nothing can happen to it any more, its sidecar is
        dropped. A crash here forgets it, and it is found out again.
        """
        with self._database.transaction() as sql:
            state = after(_by_number(sql, number).state, event)
            where = (None, None) if place is None else (place.number, place.hash)
            sql.execute(
                "UPDATE intents SET state = ?, block_number = ?, block_hash = ? WHERE number = ?",
                (state, *where, number),
            )
            if state not in LIVE:
                sql.execute("DELETE FROM sidecars WHERE intent = ?", (number,))
            return _by_number(sql, number)

    def reopen(self, number: int, signed: Signed, *, made_at: int) -> Intent:
        """An intent that had ended and that the chain has lost, with an attempt that does nothing
        in its place, without blobs. A purpose that was free stays free: this one is named
        with its nonce then. A crash here leaves it ended, or what the next start sends.
        """
        with self._database.transaction() as sql:
            intent = _by_number(sql, number)
            state, purpose = after(intent.state, Event.REOPENED), intent.purpose
            if intent.state is not State.DONE:
                purpose = f"{purpose} (nonce {intent.nonce})"
            sql.execute(
                "UPDATE intents SET state = ?, purpose = ?, block_number = NULL, block_hash = NULL "
                "WHERE number = ?",
                (state, purpose, number),
            )
            _attempt(sql, number, len(intent.attempts), signed, made_at, cancels=True)
            return _by_number(sql, number)

    def ended(self, account: Address, nonce: int) -> list[Intent]:
        """Intents of an account from a nonce on of which a block was buried, in the order of their
        nonces.
        """
        with self._database.reading() as sql:
            rows = sql.execute(
                f"SELECT {_INTENT} FROM intents WHERE account = ? AND nonce >= ? "
                "AND state IN (?, ?, ?) ORDER BY nonce",
                (account, nonce, State.DONE, State.FAILED, State.CANCELLED),
            ).fetchall()
            return [_intent(sql, row) for row in rows]

    def sidecar(self, number: int) -> bytes:
        """What goes beside the transaction of an intent with blobs that is live."""
        with self._database.reading() as sql:
            row = sql.execute("SELECT bytes FROM sidecars WHERE intent = ?", (number,)).fetchone()
        if row is None:
            raise Bug(reason=f"the journal has no sidecar of intent {number}")
        return bytes(row[0])

    def intent(self, purpose: str) -> Intent | None:
        """What is in the journal for a purpose, live or done; None where nothing is."""
        with self._database.reading() as sql:
            row = sql.execute(
                f"SELECT {_INTENT} FROM intents WHERE purpose = ? AND state < ?",
                (purpose, State.FAILED),
            ).fetchone()
            return None if row is None else _intent(sql, row)

    def live(self, account: Address | None = None) -> list[Intent]:
        """Intents that something can still happen to, in the order of their nonces."""
        with self._database.reading() as sql:
            rows = sql.execute(
                f"SELECT {_INTENT} FROM intents WHERE state < ? AND (? IS NULL OR account = ?) "
                "ORDER BY account, nonce",
                (State.DONE, account, account),
            ).fetchall()
            return [_intent(sql, row) for row in rows]

    def newest(self, limit: int) -> list[Intent]:
        """The newest intents, the newest first."""
        with self._database.reading() as sql:
            rows = sql.execute(
                f"SELECT {_INTENT} FROM intents ORDER BY number DESC LIMIT ?", (limit,)
            ).fetchall()
            return [_intent(sql, row) for row in rows]

    # ------------------------------------------------------------ watchers

    def remembered(self, watcher: str) -> list[Place]:
        """Blocks up to which a watcher has read, and those in which it has seen something: at most
        256, the newest first.
        """
        with self._database.reading() as sql:
            rows = sql.execute(
                "SELECT number, hash FROM read WHERE watcher = ? UNION "
                "SELECT number, hash FROM sightings WHERE watcher = ? ORDER BY number DESC LIMIT ?",
                (watcher, watcher, REMEMBERED_BLOCKS),
            )
            return [Place(number=number, hash=bytes(hash_)) for number, hash_ in rows]

    def advance(self, watcher: str, upto: Place, seen: Sequence[Sighting]) -> None:
        """A watcher has read up to a block, and seen that. A crash here leaves both or neither."""
        with self._database.transaction() as sql:
            sql.execute("INSERT INTO read VALUES (?, ?, ?)", (watcher, upto.number, upto.hash))
            sql.execute(
                "DELETE FROM read WHERE watcher = ? AND number NOT IN "
                "(SELECT number FROM read WHERE watcher = ? ORDER BY number DESC LIMIT ?)",
                (watcher, watcher, REMEMBERED_BLOCKS),
            )
            sql.executemany(
                "INSERT INTO sightings VALUES (?, ?, ?, ?, ?)",
                [
                    (watcher, one.block.number, one.index, one.block.hash, one.document)
                    for one in seen
                ],
            )

    def roll_back(self, watcher: str, to: int) -> list[Sighting]:
        """Forget what a watcher read after a block, and what it saw there, which this gives, the
        newest first. A crash here forgets all of it or nothing.
        """
        with self._database.transaction() as sql:
            lost = _sightings(sql, watcher, to)[::-1]
            for table in ("read", "sightings"):
                sql.execute(f"DELETE FROM {table} WHERE watcher = ? AND number > ?", (watcher, to))
            return lost

    def condense(
        self,
        watcher: str,
        upto: int,
        needed: Callable[[Sequence[Sighting]], Collection[Sighting]],
    ) -> int:
        """Forget what a watcher saw up to a block, but what is still `needed` of it; how much was
        forgotten. A crash here forgets all of that or nothing, and the next time does it.
        """
        with self._database.transaction() as sql:
            past = [one for one in _sightings(sql, watcher, -1) if one.block.number <= upto]
            kept = {(one.block.number, one.index) for one in needed(past)}
            over = [
                (watcher, one.block.number, one.index)
                for one in past
                if (one.block.number, one.index) not in kept
            ]
            sql.executemany(
                "DELETE FROM sightings WHERE watcher = ? AND number = ? AND place = ?", over
            )
            return len(over)

    def sightings(self, watcher: str, after: int = -1) -> list[Sighting]:
        """What a watcher has seen after a block, in order, but what was condensed."""
        with self._database.reading() as sql:
            return _sightings(sql, watcher, after)


def _attempt(
    sql: Sql,
    number: int,
    ordinal: int,
    made: Signed,
    at: int,
    *,
    cancels: bool = False,
) -> None:
    fees = (str(made.fee.most), str(made.fee.tip), str(made.fee.blob))
    sql.execute(
        "INSERT INTO attempts "
        "(intent, ordinal, hash, raw, most_fee, tip, blob_fee, made_at, cancels) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (number, ordinal, made.hash, made.raw, *fees, at, cancels),
    )


def _by_number(sql: Sql, number: int) -> Intent:
    row = sql.execute(f"SELECT {_INTENT} FROM intents WHERE number = ?", (number,)).fetchone()
    if row is None:
        raise Bug(reason=f"the journal has no intent {number}")
    return _intent(sql, row)


def _intent(sql: Sql, row: Sequence[Any]) -> Intent:
    number, purpose, account, nonce, target, data, value, hashes, gas, state, *block = row
    attempts = sql.execute(
        "SELECT hash, raw, most_fee, tip, blob_fee, made_at, cancels FROM attempts "
        "WHERE intent = ? ORDER BY ordinal",
        (number,),
    )
    return Intent(
        number=number,
        purpose=purpose,
        account=Address(account),
        nonce=nonce,
        call=Call(
            to=None if target is None else Address(target),
            data=data,
            value=int(value),
            versioned_hashes=tuple(
                hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)
            ),
        ),
        gas=gas,
        state=State(state),
        place=None if block[0] is None else Place(number=block[0], hash=block[1]),
        attempts=tuple(
            Attempt(
                signed=Signed(
                    hash=hash_,
                    raw=raw,
                    fee=Fee(most=int(most), tip=int(tip), blob=int(blob)),
                ),
                made_at=made_at,
                cancels=bool(cancels),
            )
            for hash_, raw, most, tip, blob, made_at, cancels in attempts
        ),
    )


def _sightings(sql: Sql, watcher: str, after: int) -> list[Sighting]:
    rows = sql.execute(
        "SELECT number, place, hash, document FROM sightings WHERE watcher = ? AND number > ? "
        "ORDER BY number, place",
        (watcher, after),
    )
    return [
        Sighting(block=Place(number=number, hash=hash_), index=place, document=document)
        for number, place, hash_, document in rows
    ]
