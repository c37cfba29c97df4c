from faker import Faker

import fuzzharness as fh


def world() -> fh.World:
    fake = Faker()
    fake.seed_instance(7)
    readings = {
        name: [fake.random_int(180, 240) for _ in range(3)] for name in ("humidity-1", "temperature-2")
    }
    return fh.World(context={"sessions": {}, "readings": readings})
