import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from core_embeddings.csv_records import csv_records

CELL = st.text(st.sampled_from('ab,"\n é'), min_size=1, max_size=5)


def records(text):
    return list(csv_records(list(io.StringIO(text, newline=""))))


@given(st.integers(1, 3).flatmap(lambda n: st.lists(st.lists(CELL, min_size=n, max_size=n))))
def test_what_a_csv_writer_wrote_comes_back(rows):
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows(rows)
    found = records(stream.getvalue())
    assert [record.cells for record in found] == rows
    assert not any(record.problem for record in found)


@given(
    st.lists(st.sampled_from(['1,"a', "2,a", '3,"a"b', "4,a,b", '"', ",", '5,"a,b"']), max_size=9)
)
def test_however_broken_the_rest_no_plain_line_outside_quotes_is_lost(lines):
    found = records("\n".join(["h1,h2", "first,row", *lines, "", "last,row"]))
    assert [record.cells for record in found[:2]] == [["h1", "h2"], ["first", "row"]]
    assert found[-1].cells[-1].endswith("row")


def test_an_open_quote_costs_one_line_even_where_a_later_quote_would_close_it():
    found = records('a,b\n1,"x\n2,y\n3,"z"\n4,w\n')
    assert [(record.cells[0], bool(record.problem)) for record in found] == [
        ("a", False),
        ("1", True),
        ("2", False),
        ("3", False),
        ("4", False),
    ]
