"""report.html holds all of a run on one page: verdict, estimate, pictures, equations, config; it reads
nothing else, runs nothing, and shows what a file says without becoming it.
"""

from __future__ import annotations

import itertools
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from kanpde import api
from kanpde.cli import looking, main
from kanpde.errors import ConfigError
from kanpde.results.web_page import write_page

PLATE: dict[str, Any] = {
    "problem": {
        "name": "plate",
        "description": "<script>alert(1)</script> & more",
        "unknowns": ["u"],
        "domain": {"rectangle": {"lower": [0, 0], "upper": [1, 1]}},
        "definitions": {"f": "2*pi**2*sin(pi*x)*sin(pi*y)"},
        "equations": ["-laplacian(u) = f"],
        "conditions": [{"part": "boundary", "equation": "u = 0"}],
        "exact": {"u": "sin(pi*x)*sin(pi*y)"},
    },
    "trial": {"width": [6], "degree": [4, 7], "intervals": [1, 3]},
    "sampler": {"interior": 200, "boundary": 60},
    "output": {"vtu": False},
}
VOID = {"meta", "img", "link", "br"}


class Page(HTMLParser):
    """Tags of a page, which must be balanced, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "plate"
    api.solve(PLATE, out=folder)
    return folder


def test_a_run_leaves_a_page_with_everything(run: Path) -> None:
    text = (run / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert len(text) < 5_000_000
    assert "the estimated relative L2 error is" in text
    assert "kanpde solve plate/config.yaml --out again" in text
    assert len(page.all("math")) >= 3
    pictures = page.all("img")
    assert len(pictures) == len(list((run / "figures").glob("*.png")))
    assert all(picture["alt"] for picture in pictures)


def test_the_page_reads_nothing_else_and_runs_nothing(run: Path) -> None:
    text = (run / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    assert all(str(picture["src"]).startswith("data:image/png") for picture in page.all("img"))
    assert re.search(r"https?://", text) is None
    assert "default-src 'none'" in str(page.all("meta"))
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in text


def test_headings_language_and_width_serve_readers_and_phones(run: Path) -> None:
    page = Page((run / "report.html").read_text(encoding="utf-8"))
    assert page.all("html")[0]["lang"] == "en"
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert all(cell["scope"] in ("row", "col") for cell in page.all("th"))
    assert any("width=device-width" in str(meta.get("content")) for meta in page.all("meta"))


def test_open_makes_a_missing_page_and_shows_it_where_there_is_a_screen(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(looking.webbrowser, "open", shown.append)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(looking.sys, "platform", "linux")
    (run / "report.html").unlink()
    assert main(["open", str(run)]) == 0
    assert capsys.readouterr().out == f"files: {run / 'report.html'}\n"
    assert shown == [] and (run / "report.html").is_file()
    monkeypatch.setenv("DISPLAY", ":0")
    assert main(["open", str(run)]) == 0
    assert shown == [(run / "report.html").as_uri()]


def test_a_folder_without_a_result_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no result yet .*; solve it first"):
        write_page(tmp_path)


def test_a_comparison_has_a_page_too(tmp_path: Path) -> None:
    tree = {**PLATE, "compare": {"seeds": 1, "modes": ["equal_parameters"]}}
    api.compare(tree, out=tmp_path / "compared")
    text = (tmp_path / "compared" / "report.html").read_text(encoding="utf-8")
    assert Page(text).open == []
    assert "KAN against MLP" in text and "equal parameters: " in text
