"""`kanpde init` hands out files that load, with their data and the schema that editors read;
`kanpde schema` prints that schema.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from schema_helpers import mistakes

from kanpde.cli import main
from kanpde.cli.starting import HEADER
from kanpde.config import shipped, validate, yaml_file
from kanpde.config.schema import file_schema


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("template", shipped.TEMPLATES)
def test_every_template_loads_and_would_run(
    template: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "mine", "--template", template]) == 0
    files = [word.strip() for word in capsys.readouterr().out.split("files:")[1].split(",")]
    assert all(Path(file).is_file() for file in files)
    text = Path("mine.yaml").read_text()
    assert text.startswith(HEADER)
    assert "NAME" not in text
    tree = yaml_file.loads(text, source="mine.yaml")
    assert validate(tree, source="mine.yaml").problem.name == "mine"
    schema = json.loads(Path("kanpde.schema.json").read_text())
    assert list(mistakes(schema, tree, schema)) == []


def test_a_template_that_does_not_exist_is_named_with_the_nearest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["init", "mine", "--template", "heet"]) == 2
    assert "unknown template 'heet', did you mean 'heat'?" in capsys.readouterr().err
    assert not Path("mine.yaml").exists()


def test_data_that_exist_are_not_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    Path("plate.msh").write_text("mine")
    assert main(["init", "mine", "--template", "mesh"]) == 6
    assert "'plate.msh' exists" in capsys.readouterr().err
    assert Path("plate.msh").read_text() == "mine"


def test_the_schema_is_printed_or_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(file_schema()))
    assert main(["schema", "--out", "keys.json"]) == 0
    assert main(["schema", "--out", "keys.json"]) == 6
    assert main(["schema", "--out", "keys.yaml"]) == 2
    assert json.loads(Path("keys.json").read_text())["title"] == "A problem file of kanpde"
