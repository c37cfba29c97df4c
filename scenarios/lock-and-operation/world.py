from faker import Faker

import fuzzharness as fh


def world() -> fh.World:
    fake = Faker()
    fake.seed_instance(7)
    return fh.World(files=fh.Directory({"agenda.md": f"# Agenda\n\nChair: {fake.name()}\n"}))
