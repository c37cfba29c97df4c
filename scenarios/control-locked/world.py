import fuzzharness as fh
import tools


def world() -> fh.World:
    return fh.World(stock=fh.InPlace(tools.STOCK))
