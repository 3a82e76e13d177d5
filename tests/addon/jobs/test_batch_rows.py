"""Rows of batches from lists and texts: what spreadsheets and people write."""

import os
import random
import time

import numpy as np
import pytest

from sjc_blender.addon.batch.batch_fault import InvalidBatch
from sjc_blender.addon.batch.batch_file import read_batch_file
from sjc_blender.addon.batch.layout import offsets
from sjc_blender.addon.batch.rows import rows_of_list
from sjc_blender.addon.batch.text_rows import rows_of_text
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.overrides import nested

CSV = 'prompt,seed,optimisation.steps,outputs\n"a red, round chair",3,,"volume, mesh"\n\na blue duck,,10,\n'


def read(text, name="jobs"):
    rows = rows_of_text(text, name)
    assert not rows.faults
    return [(row.number, row.values) for row in rows.rows]


def test_csv_with_quotes_empty_cells_and_lines():
    assert read(CSV, "jobs.csv") == [
        (2, {"prompt": "a red, round chair", "seed": 3, "outputs": ["volume", "mesh"]}),
        (4, {"prompt": "a blue duck", "optimisation.steps": 10}),
    ]


def test_a_spreadsheet_of_another_country():
    text = "\ufeffprompt;seed\r\nein Stuhl;1\r\n"
    assert read(text, "jobs.csv") == [(2, {"prompt": "ein Stuhl", "seed": 1})]


def test_json_lines_with_nested_fields_and_bare_prompts():
    text = '{"prompt": "a chair", "optimisation": {"steps": 5}, "model.device": "cpu"}\n\n"a duck"\n'
    assert read(text, "jobs.jsonl") == [
        (1, {"prompt": "a chair", "optimisation.steps": 5, "model.device": "cpu"}),
        (3, {"prompt": "a duck"}),
    ]


def test_a_prompt_a_line_with_remarks():
    assert read("# chairs\na red chair\n\n  a blue chair \n") == [
        (2, {"prompt": "a red chair"}),
        (4, {"prompt": "a blue chair"}),
    ]


@pytest.mark.parametrize(
    "text, first", [(CSV, "a red, round chair"), ('{"prompt": "a duck"}', "a duck"), ("a red chair, old", None)]
)
def test_a_text_block_without_an_ending_is_known_by_its_beginning(text, first):
    assert read(text)[0][1]["prompt"] == (first or "a red chair, old")


def test_text_stays_text_and_numbers_become_numbers():
    ((_, values),) = read("prompt,seed,name,optimisation.learning_rate\n7,7,7,1e-3\n", "x.csv")
    assert values == {"prompt": "7", "seed": 7, "name": "7", "optimisation.learning_rate": 0.001}


@pytest.mark.parametrize(
    "text, name, row, column, allowed",
    [
        ("prompt,sede\na chair,3\n", "x.csv", 1, "sede", "perhaps seed"),
        ("prompt,optimisation.stepz\na chair,3\n", "x.csv", 1, "optimisation.stepz", "perhaps optimisation.steps"),
        ("prompt,seed,seed\na chair,1,2\n", "x.csv", 1, "seed", "each column once"),
        ("prompt,seed\na chair, or two,1\n", "x.csv", 2, "", "needs quotes"),
        ('{"prompt": "a chair"\n', "x.jsonl", 1, "", "one JSON object a line"),
        ("[1]\n", "x.jsonl", 1, "", "a prompt, or columns"),
        ('{"prompt": "a chair", "optimisation": {"stepz": 3}}', "x.jsonl", 1, "optimisation.stepz", "perhaps"),
    ],
)
def test_faults_of_form_say_where(text, name, row, column, allowed):
    (fault,) = rows_of_text(text, name).faults
    assert (fault.row, fault.column) == (row, column)
    assert allowed in fault.allowed


# ---- What spreadsheets and programs write --------------------------------------------------------------------------


def values(text, name="x.csv"):
    return [found for _, found in read(text, name)]


@pytest.mark.parametrize(
    "text, name",
    [
        ("sep=;\r\nprompt;seed\r\na chair;3\r\n", "x.csv"),
        ('\ufeff"sep=,"\nprompt,seed\na chair,3\n', "x.csv"),
        ("prompt\tseed\na chair\t3\n", "x.txt"),
        ("prompt\tseed\na chair\t3\n", "x.tsv"),
        ("\n\nPrompt , SEED\n a chair , 3 \n,\n,\n", "x.csv"),
        (' "Prompt", "Seed"\n"a chair", "3"\n', "x.csv"),
        (",prompt,seed,,\n0,a chair,3,,\n", "x.csv"),
        ("Unnamed: 0,prompt,seed\n17,a chair,3\n", "x.csv"),
        ("prompt,seed\ra chair,3\r", "x.csv"),
        ('[{"prompt": "a chair", "seed": 3}]', "x.json"),
        ('[{"prompt": "a chair", "seed": 3.0}]', "x.jsonl"),
        ('{"prompt": "a chair", "seed": "3"}\n', "x.json"),
        ('{\n "Prompt": "a chair",\n "seed": 3,\n "preset": null, "jitter": NaN\n}', "x.json"),
        ('[\n{"prompt": "a chair", "seed": 3}]', "Text.001"),
    ],
)
def test_tables_of_many_programs_say_the_same(text, name):
    assert values(text, name) == [{"prompt": "a chair", "seed": 3}]


@pytest.mark.parametrize(
    "column, written, value",
    [
        ("seed", "3.0", 3),
        ("seed", "1e3", 1000),
        ("seed", "0-3", (0, 1, 2, 3)),
        ("seed", "7, 2–4", (7, 2, 3, 4)),
        ("optimisation.steps", "150.0", 150),
        ("optimisation.guidance_scale", "7,5", 7.5),
        ("optimisation.guidance_scale", "1e1", 10.0),
        ("optimisation.guidance_scale", "0.125", 0.125),
        ("optimisation.emptiness_weight", "1,5E+03", 1500.0),
        ("outputs.mesh", "TRUE", True),
        ("outputs.mesh", "no", False),
        ("outputs.mesh", "1.0", True),
        ("optimisation.timesteps", "[10.0, 900]", [10, 900]),
        ("optimisation.clip", "null", None),
        ("optimisation.estimator", "EQ15", "eq15"),
        ("model.source", "7", "7"),
        ("name", "1e3", "1e3"),
        ("outputs", "Volume, mesh", ["volume", "mesh"]),
    ],
)
def test_cells_have_their_columns_type(column, written, value):
    # In quotes, in a file of commas, and in one of a country that writes decimals with one.
    for text in (f'prompt,{column}\na chair,"{written}"\n', f"prompt;{column}\na chair;{written}\n"):
        (found,) = values(text)
        assert found[column] == value and type(found[column]) is type(value)


@pytest.mark.parametrize("column, text", [("seed", "nan"), ("looseness", "NaN"), ("optimisation.steps", "<NA>")])
def test_a_missing_value_of_pandas_says_nothing(column, text):
    assert values(f"prompt,{column}\na chair,{text}\n") == [{"prompt": "a chair"}]


@pytest.mark.parametrize(
    "column, text, allowed",
    [
        ("outputs.mesh", "WAHR", "true or false"),
        ("seed", "1.000", "thousands separators"),
        ("seed", '"1,000"', "thousands separators"),
        ("seed", "7-Jan", "whole numbers"),
        ("seed", "0-999999999", "up to 1000"),
        ("seed", "-3", None),
        ("optimisation.steps", "1e999", "a whole number"),
        ("optimisation.steps", "3.5", "a whole number"),
        ("optimisation.steps", '"1,000"', "thousands separators"),
        ("optimisation.guidance_scale", '"1,000"', "thousands separators"),
        ("optimisation.guidance_scale", "1 000", "thousands separators"),
        ("optimisation.guidance_scale", "1e999", "a number"),
        ("optimisation.guidance_scale", "inf", "a number"),
        ("optimisation.timesteps", "10 to 900", "a list in JSON"),
        ("name", "#REF!", "formula"),
        ("name", "nan", "missing value"),
        ("name", "a\x1b[31m", "U+001B"),
        ("name", "Gr\ufffd\ufffde", "U+FFFD"),
    ],
)
def test_faults_of_cells_say_what_is_allowed(column, text, allowed):
    rows = rows_of_text(f"prompt,{column}\na chair,{text}\n", "x.csv")
    if allowed is None:  # a number, of which the job itself says that it is too small
        assert rows.rows[0].values[column] == int(text)
        return
    (fault,) = rows.faults
    assert (fault.row, fault.column) == (2, column) and allowed in fault.allowed
    assert fault.value == repr(text.strip('"'))


def test_what_a_point_or_a_comma_means_is_told_by_the_file_or_asked():
    column = "optimisation.guidance_scale"
    assert values(f"prompt;{column}\na chair;7,125\n")[0][column] == 7.125
    assert values(f"prompt,{column}\na chair,7.125\n")[0][column] == 7.125
    (fault,) = rows_of_text(f"prompt;{column}\na chair;1.500\n", "x.csv").faults
    assert "thousands separators" in fault.allowed


def test_line_breaks_within_cells():
    text = 'prompt,seed\n"a red\r\nchair",1\na blue\u2028duck,2\n"a\n\ncup",3\na bed,oak\n'
    rows = rows_of_text(text, "x.csv")
    assert [(row.number, row.values["prompt"]) for row in rows.rows] == [
        (2, "a red chair"),
        (4, "a blue duck"),
        (5, "a cup"),
        (8, "a bed"),
    ]
    assert rows.faults[0].row == 8
    assert values('"a\u2028duck"\n{"prompt": "a\u2029cup"}\n', "x.jsonl") == [{"prompt": "a duck"}, {"prompt": "a cup"}]


@pytest.mark.parametrize(
    "text, name, row, found, allowed",
    [
        ("p\0r\0o\0", "x.csv", 1, "\\x00", "CSV UTF-8"),
        ("a chair\nb\0", "x.txt", 2, "\\x00", "U+0000"),
        ('prompt,seed\n"a chair,1\na duck,2\n', "x.csv", 2, "unexpected end", "doubled"),
        ('prompt,seed\na cup,1\n"old" chair,1\n', "x.csv", 3, "expected after", "doubled"),
        (f"prompt\n{'a' * 200_000}\n", "x.csv", 2, "field limit", "cells"),
        ("a red chair\t3\n", "x.txt", 1, "a red chair", "names the columns"),
        (",prompt\nchairs,a red chair\n", "x.csv", 2, "chairs", "no name in the first row"),
        ('{"prompt": {"0": "a chair", "1": "a duck"}}', "x.json", 1, "prompt.0", "perhaps prompt"),
        ('{"prompt": "a", "seed": 1, "seed": 2}', "x.jsonl", 1, "seed", "there twice"),
        ('[{"prompt": "a"},\n{"prompt": "b"', "x.json", 2, "prompt", "an array of rows"),
        ("[" * 100_000, "x.json", 1, "[[[", "nested too deeply"),
        ('[{"prompt": ' + '{"a":' * 50 + "1" + "}" * 51 + "]", "x.json", 1, "prompt.a", "prompt"),
        ('{"prompt": "a\\ud800"}', "x.jsonl", 1, "ud800", "U+D800"),
        ('{"prompt": "a", "Prompt": "b"}', "x.jsonl", 1, "b", "each column once"),
        ('{"prompt": "a", "seed": ' + "9" * 5000 + "}", "x.jsonl", 1, "prompt", "one JSON object a line"),
    ],
)
def test_damaged_texts_are_faults_and_nothing_else(text, name, row, found, allowed):
    fault = rows_of_text(text, name).faults[0]
    assert fault.row == row
    assert found in fault.value and allowed in fault.allowed
    assert len(str(fault)) < 1000


def test_a_prompt_list_stays_one():
    prompts = ["[V] chair, old", "a photo; prompt of a chair", "{red|blue} duck", "prompting, seedling", "0-7"]
    assert [found["prompt"] for found in values("\n".join(prompts), "x.txt")] == prompts


def test_more_rows_than_anyone_means_are_one_fault():
    for text, name in (
        ("a\n" * 10_001, "x.txt"),
        ("prompt\n" + "a\n" * 10_001, "x.csv"),
        ('"a"\n' * 10_001, "x.jsonl"),
    ):
        (fault,) = rows_of_text(text, name).faults
        assert "up to 10000 rows" in str(fault)


def test_wide_and_faulty_texts_are_given_up_early():
    hostile = {
        "x.csv": ",".join(f"c{i}" for i in range(400_000)) + "\n",
        "x.json": "[{" + ",".join(f'"c{i}":1' for i in range(300_000)) + "}]",
        "x.jsonl": '{"a":1}\n' * 9_000,
    }
    for name, text in hostile.items():
        started = time.process_time()
        assert rows_of_text(text, name).faults
        assert time.process_time() - started < 3, name


def test_the_message_lists_so_many_faults_and_counts_the_rest():
    text = "prompt,seed\n" + "a chair,x\n" * 250
    error = InvalidBatch(rows_of_text(text, "x.csv").faults)
    assert len(error.faults) == 250 and "and 150 more" in str(error) and len(str(error).splitlines()) == 102


def test_values_of_python_and_numpy():
    ((row,), faults) = vars(
        rows_of_list([{"prompt": "a chair", "seed": np.int64(3), "jitter": np.float32("nan"), "field.resolution": 9.0}])
    ).values()
    assert not faults and row.values == {"prompt": "a chair", "seed": 3, "field.resolution": 9}


def test_any_bytes_are_rows_or_one_error(tmp_path):
    """Random ones, and sound tables with bytes changed, added and cut."""
    draw = random.Random(5)
    sound = [
        text.encode(encoding)
        for text in (CSV, '[{"prompt": "a", "seed": 3.0}]', '{"prompt": "a"}\n"b"\n', "sep=;\nprompt;seed\na;0-7\n")
        for encoding in ("utf-8-sig", "utf-16")
    ]
    names = ["x.csv", "x.tsv", "x.json", "x.jsonl", "x.txt", "x"]
    for turn in range(3000):
        content = bytearray(draw.choice(sound) if turn % 4 else draw.randbytes(draw.randrange(60)))
        for _ in range(draw.randrange(4)):
            at = draw.randrange(len(content) + 1)
            content[at : at + draw.randrange(4)] = draw.choice(
                [b"", b'"', b"\0", b"\n", b"\xff", b"[" * 9, b"\xe2\x80\xa8"]
            )
        path = tmp_path / draw.choice(names)
        path.write_bytes(content)
        try:
            rows = rows_of_text(read_batch_file(path), path.name)
        except SjcError as error:
            assert error.code == "no_batch_file"
            continue
        assert all(str(fault) for fault in rows.faults)
        assert all(set(row.values) <= {"prompt", "seed", "optimisation.steps", "outputs"} for row in rows.rows)


# ---- Files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be-bom", "utf-32"])
def test_files_in_unicode_of_every_width(tmp_path, encoding):
    path = tmp_path / "x.txt"
    text = "prompt\tname\r\na chair\tSessel Größe 2\r\n"
    path.write_bytes(b"\xfe\xff" + text.encode("utf-16-be") if "bom" in encoding else text.encode(encoding))
    assert values(read_batch_file(path), path.name) == [{"prompt": "a chair", "name": "Sessel Größe 2"}]


def refusal(path):
    with pytest.raises(SjcError) as caught:
        read_batch_file(path)
    assert caught.value.code == "no_batch_file"
    return str(caught.value)


def test_files_that_cannot_be_rows_are_refused_with_the_way_out(tmp_path):
    contents = {
        "cp1252.csv": "prompt\nein grüner Stuhl\n".encode("cp1252"),
        "table.xlsx": b"PK\x03\x04",
        "table.ods": b"PK\x03\x04",
        "renamed.csv": b"PK\x03\x04\0\0",
        "old.csv": b"\xd0\xcf\x11\xe0\xa1",
        "cut.csv": b"\xff\xfep\0r",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        assert "Save it as CSV UTF-8" in refusal(tmp_path / name)
    assert "line 2" in refusal(tmp_path / "cp1252.csv")
    (tmp_path / "rows.yaml").write_text("- a chair\n")
    assert ".jsonl" in refusal(tmp_path / "rows.yaml")
    assert "does not exist" in refusal(tmp_path / "none.csv")
    (tmp_path / "folder.csv").mkdir()
    assert "is not a file" in refusal(tmp_path / "folder.csv")
    with (tmp_path / "huge.csv").open("wb") as file:
        file.truncate(2**40)
    assert "allowed: up to" in refusal(tmp_path / "huge.csv")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    assert "pipe" in refusal(tmp_path / "pipe.csv")


def test_lists_count_from_one():
    rows = rows_of_list(["a chair", {"prompt": "a duck", "seed": 2}, 3])
    assert [row.number for row in rows.rows] == [1, 2]
    assert rows.faults[0].row == 3


def test_dotted_columns_become_nested_settings():
    assert nested({"a.b": 1, "a.c": 2, "d": 3}) == {"a": {"b": 1, "c": 2}, "d": 3}


def test_a_grids_lines_hold_whole_prompts():
    ways = offsets("grid", 12, 2, 1.0)
    assert ways[:2] == [(0, 0), (1, 0)] and ways[4] == (0, 1)
    assert len(set(ways)) == 12
    assert {y for _, y in offsets("row", 12, 2, 1.0)} == {0}
    assert set(offsets("domain", 3, 1, 1.0)) == {(0, 0)}
