import fuzzharness as fh


def world() -> fh.World:
    return fh.World(context={"jobs": {"van-2": "Station Road", "van-3": None}})
