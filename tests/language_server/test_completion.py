"""What can be completed at the cursor, in programs that are whole and in such that are being written."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from lsprotocol import types as lsp

from tests.language_server.conftest import Editor, Opened


def complete(document: Opened) -> dict[str, lsp.CompletionItem]:
    """The items by their labels."""
    params = lsp.CompletionParams(**document.at)
    found = document.editor.ask(lambda client: client.text_document_completion_async(params))
    assert isinstance(found, lsp.CompletionList)
    return {item.label: item for item in found.items}


def written(document: Opened, item: lsp.CompletionItem) -> str:
    """The text of the document with an item put in."""
    assert isinstance(item.text_edit, lsp.TextEdit)
    return document.edited([item.text_edit])


def body(text: str) -> str:
    return f"func main(needs orders) means\n  set total = 0\n{text}\nendfunc\n"


STATEMENTS = {"set", "call", "emit", "if", "while", "for", "return", "on", "ask"}


@pytest.mark.parametrize(
    ("text", "there", "not_there"),
    [
        ("‸", {"func", "command", "on"}, {"set", "emit", "endfunc"}),
        ("func ‸", set(), {"set", "total", "len"}),
        ("func main‸", set(), {"set", "total", "len"}),
        ("func main(‸", {"needs", "optional", "returns"}, {"set", "len", "tool"}),
        ("func main() ‸", {"means"}, {"set", "needs", "len"}),
        (body("  ‸"), STATEMENTS | {"endfunc"}, {"endif", "func", "command", "total"}),
        (body("  e‸"), STATEMENTS | {"endfunc"}, {"endif"}),
        (body("  if total\n    ‸"), STATEMENTS | {"endif", "else"}, {"endwhile", "endfunc"}),
        (body("  while total\n    ‸\n  endwhile"), STATEMENTS | {"endwhile"}, {"else"}),
        (body("  for ‸"), {"each"}, {"total"}),
        (body("  for each ‸"), set(), {"total", "tool", "in"}),
        (body("  for each x ‸"), {"in"}, {"total"}),
        (body("  for each x in ‸"), {"total", "orders", "tool", "main", "len"}, {"in", "set"}),
        (body("  on ‸"), {"error", "event"}, {"total"}),
        (body("  set ‸"), {"total", "orders"}, {"tool", "len", "main"}),
        (body("  set x = ‸"), {"total", "orders", "tool", "main", "len", "true", "nil", "must"}, {"x", "set", "with"}),
        (body("  set x = total ‸"), {"and", "or"}, {"set"}),
        (body("  emit total + to‸"), {"total", "orders", "last"}, {"to"}),
        (body("  ask ‸"), {"total", "orders"}, {"into"}),
        (body('  ask "x" ‸'), {"into", "with"}, {"total"}),
        (body('  ask "x" into ‸'), {"total", "orders"}, {"tool"}),
        (body("  emit (1 + ‸\n  set y = 2"), {"total", "tool"}, {"set"}),
        (body("  # comment ‸"), set(), {"set", "total"}),
        (body('  emit "text ‸"'), set(), {"set", "total"}),
        (body('  emit "text ‸'), set(), {"set", "total"}),
        (body("  emit ```Dear {{‸}}```"), {"total", "orders"}, {"set", "tool"}),
        (body("  emit ```Dear {{ to‸"), {"total", "orders"}, {"set", "tool"}),
        (body("  emit ```Dear ‸```"), set(), {"total"}),
        ("::‸", set(), set()),
        (":: ‸", {"uses: ", "description: "}, {"set"}),
        ("func main(needs a) means\n  :: ‸\nendfunc\n", {"description: ", "param:a: ", "type:a: "}, {"uses: "}),
    ],
)
def test_what_can_stand_there(editor: Editor, text: str, there: set[str], not_there: set[str]) -> None:
    found = complete(editor.open(text))
    assert there - found.keys() == set()
    assert not_there & found.keys() == set()


def test_variables_come_first_and_have_their_types(editor: Editor) -> None:
    found = complete(editor.open(body('  set name = "x"\n  emit ‸')))
    assert (found["total"].detail, found["name"].detail, found["orders"].detail) == ("int", "string", "parameter")
    order = sorted(found, key=lambda label: found[label].sort_text or "")
    assert set(order[:3]) == {"name", "orders", "total"}


def test_a_variable_of_another_procedure_is_none(editor: Editor) -> None:
    found = complete(editor.open(body("  emit ‸") + "\nfunc other means\n  set elsewhere = 1\nendfunc\n"))
    assert "elsewhere" not in found
    assert "other" in found


def test_error_handlers_know_the_error(editor: Editor) -> None:
    found = complete(editor.open(body("  on error do\n    emit ‸\n  endon")))
    assert "system_error_message" in found
    assert "system_error_message" not in complete(editor.open(body("  emit ‸")))


# --- tools -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["emit ", "set x = ", "call ", "must ", "emit 1 + ", "return ["])
def test_groups_of_tools_and_tools(editor: Editor, prefix: str) -> None:
    found = complete(editor.open(body(f"  {prefix}tool.‸")))
    assert {"str", "list", "AIWorker"} <= found.keys()
    assert "total" not in found
    tools = complete(editor.open(body(f"  {prefix}tool.str.To‸")))
    assert {"ToUpper", "ToLower", "Split"} <= tools.keys()
    assert tools["ToUpper"].detail == "tool.str.ToUpper(input_string: string) -> string"


def test_a_tool_is_put_in_with_its_parentheses(editor: Editor) -> None:
    document = editor.open(body("  emit tool.str.to‸"))
    assert "emit tool.str.ToUpper($0)\n" in written(document, complete(document)["ToUpper"])
    document = editor.open(body("  emit tool.str.to‸(total)"))
    assert "emit tool.str.ToUpper(total)\n" in written(document, complete(document)["ToUpper"])


def test_tools_are_found_by_their_last_name(editor: Editor) -> None:
    document = editor.open(body("  emit ToUp‸"))
    assert "emit tool.str.ToUpper($0)\n" in written(document, complete(document)["tool.str.ToUpper"])


def test_the_text_of_a_tool_comes_when_it_is_selected(editor: Editor) -> None:
    item = complete(editor.open(body("  emit tool.str.‸")))["Replace"]
    assert item.documentation is None
    item = editor.ask(lambda client: client.completion_item_resolve_async(item))
    assert isinstance(item.documentation, lsp.MarkupContent)
    assert "tool.str.Replace(input_string: string" in item.documentation.value
    assert "`old_substring: string`" in item.documentation.value


def test_procedures_have_signature_and_text(editor: Editor) -> None:
    text = "func greet(needs name optional times) means\n  :: description: Says hello.\nendfunc\n" + body("  call ‸")
    item = complete(editor.open(text))["greet"]
    assert item.detail == "greet(name, times?)"
    item = editor.ask(lambda client: client.completion_item_resolve_async(item))
    assert isinstance(item.documentation, lsp.MarkupContent)
    assert "Says hello." in item.documentation.value


def test_an_editor_without_snippets_gets_plain_text(start: Callable[..., Editor]) -> None:
    editor = start("--no-plugins", snippets=False)
    document = editor.open(body("  emit tool.str.to‸"))
    found = complete(document)
    assert "emit tool.str.ToUpper\n" in written(document, found["ToUpper"])
    assert "if … endif" not in complete(editor.open(body("  ‸")))


def test_blocks_are_put_in_at_once(editor: Editor) -> None:
    document = editor.open(body("  ‸"))
    item = complete(document)["for each … endfor"]
    assert "for each ${1:item} in ${2:items}\n  $0\nendfor" in written(document, item)
    assert item.insert_text_mode is lsp.InsertTextMode.AdjustIndentation


def test_a_handler_of_errors_is_offered_in_bodies_alone(editor: Editor) -> None:
    assert "on error … endon" in complete(editor.open(body("  ‸")))
    outside = complete(editor.open("‸"))
    assert "on error … endon" not in outside
    assert "on event … endon" in outside


# --- arguments and keys ----------------------------------------------------------------------------------------------


def test_arguments_by_name(editor: Editor) -> None:
    found = complete(editor.open(body('  emit tool.str.Replace("a", ‸)')))
    assert {"old_substring:", "new_substring:"} <= found.keys()
    assert "input_string:" not in found
    found = complete(editor.open(body('  emit tool.str.Replace("a", old_substring: "b", ‸')))
    assert "new_substring:" in found
    assert "old_substring:" not in found
    assert "new_substring:" not in complete(editor.open(body('  emit tool.str.Replace("a" + ‸')))


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("  set m = {\"red\": 1, \"blue\": 2}\n  emit m.‸", {"red", "blue"}),
        ("  set m = {}\n  set m.red = 1\n  emit m.r‸", {"red"}),
        ("  set m = {\"inner\": {\"red\": 1}}\n  emit m.inner.‸", {"red"}),
        ("  set m = {\"red\": 1}\n  set m.‸", {"red"}),
        ("  set rows = [{\"red\": 1}]\n  for each row in rows\n    emit row.‸\n  endfor", {"red"}),
        ("  set parts = tool.time.Parts(tool.time.Now())\n  emit parts.‸", {"year", "month", "day"}),
        ("  emit tool.time.Parts(tool.time.Now()).‸", {"year", "month", "day"}),
        ("  on error do\n    emit system_error.‸\n  endon", {"code", "message", "line"}),
        ("  on event \"x\" as e do\n    emit e.‸\n  endon", {"payload", "name"}),
        ("  emit total.‸", set()),
    ],
)  # fmt: skip
def test_keys_that_a_map_has(editor: Editor, text: str, keys: set[str]) -> None:
    found = complete(editor.open(body(text)))
    assert keys - found.keys() == set()
    assert "total" not in found
    assert keys or not found


def test_keys_in_brackets(editor: Editor) -> None:
    document = editor.open(body('  set m = {"red": 1}\n  emit m["‸'))
    assert 'emit m["red"' in written(document, complete(document)['"red"'])
    document = editor.open(body("  set m = {\"red\": 1}\n  emit m['r‸']"))
    assert "emit m['red']" in written(document, complete(document)["'red'"])


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("  set id = tool.AIWorkerDefinition.Add(auth: {‸", {'"method"', '"value"'}),
        ('  set id = tool.AIWorkerDefinition.Add(auth: {"method": "none", ‸})', {'"value"'}),
        ("  set id = tool.AIWorkerDefinition.Add(base_config: {\n    ‸\n  })", {'"temperature"'}),
        ("  set all = tool.AIWorker.ExecuteAll([{‸", {'"worker"', '"prompt"'}),
        ('  set all = tool.AIWorker.ExecuteAll([{"worker": "x"}, {"config_overrides": {‸', {'"temperature"'}),
        ('  ask "x" with {‸', {'"temperature"'}),
        ('  ask "x" with {"te‸', {'"temperature"'}),
    ],
)
def test_keys_that_a_tool_takes(editor: Editor, text: str, keys: set[str]) -> None:
    assert keys - complete(editor.open(body(text))).keys() == set()


def test_paths_of_files_that_are_used(editor: Editor) -> None:
    editor.write("", "lib/text.ns")
    editor.write("", "other.ns")
    editor.write("", "notes.txt")
    found = complete(editor.open(":: uses: ‸\n", "main.ns"))
    assert found.keys() == {"lib/", "other.ns"}
    document = editor.open(":: uses: other.ns, lib/te‸\n", "main.ns")
    assert written(document, complete(document)["lib/text.ns"]) == ":: uses: other.ns, lib/text.ns\n"


def test_procedures_of_files_that_are_used(editor: Editor) -> None:
    editor.write("func shout(needs text) means\n  return text\nendfunc\n", "lib.ns")
    found = complete(editor.open(":: uses: lib.ns\nfunc main means\n  call ‸\nendfunc\n", "main.ns"))
    assert found["shout"].detail == "shout(text)"


def test_what_the_policy_refuses_is_not_offered(start: Callable[..., Editor]) -> None:
    editor = start("--no-plugins", "--deny", "str.ToUpper", "--globals", "site, user")
    found = complete(editor.open(body("  emit tool.str.‸")))
    assert "ToLower" in found
    assert "ToUpper" not in found
    assert {"site", "user"} <= complete(editor.open(body("  emit ‸"))).keys()
