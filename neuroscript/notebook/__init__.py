"""The extension of IPython and Jupyter: ``%load_ext neuroscript``, then ``%%neuroscript`` cells."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from neuroscript.notebook.extension import Extension

_loaded: dict[InteractiveShell, Extension] = {}


def load(shell: InteractiveShell) -> None:
    """Adds the magics to a shell of IPython."""
    try:
        from neuroscript.notebook.extension import Extension
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in ("IPython", "traitlets"):
            raise
        raise ImportError("notebooks need IPython; install it with: pip install 'neuroscript[notebook]'") from error

    if shell not in _loaded:
        _loaded[shell] = Extension(shell)


def unload(shell: InteractiveShell) -> None:
    """Ends the session of a shell, and takes the magics away."""
    extension = _loaded.pop(shell, None)
    if extension is not None:
        extension.unload()
