"""Deep Q-learning (Mnih et al. 2015): past steps are replayed, and targets come from an old copy.

The network says for each action the discounted reward to come (4-128-128-2). Steps go into a memory
of 50,000; every step in the environment is followed by a training step on 128 random ones. Their
targets, r + 0.99 max Q', are of a copy of the network that is renewed every 200 steps, and the copy
takes the action that the network prefers (double Q-learning, van Hasselt et al. 2016), since the
plain maximum overestimates. Actions are random with a probability that falls from 1 to 0.02. The
paper plays Atari games from their screens; here the pole of CartPole-v1 is balanced. Training ends
at a mean of 475 steps over 20 trials; 100 further trials without random actions are measured.

    python examples/reinforcement/dqn_2015.py [--quick] [--figure dqn_2015.png]
"""

import argparse

import gymnasium
import numpy as np

import lamina as lm

FIGURES = {
    "mean of 475 over 20 trials reached": ("not in the paper", ""),
    "steps in the environment until then": ("not in the paper", ",.0f"),
    "mean steps of 100 trials afterwards": ("475 is solved", ".0f"),
}
SMALL = {"seeds": 1, "most": 1500}
MEMORY, BATCH, DISCOUNT = 50_000, 128, 0.99
RENEWED, EXPLORED, SOLVED = 200, 3000, 475


class Memory:
    """The last steps: state, action, reward, next state and whether the pole fell."""

    def __init__(self, size: int = MEMORY) -> None:
        self.count, self.size = 0, size
        self.states, self.following = (np.zeros((size, 4), "float32") for _ in range(2))
        self.actions, self.fell = np.zeros(size, "int64"), np.zeros(size, bool)

    def add(self, state, action, following, fell) -> None:
        place = self.count % self.size
        self.states[place], self.following[place] = state, following
        self.actions[place], self.fell[place] = action, fell
        self.count += 1

    def sample(self, rng, count: int) -> np.ndarray:
        """The places of random steps."""
        return rng.integers(min(self.count, self.size), size=count)


def network() -> lm.Sequential:
    """The discounted reward to come for each action."""
    layers = [lm.layers.Dense(128, activation="relu") for _ in range(2)]
    model = lm.Sequential([lm.Input((4,)), *layers, lm.layers.Dense(2)])
    model.compile(lm.optimizers.Adam(0.001), lm.losses.Huber())
    return model


def improve(model: lm.Sequential, old: lm.Sequential, memory: Memory, rng) -> None:
    """One training step on random steps of the memory."""
    rows = memory.sample(rng, BATCH)
    targets = model.predict_on_batch(memory.states[rows])
    following = memory.following[rows]
    preferred = model.predict_on_batch(following).argmax(axis=1)
    value = old.predict_on_batch(following)[np.arange(BATCH), preferred]
    gain = 1 + DISCOUNT * np.where(memory.fell[rows], 0, value)
    targets[np.arange(BATCH), memory.actions[rows]] = gain  # the other action: no error
    model.train_on_batch(memory.states[rows], targets)


def learn(seed: int, most: int) -> tuple[lm.Sequential, list[int], int, bool]:
    """Train; returns the network, the length of each trial, all steps and success."""
    lm.set_seed(seed)
    rng, memory = np.random.default_rng(seed), Memory()
    model, old = network(), network()
    lengths: list[int] = []
    steps = 0
    with gymnasium.make("CartPole-v1") as env:
        while steps < most and not (len(lengths) >= 20 and np.mean(lengths[-20:]) >= SOLVED):
            state, _ = env.reset(seed=seed * 100_000 + len(lengths))
            ended, length = False, 0
            while not ended:
                if rng.random() < max(0.02, 1 - steps / EXPLORED):
                    action = int(rng.integers(2))
                else:
                    action = int(model.predict_on_batch(state[None])[0].argmax())
                following, _, fell, over, _ = env.step(action)
                memory.add(state, action, following, fell)
                state, ended = following, fell or over
                if steps % RENEWED == 0:
                    old.set_weights(model.get_weights())
                if memory.count >= BATCH:
                    improve(model, old, memory, rng)
                steps, length = steps + 1, length + 1
            lengths.append(length)
    return model, lengths, steps, len(lengths) >= 20 and np.mean(lengths[-20:]) >= SOLVED


def measured(model: lm.Sequential, trials: int = 100) -> float:
    """Mean number of steps of trials in which the network always takes what it prefers."""
    steps = []
    with gymnasium.make("CartPole-v1") as env:
        for k in range(trials):
            state, _ = env.reset(seed=10**8 + k)
            ended, length = False, 0
            while not ended:
                action = int(model.predict_on_batch(state[None])[0].argmax())
                state, _, fell, over, _ = env.step(action)
                ended, length = fell or over, length + 1
            steps.append(length)
    return float(np.mean(steps))


def draw(curves: list[list[int]], path: str) -> None:
    """Draw the length of trials over the steps in the environment, for each seed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    for lengths in curves:
        axes.plot(np.cumsum(lengths), lengths, ".-", linewidth=0.7, markersize=3)
    axes.axhline(SOLVED, color="gray", linestyle=":")
    axes.set(xlabel="steps in the environment", ylabel="steps of a trial", title="a line a seed")
    figure.savefig(path, dpi=110)


def main(seeds: int = 3, most: int = 60_000, path: str | None = None) -> dict[str, list]:
    """Learn with each seed; returns success, steps needed and mean steps afterwards."""
    found: dict[str, list] = {name: [] for name in FIGURES}
    curves = []
    for seed in range(seeds):
        model, lengths, steps, solved = learn(seed, most)
        values = (bool(solved), steps, measured(model, trials=100 if solved else 20))
        for column, value in zip(found.values(), values, strict=True):
            column.append(value)
        curves.append(lengths)
    if path:
        draw(curves, path)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="1,500 steps, one seed")
    parser.add_argument("--figure", help="write an image of the trials here")
    arguments = parser.parse_args()
    found = main(**(SMALL if arguments.quick else {}), path=arguments.figure)
    for name, values in found.items():
        print(f"{name:38}{np.mean(values):10.1f}")
