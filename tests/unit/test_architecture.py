"""The source keeps its shape: who may import whom, which library belongs where, and how large a piece may grow.

There is no allow-list. When a rule is wrong, change the rule, here and in the documentation.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("app", "workers", "migrations")
MOST_FILE_LINES = 249
MOST_FUNCTION_LINES = 39
MOST_COMPLEXITY = 9

# --- Layers: what a part of the source may import of ours. The longest matching name counts. ---------------------

LEAVES = frozenset({"app.settings", "app.errors", "app.log", "app.metrics", "app.__version__"})
PURE = frozenset({"app.domain", "app.lrgd"})
MODELS = PURE | LEAVES  # what rankers, drafting and embeddings are made of
ADAPTERS = frozenset({"app.rankers", "app.drafting", "app.embeddings", "app.stores"})
ANYTHING = frozenset({"app", "workers", "migrations"})
LEARNING = LEAVES | {"app.domain", "app.runtime", "app.serving", "app.stores"}

MAY_IMPORT = {
    "app": frozenset[str](),
    "app.lrgd": frozenset[str](),
    "app.domain": frozenset[str](),
    "app.settings": LEAVES,
    "app.errors": LEAVES,
    "app.log": LEAVES,
    "app.metrics": LEAVES,
    "app.embedded": LEAVES,
    "app.rankers": MODELS,
    "app.drafting": MODELS,
    "app.embeddings": MODELS,
    "app.stores": LEAVES | {"app.domain", "migrations"},
    "app.evaluation": LEAVES | {"app.domain"},
    "app.sample": LEAVES | {"app.domain"},
    "app.fitting": MODELS | ADAPTERS,
    "app.runtime": LEAVES | {"app.domain", "app.stores"},
    "app.live": MODELS | ADAPTERS | {"app.runtime"},
    "app.wiring": MODELS | ADAPTERS | {"app.runtime", "app.live", "app.fitting"},
    "app.serving": LEAVES | {"app.domain", "app.runtime"},
    "app.api": LEAVES | {"app.domain", "app.runtime", "app.serving"},
    "app.main": LEAVES | {"app.api", "app.runtime", "app.wiring"},
    "app.cli": ANYTHING,
    "workers": LEARNING,
    "workers.run": LEARNING | {"workers", "app.wiring"},  # where a worker process opens its Runtime
    "workers.__main__": LEARNING | {"workers", "app.wiring", "app.cli"},
    "migrations": LEAVES | {"app.stores"},
}

# --- Libraries: the only places that may import them. ------------------------------------------------------------

ARITHMETIC = ("app.lrgd", "app.domain", "app.rankers", "app.drafting", "app.embeddings", "app.evaluation", "app.sample")
ARRAYS_PASS = ("app.serving", "app.runtime", "app.stores", "app.cli", "workers")  # handed on, packed, shown
OWNERS = {
    "fastapi": ("app.api", "app.main", "app.cli.bench.bare"),
    "starlette": ("app.api", "app.main"),
    "uvicorn": ("app.cli",),
    "redis": ("app.stores", "workers.broker", "app.cli.bench.bare"),
    "sqlalchemy": ("app.stores", "migrations"),
    "psycopg": ("app.stores", "migrations"),
    "alembic": ("app.stores", "migrations"),
    "httpx": ("app.rankers", "app.drafting", "app.evaluation", "app.cli"),
    "numpy": (*ARITHMETIC, *ARRAYS_PASS),
    "scipy": ("app.embeddings",),
    "prometheus_client": ("app.metrics", "app.api.ops"),
    "faststream": ("workers",),
    "typer": ("app.cli",),
    "rich": ("app.cli",),
    "psutil": ("app.embedded",),
}

# --- Words and names that never come in. -------------------------------------------------------------------------

EMPTY_NAMES = frozenset({"utils", "util", "helpers", "helper", "managers", "manager", "services", "base", "common"})
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


@dataclass(frozen=True, slots=True)
class Source:
    """One parsed file of ours."""

    module: str  # dotted
    path: str  # relative to the repository
    text: str
    tree: ast.Module


@cache
def sources() -> tuple[Source, ...]:
    """All files of the three packages."""
    found = []
    for path in sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        relative = path.relative_to(ROOT)
        words = relative.with_suffix("").parts
        text = path.read_text(encoding="utf-8")
        module = ".".join(words[:-1] if words[-1] == "__init__" else words)
        found.append(Source(module, str(relative), text, ast.parse(text, filename=str(relative))))
    return tuple(found)


def within(module: str, part: str) -> bool:
    return module == part or module.startswith(f"{part}.")


def rule_for(module: str) -> str:
    """The name in MAY_IMPORT that speaks for the module; "" when there is none."""
    return max((part for part in MAY_IMPORT if within(module, part)), key=len, default="")


def imports(source: Source) -> Iterator[tuple[int, str]]:
    """Line and dotted name of each import, wherever it stands."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            # `from app import metrics` imports app.metrics
            yield from ((node.lineno, f"{node.module}.{name.name}") for name in node.names)


def functions(source: Source) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def complexity(function: ast.AST) -> int:
    """McCabe's number: 1 and one for each branching statement, those of functions inside included."""
    branches = 0
    for node in ast.walk(function):
        match node:
            case ast.If() | ast.For() | ast.AsyncFor() | ast.While() | ast.ExceptHandler():
                branches += 1
            case ast.Match():
                branches += sum(not is_catch_all(case) for case in node.cases)
            case _:
                continue
    return branches + 1


def is_catch_all(case: ast.match_case) -> bool:
    return isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None and case.guard is None


def fail_with(rule: str, violations: list[str]) -> None:
    if violations:
        pytest.fail("\n".join([rule, *(f"  {violation}" for violation in violations)]), pytrace=False)


def test_every_part_has_its_place_among_the_layers() -> None:
    parts = {".".join(source.module.split(".")[:2]) for source in sources() if source.module != "app"}
    strangers = sorted(part for part in parts if rule_for(part) in ("", "app"))
    fail_with("These parts are in no layer; say in MAY_IMPORT what they may import:", strangers)


def test_layers() -> None:
    violations = []
    for source in sources():
        part = rule_for(source.module)
        allowed = MAY_IMPORT.get(part, frozenset())
        for line, name in imports(source):
            ours = any(within(name, package) for package in PACKAGES)
            if ours and not within(name, part) and not any(within(name, other) for other in allowed):
                violations.append(f"{source.path}:{line} imports {name}; {part} may import {sorted(allowed)}")
    fail_with("Imports across the layers:", violations)


def test_libraries_stay_with_their_owners() -> None:
    violations = []
    for source in sources():
        for line, name in imports(source):
            library = name.split(".")[0]
            owners = OWNERS.get(library)
            if owners is not None and not any(within(source.module, owner) for owner in owners):
                violations.append(f"{source.path}:{line} imports {name}; {library} belongs to {', '.join(owners)}")
    fail_with("Libraries away from their owners:", violations)


def test_nothing_of_ours_is_imported_relatively() -> None:
    violations = [
        f"{source.path}:{node.lineno}"
        for source in sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    fail_with("Relative imports hide the layer they cross:", violations)


def test_files_stay_short() -> None:
    lengths = {source.path: len(source.text.splitlines()) for source in sources()}
    long = [f"{path}: {length} lines" for path, length in lengths.items() if length > MOST_FILE_LINES]
    fail_with(f"Files of more than {MOST_FILE_LINES} lines:", long)


def test_functions_stay_short_and_simple() -> None:
    violations = []
    for source in sources():
        for function in functions(source):
            where = f"{source.path}:{function.lineno} {function.name}"
            length = (function.end_lineno or function.lineno) - function.lineno + 1
            if length > MOST_FUNCTION_LINES:
                violations.append(f"{where}: {length} lines, {MOST_FUNCTION_LINES} are allowed")
            if complexity(function) > MOST_COMPLEXITY:
                violations.append(f"{where}: complexity {complexity(function)}, {MOST_COMPLEXITY} is allowed")
    fail_with("Functions too long or too branched:", violations)


def test_names_say_what_is_inside() -> None:
    violations = [source.path for source in sources() if EMPTY_NAMES & set(source.module.split("."))]
    fail_with("Names that say nothing; a file is a noun of the paper or the domain:", violations)


def test_nothing_is_left_unfinished() -> None:
    violations = [
        f"{source.path}:{token.start[0]} {token.string.strip()}"
        for source in sources()
        for token in tokenize.generate_tokens(io.StringIO(source.text).readline)
        if (token.type in (tokenize.COMMENT, tokenize.STRING) and UNFINISHED.search(token.string))
        or (token.type == tokenize.NAME and token.string == "NotImplementedError")
    ]
    fail_with("Left unfinished:", violations)


def test_no_error_is_swallowed_in_silence() -> None:
    violations = [
        f"{source.path}:{node.lineno}"
        for source in sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ExceptHandler) and all(isinstance(line, ast.Pass) for line in node.body)
    ]
    fail_with("`except: pass`; say with contextlib.suppress what is expected, or handle it:", violations)
