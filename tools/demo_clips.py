"""Training data of the demo model: coloured shapes that move over plain backgrounds.

One clip is 9 frames of 64x64 pixels: one antialiased shape, one motion, one background colour. This module holds what
the trainer (train_demo.py) and the checker (check_demo) must agree on: the palette, the shapes, the motions, how a clip
is rendered, how it is put into words, and which combinations are never trained on. It needs numpy only.

Everything is a function of (seed, index): clip 17 of seed 0 is the same clip on every machine.
"""

import dataclasses
import hashlib

import numpy as np

SIZE = 64
FRAMES = 9

COLOURS = {
    "red": (220, 40, 40),
    "green": (40, 160, 70),
    "blue": (45, 85, 220),
    "yellow": (245, 215, 60),
    "purple": (140, 60, 180),
    "white": (245, 245, 245),
    "black": (20, 20, 20),
}
SHAPES = ("circle", "square", "triangle", "cross")
# motion -> direction of the centre in pixels, y pointing down
MOTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1), "still": (0, 0)}

MIN_RADIUS, MAX_RADIUS = 13.5, 17.5
MIN_SPEED, MAX_SPEED = 1.8, 3.2  # pixels per frame
COLOUR_JITTER = 6  # each channel of each colour varies by up to this much
HELD_OUT_SHARE = 0.1


@dataclasses.dataclass(frozen=True)
class Clip:
    """What a clip shows. Positions and sizes are in pixels; colours are 0..255."""

    colour: str
    background: str
    shape: str
    motion: str
    radius: float = 15.0
    speed: float = 2.5
    x: float = 32.0  # centre in the first frame
    y: float = 32.0
    rgb: tuple = (0, 0, 0)
    background_rgb: tuple = (0, 0, 0)

    @property
    def combination(self):
        return (self.colour, self.background, self.shape, self.motion)


def all_combinations():
    """Every (colour, background, shape, motion) whose two colours differ."""
    return [(c, b, s, m) for c in COLOURS for b in COLOURS if b != c for s in SHAPES for m in MOTIONS]


def is_held_out(combination):
    """True for the tenth of all combinations that training never sees, in any wording."""
    digest = hashlib.sha256("|".join(combination).encode()).digest()
    return int.from_bytes(digest[:4], "big") < HELD_OUT_SHARE * 2**32


def held_out_combinations():
    return [c for c in all_combinations() if is_held_out(c)]


TRAINING_COMBINATIONS = [c for c in all_combinations() if not is_held_out(c)]


# ------------------------------------------------------------------------------------------------------- pictures
def coverage(shape, dx, dy, r):
    """Share of each pixel that the shape covers, from a signed distance: dx, dy are pixel centres minus the centre."""
    if shape == "circle":
        distance = np.hypot(dx, dy) - r
    elif shape == "square":
        distance = np.maximum(np.abs(dx), np.abs(dy)) - 0.86 * r
    elif shape == "cross":
        ax, ay = np.abs(dx), np.abs(dy)
        arm, width = r, 0.33 * r
        distance = np.minimum(np.maximum(ax - arm, ay - width), np.maximum(ax - width, ay - arm))
    elif shape == "triangle":  # equilateral, point upwards, circumscribed radius 1.15 r, moved down to sit centred
        y = dy - 0.25 * r
        distance = np.maximum(0.866 * np.abs(dx) - 0.5 * y, y) - 0.575 * r
    else:
        raise ValueError(f"unknown shape {shape}")
    return np.clip(0.5 - distance, 0.0, 1.0)


def render(clip):
    """The clip as uint8 [FRAMES, SIZE, SIZE, 3]."""
    direction = MOTIONS[clip.motion]
    t = np.arange(FRAMES, dtype=np.float32)[:, None, None]
    grid = np.arange(SIZE, dtype=np.float32) + 0.5
    dx = grid[None, None, :] - (clip.x + direction[0] * clip.speed * t)
    dy = grid[None, :, None] - (clip.y + direction[1] * clip.speed * t)
    dx, dy = np.broadcast_arrays(dx, dy)
    alpha = coverage(clip.shape, dx, dy, clip.radius)[..., None]
    front, back = np.float32(clip.rgb), np.float32(clip.background_rgb)
    return np.rint(back + alpha * (front - back)).astype(np.uint8)


def place(combination, rng, palette=True):
    """A random clip of this combination: size, speed and start are drawn so that the shape stays in the picture."""
    colour, background, shape, motion = combination
    radius = rng.uniform(MIN_RADIUS, MAX_RADIUS)
    margin = radius + 2.0
    room = SIZE - 2 * margin
    speed = rng.uniform(MIN_SPEED, min(MAX_SPEED, room / (FRAMES - 1)))
    start = []
    for axis in MOTIONS[motion]:
        travel = axis * speed * (FRAMES - 1)
        start.append(rng.uniform(margin - min(travel, 0.0), SIZE - margin - max(travel, 0.0)))

    def tint(name):
        if not palette:
            return tuple(int(v) for v in rng.integers(0, 256, 3))
        jitter = rng.integers(-COLOUR_JITTER, COLOUR_JITTER + 1, 3)
        return tuple(int(v) for v in np.clip(np.array(COLOURS[name]) + jitter, 0, 255))

    return Clip(colour, background, shape, motion, radius, speed, start[0], start[1], tint(colour), tint(background))


def training_clip(seed, index):
    """Training clip number `index`; its combination is never a held-out one."""
    rng = np.random.default_rng([seed, index])
    return place(TRAINING_COMBINATIONS[rng.integers(len(TRAINING_COMBINATIONS))], rng)


# ---------------------------------------------------------------------------------------------------------- words
GOING = {  # how a direction may be said after a verb
    "left": ("left", "to the left", "leftwards"),
    "right": ("right", "to the right", "rightwards"),
    "up": ("up", "upwards", "to the top"),
    "down": ("down", "downwards", "to the bottom"),
}
# Per template a verb form: "-ing", third person, or a relative clause.
MOVING_ING = ("moving", "sliding", "going", "drifting", "gliding")
MOVING_S = ("moves", "slides", "goes", "drifts", "glides")
STILL_ING = ("staying still", "not moving", "standing still", "holding still")
STILL_S = ("stays still", "does not move", "stands still", "holds still")
TEMPLATES = (
    ("a {c} {s} {m} on a {b} background", "ing"),
    ("{c} {s} {m}, {b} background", "s"),
    ("on a {b} background, a {c} {s} {m}", "s"),
    ("a video of a {c} {s} that {m} over {b}", "s"),
    ("a {c} {s} on {b}, {m}", "ing"),
    ("{b} background with a {c} {s} {m}", "ing"),
    ("a {s} in {c} {m} on a {b} backdrop", "ing"),
    ("the {c} {s} {m} in front of a {b} background", "s"),
    ("{m} on {b}: a {c} {s}", "ing"),
)


def describe(combination, rng, plain=False):
    """A prompt for the combination. `plain` gives the first, most usual wording."""
    colour, background, shape, motion = combination
    template, form = TEMPLATES[0] if plain else TEMPLATES[rng.integers(len(TEMPLATES))]
    pick = (lambda options: options[0]) if plain else (lambda options: options[rng.integers(len(options))])
    if motion == "still":
        words = pick(STILL_ING if form == "ing" else STILL_S)
    else:
        words = pick(MOVING_ING if form == "ing" else MOVING_S) + " " + pick(GOING[motion])
    text = template.format(c=colour, b=background, s=shape, m=words)
    if not plain:
        if rng.random() < 0.3:
            text = text[0].upper() + text[1:]
        if rng.random() < 0.2:
            text += "."
    return text
