import fuzzharness as fh


def world() -> fh.World:
    return fh.World(context={"due": {"2040": 3900, "2041": 18200}})
