"""A language server: what editors ask about programs, over the Language Server Protocol.

Each feature is a module that works on `document.Document` and `project.Project`; `server` connects them with the
protocol.  The extra ``lsp`` brings what it needs: ``pip install neuroscript[lsp]``.
"""
