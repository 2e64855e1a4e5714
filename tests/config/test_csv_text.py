"""Tables of numbers as programs write them: read as they are meant, or refused with the line and
the column.
"""

from __future__ import annotations

import pytest

from kanpde.config.problem.csv_text import CsvTable, decoded, read_table
from kanpde.config.reader import Reader
from kanpde.errors import ConfigError

NODE = Reader("table.csv", "my.yaml", ("problem", "fit", "data"))


def table(text: str) -> CsvTable:
    return read_table(text, NODE, "table.csv")


def numbers(text: str) -> list[list[float]]:
    read = table(text)
    return [[read.number(k, at) for at in range(len(read.names))] for k in range(len(read.rows))]


SAME = {
    "commas": "x,u\n0.5,1.25\n1,-2e-3\n",
    "blanks around": " x , u \n 0.5 , 1.25\n1, -2e-3\n",
    "semicolons": "x;u\n0.5;1.25\n1;-2e-3\n",
    "decimal commas": "x;u\n0,5;1,25\n1;-2e-3\n",
    "decimal commas in quotes": 'x,u\n"0,5","1,25"\n"1","-2e-3"\n',
    "decimal commas, tabs": "x\tu\n0,5\t1,25\n1\t-2e-3\n",
    "decimal commas, blanks": "x  u\n0,5  1,25\n1   -2e-3\n",
    "tabs": "x\tu\n0.5\t1.25\n1\t-2e-3\n",
    "blanks": "x   u\n 0.5 1.25\n1   -0.002\n",
    "bars": "x | u\n0.5 | 1.25\n1 | -2e-3\n",
    "quoted": '"x","u"\n"0.5","1.25"\n"1","-2e-3"\n',
    "Excel's first line": "sep=;\nx;u\n0,5;1,25\n1;-0,002\n",
    "mark of the byte order": "\ufeffx,u\n0.5,1.25\n1,-2e-3\n",
    "Windows ends of lines": "x,u\r\n0.5,1.25\r\n1,-2e-3\r\n",
    "comments and blank lines": "# by hand\nx,u\n\n0.5,1.25\n# half\n1,-2e-3\n\n",
    "index of pandas": ",x,u\n0,0.5,1.25\n1,1,-2e-3\n",
    "index of pandas, read and written again": "Unnamed: 0,x,u\n0,0.5,1.25\n1,1,-2e-3\n",
    "names of rows by R": '"x" "u"\n"1" 0.5 1.25\n"2" 1 -2e-3\n',
    "a separator at the end": "x;u;\n0.5;1.25;\n1;-2e-3;\n",
    "a separator at the end of rows": "x;u\n0.5;1.25;\n1;-2e-3;\n",
    "names in a comment, as numpy writes them": "# x,u\n5.0e-01,1.25e+00\n1.0e+00,-2.0e-03\n",
    "names in a comment, as COMSOL writes them": "% Model: a\n% x u\n0.5 1.25\n1 -2e-3\n",
    "Fortran": "x u\n0.50000D+00 .125D+01\n1.D0 -0.2d-2\n",
    "leading zeros and signs": "x,u\n00.5,+1.25\n01,\N{MINUS SIGN}0.002\n",
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_one_table_as_many_programs_write_it(name: str) -> None:
    assert table(SAME[name]).names == ("x", "u")
    assert numbers(SAME[name]) == [[0.5, 1.25], [1.0, -0.002]]


def test_columns_without_names_are_numbered() -> None:
    read = table("0.5 1.25 3\n1 2 4\n")
    assert read.names == ("column1", "column2", "column3") and not read.titled
    assert "no line of the file names the columns" in read.hint
    assert table("x,,u\n1,7,3\n2,9,4\n").names == ("x", "column2", "u")


def test_a_first_column_that_does_not_count_is_kept() -> None:
    assert table(",x\n0.1,5\n0.3,6\n").names == ("column1", "x")


def test_text_in_other_columns_does_no_harm() -> None:
    read = table("x,city,u\n1,New York,3\n2,Paris,4\n")
    assert read.names == ("x", "city", "u") and read.holds_text(1) and not read.holds_text(2)


REFUSED = {
    "": "table.csv: is empty; the first line names the columns",
    "x,u\n": "table.csv: holds no row below the header; add points",
    "x,u\n1,2\n3\n": "row 2 (line 3): must hold 2 cells, found 1, separated by commas",
    "x,u\n0,5,1,25\n1,0,3,0\n": "row 1 (line 2): must hold 2 cells, found 4, separated by commas;"
    " where commas are decimal, separate cells by semicolons",
    "x,u\n1,2\n\n3,oops\n": "row 2 (line 4), column 'u': must be a finite number, found 'oops'",
    "x,u\n1,2\n3,\n": "row 2 (line 3), column 'u': must be a finite number, found an empty cell; leave out the row",
    "x,u\n1,NaN\n3,4\n": "row 1 (line 2), column 'u': must be a finite number, found 'NaN'",
    "x,u\n1,1e999\n": "row 1 (line 2), column 'u': must be a finite number, found '1e999'",
    "x;u\n0,5;1,5\n1;2.5\n": "row 1 (line 2), column 'x': must be a finite number, found '0,5', a decimal comma"
    " among points or thousands; write it with a point",
    'x,u\n1,"1,234"\n2,"2,345"\n': "found '1,234', a decimal comma among points or thousands",
    "x,u\n1,2\n3,1.234.5\n": "found '1.234.5'",
    "x,x\n1,2\n": "the column 'x' stands twice; remove one",
    "x,u\n1,\x072\n": "must be text, found the character",
    "x,u\n1," + "9" * 200_000 + "\n": "line 2: a cell is longer than 131072 characters; remove it",
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_what_is_refused_is_named_by_line_and_column(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        numbers(text)
    message = str(caught.value)
    assert message.startswith("my.yaml: problem.fit.data: table.csv: ")
    assert REFUSED[text] in message and "\n" not in message


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(encoding: str) -> None:
    text = decoded("Länge,°C\n0.5,1\n1,2\n".encode(encoding), NODE, "table.csv")
    assert table(text).names == ("Länge", "°C")


@pytest.mark.parametrize(
    "content", [bytes(range(256)), b"\x89PNG\r\n\x1a\n\0\0", b"x,u\n1,\x812\n"]
)
def test_what_is_no_text_is_refused(content: bytes) -> None:
    with pytest.raises(ConfigError, match=r"table.csv: must be text, found the byte 0x"):
        decoded(content, NODE, "table.csv")


def test_a_hundred_thousand_lines_take_no_time_to_tell_apart() -> None:
    text = "t;T\n" + "".join(f"{k / 8};{k % 7},5\n".replace(".", ",") for k in range(100_000))
    read = table(text)
    assert read.comma and read.number(99_999, 0) == 99_999 / 8 and read.number(3, 1) == 3.5
