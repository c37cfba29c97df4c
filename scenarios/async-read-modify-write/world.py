from faker import Faker

import fuzzharness as fh


def world() -> fh.World:
    fake = Faker()
    fake.seed_instance(7)
    points = {customer: fake.random_int(0, 500) for customer in ("C-204", "C-311")}
    return fh.World(context={"points": points})
