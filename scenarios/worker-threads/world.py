from faker import Faker

import fuzzharness as fh

FORM = """\
Master: {master}
Draught: -
Pilot: -
Tugs: -
"""


def world() -> fh.World:
    fake = Faker()
    fake.seed_instance(7)
    return fh.World(files=fh.Directory({"arrival.txt": FORM.format(master=fake.name())}))
