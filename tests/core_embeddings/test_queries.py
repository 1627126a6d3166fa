import pytest
from PIL import Image

from core_embeddings.errors import TableError
from core_embeddings.queries import read_queries


def read(tmp_path, *lines, **options):
    (tmp_path / "q.csv").write_text("\n".join(lines) + "\n")
    return read_queries(tmp_path / "q.csv", **options)


def test_queries_without_judgements(tmp_path):
    loaded = read(tmp_path, "query_id,query,user_id,lang", "1, red  dress,u,en", "2,连衣裙,,zh")
    assert loaded.queries.to_dict("list") == {
        "query_id": ["1", "2"],
        "query": ["red dress", "连衣裙"],
        "image": ["", ""],
        "user_id": ["u", ""],
        "lang": ["en", "zh"],
    }
    assert loaded.judgements.empty
    assert list(loaded.judgements.columns) == ["query_id", "product_id", "relevance"]


def test_judgements_are_one_row_per_pair_and_a_query_is_stated_once(tmp_path):
    loaded = read(
        tmp_path,
        "query_id,query,product_id,relevance",
        "q1,red,0007,2",
        "q1,,p2,0",
        "q1,blue,p3,1",
        "q2,hat,p1,0.5",
        "q3,nothing fits,,",
    )
    assert loaded.queries["query"].tolist() == ["red", "hat", "nothing fits"]
    assert loaded.judgements.values.tolist() == [
        ["q1", "0007", 2.0],
        ["q1", "p2", 0.0],
        ["q1", "p3", 1.0],
        ["q2", "p1", 0.5],
    ]
    assert loaded.rejects["row"].tolist() == [3]
    assert loaded.rejects.reason[0].endswith("the first one holds; row kept")


def test_bad_judgements_are_named_and_the_query_stays(tmp_path):
    loaded = read(
        tmp_path,
        "query_id,query,product_id,relevance",
        "q1,red,p1,-1",
        "q1,red,p2,many",
        "q1,red,p3,inf",
        "q1,red,p4,",
        "q1,red,,1",
        "q1,red,p5,1",
        "q1,red,p5,2",
        ",red,p6,1",
        "q2,,p7,1",
    )
    assert loaded.queries.query_id.tolist() == ["q1"]
    assert loaded.judgements.values.tolist() == [["q1", "p5", 1.0]]
    reasons = loaded.rejects.set_index("row").reason
    assert reasons.to_dict() == {
        1: "negative relevance",
        2: "not a number",
        3: "not a number",
        4: "missing relevance",
        5: "a relevance without a product",
        7: "judged twice; the first judgement was kept",
        8: "missing id",
        9: "neither text nor a readable image",
    }


def test_a_judged_product_without_a_relevance_column_counts_as_one(tmp_path):
    loaded = read(tmp_path, "query_id,query,product_id", "q,red,p1", "q,red,p2")
    assert loaded.judgements.relevance.tolist() == [1.0, 1.0]


def test_image_queries_are_checked_like_products(tmp_path):
    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.png")
    loaded = read(
        tmp_path,
        "query_id,query,image",
        "1,,a.png",
        "2,red,none.png",
        "3,,none.png",
        "4,,../../etc/passwd",
    )
    assert loaded.queries.query_id.tolist() == ["1", "2"]
    assert loaded.queries.image.tolist() == [str(tmp_path / "a.png"), ""]
    assert loaded.rejects.reason.tolist() == [
        "does not exist; query kept as text only",
        "does not exist; neither text nor a readable image",
        "outside the images folder; neither text nor a readable image",
    ]


def test_a_table_that_asks_nothing_is_refused(tmp_path):
    with pytest.raises(TableError, match=r"neither a column 'query' nor 'image'.*found: query_id"):
        read(tmp_path, "query_id,text", "1,red")
    with pytest.raises(TableError, match="no column 'query_id'"):
        read(tmp_path, "id,query", "1,red")
    mapped = read(tmp_path, "id,text", "1,red", columns={"query_id": "id", "query": "text"})
    assert mapped.queries["query"].tolist() == ["red"]
