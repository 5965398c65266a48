"""Upper bounds of the tokens that providers count for attachments, by their documented rules.

Anthropic: 28 x 28 pixels a token, at most 4,784 for an image of the models with the finest resolution; a page of a
document is up to 3,000 tokens of text and an image.  OpenAI: 512 x 512 pixels a tile, or 32 x 32 pixels a patch with a
factor, both by model; a page is its text and an image; audio is 10 tokens a second.  Google: 258 tokens for a tile of
at most 768 x 768 pixels, or up to 2,240 for an image by its resolution; 1,120 for a page; audio is 32 tokens a second.
Models behind other servers count as the largest of these do: 28 x 28 pixels a token, 16,384 for an image.
"""

from __future__ import annotations

import math
import re
from typing import Final

from ai_wm.data.attachments import Attachment

_TEXT_OF_PAGE: Final = 3000
_ANTHROPIC_IMAGE: Final = 4784
_GOOGLE_IMAGE: Final = 2240
_GOOGLE_PAGE: Final = 1120
_GOOGLE_TILE: Final = 258
_OTHER_IMAGE: Final = 16_384
_PATCH: Final = 28
_LARGE: Final = 8000
"""The pixels of a side of an image that does not tell its size: the most that most providers take."""

_OPENAI_IMAGES: Final = (
    # The most tokens of one image: 8 tiles at the high level of detail, or all patches with the model's factor.
    (r"gpt-4o-mini", 2833 + 8 * 5667),
    (r"o1|o3($|-)", 75 + 8 * 150),
    (r"gpt-(4o|4-turbo|4\.5|4\.1$|4\.1-2)", 85 + 8 * 170),
    (r"gpt-4\.1-(mini|nano)|o4-mini", math.ceil(1536 * 2.46)),
)
_OPENAI_LATER: Final = math.ceil(10_000 * 2.46)
"""Of later models: 10,000 patches with the largest factor."""

_IMAGES: Final = tuple((re.compile(pattern), most) for pattern, most in _OPENAI_IMAGES)


def attachment_tokens(provider: str, model: str, attachment: Attachment) -> int:
    """Returns the most tokens that a provider counts for an attachment."""
    match attachment.kind:
        case "image":
            return _image(provider, model, attachment.width, attachment.height)
        case "pdf":
            if provider == "google":
                return attachment.pages * _GOOGLE_PAGE
            return attachment.pages * (_TEXT_OF_PAGE + _image(provider, model, 0, 0))
        case _:
            return math.ceil(attachment.seconds * (10 if provider == "openai" else 32)) + 1


def _image(provider: str, model: str, width: int, height: int) -> int:
    width, height = (width, height) if width > 0 and height > 0 else (_LARGE, _LARGE)
    patches = math.ceil(width / _PATCH) * math.ceil(height / _PATCH)
    match provider:
        case "anthropic":
            return min(patches, _ANTHROPIC_IMAGE)
        case "google":
            return max(_GOOGLE_IMAGE, _GOOGLE_TILE * _google_tiles(width, height))
        case "openai":
            return next((most for pattern, most in _IMAGES if pattern.match(model)), _OPENAI_LATER)
    return max(1601, min(patches, _OTHER_IMAGE))


def _google_tiles(width: int, height: int) -> int:
    if max(width, height) <= 384:
        return 1
    side = min(768, max(256, math.floor(min(width, height) / 1.5)))
    # Larger images are scaled down before they are cut into tiles.
    return min(64, math.ceil(width / side) * math.ceil(height / side))
