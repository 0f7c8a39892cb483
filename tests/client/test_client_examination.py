"""An examination names every item that does not hold, node by node."""

from fake_node import hang_up, refuse

from da_node.client import RetryPolicy, examine
from da_node.errors import UnknownBlob


def flipping(*indices):
    def tamper(index, data):
        return data[:-1] + bytes([data[-1] ^ 1]) if index in indices else data

    return tamper


async def test_an_honest_node_is_sound(start, connect, sample):
    node = await start()
    client = await connect(node)
    seen = []
    found = await examine(client, sample.blob.header, point_count=20, progress=seen.append)
    (finding,) = found.findings
    assert found.sound
    assert found.recoverable
    assert finding.columns == frozenset(range(128))
    assert finding.points == finding.asked_points
    assert len(finding.points) == 20
    assert sum(seen) == sum(column.byte_length for column in map(sample.blob.column, range(128)))


async def test_each_item_that_does_not_hold_is_named(start, connect, sample):
    node = await start(
        tamper_column=flipping(3, 4, 90), tamper_point=flipping(*range(8192)), columns=ALL - {7}
    )
    client = await connect(node)
    found = await examine(client, sample.blob.header, point_count=2)
    (finding,) = found.findings
    assert finding.columns == ALL - {3, 4, 7, 90}
    assert [text.partition(":")[0] for text in finding.false[:3]] == [
        "column 3",
        "column 4",
        "column 90",
    ]
    assert len(finding.false) == 3 + len(finding.asked_points)
    assert found.recoverable
    assert not found.sound


async def test_a_node_that_fails_is_named_and_the_others_are_examined(start, connect, sample):
    broken, well = await start(), await start()
    broken.script["columns"].append(refuse(UnknownBlob(blob_id="x")))
    client = await connect(broken, well)
    found = await examine(client, sample.blob.header, point_count=0)
    assert "never stored" in found.findings[0].failure
    assert found.findings[1].sound
    assert found.recoverable
    assert not found.sound


async def test_what_holds_is_counted_over_all_nodes(start, connect, sample):
    nodes = await start(columns=set(range(40))), await start(columns=set(range(30, 63)))
    client = await connect(*nodes)
    found = await examine(client, sample.blob.header, point_count=0)
    assert found.columns == frozenset(range(63))
    assert all(finding.sound for finding in found.findings)
    assert not found.recoverable
    assert not found.sound


async def test_a_lost_answer_is_asked_for_again(start, connect, sample):
    node = await start()
    node.script["columns"].append(hang_up)
    client = await connect(node, policy=RetryPolicy(attempts=2))
    assert (await examine(client, sample.blob.header, point_count=0)).sound


ALL = frozenset(range(128))
