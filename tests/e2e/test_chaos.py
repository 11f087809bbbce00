"""Real servers, real load, and faults: nothing is lost, nothing counts twice, and order does not matter."""

import os

import chaos
import crash_plant

SOAK = crash_plant.SOAK
FAULTS = int(os.environ.get("BUSBAR_CHAOS_FAULTS") or (110 if SOAK else 11))


def expect_followed(world, again):
    """Each sink holds what queries tell. The topic's readers were told each change once; the webhook's by its id."""
    wanted, found, mirrors = world.followed()
    print(f"followed: {len(wanted)} values, {len(mirrors['topic'].ids)} changes; told to the webhook again: {mirrors['webhook'].repeated}")
    for name, rows in found.items():
        other = [key for key in wanted.keys() | rows.keys() if wanted.get(key, 0) != rows.get(key, 0)]
        if other:
            print(world.said())
        assert not other, f"{name}: {len(other)} values, as {sorted(other)[:3]}; {again}"
    for name, mirror in mirrors.items():
        assert not mirror.wrong, f"{name}: {mirror.wrong[:3]}; {again}"
    assert mirrors["topic"].repeated == 0, again
    assert mirrors["topic"].ids == mirrors["webhook"].ids, again


def test_what_is_left_is_what_one_process_makes_of_it(tmp_path):
    """After FAULTS faults drawn from a seed: the content of the plant, byte for byte."""
    seed = crash_plant.SEED
    again = f"BUSBAR_CRASH_SEED={seed} BUSBAR_CHAOS_FAULTS={FAULTS} tools/run-tests e2e/test_chaos"
    print(f"seed {seed}; again: {again}")
    world = chaos.World(tmp_path, seed, brokers=3)
    try:
        try:
            batches = world.run(FAULTS)
        finally:
            print("\n".join(world.told))
            print(f"restarts by the supervisor: {world.restarts}")
        found = chaos.content(world.plant)
        (tmp_path / "one").mkdir()
        wanted = chaos.content(chaos.expected(tmp_path / "one", batches))
        print(f"batches: {batches}, rows: {sum(text.count(chr(10)) for text in wanted.values())}")
        assert min(batches) > FAULTS, batches
        for key, text in wanted.items():
            assert found[key] == text, f"{key}; {again}"
        expect_followed(world, again)
        world.plant.check_deep()
    finally:
        world.stop()
