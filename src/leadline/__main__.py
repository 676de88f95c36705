"""`python -m leadline`, which torchrun starts."""

from leadline.cli import run

run()
