"""What the documents say of commands, options and settings is so."""

import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from app.cli import COMMANDS, command_line

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_COMMAND = re.compile(r"lrgd ([a-z]+)((?: [^`\n|]*)?)")
_LINK = re.compile(r"\((?!https?:)([^)#\s]+\.md)\)|\b(docs/[\w/.-]+?\.md)\b")


def _options(command: str) -> set[str]:
    group = typer.main.get_command(command_line([command]))
    found = group.commands[command]  # type: ignore[attr-defined]
    return {option for each in found.params for option in (*each.opts, *each.secondary_opts)} | {"--help"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_and_options_exist(document: Path) -> None:
    for command, rest in _COMMAND.findall(
        "\n".join(re.findall(r"`[^`]+`|^    .+$", document.read_text(), re.MULTILINE))
    ):
        assert command in COMMANDS, f"{document.name} speaks of `lrgd {command}`"
        unknown = {word for word in rest.split() if word.startswith("--")} - _options(command)
        assert not unknown, f"{document.name}: lrgd {command} has no {unknown}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_documents_that_are_referred_to_exist(document: Path) -> None:
    for linked, named in _LINK.findall(document.read_text()):
        target = document.parent / linked if linked else ROOT / named
        assert target.exists(), f"{document.name} refers to {target}"


def test_the_list_of_settings_is_the_one_in_force() -> None:
    printed = CliRunner().invoke(command_line(["settings"]), ["settings", "--markdown"])
    assert printed.exit_code == 0
    assert printed.output.strip() in (ROOT / "docs" / "operations.md").read_text()


def test_make_targets_in_the_readme_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z]+)", (ROOT / "README.md").read_text())) <= targets
