import fuzzharness as fh


def world() -> fh.World:
    return fh.World(context={"balance": 100})
