"""The user's code: found, imported under its own names, and gone afterwards."""

import json
import random
import sys

import pytest

from fuzzharness.scenario import load_scenario


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os\nraise RuntimeError('no\\ndatabase')", "tools.py:2: RuntimeError: no database."),
        ("def add_credit(:\n    pass", "tools.py:1: SyntaxError"),
        ("import sys\nsys.exit(3)", "tools.py:2: SystemExit: 3."),
        ("import world_of_pain", "tools.py:1: ModuleNotFoundError: No module named 'world_of_pain'."),
    ],
)
def test_an_error_in_the_users_code_names_its_line(write, refusal, code, words):
    assert words in refusal(write(tools=code))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tool.py", "tools is 'tool.py', but there is no file"),
        ("tools.txt-x", "Expected a Python file (FILE.py or FILE.py:NAME) or a module"),
        ("no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
    ],
)
def test_code_that_is_not_there_is_named(write, refusal, text, words):
    assert words in refusal(write(keys={"tools": text}))


def test_each_folder_has_its_own_tools(write):
    first, second = write(name="first"), write(name="second")
    for file in (first, second, first):
        with load_scenario(file).opened() as setup:
            assert setup.tools["add_credit"].__code__.co_filename == str(file.parent / "tools.py")
            assert sys.modules["tools"].__file__ == str(file.parent / "tools.py")


def test_tools_are_one_module_with_those_that_the_world_imports(write):
    with load_scenario(write()).opened() as setup:
        setup.world()
        assert setup.tools["add_credit"] is sys.modules["tools"].add_credit


def test_nothing_of_a_scenario_stays_behind(write, monkeypatch):
    file = write(tools="import helper\ndef add_credit(account, amount): pass", helper="x = 1")
    monkeypatch.setitem(sys.modules, "tools", json)
    path, modules = list(sys.path), set(sys.modules)
    with load_scenario(file).opened():
        assert sys.path[0] == str(file.parent)
        assert "helper" in sys.modules
    assert sys.path == path
    assert sys.modules["tools"] is json
    assert not {"helper", "world"} & set(sys.modules)
    assert modules <= set(sys.modules)


def test_nothing_stays_behind_of_a_scenario_that_fails_to_open(write, refusal):
    path = list(sys.path)
    refusal(write(tools="import helper\nraise ValueError", helper="x = 1"))
    assert sys.path == path
    assert not {"helper", "tools", "world"} & set(sys.modules)


def test_a_module_of_the_working_directory_is_found_behind_the_scenarios_own_and_stays(
    write, tmp_path, monkeypatch
):
    (tmp_path / "shop_of_the_project.py").write_text("x = 1")
    (tmp_path / "helper.py").write_text("raise AssertionError('not this one')")
    code = "import helper, shop_of_the_project\ndef add_credit(account, amount): pass"
    scenario = load_scenario(write(tools=code, helper="x = 1"))
    monkeypatch.chdir(tmp_path)
    path = list(sys.path)
    with scenario.opened():
        assert sys.path[:2] == [str(scenario.path.parent), str(tmp_path)]
    assert sys.path == path
    assert sys.modules.pop("shop_of_the_project").x == 1
    assert "helper" not in sys.modules


def test_a_module_that_is_loaded_from_the_folder_already_is_not_loaded_twice(write, monkeypatch):
    file = write(helper="x = 1", tools="import helper\ndef add_credit(account, amount): pass")
    monkeypatch.syspath_prepend(file.parent)
    import helper

    with load_scenario(file).opened() as setup:
        assert setup.tools["add_credit"].__globals__["helper"] is helper
    assert sys.modules.pop("helper") is helper


def test_a_file_named_as_a_module_of_python_leaves_that_alone(write):
    code = "def add_credit(account, amount): pass"
    with load_scenario(write(keys={"tools": "random.py"}, random=code)).opened() as setup:
        assert list(setup.tools) == ["add_credit"]
        assert sys.modules["random"] is random


def test_code_may_be_an_installed_module(write):
    with load_scenario(write(keys={"tools": "json"})).opened() as setup:
        assert set(setup.tools) >= {"dumps", "loads"}
    assert sys.modules["json"] is json


def test_what_is_installed_or_the_harness_itself_is_never_forgotten(write, monkeypatch):
    file = write(tools="import installed\ndef add_credit(account, amount): pass")
    library = file.parent / "venv" / "site-packages"
    library.mkdir(parents=True)
    (library / "installed.py").write_text("")
    monkeypatch.syspath_prepend(library)
    with load_scenario(file).opened():
        pass
    assert sys.modules.pop("installed").__file__ == str(library / "installed.py")
