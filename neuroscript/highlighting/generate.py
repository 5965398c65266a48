"""Writes the grammars in ``editors/`` from the tables of the language.

python -m neuroscript.highlighting.generate            write the files
python -m neuroscript.highlighting.generate --check    exit 1 if one is not what the tables give
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from neuroscript.highlighting import textmate, tree_sitter, vim

EDITORS = Path(__file__).parents[2] / "editors"
"""Where the files are, in a checkout."""


def files() -> dict[str, str]:
    """The text of each file, by its path in `EDITORS`."""
    return {
        "vscode/syntaxes/neuroscript.tmLanguage.json": _json(textmate.grammar()),
        "vim/syntax/neuroscript.vim": vim.syntax(),
        "tree-sitter/grammar.js": tree_sitter.grammar_js(),
        "tree-sitter/src/grammar.json": _json(tree_sitter.grammar()),
        "tree-sitter/src/scanner.c": tree_sitter.SCANNER,
        "tree-sitter/queries/highlights.scm": tree_sitter.highlights(),
    }


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Writes the files, or with ``--check`` compares them; returns the exit status, 2 without a checkout."""
    if not EDITORS.is_dir():
        print(f"there is no folder {EDITORS}: the files are those of a checkout")
        return 2
    stale = []
    for name, text in files().items():
        path = EDITORS / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in arguments:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
    if stale and "--check" in arguments:
        print(f"stale: {', '.join(stale)}; run `python -m neuroscript.highlighting.generate`")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
