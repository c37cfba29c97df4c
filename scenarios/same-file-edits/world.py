from faker import Faker

import fuzzharness as fh

NOTES = """\
# Release notes

Version: 1.3.0
Date: to be announced
Status: draft
Reviewer: {reviewer}
"""


def world() -> fh.World:
    fake = Faker()
    fake.seed_instance(7)
    return fh.World(files=fh.Directory({"notes.md": NOTES.format(reviewer=fake.name())}))
