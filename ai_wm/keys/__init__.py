"""API keys: where they come from, where they may be sent, and keeping them out of everything that is shown."""

from ai_wm.keys.redaction import redact, redact_error
from ai_wm.keys.secret import Secret
from ai_wm.keys.sources import key_status, resolve_key

__all__ = ["Secret", "key_status", "redact", "redact_error", "resolve_key"]
