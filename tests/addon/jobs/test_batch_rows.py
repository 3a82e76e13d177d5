"""Rows of batches from lists and texts: what spreadsheets and people write."""

import pytest

from sjc_blender.addon.batch.layout import offsets
from sjc_blender.addon.batch.rows import rows_of_list, rows_of_text
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
        ("[1, 2]\n", "x.jsonl", 1, "", "a prompt, or columns"),
        ('{"prompt": "a chair", "optimisation": {"stepz": 3}}', "x.jsonl", 1, "optimisation.stepz", "perhaps"),
    ],
)
def test_faults_of_form_say_where(text, name, row, column, allowed):
    (fault,) = rows_of_text(text, name).faults
    assert (fault.row, fault.column) == (row, column)
    assert allowed in fault.allowed


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
