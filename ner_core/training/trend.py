"""How does one tell that a training has gone wrong while it runs?

Chapter of part IV. The loss of one step says little: batches differ. Its running mean falls, first quickly, then
slowly, and wavers a little when it has come down. Where steps are too long for the ground they stand on, each one makes
the next one worse: the mean climbs beyond where it began and stays there. Then nothing is won by going on. Long
before that a loss may be no number at all, which `train` sees by itself.

Source: the rule of "patience" is that of early stopping (Prechelt 1998, "Early stopping, but when?").
Differs from it: it looks at the training loss, after every step, and only for a climb that no run that learns has.

>>> falls, climbs = Trend(), Trend()
>>> any(falls.grows(3.0 / step) for step in range(1, 500))
False
>>> [climbs.grows(0.5 * 1.2**step) for step in range(60)].index(True)
37
"""

from __future__ import annotations

from dataclasses import dataclass

SMOOTHING = 0.9  # share of the former mean that is kept, once there are some steps
GROWTH = 3.0  # a mean so many times its smallest, and above the first loss,
PATIENCE = 30  # for so many steps without a break: the loss grows


@dataclass
class Trend:
    """How the loss has gone: its running mean, the first loss, the smallest mean, and for how long it stands high."""

    mean: float = 0.0
    n_steps: int = 0
    first: float = 0.0
    least: float = 0.0
    n_high: int = 0

    def grows(self, loss: float) -> bool:
        """Take the loss of one more step (a number); tell whether it has grown for too long."""
        share = min(SMOOTHING, self.n_steps / (self.n_steps + 5))  # less at first, lest the mean lag behind
        self.mean = share * self.mean + (1 - share) * loss
        if not self.n_steps:
            self.first = self.least = loss
        self.n_steps += 1
        self.least = min(self.least, self.mean)
        is_high = self.mean > max(self.first, GROWTH * self.least)
        self.n_high = self.n_high + 1 if is_high else 0
        return self.n_high >= PATIENCE
