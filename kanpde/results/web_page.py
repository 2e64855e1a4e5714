"""`report.html` of a run folder: one page that holds everything and reads nothing else.

It is made from the files of the folder alone, so any run can have it again; pictures that are drawn
already are put into it as they are. Everything that a file says is escaped, and the page forbids
itself the network and scripts, but for that of a view that can be turned.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from kanpde.config import yaml_file
from kanpde.errors import ConfigError
from kanpde.expressions.mathml import mathml
from kanpde.results.comparison import Comparison
from kanpde.results.comparison_table import comparison_header, comparison_rows
from kanpde.results.report import Row, number, result_rows, stage_rows
from kanpde.results.volume_view import STYLE, policy, volume_section
from kanpde.storage import read_unaltered, require_values, write_text
from kanpde.version import VERSION

CONFIG, REPORT = "config.yaml", "report.html"
MOST_BYTES = 3_500_000
"""Of all pictures of a page, which base64 makes a third longer: the page stays below 5 MB."""

_PICTURES = {
    "solution": "The solution",
    "exact": "The exact solution",
    "error": "The error: size of the difference from what is exact",
    "residual": "The residual: what the equations leave at points that the solve never saw",
    "fit": "The fit",
    "history": "The objective, step by step",
    "network": "The network, every edge as its function",
    "edges": "The functions on the edges",
}
"""Figures of a run in their order, with what they show."""

_STYLE = """
:root{color-scheme:light dark;--good:#0b6b3a;--bad:#9a3412;--line:#8886}
body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem}
h1{margin:.2rem 0}h2{margin-top:2rem;border-bottom:1px solid var(--line)}
.verdict{border-left:.5rem solid var(--good);padding:.5rem 1rem;margin:1rem 0;background:#8881}
.verdict.warns{border-color:var(--bad)}.verdict p{margin:.2rem 0}
.wide{overflow-x:auto}table{border-collapse:collapse}
th,td{text-align:left;vertical-align:top;padding:.2rem .8rem .2rem 0;border-bottom:1px solid var(--line)}
img{max-width:100%;height:auto;background:#fff}figure{margin:1rem 0}
pre{overflow-x:auto;background:#8881;padding:.7rem}math{font-size:1.15rem}
"""


def write_page(folder: Path) -> Path:
    """Write report.html of a run folder, of a solve or of a comparison.

    Raises:
        ConfigError: the folder holds neither result.json nor compare.json.
        StorageError: a file cannot be read or written.
    """
    compared, solved = folder / "compare.json", folder / "result.json"
    if not (compared.is_file() or solved.is_file()):
        if not folder.is_dir():
            found = "is a file" if folder.exists() else "does not exist"
            raise ConfigError(f"{folder}: {found}; give the folder that a solve printed")
        raise ConfigError(
            f"{folder}: has no result yet (neither result.json nor compare.json); solve it first"
        )
    tree = yaml_file.load(folder / CONFIG)
    require_values(folder, CONFIG, tree)
    problem = tree.get("problem")
    problem = problem if isinstance(problem, Mapping) else {}
    if compared.is_file():
        comparison = Comparison.from_dict(read_unaltered(folder, compared.name), str(compared))
        sections = [*_compared(folder, comparison), _equations(problem), _again(folder, "compare")]
    else:
        result = read_unaltered(folder, solved.name)
        sections = [*_solved(folder, result), _equations(problem), _again(folder, "solve")]
    title = str(problem.get("name", folder.name))
    about = str(problem.get("description") or "")
    return write_text(folder / REPORT, _whole(title, about, sections))


def _whole(title: str, about: str, sections: Sequence[str]) -> str:
    turned = any('id="volume"' in section for section in sections)
    allowed = f"; {policy()}" if turned else ""
    rules = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'{allowed}"
    style = _STYLE + (STYLE if turned else "")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{rules}">'
        f"<title>{escape(title)} – kanpde</title><style>{style}</style></head>\n<body><main>\n"
        f"<h1>{escape(title)}</h1>\n<p>{escape(about)}</p>\n" + "\n".join(sections) + "\n"
        f"</main><footer><p>Made by kanpde {VERSION}.</p></footer></body></html>\n"
    )


def summary(result: Mapping[str, Any]) -> str:
    """The verdict and the figures of a result.json as a piece of HTML, for notebooks."""
    return _verdict(result) + _table(_figures(result))


# What came out
# --------------------------------------------------------------------------------------------------


def _solved(folder: Path, result: Mapping[str, Any]) -> list[str]:
    estimates = result.get("estimate") or {}
    shown = [
        (name, "cannot be told" if value is None else number(value))
        for name, value in (estimates.items() if isinstance(estimates, Mapping) else ())
    ]
    sections = [_verdict(result)]
    if shown:
        header = ("unknown", "estimated relative L2 error")
        sections.append(_section("Estimate", _table(shown, header)))
    if turned := volume_section(folder):
        sections.append(turned)
    sections.append(_section("Pictures", _pictures(folder)))
    sections.append(_section("Figures of the solve", _table(_figures(result))))
    stages = stage_rows(result)
    if len(stages) > 1:
        titles = ("stage", "name", "steps", "objective", "seconds")
        sections.append(_section("How it went", _table(stages, titles)))
    return sections


def _figures(result: Mapping[str, Any]) -> list[Row]:
    """The rows of the report without the verdict, which stands above them."""
    return [row for row in result_rows(result) if row[0] not in ("verdict", "warning")]


def _verdict(result: Mapping[str, Any]) -> str:
    warnings = [str(sentence) for sentence in result.get("warnings") or ()]
    sentences = [str(sentence) for sentence in result.get("verdict") or ()]
    told = sentences or [f"stopped: {result.get('stop_message', '')}"]
    lines = []
    for sentence in told:
        mark = "<strong>Warning:</strong> " if sentence in warnings else ""
        lines.append(f"<p>{mark}{escape(sentence)}</p>")
    kind = "verdict warns" if warnings else "verdict"
    return f'<section class="{kind}" aria-label="Verdict">{"".join(lines)}</section>'


def _compared(folder: Path, comparison: Comparison) -> list[str]:
    sentences = [f"<p>{escape(verdict.sentence())}</p>" for verdict in comparison.verdicts()]
    header = comparison_header(comparison)
    picture = _picture(folder / "error_vs_seconds.png", "KAN and MLP: error against seconds")
    return [
        f'<section class="verdict" aria-label="Verdict">{"".join(sentences)}</section>',
        _section("KAN against MLP", _table(comparison_rows(comparison), header) + picture),
    ]


def _pictures(folder: Path) -> str:
    shown, size = [], 0
    for name, caption in _PICTURES.items():
        path = folder / "figures" / f"{name}.png"
        if not path.is_file() or path.is_symlink():
            continue
        size += path.stat().st_size
        if size > MOST_BYTES:
            shown.append(f"<p>figures/{name}.png is too large for this page.</p>")
            size -= path.stat().st_size
            continue
        shown.append(_picture(path, caption))
    return "".join(shown) or "<p>None was drawn; <code>kanpde plot</code> draws them.</p>"


def _picture(path: Path, caption: str) -> str:
    if not path.is_file() or path.is_symlink():
        return ""
    data = base64.b64encode(path.read_bytes()).decode()
    text = escape(caption)
    return (
        f'<figure><img alt="{text}" src="data:image/png;base64,{data}">'
        f"<figcaption>{text}</figcaption></figure>"
    )


# What was solved
# --------------------------------------------------------------------------------------------------


def _equations(problem: Mapping[str, Any]) -> str:
    """The statement, typeset as it was typed."""
    inside = [_formula_of(entry) for entry in _list(problem.get("equations"))]
    inside += [_formula_of(entry) for entry in _list(problem.get("energy"))]
    parts = [f"<p>{mathml(text)}</p>" for text in inside if text]
    rows = [_condition(entry) for entry in _list(problem.get("conditions"))]
    if rows:
        parts.append(_markup_table(rows, ("where", "what holds")))
    for key in ("definitions", "parameters", "units"):
        named = problem.get(key)
        if isinstance(named, Mapping) and named:
            shown = _plain if key == "units" else _value
            values = [(escape(str(name)), shown(value)) for name, value in named.items()]
            parts.append(f"<h3>{key.capitalize()}</h3>" + _markup_table(values, ("name", "value")))
    return _section("What was solved", "".join(parts))


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _formula_of(entry: Any) -> str:
    return str(entry.get("equation", "")) if isinstance(entry, Mapping) else str(entry)


def _condition(entry: Any) -> tuple[str, str]:
    if not isinstance(entry, Mapping):
        return "", escape(str(entry))
    for mark in ("part", "interface", "periodic", "point", "data"):
        if entry.get(mark) is not None:
            names = ", ".join(str(name) for name in _list(entry[mark]))
            equations = [mathml(str(text)) for text in _list(entry.get("equation"))]
            where = names if mark == "part" else f"{mark} {names}"
            return escape(where), "".join(equations)
    if "values" in entry:
        return "measured values", "".join(mathml(str(e)) for e in _list(entry.get("equation")))
    return "mean", mathml(str(entry.get("mean", "")))


def _plain(value: Any) -> str:
    return escape(str(value))


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        if {"field", "values"} & value.keys():
            return "values of a file"
        return "; ".join(f"{escape(str(k))}: {_value(v)}" for k, v in value.items())
    return mathml(str(value))


def _again(folder: Path, verb: str) -> str:
    """The config, and the command that makes the run again."""
    command = f"kanpde {verb} {folder.name}/config.yaml --out again"
    text = (folder / "config.yaml").read_text(encoding="utf-8")
    if len(text) > 100_000:
        text = text[:100_000] + "\n... (the rest is in config.yaml)"
    return _section(
        "To make it again",
        f"<pre>{escape(command)}</pre><details><summary>config.yaml</summary>"
        f"<pre>{escape(text)}</pre></details>",
    )


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>\n{body}</section>" if body else ""


def _table(rows: Sequence[Row], header: Sequence[str] = ()) -> str:
    return _markup_table([tuple(escape(cell) for cell in row) for row in rows], header)


def _markup_table(rows: Sequence[Sequence[str]], header: Sequence[str] = ()) -> str:
    """A table; the first cell of a row names the row, and its cells are markup."""
    titles = "".join(f'<th scope="col">{escape(title)}</th>' for title in header)
    head = f"<thead><tr>{titles}</tr></thead>" if any(header) else ""
    lines = []
    for first, *rest in rows:
        cells = "".join(f"<td>{cell}</td>" for cell in rest)
        lines.append(f'<tr><th scope="row">{first}</th>{cells}</tr>')
    return f'<div class="wide"><table>{head}<tbody>{"".join(lines)}</tbody></table></div>'
