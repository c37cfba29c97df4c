import tools

import fuzzharness as fh


def world() -> fh.World:
    return fh.World(stock=fh.InPlace(tools.STOCK))
