"""Scenario: a recording, its tools and its world in one file, with what a run must say.

Decides nothing here: names only.
"""

from fuzzharness.scenario.expectation import Expectation as Expectation
from fuzzharness.scenario.scenario import SUFFIX as SUFFIX
from fuzzharness.scenario.scenario import Scenario as Scenario
from fuzzharness.scenario.scenario import load_scenario as load_scenario
from fuzzharness.scenario.setup import Setup as Setup
from fuzzharness.scenario.trial import Trial as Trial
