"""NeuroScript: an embeddable runtime for a small language in which programs drive AI models, safely."""

__version__ = "0.1.0"
