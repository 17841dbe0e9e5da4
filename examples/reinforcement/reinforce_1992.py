"""REINFORCE (Williams 1992): a policy learns to balance a pole from the length of its trials.

CartPole-v1 of gymnasium: four numbers in, a push to the left or to the right out, a reward of 1 a
step until the pole falls or 500 steps have passed. After each trial the log-probability of every
action taken is raised in proportion to the discounted reward that came after it, standardized over
the trial: the loss of a classification with those rewards as weights, minimized by
`train_on_batch`. The network is that of PyTorch's example (4-128-2, Adam 0.01, discount 0.99)
without its dropout. The environment counts as solved at a mean of 475 over 100 trials. The
published program stops when a running mean, of which each trial is 5%, is above 475; here training
stops by the same rule, and then 100 further trials are measured.

    python examples/reinforcement/reinforce_1992.py [--quick] [--figure reinforce_1992.png]
"""

import argparse

import gymnasium
import numpy as np

import lamina as lm

FIGURES = {
    "reached a running mean of 475": ("it does", ""),
    "trials until then": ("a few hundred", ".0f"),
    "mean steps of 100 trials afterwards": ("475 is solved", ".0f"),
}
SMALL = {"seeds": 1, "most": 60}
SOLVED, DISCOUNT, SHARE = 475, 0.99, 0.05


def policy_loss(taken, logits):
    """-log p(action) * reward of each step; `taken` holds actions and rewards in columns."""
    actions, rewards = lm.cast(taken[:, 0], "int32"), taken[:, 1]
    crossentropy = lm.losses.sparse_categorical_crossentropy
    return rewards * crossentropy(actions, logits, from_logits=True)


def policy() -> lm.Sequential:
    """Logits of the two actions from the state of cart and pole."""
    dense = lm.layers.Dense
    model = lm.Sequential([lm.Input((4,)), dense(128, activation="relu"), dense(2)])
    model.compile(lm.optimizers.Adam(0.01), policy_loss)
    return model


def trial(env, model: lm.Sequential, rng, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """One trial with sampled actions; returns states (steps, 4) and actions (steps,)."""
    states, actions = [], []
    state, _ = env.reset(seed=seed)
    ended = False
    while not ended:
        left, right = model.predict_on_batch(state[None])[0]
        action = int(rng.random() < 1 / (1 + np.exp(left - right)))
        states.append(state)
        actions.append(action)
        state, _, fell, over, _ = env.step(action)
        ended = fell or over
    return np.array(states), np.array(actions)


def returns(steps: int) -> np.ndarray:
    """Discounted reward from each step to the end, standardized: (steps,)."""
    found = (1 - DISCOUNT ** np.arange(steps, 0, -1)) / (1 - DISCOUNT)
    return ((found - found.mean()) / (found.std() + 1e-7)).astype("float32")


def learn(seed: int, most: int) -> tuple[lm.Sequential, list[int], bool]:
    """Train until the running mean is 475; returns policy, steps of each trial and success."""
    lm.set_seed(seed)
    rng = np.random.default_rng(seed)
    model, lengths, mean = policy(), [], 10.0
    with gymnasium.make("CartPole-v1") as env:
        while len(lengths) < most and mean <= SOLVED:
            states, actions = trial(env, model, rng, seed=seed * 100_000 + len(lengths))
            model.train_on_batch(states, np.stack([actions, returns(len(actions))], axis=1))
            lengths.append(len(actions))
            mean += SHARE * (len(actions) - mean)
    return model, lengths, mean > SOLVED


def measured(model: lm.Sequential, seed: int, trials: int = 100) -> float:
    """Mean number of steps of further trials."""
    rng = np.random.default_rng(seed + 1000)
    with gymnasium.make("CartPole-v1") as env:
        steps = [len(trial(env, model, rng, seed=k)[1]) for k in range(10**8, 10**8 + trials)]
    return float(np.mean(steps))


def draw(curves: list[list[int]], path: str) -> None:
    """Draw the length of the trials of each seed, as means of 20."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    for lengths in curves:
        width = min(20, len(lengths))
        axes.plot(np.convolve(lengths, np.ones(width) / width, "valid"), linewidth=1.2)
    axes.axhline(SOLVED, color="gray", linestyle=":")
    axes.set(xlabel="trial", ylabel="steps, mean of 20 trials", title="a line a seed")
    figure.savefig(path, dpi=110)


def main(seeds: int = 5, most: int = 2000, path: str | None = None) -> dict[str, list]:
    """Learn with each seed; returns success, trials needed and mean steps afterwards."""
    found: dict[str, list] = {name: [] for name in FIGURES}
    curves = []
    for seed in range(seeds):
        model, lengths, solved = learn(seed, most)
        trials = 100 if solved else 20
        values = (solved, len(lengths), measured(model, seed, trials))
        for column, value in zip(found.values(), values, strict=True):
            column.append(value)
        curves.append(lengths)
    if path:
        draw(curves, path)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="60 trials, one seed")
    parser.add_argument("--figure", help="write an image of the trials here")
    arguments = parser.parse_args()
    found = main(**(SMALL if arguments.quick else {}), path=arguments.figure)
    for name, values in found.items():
        print(f"{name:38}{np.mean(values):8.1f}")
