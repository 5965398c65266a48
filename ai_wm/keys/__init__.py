"""API keys: their sources, the addresses they may be sent to, and keeping them out of everything that is shown."""

from ai_wm.keys.redaction import StreamMask, redact, redact_error, without_keys
from ai_wm.keys.secret import Secret
from ai_wm.keys.sources import key_status, resolve_key

__all__ = ["Secret", "StreamMask", "key_status", "redact", "redact_error", "resolve_key", "without_keys"]
