"""How well one colour can be read on another, as WCAG defines it."""

from __future__ import annotations

import re

Colour = tuple[int, int, int]

LEAST_CONTRAST = 4.5


def contrast(one: str, other: str) -> float:
    """The contrast of two colours in CSS, `#30363d` or `rgb(48, 54, 61)`: from 1 to 21."""
    darker, lighter = sorted(map(_luminance, map(_colour, (one, other))))
    return (lighter + 0.05) / (darker + 0.05)


def _colour(css: str) -> Colour:
    if css.startswith("#"):
        red, green, blue = (int(css[at : at + 2], 16) for at in (1, 3, 5))
    else:
        red, green, blue = map(int, re.findall(r"\d+", css)[:3])
    return red, green, blue


def _luminance(colour: Colour) -> float:
    parts = [part / 255 for part in colour]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
