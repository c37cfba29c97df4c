"""What tests of search and shrinking share: the module ``programs``, which pytest lets nobody import."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def programs() -> ModuleType:
    """``search/programs.py``."""
    spec = spec_from_file_location("search_programs", Path(__file__).parent / "search" / "programs.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
